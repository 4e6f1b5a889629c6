"""The digitiser's way out, apart from its physics."""
