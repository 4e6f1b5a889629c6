"""The calculations that come with Ronda, one a file."""
