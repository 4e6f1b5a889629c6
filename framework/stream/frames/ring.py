"""A ring of frames in shared memory: one writes, any number read, and a reader never takes a frame for another."""

from __future__ import annotations

import errno
import fcntl
import json
import mmap
import os
import struct
import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue, ServiceFailed
from ronda.framework.stream.answers import FrameLost, format_bytes
from ronda.framework.stream.frames.folder import RING_NAME, new_name, ring_folder
from ronda.framework.stream.frames.packed import PackedFrame, unpack
from ronda.framework.stream.keeper import Turn

MAGIC = b"RONDARNG"
VERSION = 2

PAGE = 4096
"""Slots and tables begin at multiples of so many bytes."""

HEADER = struct.Struct("<8sIIQQQQ")
"""Magic, version, bytes of the heading behind it (JSON), slots, bytes between two slots, places of table and slots."""

SLOT = np.dtype(
    {
        "names": ["state", "length", "packed", "index", "scan"],
        "formats": ["<u8", "<u4", "<u4", "<u8", "S40"],
        "offsets": [0, 8, 12, 16, 24],
        "itemsize": 64,
    }
)
"""An entry of the table: `state` is 0 when nothing was ever written, 2 s + 1 while frame s is written, 2 s + 2 when it
is there; then bytes of what is stored, bytes of a pixel if that is a chunk of bitshuffle-lz4 and 0 if it is the frame
itself, index of its point, and id of its scan."""

LARGEST = 2**32 - 1
"""Bytes of a frame at most."""


class Held(NamedTuple):
    """What a slot holds.

    Attributes:
        scan: id of the scan; empty if the slot was never used.
        point: index of the point.
    """

    scan: str
    point: int


class Stored(NamedTuple):
    """What a ring holds of a frame.

    Attributes:
        data: its bytes, or those of a chunk of bitshuffle-lz4, in the ring itself.
        packed: bytes of a pixel if it is a chunk, else 0.
    """

    data: npt.NDArray[np.uint8]
    packed: int


class FrameRing:
    """The writing end of a ring, which lives as long as its owner's process.

    It only puts frames into slots. Whether a slot may be used again is the business of `Room`.

    Args:
        stream: address of the stream that will refer to the frames.
        device: whose frames they are.
        frame_bytes: bytes of the largest frame.
        memory: bytes that all slots may take; at least two frames.
        host: where its frame server listens, `ADDRESS:PORT`; empty if there is none.

    Raises:
        BadValue: the memory holds less than two frames, or a frame is larger than 4 GB.
        ServiceFailed: the host's shared memory has no room for it.

    Attributes:
        name: its name, which stands in references.
        slots: how many frames it holds.
        frame_bytes: bytes of the largest frame.
        memory: bytes that it was given.
        next: sequence number of the next frame, counted from 0 over the life of the ring.
        turn: to be held from asking for room until the frame is written.
    """

    def __init__(self, stream: str, device: str, frame_bytes: int, memory: int, host: str = "") -> None:
        if frame_bytes > LARGEST:
            raise BadValue(f"{device}: a frame of {format_bytes(frame_bytes)} is too large; 4 GB is the most")
        slot_bytes = -(-max(frame_bytes, 1) // PAGE) * PAGE
        self.slots = memory // slot_bytes
        if self.slots < 2:
            raise BadValue(
                f"{device}: a ring of {format_bytes(memory)} holds {self.slots} frames of {format_bytes(frame_bytes)}; "
                "give it memory for two at least, better for two seconds"
            )
        self.name = new_name(stream, device)
        self.device = device
        self.frame_bytes = frame_bytes
        self.memory = memory
        self.host = host
        self.next = 0
        self.turn = Turn()
        heading = json.dumps({"device": device, "host": host, "frame_bytes": frame_bytes}).encode()
        table = -(-(HEADER.size + len(heading)) // PAGE) * PAGE
        first = table + -(-self.slots * SLOT.itemsize // PAGE) * PAGE
        size = first + self.slots * slot_bytes
        folder = ring_folder(make=True)
        self.path = folder / self.name
        part = folder / f".{self.name}"
        self._descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)  # for life: whoever gets it knows that we are dead
            _allocate(self._descriptor, size, device)
            self._map = mmap.mmap(self._descriptor, size)
            self._map[: HEADER.size] = HEADER.pack(MAGIC, VERSION, len(heading), self.slots, slot_bytes, table, first)
            self._map[HEADER.size : HEADER.size + len(heading)] = heading
            part.rename(self.path)
        except BaseException:
            os.close(self._descriptor)
            part.unlink(missing_ok=True)
            raise
        self._table: npt.NDArray[Any] = np.frombuffer(self._map, SLOT, self.slots, table)
        self._states = self._table["state"]
        self._data = np.frombuffer(self._map, "u1", self.slots * slot_bytes, first).reshape(self.slots, slot_bytes)
        self._fence = threading.Lock()

    def holds(self, sequence: int) -> Held:
        """What the slot holds that a frame will go to."""
        entry = self._table[sequence % self.slots]
        return Held(entry["scan"].decode(), int(entry["index"]))

    def write(self, frame: npt.NDArray[Any] | PackedFrame, scan: str, index: int) -> int:
        """Put a frame into the next slot, whatever is there, and return its sequence number.

        Args:
            frame: contiguous, in little-endian order, at most `frame_bytes`; or a chunk that is smaller than its frame.
            scan: id of the scan.
            index: index of the point.
        """
        if isinstance(frame, PackedFrame):
            packed, data = frame.dtype.itemsize, np.frombuffer(frame.chunk, "u1")
        else:
            packed, data = 0, frame.reshape(-1).view("u1")
        sequence = self.next
        slot = sequence % self.slots
        self._states[slot] = 2 * sequence + 1
        with self._fence:  # a full barrier on processors that reorder stores
            entry = self._table[slot]
            entry["length"], entry["packed"], entry["index"], entry["scan"] = len(data), packed, index, scan.encode()
            self._data[slot, : len(data)] = data
        with self._fence:
            self._states[slot] = 2 * sequence + 2
        self.next = sequence + 1
        return sequence

    def in_use(self) -> bool:
        """Say that it is not forgotten; whether its file is still there."""
        try:
            os.utime(self.path)
        except FileNotFoundError:
            return False
        return True

    def close(self, *, remove: bool) -> None:
        """Own it no longer.

        Args:
            remove: whether nobody needs its frames any more; else it stays until `sweep` finds that.
        """
        if self._descriptor < 0:
            return
        if remove:
            self.path.unlink(missing_ok=True)
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # the map has a descriptor of its own, which would keep the lock
        os.close(self._descriptor)
        self._descriptor = -1


class RingView:
    """The reading end of a ring; frames stay readable as long as it is open, whatever happens to the file. Any thread.

    Args:
        path: of the ring's file.

    Raises:
        FileNotFoundError: it is gone.
        ServiceFailed: it is no ring, or of another version.

    Attributes:
        name: name of the ring.
        heading: what its owner wrote about it: `device`, `host`, `frame_bytes`.
        slots: how many frames it holds.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            self._map = mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ)
            magic, version, length, self.slots, slot_bytes, table, first = HEADER.unpack_from(self._map)
            if magic != MAGIC or version != VERSION or not RING_NAME.fullmatch(self.name):
                raise ValueError(f"begins with {magic!r}, version {version}")  # noqa: TRY301 - one end for all
            self.heading: dict[str, Any] = json.loads(self._map[HEADER.size : HEADER.size + length])
            self._table: npt.NDArray[Any] = np.frombuffer(self._map, SLOT, self.slots, table)
            self._data = np.frombuffer(self._map, "u1", self.slots * slot_bytes, first).reshape(-1, slot_bytes)
        except (ValueError, struct.error) as error:
            os.close(self._descriptor)
            raise ServiceFailed(f"{path}: is no ring of frames that this version reads ({error})") from error
        self._states = self._table["state"]
        self._fence = threading.Lock()

    @property
    def forsaken(self) -> bool:
        """Whether its file was removed: no new reference will lead to it."""
        return os.fstat(self._descriptor).st_nlink == 0

    def look(self, sequence: int, length: int) -> Stored:
        """What is stored of a frame of so many bytes, in the ring itself. Use it, then ask whether that is `still` so.

        Raises:
            FrameLost: another frame is there.
        """
        slot = sequence % self.slots
        state = int(self._states[slot])
        if state != 2 * sequence + 2:
            told = "was overwritten" if state > 2 * sequence + 2 else "was never there"
            raise FrameLost(f"frame {sequence} of ring {self.name}: {told}")
        with self._fence:
            stored, packed = int(self._table["length"][slot]), int(self._table["packed"][slot])
            if stored != length and not packed:
                raise FrameLost(f"frame {sequence} of ring {self.name}: has {stored} bytes, not {length}")
            return Stored(self._data[slot, :stored], packed)

    def still(self, sequence: int) -> bool:
        """Whether a frame is still there: what was read from it before this answer is right."""
        with self._fence:
            return int(self._states[sequence % self.slots]) == 2 * sequence + 2

    def copy(self, sequence: int, into: npt.NDArray[np.uint8]) -> None:
        """Copy a frame, unpacked.

        Raises:
            FrameLost: it is not there, or no longer.
        """
        data, packed = self.look(sequence, len(into))
        if not packed:
            into[:] = data
        else:
            data = data.copy()  # what is unpacked must not change meanwhile
        if self.still(sequence) and packed:
            try:
                unpack(data, packed, into)
            except BadValue as error:
                raise FrameLost(f"frame {sequence} of ring {self.name}: {error}") from error
        if not self.still(sequence):
            raise FrameLost(f"frame {sequence} of ring {self.name}: was overwritten while it was read")

    def newest(self) -> dict[str, int]:
        """By scan, the highest index of a frame that it holds."""
        found: dict[str, int] = {}
        for entry in self._table[(self._states != 0) & (self._states % 2 == 0)]:
            scan = entry["scan"].decode()
            found[scan] = max(found.get(scan, -1), int(entry["index"]))
        return found

    def close(self) -> None:
        """Read no more; arrays that `look` gave stay valid until they are dropped."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _allocate(descriptor: int, size: int, device: str) -> None:
    """Take the memory now: a page that is missing later would kill whoever touches it."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.ENOMEM, errno.EFBIG):
            raise
        disk = os.fstatvfs(descriptor)
        raise ServiceFailed(
            f"{device}: the host's shared memory has no room for a ring of {format_bytes(size)} "
            f"({format_bytes(disk.f_bavail * disk.f_frsize)} are free); make the ring smaller, or /dev/shm larger"
        ) from error
