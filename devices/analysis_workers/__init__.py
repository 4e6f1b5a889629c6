"""Worker processes of a pipeline of live analysis, on the host of their server."""
