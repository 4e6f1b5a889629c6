"""A counter card."""
