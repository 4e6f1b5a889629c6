"""Application definitions of NeXus: what a scan declares, and the groups that the file gets for it. A file each."""
