"""Machines that we can ask, one file per protocol."""
