"""Regulation as pure algorithm: no hardware, no clock of its own, no Tango."""
