"""Cameras we can read, one file per hardware."""
