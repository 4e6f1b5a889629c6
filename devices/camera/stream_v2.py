"""Images of Dectris detectors as they come: Stream V2, messages in CBOR over ZeroMQ."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import HardwareFault
from ronda.framework.stream.frames.packed import PackedFrame

ARRAY, UINT8, UINT16, UINT32, COMPRESSED = 40, 64, 69, 70, 56500
"""CBOR tags: an array of several dimensions, little-endian numbers, and what Dectris has compressed."""

DTYPES = {UINT8: "u1", UINT16: "<u2", UINT32: "<u4"}

HIGH_WATER = 100
"""Messages kept on our side until they are read; more wait in the detector."""

PACKED = re.compile(rb"\xd9\xdc\xb4\x83\x65bslz4.(?:\x59(..)|\x5a(.{4})|\x5b(.{8}))", re.DOTALL)
"""How what Dectris has compressed begins: tag 56500, an array of three, algorithm, bytes of a pixel, length of the
chunk that follows (RFC 8949, 3)."""

HEADER = 4096
"""Bytes of a message before its first chunk at most."""

EMPTY = b"\x40"
"""A string of no bytes."""

Image = npt.NDArray[np.unsignedinteger[Any]]


class StreamReceiver:
    """Pulls messages; for one thread.

    Args:
        name: of the device, for messages.
        endpoint: HOST:PORT on which the detector pushes.
    """

    def __init__(self, name: str, endpoint: str) -> None:
        import zmq  # here and not above: servers without such a detector need it not

        self._name = name
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PULL)
        self._socket.setsockopt(zmq.RCVHWM, HIGH_WATER)
        events = zmq.Event.HANDSHAKE_SUCCEEDED | zmq.Event.DISCONNECTED
        self._events = self._socket.get_monitor_socket(events)
        self._connected = False
        self._socket.connect(f"tcp://{endpoint}")

    def await_connection(self, limit: float) -> bool:
        """Wait until images can come; what is pushed before is lost. Whether they can, within `limit` (s)."""
        import zmq
        from zmq.utils.monitor import recv_monitor_message

        deadline = time.monotonic() + limit
        while self._events.poll(0 if self._connected else max(int(1000 * (deadline - time.monotonic())), 0)):
            self._connected = recv_monitor_message(self._events)["event"] == zmq.Event.HANDSHAKE_SUCCEEDED
        return self._connected

    def next(self, series: int) -> dict[str, Any] | None:
        """The next message of a series, None if none is there; what is left of other series is thrown away."""
        import zmq

        while True:
            try:
                message = decode(self._socket.recv(zmq.NOBLOCK, copy=False).buffer)
            except zmq.Again:
                return None
            if message.get("series_id") == series:
                return message

    def close(self) -> None:
        """Let go of the connection."""
        self._context.destroy(linger=0)


def decode(raw: memoryview) -> dict[str, Any]:
    """A message. The chunk of its first image stays where it is, in `raw`: it is most of the message."""
    import cbor2

    found = PACKED.search(raw, 0, HEADER)
    if found is not None:
        length = found[found.lastindex or 1]
        stop = found.end() + int.from_bytes(length, "big")
        start = found.end() - len(length) - 1
        if stop <= len(raw):
            with suppress(cbor2.CBORDecodeError, LookupError, AttributeError, TypeError, ValueError, StopIteration):
                message: dict[str, Any] = cbor2.loads(b"".join((raw[:start], EMPTY, raw[stop:])))
                name, image = next(iter(message["data"].items()))
                shape, typed = image.value
                algorithm, item_bytes, nothing = typed.value.value
                if nothing == b"":  # else something else only looked like it
                    packed = cbor2.CBORTag(COMPRESSED, (algorithm, item_bytes, raw[found.end() : stop]))
                    message["data"][name] = cbor2.CBORTag(ARRAY, (shape, cbor2.CBORTag(typed.tag, packed)))
                    return message
    whole: dict[str, Any] = cbor2.loads(bytes(raw))
    return whole


def began(name: str, message: dict[str, Any]) -> float:
    """When the exposure of an image began, in s of the detector's clock since its series began.

    Raises:
        HardwareFault: the message does not say it.
    """
    return _seconds(name, message, "start_time", "the time of its image")


def exposed(name: str, message: dict[str, Any]) -> float:
    """For how long an image was exposed, in s.

    Raises:
        HardwareFault: the message does not say it.
    """
    return _seconds(name, message, "real_time", "its exposure time")


def _seconds(name: str, message: dict[str, Any], key: str, what: str) -> float:
    try:
        ticks, frequency = message[key]
        return float(ticks) / float(frequency)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise HardwareFault(f"{name}: an image message without {what}: {str(message)[:200]}") from error


def image_of(name: str, message: dict[str, Any]) -> Image | PackedFrame:
    """The image of the first threshold, shape (rows, columns), as it came.

    Args:
        name: of the device, for messages.

    Raises:
        HardwareFault: the message holds none that we understand.
    """
    try:
        array = next(iter(message["data"].values()))
        (rows, columns), typed = array.value
        dtype = np.dtype(DTYPES[typed.tag])
        packed = typed.value
    except (KeyError, AttributeError, TypeError, ValueError, StopIteration) as error:
        raise HardwareFault(
            f"{name}: an image message without an image of whole numbers: {str(message)[:200]}"
        ) from error
    if isinstance(packed, bytes):
        return np.frombuffer(packed, dtype).reshape(rows, columns)
    algorithm, item_bytes, chunk = packed.value
    if packed.tag != COMPRESSED or algorithm != "bslz4" or item_bytes != dtype.itemsize:
        raise HardwareFault(f"{name}: an image compressed by {algorithm} ({item_bytes} bytes); it was set to bslz4")
    return PackedFrame(chunk, dtype, (rows, columns))
