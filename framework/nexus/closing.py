"""Letting go of an HDF5 file so that it can be read at every moment, whoever opens or dies meanwhile.

When HDF5 closes a file, it first cuts off what was reserved and not used, and then writes into the superblock where the
file ends. A reader that opens it between the two, or any reader after a kill between the two, finds it truncated. So
HDF5 closes a stand-in in memory, and what it wrote there is brought to the file in an order that is safe.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

import h5py

SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""Beginning of the superblock; the next byte is its version (HDF5 file format 3.0, II.A)."""

SUPERBLOCK_BYTES = {0: 96, 1: 100}
"""Size of the superblock by version: 0 is what HDF5 writes by default, 1 is that with an index of another size."""

PAGE = 4096

COPIED_BYTES = 64 << 20
"""Files up to this size are replaced by a shorter copy; larger ones are shortened in place."""

OPENING_SECONDS = 0.2
"""So long after its end has moved a file is not cut yet: readers that are just opening it have read the old end."""


def leave(file: h5py.File) -> int:
    """Close a file without a change to what the last flush left on the disk.

    Returns:
        A descriptor of the memory into which HDF5 wrote instead.

    Raises:
        OSError: the disk failed; the file is closed, as the last flush that worked left it.
    """
    memory = os.memfd_create("hdf5-end", os.MFD_CLOEXEC)
    try:
        try:
            file.flush()
        finally:
            os.dup2(memory, file.id.get_vfd_handle(), inheritable=False)
            file.close()
    except BaseException:
        os.close(memory)
        raise
    return memory


def shorten(path: Path, memory: int) -> None:
    """Cut off what HDF5 did not use of a file that was left; nothing happens if that cannot be done safely.

    Args:
        memory: as `leave` returned it; it is closed.

    Raises:
        OSError: the disk failed; the file is whole all the same.
    """
    try:
        end = os.fstat(memory).st_size
        page = os.pread(memory, PAGE, 0)
        length = SUPERBLOCK_BYTES.get(page[len(SIGNATURE)], 0) if page.startswith(SIGNATURE) else 0
        superblock, rest = page[:length], page[length:]
        if not superblock or rest.strip(b"\0") or _next_data(memory, PAGE) is not None:
            return  # it changed more than the end
    finally:
        os.close(memory)
    size = path.stat().st_size
    if end >= size:
        return
    if size <= COPIED_BYTES:
        _replace(path, end, superblock)
    else:
        _cut(path, end, superblock)


def _replace(path: Path, end: int, superblock: bytes) -> None:
    """Put a shorter copy in the file's place at once; who has the old one open keeps it."""
    part = path.with_name(f"{path.name}.part")
    try:
        with path.open("rb", buffering=0) as source, part.open("wb", buffering=0) as target:
            start = _next_data(source.fileno(), 0)
            while start is not None and start < end:
                stop = min(os.lseek(source.fileno(), start, os.SEEK_HOLE), end)
                os.lseek(target.fileno(), start, os.SEEK_SET)
                while start < stop:
                    copied = os.sendfile(target.fileno(), source.fileno(), start, stop - start)
                    if not copied:
                        return  # somebody else has cut it
                    start += copied
                start = _next_data(source.fileno(), stop)
            os.ftruncate(target.fileno(), end)
            os.pwrite(target.fileno(), superblock, 0)
            shutil.copystat(path, part)
            with suppress(PermissionError):
                os.fchown(target.fileno(), path.stat().st_uid, path.stat().st_gid)
            os.fsync(target.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _cut(path: Path, end: int, superblock: bytes) -> None:
    """Shorten a file in place: a file that is longer than its superblock says is whole, a shorter one is not."""
    with path.open("r+b", buffering=0) as file:
        os.pwrite(file.fileno(), superblock, 0)
        os.fsync(file.fileno())
        time.sleep(OPENING_SECONDS)
        os.ftruncate(file.fileno(), end)
        os.fsync(file.fileno())


def _next_data(descriptor: int, start: int) -> int | None:
    """Where the next bytes that are not a hole begin; None if there are none."""
    try:
        return os.lseek(descriptor, start, os.SEEK_DATA)
    except OSError:
        return None
