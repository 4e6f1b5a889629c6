"""Analogue inputs and outputs."""
