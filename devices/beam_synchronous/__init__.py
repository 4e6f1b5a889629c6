"""Beam-synchronous sources: each pulse of the machine gives a message with its pulse id; nobody triggers them."""
