"""Units with analogue inputs and outputs, one file per hardware."""
