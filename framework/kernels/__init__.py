"""What is computed from frames, spectra and streams: prepared objects on numpy arrays."""
