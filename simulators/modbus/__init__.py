"""Modbus TCP, as instruments serve it."""
