"""TCP ports, chosen once for a beamline and kept: archived attribute names contain the database's."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from ronda.framework.errors import ServiceFailed

FIRST, LAST = 20000, 32000
"""Where ports are chosen: below the range from which the kernel takes ports of outgoing connections."""


JUST_ENDED = 1.0
"""Seconds for which the kernel may hold the port of a program that has ended."""


class Ports:
    """The ports of one host of a beamline, by what they are for."""

    def __init__(
        self, file: Path, address: str, avoid: int | None = None, neighbours: Neighbours | None = None
    ) -> None:
        """Read the ports kept in `file`.

        Args:
            file: where they are kept.
            address: of the interface on which new ones must be free.
            avoid: is none of them.
            neighbours: other beamlines on this machine, whose ports are theirs even while they are down.
        """
        self._file = file
        self._address = address
        self._avoid = avoid
        self._neighbours = neighbours
        self._kept = self._read()
        if neighbours is not None and self._kept:
            neighbours.add(file)

    def port(self, name: str) -> int:
        """The port kept for `name`; on first use a free one.

        Raises:
            ServiceFailed: none is free, or it cannot be kept.
        """
        if name not in self._kept:
            with self._alone(), self._neighbours.alone() if self._neighbours else contextlib.nullcontext():
                self._kept = self._read()
                if name not in self._kept:
                    self._write({**self._kept, name: self._choose()})
        return self._kept[name]

    def all(self) -> dict[str, int]:
        """The ports kept so far, by what they are for."""
        return dict(self._kept)

    def _choose(self) -> int:
        theirs = self._neighbours.ports_beside(self._file) if self._neighbours else set()
        taken = {*self._kept.values(), self._avoid, *theirs}
        choices = [port for port in range(FIRST, LAST) if port not in taken]
        random.shuffle(choices)
        for port in choices:
            if is_free(self._address, port):
                return port
        raise ServiceFailed(f"no TCP port between {FIRST} and {LAST} is free on {self._address}")

    def _read(self) -> dict[str, int]:
        try:
            kept = json.loads(self._file.read_text()) if self._file.exists() else {}
            right = isinstance(kept, dict) and all(type(port) is int for port in kept.values())
            problem = "" if right else "it should hold names and numbers"
        except (OSError, ValueError) as error:
            kept, problem = {}, str(error)
        if problem:
            raise ServiceFailed(
                f"{self._file} with the beamline's ports cannot be read ({problem}); repair it, or remove it to have "
                "new ones"
            )
        return dict(kept)

    def _write(self, ports: dict[str, int]) -> None:
        fresh = self._file.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(ports, indent=1, sort_keys=True) + "\n")
            fresh.replace(self._file)
        except OSError as error:
            raise ServiceFailed(
                f"{self._file} with the beamline's ports cannot be written ({error.strerror}); make it writable"
            ) from error
        self._kept = ports

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Another program may choose ports of this beamline at the same moment (`ronda config plan`)."""
        try:
            lock = os.open(self._file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ServiceFailed(
                f"the folder {self._file.parent} cannot be written ({error.strerror}); make it writable"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


class Neighbours:
    """The beamlines of one user on this machine, and the ports that they keep. Without the folder there are none.

    Args:
        folder: holds a link to each beamline's file of ports; made when needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Two beamlines must not choose at the same moment: a port is free until somebody listens there."""
        lock = None
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            if lock is not None:
                os.close(lock)

    def add(self, file: Path) -> None:
        """The beamline whose ports stand in `file` is one of the neighbours from now on."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._link(file).symlink_to(file.absolute())  # fails if it is there already

    def ports_beside(self, file: Path) -> set[int]:
        """The ports of the others; the beamline of `file` becomes one of the neighbours."""
        self.add(file)
        found: set[int] = set()
        with contextlib.suppress(OSError):
            own = self._link(file)
            for link in self._folder.iterdir():
                if link.is_symlink() and link != own:
                    found |= _ports_in(link)
        return found

    def _link(self, file: Path) -> Path:
        return self._folder / hashlib.sha256(os.fsencode(file.absolute())).hexdigest()[:16]


def _ports_in(link: Path) -> set[int]:
    try:
        return {port for port in json.loads(link.read_text()).values() if isinstance(port, int)}
    except FileNotFoundError:
        with contextlib.suppress(OSError):
            link.unlink()  # that beamline has been removed
    except (OSError, ValueError, AttributeError):
        pass  # its own matter
    return set()


def is_free(address: str, port: int) -> bool:
    """Whether a server could listen on this port now.

    Raises:
        ServiceFailed: this machine has no interface of that address.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise ServiceFailed(
                    f"no network interface of this machine has the address {address}; "
                    "correct `address` under `beamline: hosts:`"
                ) from error
            return False
    return True


def require_free(address: str, port: int, who: str) -> None:
    """Refuse a port that another program holds; one that nobody is seen to hold is waited for, a program just ended.

    Raises:
        ServiceFailed: naming the program that listens there, if that can be seen.
    """
    deadline = time.monotonic() + JUST_ENDED
    while not is_free(address, port):
        holder = _by_whom(port)
        if holder or time.monotonic() >= deadline:
            break
        time.sleep(0.02)
    else:
        return
    raise ServiceFailed(
        f"{who}: port {port} on {address} is in use{holder}; stop that program "
        "(the port is kept for this beamline; `ronda doctor` shows all of them)"
    )


def _by_whom(port: int) -> str:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return ""
    for connection in connections:
        if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
            if connection.pid is None:
                return " by another user's program"
            try:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
            except psutil.NoSuchProcess:
                return ""
    return ""
