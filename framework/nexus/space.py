"""Room in an HDF5 file that is being written: reserved on the disk ahead, so that no write fails half-way."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import h5py
from h5py import h5d, h5p, h5s, h5t

from ronda.framework.errors import NotReady
from ronda.framework.stream.answers import format_bytes

SMALLEST = 4 << 20
LARGEST = 512 << 20
"""Bounds of what is reserved at once, in bytes; it doubles each time."""

SMALLEST_MARKER = 4096
"""Bytes of a marker; HDF5 puts anything smaller together with other small things, wherever they are."""


class DiskFull(NotReady):
    """There is no room on the disk; nothing was written, and the same can be tried again."""


class Reserve:
    """Room in an open file.

    Readers open the file at any moment. They fail when an object lies behind the end of file that they have just
    read, so the end moves rarely and long before anything is written there. Datasets without a name take the room: one
    that is given back at once and leaves a gap for the data, and a small one behind it that holds the end in place.

    Args:
        file: open for writing.
        path: where it is.
        largest: bytes of the largest chunk that will be written.
        metadata: bytes that HDF5 keeps free for its own.
        minimum_free: bytes that must stay free on the disk.
    """

    def __init__(
        self, file: h5py.File, path: Path, *, largest: int = 0, metadata: int = 0, minimum_free: int = 0
    ) -> None:
        self._file = file
        self._largest = largest
        self._metadata = metadata
        self.path = path
        self._minimum_free = minimum_free
        self._markers: list[h5d.DatasetID] = []
        self._next = SMALLEST
        self._allocated = 0

    def ensure(self, size: int) -> None:
        """Make sure that so many bytes can be written.

        Raises:
            DiskFull: the disk has no room for them.
        """
        # What is free for metadata is not for data, and each gap has an end into which no chunk fits.
        unusable = self._metadata + (len(self._markers) + 1) * self._largest
        if self._markers and self._file.id.get_freespace() >= size + unusable:
            return
        size += self._largest
        wanted = max(self._next, 2 * size)
        try:
            self._take(wanted)
        except DiskFull:
            if wanted <= size + SMALLEST:
                raise
            self._take(size + SMALLEST // 4)
        self._next = min(2 * wanted, LARGEST)

    def cover(self) -> None:
        """Make sure that what HDF5 has taken for its own can be written too; call it before a flush.

        Raises:
            DiskFull: the disk has no room for it.
        """
        end = self._file.id.get_filesize()
        if end > self._allocated:
            _allocate(self.path, self._allocated, end - self._allocated)
            self._allocated = end

    def release(self) -> None:
        """Let the end of the file move back to what was written."""
        self._markers.clear()

    def _take(self, size: int) -> None:
        require_free(self.path, size, self._minimum_free)
        end = self._file.id.get_filesize() + size
        # From the start: the file has holes that HDF5 has taken, and has not written yet.
        _allocate(self.path, self._allocated, end - self._allocated)
        self._allocated = end
        gap = self._anonymous(size)
        tried = [self._anonymous(SMALLEST_MARKER)]
        while tried[-1].get_offset() < gap.get_offset():  # it found a place in what an earlier gap has left
            tried.append(self._anonymous(SMALLEST_MARKER << len(tried)))
        self._markers.append(tried[-1])
        del gap, tried
        self.cover()
        self._file.flush()

    def _anonymous(self, size: int) -> h5d.DatasetID:
        creation = h5p.create(h5p.DATASET_CREATE)
        creation.set_layout(h5d.CONTIGUOUS)
        creation.set_alloc_time(h5d.ALLOC_TIME_EARLY)
        creation.set_fill_time(h5d.FILL_TIME_NEVER)
        return h5d.create(self._file.id, None, h5t.NATIVE_UINT8, h5s.create_simple((size,)), creation)


def require_free(path: Path, size: int, minimum_free: int) -> None:
    """Look whether a disk has room.

    Raises:
        DiskFull: it has not.
    """
    disk = os.statvfs(path if path.exists() else path.parent)
    free = disk.f_bavail * disk.f_frsize
    if free < size + minimum_free:
        raise DiskFull(_full(path, size, f"{format_bytes(free)} are free, {format_bytes(minimum_free)} must stay so"))


def _allocate(path: Path, start: int, size: int) -> None:
    descriptor = os.open(path, os.O_RDWR)
    length = os.fstat(descriptor).st_size
    try:
        os.posix_fallocate(descriptor, start, size)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            os.ftruncate(descriptor, length)  # give back what it got before it failed
            raise DiskFull(_full(path, size, os.strerror(error.errno))) from error
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENODEV):
            raise
    finally:
        os.close(descriptor)


def _full(path: Path, size: int, why: str) -> str:
    return (
        f"{path}: the disk has no room for {format_bytes(size)} more ({why}); "
        "nothing is lost, the data waits in memory: free some space"
    )
