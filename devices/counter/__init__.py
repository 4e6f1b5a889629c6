"""Counter cards and their channels."""
