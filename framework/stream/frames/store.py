"""The frame store of a process: its rings, the server for them, and what dead predecessors have left."""

from __future__ import annotations

import threading
from contextlib import suppress
from types import TracebackType

from ronda.framework.errors import BadValue, RondaError, ServiceFailed
from ronda.framework.stream.connection import Server
from ronda.framework.stream.frames import room
from ronda.framework.stream.frames.folder import claimed, rings
from ronda.framework.stream.frames.ring import FrameRing, RingView
from ronda.framework.stream.frames.server import FrameServer

RING_BYTES = 512_000_000
"""Memory of a ring unless told otherwise: 256 frames of 1 Mpixel and 16 bit."""


class FrameStore:
    """Rings for the devices of a process, and a frame server that starts with the first of them. Any thread.

    `Stream.frame_store` makes it. A process needs one. What a predecessor left that was killed stays readable: on this
    host by itself, elsewhere through this process's server, on the port of the predecessor's if that is free.

    Args:
        server: the stream's Redis, whose address also says which rings belong together.
        address: interface on which the frame server listens, as readers on other hosts reach it.
        port: port of the frame server; 0 for the predecessor's or any.
    """

    def __init__(self, server: Server, address: str = "127.0.0.1", port: int = 0) -> None:
        self._server = server
        self._address = address
        self._port = port
        self._lock = threading.Lock()
        self._frame_server: FrameServer | None = None
        self._rings: dict[str, FrameRing] = {}

    @property
    def host(self) -> str:
        """Where the frame server listens, `ADDRESS:PORT`; empty before the first ring is made."""
        return "" if self._frame_server is None else self._frame_server.host

    def ring(self, device: str, frame_bytes: int, memory: int = RING_BYTES) -> FrameRing:
        """The ring of a device: the one that there is, if it holds such frames, else a new one.

        Args:
            device: name of the device in scans.
            frame_bytes: bytes of its largest frame.
            memory: bytes that the ring takes.

        Raises:
            BadValue: the memory holds less than two frames, or the device has no proper name.
            ServiceFailed: the host's shared memory has no room, or the frame server cannot listen.
            CommunicationFailed: Redis does not answer.
        """
        from ronda.framework.stream.description import NAME

        if not NAME.fullmatch(device):
            raise BadValue(f"device {device!r}: not a device name; use letters, digits, _ . and -")
        with self._lock:
            known = self._rings.get(device)
            if known is not None:
                fits = known.frame_bytes >= frame_bytes and known.memory == memory
                if fits and known.in_use():
                    return known
                self._give_up(known)
                del self._rings[device]
            room.sweep(self._server)
            frame_server = self._frame_server or self._start()
            frame_server.forget_removed()
            made = FrameRing(self._server.address, device, frame_bytes, memory, frame_server.host)
            frame_server.add(RingView(made.path))
            self._rings[device] = made
            return made

    def close(self) -> None:
        """Give up the rings and stop the server; a ring with frames that must not be lost stays until they are safe."""
        with self._lock:
            for ring in self._rings.values():
                self._give_up(ring)
            self._rings.clear()
            if self._frame_server is not None:
                self._frame_server.close()
                self._frame_server = None

    def __enter__(self) -> FrameStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> FrameServer:
        """Start the server, with the rings of dead predecessors."""
        left = []
        for path in rings(self._server.address):
            with claimed(path) as ownerless:
                if ownerless:
                    with suppress(FileNotFoundError, ServiceFailed):
                        left.append(RingView(path))
        ports = [self._port] if self._port else [*_ports(left, self._address), 0]
        for port in ports:
            try:
                self._frame_server = FrameServer(self._address, port)
                break
            except ServiceFailed:
                if port == ports[-1]:
                    raise
        assert self._frame_server is not None  # noqa: S101 - the last attempt raises
        for view in left:
            self._frame_server.add(view)
        return self._frame_server

    def _give_up(self, ring: FrameRing) -> None:
        try:
            view = RingView(ring.path)
        except FileNotFoundError:
            needed = False  # somebody removed it
        else:
            try:
                needed = room.needed(self._server, view)
            except RondaError:
                needed = True  # who sweeps later will know
            finally:
                view.close()
        if not needed and self._frame_server is not None:
            self._frame_server.remove(ring.name)
        ring.close(remove=not needed)


def _ports(left: list[RingView], address: str) -> list[int]:
    """The ports on which readers still look for what predecessors left, the newest first."""
    found = []
    for view in reversed(left):
        host, _, port = str(view.heading.get("host", "")).rpartition(":")
        if host == address and port.isdigit():
            found.append(int(port))
    return list(dict.fromkeys(found))
