"""Scans: which points are measured with what, and the engine that moves, triggers and waits."""
