"""Drivers of motor controllers, right and wrong ones."""
