"""Drivers of digitisers."""
