"""The archive: everything that changed, kept for years in SQLite and Parquet. Needs no Tango."""
