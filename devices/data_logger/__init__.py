"""The data logger: everything that changed, of any Tango device, kept in the archive."""
