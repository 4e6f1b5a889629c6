"""The writer: saves scans from the stream into NeXus files."""
