"""The Tango database: the configured one, or an embedded one on a file in the state folder."""

from __future__ import annotations

import os
import socket
import sys

from ronda.framework.config.beamline import Beamline
from ronda.framework.errors import ServiceFailed
from ronda.framework.services.embedded_tango import FILE
from ronda.framework.services.folders import Folders
from ronda.framework.services.ports import Ports

READY_LINE = "Ready to accept request"
"""What the database's server prints when it takes calls. (A ping loop would be slower: the Tango client library
refuses a second attempt within one second.)"""


def tango_host(beamline: Beamline, ports: Ports) -> str:
    """`HOST:PORT` of this beamline's Tango database."""
    tango = beamline.parameters.services.tango
    if tango.host is not None:
        return tango.host
    address = next((host.address for host in beamline.hosts.values() if host.services), None)
    if address is None:
        address = next(iter(beamline.hosts.values())).address
    return f"{address}:{tango.port or ports.port('tango-database')}"


def server_command(host: str) -> list[str]:
    """Command line of the embedded database listening on `HOST:PORT`; it is Tango device `sys/database/2`."""
    address, _, port = host.rpartition(":")
    return [
        sys.executable,
        "-m",
        "ronda.framework.services.embedded_tango",
        "--host",
        address,
        "--port",
        port,
        "2",
    ]


def server_environment(folders: Folders, host: str) -> dict[str, str]:
    """What the embedded database reads from its environment."""
    return {FILE: os.fspath(folders.tango_database), "TANGO_HOST": host}


def require_listening(host: str) -> None:
    """Make sure that a configured database is there, before the Tango library waits for it much longer.

    Raises:
        ServiceFailed: nothing listens there.
    """
    address, _, port = host.rpartition(":")
    try:
        socket.create_connection((address, int(port)), timeout=3.0).close()
    except OSError as error:
        raise ServiceFailed(
            f"the Tango database at {host} does not answer ({error.strerror or error}); start it, or correct `host` "
            "under `beamline: services: tango:` (without `host` an embedded one is started)"
        ) from error
