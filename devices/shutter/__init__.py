"""Shutters that open and close the beam."""
