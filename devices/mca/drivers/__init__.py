"""Spectrum analysers we can read, one file per hardware."""
