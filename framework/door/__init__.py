"""Doors of a shell: how other programs of the same user submit commands to it, without Tango or gevent."""
