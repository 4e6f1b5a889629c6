"""The commands that scientists type."""
