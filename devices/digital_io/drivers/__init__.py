"""Units with digital inputs and outputs, one file per hardware."""
