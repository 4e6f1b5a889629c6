"""The kind `analysis_pipeline`: computes results of scans while they run."""
