"""One file for each sort of regulation controller."""
