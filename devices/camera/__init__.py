"""Cameras: frames, and numbers computed from regions of them."""
