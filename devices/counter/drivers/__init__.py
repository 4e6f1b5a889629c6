"""Counter cards we can read, one file per hardware."""
