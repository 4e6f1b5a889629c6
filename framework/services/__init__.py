"""Redis and the Tango database: those configured, or our own embedded ones."""
