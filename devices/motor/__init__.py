"""Motor controllers and their axes."""
