"""The host agent: starts, watches and restarts the processes of this host."""
