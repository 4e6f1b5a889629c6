"""Who works at this prompt."""

from __future__ import annotations

import getpass
import os


def user_name() -> str:
    """The name; a number where the machine knows none, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
