"""Tango device servers, a folder for each kind of device."""
