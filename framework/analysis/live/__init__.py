"""Analysis of scans while they run: following them in the stream, sharing the points among processes, publishing."""
