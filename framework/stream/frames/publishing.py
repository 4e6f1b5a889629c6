"""Frames on their way from a publisher into a ring: checked, put into slots that are free, and referred to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue, NotReady
from ronda.framework.stream.answers import HeldBack
from ronda.framework.stream.blocks import FrameReference
from ronda.framework.stream.connection import Server
from ronda.framework.stream.description import Channel, Device
from ronda.framework.stream.encoding import fit_values
from ronda.framework.stream.frames.packed import PackedFrame
from ronda.framework.stream.frames.ring import FrameRing
from ronda.framework.stream.frames.room import Room

Frames = npt.NDArray[Any] | list[npt.NDArray[Any] | PackedFrame]
"""Frames of consecutive points."""

MOST_POINTS = 32
MOST_BYTES = 32_000_000
MOST_OF_RING = 1 / 4
"""Points whose frames are stored and published together, bytes of those frames as they are stored, and part of the
ring: more would let readers wait, fewer would cost an entry in Redis each."""


class FramesOut:
    """The frames that one publisher puts into its device's ring.

    Args:
        scan: id of the scan.
        ring: where the frames go.

    Raises:
        BadValue: a frame of the device does not fit into a slot of the ring.
    """

    def __init__(self, server: Server, scan: str, device: Device, ring: FrameRing) -> None:
        self._scan = scan
        self._device = device
        self._ring = ring
        self._room = Room(server, ring)
        self._channels = {channel.name: channel for channel in device.channels if channel.storage == "reference"}
        for channel in self._channels.values():
            if channel.point_bytes > ring.frame_bytes:
                raise BadValue(
                    f"{device.name}: frames of channel {channel.name} have {channel.point_bytes} bytes, the ring takes "
                    f"{ring.frame_bytes}; make a ring for the largest frame"
                )

    def among(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Those of some values that are frames to be stored, not references to what is stored already."""
        return {name: values[name] for name in self._channels if name in values and not _stored(values[name])}

    def one_point(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of one point as a block of one."""
        return {
            name: [value] if isinstance(value, FrameReference | PackedFrame) else np.asarray(value)[np.newaxis]
            for name, value in values.items()
        }

    def check(self, frames: Mapping[str, Any]) -> dict[str, Frames]:
        """The frames in the described type, shape (count, *shape of a frame); those that are packed as a list.

        Raises:
            BadValue: they do not fit the description.
        """
        return {name: self._fitting(self._channels[name], frames[name]) for name in frames}

    def place_holders(self, frames: Mapping[str, Frames]) -> dict[str, list[FrameReference]]:
        """References that lead nowhere, for checking a block before anything is stored."""
        return {name: [FrameReference("ring", self._ring.name, 0, len(values))] for name, values in frames.items()}

    def store(
        self, frames: Mapping[str, Frames], start: int, index: int
    ) -> dict[str, list[FrameReference]] | Callable[[], HeldBack]:
        """Store the frames from place `start` on, of as many points as there is room for, `MOST_POINTS` at most.

        Args:
            index: index of the point whose frames are at `start`.

        Returns:
            By channel the references; or, if there is no room for one point, what makes the error that says why.

        Raises:
            CommunicationFailed: Redis does not answer.
        """
        ring = self._ring
        count = min(len(next(iter(frames.values()))) - start, MOST_POINTS, ring.slots // len(frames))
        count = min(count, max(int(MOST_OF_RING * ring.slots / len(frames)), 1), _few(frames, start, count))
        if count < 1:
            raise NotReady(f"{ring.device}: the ring holds {ring.slots} frames, a point has {len(frames)}")
        with ring.turn:
            free = 0
            while free < count * len(frames):
                held = self._room.held(free)
                if held is not None:
                    if free < len(frames):
                        return held
                    break
                free += 1
            found: dict[str, list[FrameReference]] = {}
            for name, values in frames.items():
                first = ring.next
                for place in range(free // len(frames)):
                    ring.write(values[start + place], self._scan, index + place)
                found[name] = [FrameReference("ring", ring.name, first, ring.next - first, host=ring.host)]
            return found

    def _fitting(self, channel: Channel, values: Any) -> Frames:
        if not isinstance(values, list) or not any(isinstance(one, PackedFrame) for one in values):
            return fit_values(channel, self._device.name, values)
        found: list[npt.NDArray[Any] | PackedFrame] = []
        for one in values:
            if not isinstance(one, PackedFrame):
                found.append(fit_values(channel, self._device.name, one[np.newaxis])[0])
                continue
            if one.shape != channel.shape or one.dtype != channel.numpy_dtype:
                raise BadValue(
                    f"{self._device.name}: a frame of channel {channel.name} has {one.dtype} in the shape "
                    f"{list(one.shape)}, it was described as {channel.numpy_dtype} in {list(channel.shape)}"
                )
            found.append(one if len(one.chunk) < one.nbytes else one.unpack())
        return found


def _few(frames: Mapping[str, Frames], start: int, count: int) -> int:
    """As many points as have `MOST_BYTES` of frames, but one."""
    size = 0
    for place in range(count):
        for values in frames.values():
            one = values[start + place]
            size += len(one.chunk) if isinstance(one, PackedFrame) else one.nbytes
        if size > MOST_BYTES:
            return max(place, 1)
    return count


def _stored(value: Any) -> bool:
    if isinstance(value, FrameReference):
        return True
    return isinstance(value, Sequence) and len(value) > 0 and isinstance(value[0], FrameReference)
