"""Motor controllers we can drive, one file per hardware."""
