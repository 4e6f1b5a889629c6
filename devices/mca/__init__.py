"""Spectrum analysers (MCA): spectra, and counts of their regions."""
