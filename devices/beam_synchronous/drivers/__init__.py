"""Drivers of beam-synchronous sources."""
