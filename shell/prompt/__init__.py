"""The prompt: reading what people type, running it, stopping it, telling what went wrong."""
