"""Shutters we can move, one file per hardware."""
