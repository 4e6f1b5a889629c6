"""Driver for the simulated digitiser."""

from __future__ import annotations

import socket
import struct
import time

import numpy as np

from ronda.devices.digitiser.contract import Capabilities, Digitiser, DigitiserParameters, Packet
from ronda.devices.simulator import SimulatorLine
from ronda.framework.config.parameters import Address, parameter
from ronda.framework.errors import CommunicationFailed

HEADER = struct.Struct("<4sHHIIIIQ")
"""Magic, sort, channels, series, number of the packet, count, bytes that follow, first."""

BEGIN, SAMPLES, TRIGGERS, END = 1, 2, 3, 4

RECEIVE_BYTES = 8 << 20
"""Of the socket: what comes while nobody takes it."""


class SimulatedDigitiserParameters(DigitiserParameters):
    """A simulated digitiser."""

    address: Address = parameter("Where it listens, HOST:PORT or simulator:NAME")
    timeout: float = parameter("Longest wait for an answer", 1.0, unit="s", gt=0, le=60)


class SimulatedDigitiser(Digitiser):
    """Speaks lines such as `START`; packets of samples come over a second connection."""

    Parameters = SimulatedDigitiserParameters

    _data: socket.socket | None = None

    def connect(self) -> None:
        self._line = SimulatorLine(self.name, self.parameters.address, self.parameters.timeout)
        self._line.open("RONDA-SIM-DAQ,1")
        channels, lowest, highest, port, _ = self._line.ask("CAPS?").split(",")
        self._known = Capabilities(int(channels), (float(lowest), float(highest)), "simulated digitiser")
        self._series = 0
        self._wanted: int | None = None
        self._host, self._port = self.parameters.address.rpartition(":")[0].strip("[]"), int(port)
        self._line.ask("STOP")
        self._open_data()

    def disconnect(self) -> None:
        if self._data is not None:
            self._data.close()
        self._line.close()

    def bound(self) -> float:
        return float(self.parameters.timeout)

    def capabilities(self) -> Capabilities:
        return self._known

    def prepare(self, rate: float, samples: int | None) -> None:
        self._line.ask("RATE", repr(rate))
        self._wanted = samples

    def start(self) -> None:
        words = [] if self._wanted is None else [self._wanted]
        self._series = int(self._line.ask("START", *words))

    def busy(self) -> bool:
        return self._line.ask("STATUS?").startswith("RUNNING")

    def stop(self) -> None:
        self._line.ask("STOP")

    def taken(self) -> int:
        return int(self._line.ask("STATUS?").split(",")[1])

    def receive(self, timeout: float) -> Packet | None:
        deadline = time.monotonic() + timeout
        while (found := self._packet(max(deadline - time.monotonic(), 0.001))) is not None:
            series, packet = found
            if packet is not None and series == self._series:
                return packet
            if time.monotonic() >= deadline:
                break
        return None

    def _packet(self, timeout: float) -> tuple[int, Packet | None] | None:
        """The next packet of any series, and which one that is; no `Packet` where a series begins."""
        heading = self._take(HEADER.size, timeout)
        if heading is None:
            return None
        magic, sort, channels, series, _, count, length, first = HEADER.unpack(heading)
        if magic != b"RDQ1" or sort not in (BEGIN, SAMPLES, TRIGGERS, END):
            raise CommunicationFailed(f"{self.name}: its stream of samples makes no sense: {bytes(heading[:8])!r}")
        data = self._take(length, self.parameters.timeout)
        if data is None:
            raise CommunicationFailed(f"{self.name}: its stream of samples stopped within a packet")
        if sort == BEGIN:
            return series, None
        samples = np.frombuffer(data, "<i2").reshape(count, channels) if sort == SAMPLES else self._no_samples()
        triggers = np.frombuffer(data, "<f8") if sort == TRIGGERS else np.empty(0)
        return series, Packet(first, samples, triggers, ended=sort == END)

    def _no_samples(self) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
        return np.empty((0, self._known.channels), np.int16)

    def _open_data(self) -> None:
        try:
            self._data = socket.create_connection((self._host, self._port), self.parameters.timeout)
            self._data.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        except OSError as error:
            raise CommunicationFailed(
                f"{self.name}: cannot be reached at {self._host}:{self._port}, where its samples come from: {error}"
            ) from error

    def _take(self, length: int, timeout: float) -> bytearray | None:
        """So many bytes; None if none came in time."""
        assert self._data is not None  # noqa: S101 - connected before
        found = bytearray(length)
        view, have = memoryview(found), 0
        self._data.settimeout(timeout)
        try:
            while have < length:
                got = self._data.recv_into(view[have:])
                if not got:
                    raise CommunicationFailed(f"{self.name}: has closed its stream of samples")
                have += got
                self._data.settimeout(self.parameters.timeout)
        except TimeoutError as error:
            if not have:
                return None
            raise CommunicationFailed(f"{self.name}: its stream of samples stopped within a packet") from error
        except OSError as error:
            raise CommunicationFailed(f"{self.name}: its stream of samples is broken: {error}") from error
        return found
