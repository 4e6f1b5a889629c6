"""Regulation: controllers with inputs, outputs and loops; and loops composed from anything."""
