"""The subcommands of the program `ronda`, imported when they are called."""
