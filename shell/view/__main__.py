"""`python -m ronda.shell.view FOLDER STATE …`: the live view's process, which the host agent starts and keeps."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

UNUSED = ("gevent", "rich")
"""Libraries that others load if they are there, and that a web server has no use for."""


def main(arguments: list[str]) -> int:
    """Serve until a signal ends it; returns the exit code."""
    from ronda.framework.clients.beamline import Beamline
    from ronda.framework.errors import RondaError
    from ronda.framework.host.logs import say
    from ronda.framework.host.process import report
    from ronda.shell.view.priority import give_way
    from ronda.shell.view.serving import Place, serve

    give_way()
    parser = argparse.ArgumentParser(prog="ronda live view")
    parser.add_argument("folder", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", action="append", default=[])
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--token", action="store_true")
    given = parser.parse_args(arguments)
    place = Place(given.address, given.port, tuple(given.name), given.certificate, given.key, given.token)
    environment = os.environ
    try:
        beamline = Beamline.connect(
            environment["TANGO_HOST"], environment["RONDA_REDIS_URL"], environment["RONDA_BEAMLINE"], environment
        )
        serve(beamline, given.folder, given.state, place, lambda *_: report({"ready": True}))
    except RondaError as error:
        say(str(error))
        report({"error": str(error)})
        return 1
    return 0


if __name__ == "__main__":
    for library in UNUSED:
        sys.modules[library] = None  # type: ignore[assignment]  # Python's own way to say that there is no such library
    code = main(sys.argv[1:])
    sys.stdout.flush()
    # the Tango library's threads do not survive an ordinary end of the interpreter
    os._exit(code)
