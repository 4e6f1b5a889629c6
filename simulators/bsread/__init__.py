"""The beam-synchronous source's way out, apart from its physics."""
