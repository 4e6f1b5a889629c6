"""Driver for sources that send BSREAD 1.1 over ZeroMQ, as cameras and monitors of SwissFEL do."""

from __future__ import annotations

import json
import math
import threading
import time
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ronda.devices.beam_synchronous.contract import BeamSynchronous, BeamSynchronousParameters, Capabilities, Message
from ronda.framework.config.parameters import Address, parameter
from ronda.framework.errors import BadValue, CommunicationFailed, HardwareFault
from ronda.framework.stream.frames.compression import HEADING
from ronda.framework.stream.frames.packed import PackedFrame

HIGH_WATER = 100
"""Messages that wait here at most; the source has a queue of its own."""

NONE, PACKED = "none", "bitshuffle_lz4"

TYPES = {
    "bool": "?",
    **{f"{sign}int{bits}": f"{sign[:1] or 'i'}{bits // 8}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "float": "f4",
    "float32": "f4",
    "float64": "f8",
    "double": "f8",
}
"""Types of numbers, as numpy has them."""


class BsreadParameters(BeamSynchronousParameters):
    """A source of BSREAD messages."""

    address: Address = parameter("Where it sends from, HOST:PORT or simulator:NAME")
    pattern: Literal["pull", "sub"] = parameter(
        "How it sends: to one receiver that pulls, of several each gets a part; or to all that subscribe", "pull"
    )
    first_message: float = parameter(
        "How long after connecting the first message is waited for", 2.0, unit="s", gt=0, le=60
    )


class _Channel(NamedTuple):
    """What a data header tells of a channel: place of its value among the parts, how it is to be read."""

    part: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    compression: str


class Bsread(BeamSynchronous):
    """Pulls messages, or subscribes to them; reads what was asked for of each."""

    Parameters = BsreadParameters

    _socket: Any = None
    _context: Any = None

    def __init__(self, name: str, parameters: BsreadParameters) -> None:
        super().__init__(name, parameters)
        self._turn = threading.Lock()
        self._hash = ""
        self._channels: dict[str, _Channel] = {}

    def connect(self) -> None:
        import zmq

        told = self.parameters
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PULL if told.pattern == "pull" else zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, HIGH_WATER)
        self._socket.setsockopt(zmq.LINGER, 0)
        if told.pattern == "sub":
            self._socket.setsockopt(zmq.SUBSCRIBE, b"")
        self._hash = ""
        try:
            self._socket.connect(f"tcp://{told.address}")
        except zmq.ZMQError as error:
            raise CommunicationFailed(f"{self.name}: cannot take messages from {told.address}: {error}") from error
        deadline = time.monotonic() + told.first_message
        while self._first_of(deadline - time.monotonic()) is None:
            if time.monotonic() > deadline:
                raise CommunicationFailed(
                    f"{self.name}: no message came from {told.address} within {told.first_message:g} s; see whether "
                    f"the source sends, and whether to those who {told.pattern} (`pattern`)"
                )
        self._require_channels()

    def disconnect(self) -> None:
        with self._turn:
            if self._context is not None:
                self._context.destroy(linger=0)
            self._socket = self._context = None

    def capabilities(self) -> Capabilities:
        frame = self.parameters.frame
        if frame is None:
            return Capabilities(None)
        channel = self._channels[frame]
        return Capabilities(self._shape(frame), channel.dtype.newbyteorder("<").str, f"BSREAD channel {frame}")

    def receive(self, timeout: float) -> Message | None:
        parts = self._parts(timeout)
        return None if parts is None else self._message(parts)

    # -- parts of messages

    def _first_of(self, left: float) -> list[Any] | None:
        """The first message: it tells which channels there are."""
        parts = self._parts(max(left, 0.0))
        if parts is not None:
            self._heading(parts)
        return parts

    def _parts(self, timeout: float) -> list[Any] | None:
        with self._turn:
            if self._socket is None:
                raise CommunicationFailed(f"{self.name}: is disconnected")
            if not self._socket.poll(1000 * timeout):
                return None
            return [frame.buffer for frame in self._socket.recv_multipart(copy=False)]

    def _heading(self, parts: list[Any]) -> tuple[int, float]:
        """Pulse id and time of a message, whose channels are learnt if they are others than before."""
        try:
            main = json.loads(bytes(parts[0]))
            stamp = main["global_timestamp"]
            pulse, moment = int(main["pulse_id"]), float(stamp.get("sec", stamp.get("epoch"))) + stamp["ns"] * 1e-9
            _require_version(main)
            if main["hash"] != self._hash:
                self._learn(main, parts)
                self._hash = main["hash"]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, BadValue) as error:
            raise CommunicationFailed(
                f"{self.name}: what comes from {self.parameters.address} is no BSREAD message: {error!r}"
            ) from error
        return pulse, moment

    def _learn(self, main: dict[str, Any], parts: list[Any]) -> None:
        header = bytes(parts[1])
        packing = main.get("dh_compression", NONE)
        if packing == PACKED:
            length, _ = HEADING.unpack_from(header)
            header = PackedFrame(header, np.dtype("u1"), (length,)).unpack().tobytes()
        elif packing != NONE:
            raise ValueError(f"its data header is compressed by {packing}, which we cannot unpack")
        found = {}
        for place, one in enumerate(json.loads(header)["channels"]):
            kind = TYPES.get(str(one.get("type", "float64")).lower())
            if kind is None:
                continue  # text, which is no number
            order: Literal["<", ">"] = ">" if one.get("encoding") == "big" else "<"
            shape = tuple(int(length) for length in one.get("shape") or [1])
            packing = str(one.get("compression") or NONE)
            found[str(one["name"])] = _Channel(2 + 2 * place, np.dtype(kind).newbyteorder(order), shape[::-1], packing)
        before, self._channels = self._channels, found
        if before and self._hash:
            self._require_same(before)

    def _require_channels(self) -> None:
        told = self.parameters
        wanted = {one.channel for one in told.channels.values()} | ({told.frame} if told.frame else set())
        missing = sorted(wanted - set(self._channels))
        if missing:
            raise HardwareFault(
                f"{self.name}: its messages have no channel {missing[0]} of numbers; they have "
                f"{', '.join(sorted(self._channels)) or 'none'}"
            )
        if told.frame:
            self._shape(told.frame)

    def _require_same(self, before: dict[str, _Channel]) -> None:
        """Frames are described when a connection begins; others need another one."""
        frame = self.parameters.frame
        old, new = before.get(frame or ""), self._channels.get(frame or "")
        if old is not None and (new is None or _pixels(new) != _pixels(old)):
            now = "are not there any more" if new is None else f"have the shape {new.shape} now, of {new.dtype}"
            raise CommunicationFailed(f"{self.name}: frames of {frame} {now}, they had {old.shape} of {old.dtype}")

    def _shape(self, frame: str) -> tuple[int, int]:
        shape = self._channels[frame].shape
        if len(shape) != 2:
            raise HardwareFault(f"{self.name}: the channel {frame} is no frame, its shape is {list(shape[::-1])}")
        return shape[0], shape[1]

    # -- values

    def _message(self, parts: list[Any]) -> Message:
        pulse, moment = self._heading(parts)
        told = self.parameters
        values = {own: self._number(one.channel, parts) for own, one in told.channels.items()}
        return Message(pulse, moment, values, None if told.frame is None else self._frame(told.frame, parts))

    def _raw(self, name: str, parts: list[Any]) -> tuple[_Channel, Any] | None:
        channel = self._channels.get(name)
        if channel is None or channel.part >= len(parts) or not len(parts[channel.part]):
            return None
        return channel, parts[channel.part]

    def _number(self, name: str, parts: list[Any]) -> float:
        found = self._raw(name, parts)
        if found is None:
            return math.nan
        channel, data = found
        if channel.compression != NONE or len(data) < channel.dtype.itemsize:
            return float(self._array(name, channel, data).reshape(-1)[0])
        return float(np.frombuffer(data, channel.dtype, 1)[0])

    def _frame(self, name: str, parts: list[Any]) -> npt.NDArray[Any] | PackedFrame | None:
        found = self._raw(name, parts)
        if found is None:
            return None
        channel, data = found
        if channel.compression == PACKED and channel.dtype.str[0] != ">":
            frame = PackedFrame(data, channel.dtype, channel.shape)
            if len(data) < HEADING.size or HEADING.unpack_from(data)[0] != frame.nbytes:
                raise CommunicationFailed(f"{self.name}: a frame of {name} is cut, it has {len(data)} bytes")
            return frame
        array = self._array(name, channel, data)
        return array.astype(channel.dtype.newbyteorder("<"), copy=False)

    def _array(self, name: str, channel: _Channel, data: Any) -> npt.NDArray[Any]:
        try:
            if channel.compression == PACKED:
                return PackedFrame(data, channel.dtype, channel.shape).unpack()
            if channel.compression == NONE:
                return np.frombuffer(data, channel.dtype).reshape(channel.shape)
        except (BadValue, ValueError) as error:
            raise CommunicationFailed(f"{self.name}: a value of {name} makes no sense: {error}") from error
        raise CommunicationFailed(
            f"{self.name}: values of {name} are compressed by {channel.compression}; let the source use {PACKED}"
        )


def _pixels(channel: _Channel) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype, as frames are published."""
    return channel.shape, channel.dtype.newbyteorder("<")


def _require_version(main: dict[str, Any]) -> None:
    if not str(main.get("htype", "")).startswith("bsr_m-1."):
        raise ValueError(f"its main header has the htype {main.get('htype')!r}, not bsr_m-1.1")
