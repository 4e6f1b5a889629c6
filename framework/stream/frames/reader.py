"""Frames by reference, wherever they are: a ring on this host, a frame server, a file of the detector."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.stream.answers import FrameLost
from ronda.framework.stream.blocks import FrameReference
from ronda.framework.stream.description import Channel
from ronda.framework.stream.frames.client import FrameClient
from ronda.framework.stream.frames.files import opened_dataset, roots_from_environment
from ronda.framework.stream.frames.folder import find_ring
from ronda.framework.stream.frames.packed import unpack
from ronda.framework.stream.frames.ring import RingView

AHEAD_BYTES = 16_000_000
"""Bytes that are asked for at once from a server or file."""

MOST_RINGS = 8
"""How many rings stay open."""


class Fetched(NamedTuple):
    """A frame that was found.

    Attributes:
        data: its bytes, shape (bytes,), or those of a chunk; in a ring they are those of the ring itself.
        still: asked after `data` was used: whether it was this frame all the time.
        packed: bytes of a pixel if `data` is a chunk of bitshuffle-lz4, else 0.
    """

    data: npt.NDArray[np.uint8]
    still: Callable[[], bool]
    packed: int = 0

    def copy(self, into: npt.NDArray[np.uint8]) -> bool:
        """Copy the frame, unpacked; whether it was this one all the time."""
        if not self.packed:
            into[:] = self.data
            return self.still()
        chunk = self.data.copy()  # what is unpacked must not change meanwhile
        if not self.still():
            return False
        unpack(chunk, self.packed, into)
        return True


class Lost(NamedTuple):
    """Frames that are lost.

    Attributes:
        start, stop: their places among those that were wanted.
        error: why the first is lost.
    """

    start: int
    stop: int
    error: FrameLost


class FrameReader:
    """Reads frames by reference. Safe for threads and greenlets.

    Args:
        roots: the data roots below which detectors' files lie; those in RONDA_DATA_ROOTS if None.
    """

    def __init__(self, roots: Sequence[Path] | None = None) -> None:
        self._roots = list(roots_from_environment() if roots is None else roots)
        self._client = FrameClient()
        self._rings: dict[str, RingView] = {}
        self._lock = threading.Lock()

    @property
    def roots(self) -> list[Path]:
        """The data roots."""
        return list(self._roots)

    def read(self, references: Sequence[FrameReference], channel: Channel) -> npt.NDArray[Any]:
        """The frames, as an array of shape (count, *shape of a frame).

        Raises:
            FrameLost: one of them was overwritten, or its store is gone.
            CommunicationFailed: a frame server does not answer, or a file is not there.
            NotReady, NotAllowed: a file cannot be read here, or lies outside the data roots.
        """
        frames, lost = self.read_some(references, channel)
        if lost:
            raise lost[0].error
        return frames

    def read_some(self, references: Sequence[FrameReference], channel: Channel) -> tuple[npt.NDArray[Any], list[Lost]]:
        """The same, but what is lost is told instead of raised; the array holds nothing useful there.

        Raises:
            CommunicationFailed, NotReady, NotAllowed: as `read`.
        """
        frames = channel.empty(sum(reference.count for reference in references))
        raw = frames.reshape(len(frames), -1).view("u1") if len(frames) else np.empty((0, 0), "u1")
        lost: list[Lost] = []
        place = 0
        for reference in references:
            for found in self.each(reference, channel):
                error = found if isinstance(found, FrameLost) else None
                if not isinstance(found, FrameLost):
                    try:
                        error = None if found.copy(raw[place]) else _overwritten(reference, channel)
                    except BadValue as broken:  # one chunk that cannot be unpacked; others may be whole
                        error = FrameLost(f"channel {channel.name}: {broken}")
                if error is not None:
                    known = lost.pop() if lost and lost[-1].stop == place else Lost(place, place, error)
                    lost.append(known._replace(stop=place + 1))
                place += 1
        return frames, lost

    def each(self, reference: FrameReference, channel: Channel) -> Iterator[Fetched | FrameLost]:
        """Frame by frame, what was found of it.

        Raises:
            CommunicationFailed, NotReady, NotAllowed: as `read`.
        """
        if reference.store == "file":
            return self._from_file(reference, channel)
        if reference.store != "ring":
            lost = FrameLost(f"channel {channel.name}: no frames are read from a store {reference.store!r}")
            return repeat(lost, reference.count)
        view = self._ring(reference.address)
        if view is not None:
            return self._from_ring(view, reference, channel)
        return self._from_server(reference, channel)

    def slots(self, reference: FrameReference) -> int | None:
        """How many frames the ring of a reference holds; None if it is no ring, or its server was never asked."""
        if reference.store != "ring":
            return None
        view = self._ring(reference.address)
        return self._client.slots.get(reference.address) if view is None else view.slots

    def close(self) -> None:
        """Close rings and connections."""
        with self._lock:
            rings, self._rings = self._rings, {}
        for view in rings.values():
            view.close()
        self._client.close()

    def _ring(self, name: str) -> RingView | None:
        with self._lock:
            view = self._rings.pop(name, None)
            if view is None:
                path = find_ring(name)
                if path is None:
                    return None
                self._drop(MOST_RINGS - 1)
                try:
                    view = RingView(path)
                except FileNotFoundError:
                    return None
            self._rings[name] = view  # the last is the one used last
            return view

    def _drop(self, most: int) -> None:
        """Close rings that are gone, and those used longest ago: they keep memory."""
        for name in list(self._rings):
            if self._rings[name].forsaken or len(self._rings) > most:
                self._rings.pop(name).close()

    def _from_ring(self, view: RingView, reference: FrameReference, channel: Channel) -> Iterator[Fetched | FrameLost]:
        for sequence in range(reference.first, reference.first + reference.count):
            try:
                data, packed = view.look(sequence, channel.point_bytes)
            except FrameLost as error:
                yield error
            else:
                yield Fetched(data, lambda sequence=sequence: view.still(sequence), packed)  # type: ignore[misc]  # binds

    def _from_server(self, reference: FrameReference, channel: Channel) -> Iterator[Fetched | FrameLost]:
        length = channel.point_bytes
        most = max(AHEAD_BYTES // max(length, 1), 1)
        first, stop = reference.first, reference.first + reference.count
        while first < stop:
            if not reference.host:
                yield FrameLost(f"ring {reference.address}: is not on this host, and its reference names no server")
                first += 1
                continue
            try:
                frames = self._client.fetch(reference.host, reference.address, first, min(stop - first, most), length)
            except FrameLost as error:
                yield error
                first += 1
            else:
                first += len(frames)
                yield from (Fetched(frame, _always) for frame in frames)

    def _from_file(self, reference: FrameReference, channel: Channel) -> Iterator[Fetched | FrameLost]:
        most = max(AHEAD_BYTES // max(channel.point_bytes, 1), 1)
        first, stop = reference.first, reference.first + reference.count
        while first < stop:
            end = min(first + most, stop)
            try:
                with opened_dataset(reference, channel, self._roots) as dataset:
                    frames = np.ascontiguousarray(dataset[first:end], channel.numpy_dtype)
                    where = dataset.file.filename
            except FrameLost as error:
                for _ in range(first, stop):
                    yield error
                return
            yield from (Fetched(frame.reshape(-1).view("u1"), _always) for frame in frames)
            for missing in range(first + len(frames), end):
                yield FrameLost(f"{where}: {reference.path} has only {missing} frames")
            first = end


def _always() -> bool:
    return True


def _overwritten(reference: FrameReference, channel: Channel) -> FrameLost:
    return FrameLost(f"channel {channel.name}: a frame of ring {reference.address} was overwritten while it was read")
