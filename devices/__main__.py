"""`python -m ronda.devices SERVER`: run a device server."""

import sys

UNUSED = ("gevent", "rich")
"""Libraries that structlog and Tango load if they are there, and that a server has no use for: a fifth of its start."""

if __name__ == "__main__":
    for name in UNUSED:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own way to say that there is no such library
    from ronda.devices.server import main

    for name in UNUSED:  # a driver may have them
        del sys.modules[name]
    sys.exit(main(sys.argv[1:]))
