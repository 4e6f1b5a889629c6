"""What is computed from frames, spectra and streams: functions and prepared objects on numpy arrays, compiled when first made."""
