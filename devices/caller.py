"""Who makes the present call: a client's process, as the Tango library knows it."""

from __future__ import annotations

import pwd
import socket
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Caller:
    """A client's process.

    Attributes:
        address: of its host, as seen from here; empty for one on this host that came by a local socket.
        pid: its process number there; 0 if the Tango library does not know it.
        program: what the Tango library says about its language, and the number of a Java program.
    """

    address: str
    pid: int
    program: str = ""

    @property
    def here(self) -> bool:
        """Whether it runs on this host."""
        return self.address in ("", "::1") or self.address.startswith("127.")

    def __str__(self) -> str:
        if not self.here:
            return f"process {self.pid} on {self.address}" if self.pid else f"a program on {self.address}"
        host = socket.gethostname()
        if not self.pid:
            return f"a program on {host}"
        try:
            user = pwd.getpwuid(Path(f"/proc/{self.pid}").stat().st_uid).pw_name
        except (OSError, KeyError):  # it has ended, or its user has no name
            return f"process {self.pid} on {host}"
        return f"{user}@{host}, process {self.pid}"


def caller_of(device: Any) -> Caller | None:
    """The client whose call a device serves in this thread; None if it is no client's call.

    Args:
        device: any Tango device of the server.
    """
    found = device.get_client_ident()
    if found is None or not found.client_ident:
        return None
    java = "".join(map(str, found.java_ident)) if not found.client_pid else ""
    return _caller(str(found.client_ip), int(found.client_pid), f"{found.client_lang}{java}")


@lru_cache(maxsize=256)
def _caller(ip: str, pid: int, program: str) -> Caller:
    """A client by what Tango says of it: giop:tcp:127.0.0.1:40000, giop:tcp:[::1]:40000, giop:unix:/tmp/…"""
    _, _, rest = ip.partition(":")
    transport, _, place = rest.partition(":")
    address = "" if transport == "unix" else place.rpartition(":")[0].strip("[]")
    return Caller(address, pid, program)
