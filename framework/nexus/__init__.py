"""The NeXus files of scans: their layout, writing them from the stream, finding and checking them."""
