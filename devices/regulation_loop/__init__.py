"""Loops whose PID is ours."""
