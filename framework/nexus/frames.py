"""Large frames on their way into a scan's file: fetched where they are, compressed in threads, written in order.

What a detector has compressed already is written as it is.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import CommunicationFailed, NotAllowed
from ronda.framework.nexus.file import ScanFile
from ronda.framework.stream.answers import FrameLost
from ronda.framework.stream.blocks import FrameReference, cut_references
from ronda.framework.stream.description import Channel
from ronda.framework.stream.frames.compression import ChunkCompressor
from ronda.framework.stream.frames.reader import Fetched, FrameReader

PATIENCE = 60.0
"""Seconds for which a store that gives no answer is asked again after its scan has ended."""

MOST_THREADS = 8

UNFLUSHED_BYTES = 32_000_000
"""Frames from files are flushed at the latest after so many bytes."""


class FrameSaver:
    """Saves the frames of one scan; for one thread. It remembers what it has saved, so that a step can be repeated.

    Args:
        roots: the data roots below which detectors' files lie.
        ended: whether the scan has ended, so that stores which do not answer are not waited for without end.
    """

    def __init__(self, roots: Sequence[Path], ended: Callable[[], bool]) -> None:
        self.reader = FrameReader(roots)
        self._ended = ended
        self._reached: dict[str, int] = {}
        self._silent_since: float | None = None
        self._compressors: dict[str, ChunkCompressor] = {}
        self._idle: dict[int, list[npt.NDArray[np.uint8]]] = {}
        self._chunk = np.empty(0, "u1")
        """For a chunk on its way; the same for all, so that it stays near the processor."""
        self._threads = min(os.cpu_count() or 1, MOST_THREADS)
        self._pool: ThreadPoolExecutor | None = None

    def save(
        self, file: ScanFile, device: str, channel: Channel, first: int, references: Sequence[FrameReference]
    ) -> str:
        """Write frames at their index; those that are lost are noted in the file.

        Args:
            first: index of the point of the first frame.

        Returns:
            Why the first of those lost is lost; empty if none is.

        Raises:
            CommunicationFailed: a store gives no answer; save the same again.
            DiskFull, OSError: the disk is full or failed; save the same again.
        """
        stop = first + sum(reference.count for reference in references)
        start = max(first, self._reached.get(channel.name, first))
        why = ""
        for reference in cut_references(references, range(start - first, stop - first)):
            try:
                why = self._save_one(file, device, channel, start, reference) or why
            except NotAllowed as error:  # outside the data roots
                why = self._lose(file, device, channel, (start, start + reference.count), str(error))
            start += reference.count
        return why

    def unflushed(self, reference: FrameReference, channel: Channel) -> int:
        """How many frames may be written before a flush, so that the ring never fills while the disk is in time."""
        if reference.store != "ring":
            return max(UNFLUSHED_BYTES // max(channel.point_bytes, 1), 1)
        slots = self.reader.slots(reference)
        return max(slots // 4, 1) if slots else 1  # the first answer of its server will tell

    def close(self) -> None:
        """End the threads, close rings and connections."""
        if self._pool is not None:
            self._pool.shutdown()
        self.reader.close()

    def _save_one(self, file: ScanFile, device: str, channel: Channel, start: int, reference: FrameReference) -> str:
        name = channel.name
        why, index = "", start
        running: deque[tuple[int, Future[int], npt.NDArray[np.uint8]]] = deque()
        compressor = self._compressor(channel)
        try:
            for found in self.reader.each(reference, channel):
                while len(running) >= (2 * self._threads if isinstance(found, Fetched) else 1):
                    why = self._write_oldest(file, device, channel, running) or why
                if isinstance(found, FrameLost):
                    why = self._lose(file, device, channel, (index, index + 1), str(found))
                elif found.packed:
                    while running:
                        why = self._write_oldest(file, device, channel, running) or why
                    why = self._write_packed(file, device, channel, index, found) or why
                elif compressor.available:
                    into = self._buffer(compressor.room)
                    running.append((index, self._threaded(compressor, found, into), into))
                else:
                    why = self._write_whole(file, device, channel, index, found) or why
                index += 1
                self._silent_since = None
            while running:
                why = self._write_oldest(file, device, channel, running) or why
        except CommunicationFailed as error:
            while running:
                why = self._write_oldest(file, device, channel, running) or why
            now = time.monotonic()
            self._silent_since = self._silent_since or now
            if now - self._silent_since < PATIENCE or not self._ended():
                raise
            rest = (self._reached.get(name, start), start + reference.count)
            why = self._lose(file, device, channel, rest, str(error))
        finally:
            for _, future, into in running:  # only after an error
                with suppress(Exception):
                    future.result()
                self._idle.setdefault(len(into), []).append(into)
        return why

    def _threaded(self, compressor: ChunkCompressor, found: Fetched, into: npt.NDArray[np.uint8]) -> Future[int]:
        def compress() -> int:
            size = compressor.compress(found.data, into)
            return size if found.still() else 0

        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "compress")
        return self._pool.submit(compress)

    def _write_oldest(
        self,
        file: ScanFile,
        device: str,
        channel: Channel,
        running: deque[tuple[int, Future[int], npt.NDArray[np.uint8]]],
    ) -> str:
        index, future, into = running[0]
        size = future.result()
        if size:
            file.write_chunk(device, channel.name, index, into[:size])
        running.popleft()
        self._idle.setdefault(len(into), []).append(into)
        if not size:
            return self._lose(file, device, channel, (index, index + 1), "it was overwritten while it was read")
        self._reached[channel.name] = index + 1
        return ""

    def _write_packed(self, file: ScanFile, device: str, channel: Channel, index: int, found: Fetched) -> str:
        """A chunk as it is."""
        size = len(found.data)
        if len(self._chunk) < size:
            self._chunk = np.empty(max(size, channel.point_bytes), "u1")
        chunk = self._chunk[:size]
        chunk[:] = found.data
        if not found.still():
            return self._lose(file, device, channel, (index, index + 1), "it was overwritten while it was read")
        file.write_chunk(device, channel.name, index, chunk)
        self._reached[channel.name] = index + 1
        return ""

    def _write_whole(self, file: ScanFile, device: str, channel: Channel, index: int, found: Fetched) -> str:
        """Without a compressor of our own HDF5 compresses."""
        frame = found.data.copy()
        if not found.still():
            return self._lose(file, device, channel, (index, index + 1), "it was overwritten while it was read")
        file.write_frame(device, channel.name, index, frame.view(channel.numpy_dtype).reshape(channel.shape))
        self._reached[channel.name] = index + 1
        return ""

    def _lose(self, file: ScanFile, device: str, channel: Channel, places: tuple[int, int], why: str) -> str:
        file.lose(device, channel.name, *places)
        self._reached[channel.name] = places[1]
        return why

    def _compressor(self, channel: Channel) -> ChunkCompressor:
        if channel.name not in self._compressors:
            self._compressors[channel.name] = ChunkCompressor(channel.point_bytes, channel.numpy_dtype.itemsize)
        return self._compressors[channel.name]

    def _buffer(self, size: int) -> npt.NDArray[np.uint8]:
        idle = self._idle.get(size)
        return idle.pop() if idle else np.empty(size, "u1")
