"""Inputs of loops, made of anything that can be read."""
