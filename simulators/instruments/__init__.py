"""Simulated instruments, one file each: its parameters, and its protocol on the wire."""
