"""Images of Dectris detectors as they come: Stream V2, messages in CBOR over ZeroMQ."""

from __future__ import annotations

import time
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
        import cbor2
        import zmq

        while True:
            try:
                message: dict[str, Any] = cbor2.loads(self._socket.recv(zmq.NOBLOCK))
            except zmq.Again:
                return None
            if message.get("series_id") == series:
                return message

    def close(self) -> None:
        """Let go of the connection."""
        self._context.destroy(linger=0)


def began(name: str, message: dict[str, Any]) -> float:
    """When the exposure of an image began, in s of the detector's clock since its series began.

    Raises:
        HardwareFault: the message does not say it.
    """
    try:
        ticks, frequency = message["start_time"]
        return float(ticks) / float(frequency)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise HardwareFault(f"{name}: an image message without the time of its image: {str(message)[:200]}") from error


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
