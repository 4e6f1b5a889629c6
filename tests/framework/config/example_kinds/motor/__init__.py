"""A motor controller with axes."""
