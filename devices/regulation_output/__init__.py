"""Outputs of loops, to anything that can be set."""
