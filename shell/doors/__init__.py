"""Doors of a shell, seen from inside: the command door, and the shared screen."""
