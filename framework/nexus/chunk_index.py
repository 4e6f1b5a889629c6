"""The index of chunks that HDF5 keeps of each dataset, and how large its parts are in a scan's file.

The index is a tree (HDF5 file format specification, III.A.1: version 1 B-trees) whose parts hold 64 chunks each. A part
that is full is split, and a flush writes what points to the new part before the part itself: who reads the file just
then finds no index. So a file whose datasets have a chunk for each point gets parts that need not be split, and the
first part of each dataset is there before the file has its name.
"""

from __future__ import annotations

import ctypes
import math
from pathlib import Path

import h5py
from h5py import h5f, h5p

from ronda.framework.stream.description import Description

FRAME_BYTES = 1 << 13
"""Points of at least so many bytes are compressed, each a chunk of its own: a chunk that was written never changes."""

DEFAULT = 32
"""Half of the chunks in a part, in files that HDF5 makes by itself."""

UNKNOWN = 2048
"""Chunks in a part if nobody knows how many points there will be."""

LARGEST = 4096
"""Most chunks in a part; an index of more has several."""

ENTRY_BYTES = 64
"""Bytes of a part for each chunk: 32 for numbers, 48 for images."""

MOST_BYTES = 16 << 20
"""What the first parts of all datasets together may take."""


def half_part(description: Description) -> int:
    """Half of the number of chunks in a part of the index, which HDF5 calls k, for the file of a scan."""
    channels = [channel for device in description.devices for channel in device.channels]
    if not any(channel.storage == "reference" or channel.point_bytes >= FRAME_BYTES for channel in channels):
        return DEFAULT
    points = min(UNKNOWN if description.points is None else description.points, LARGEST)
    fitting = MOST_BYTES // (2 * ENTRY_BYTES * (len(channels) + len(description.devices)))
    return max(min(math.ceil(points / 2), fitting), DEFAULT)


def index_bytes(description: Description) -> int:
    """Bytes that the first parts of all datasets take more than by default."""
    datasets = sum(len(device.channels) + 1 for device in description.devices)
    return 2 * (half_part(description) - DEFAULT) * ENTRY_BYTES * datasets


def create_file(path: Path, description: Description, meta_block: int) -> h5py.File:
    """Make an empty HDF5 file with such an index, and open it for writing without a lock.

    Args:
        meta_block: bytes of the blocks in which metadata are written.

    Raises:
        OSError: it cannot be written.
    """
    half = half_part(description)
    if half == DEFAULT:
        return h5py.File(path, "w", locking=False, meta_block_size=meta_block)
    creation, access = h5p.create(h5p.FILE_CREATE), h5p.create(h5p.FILE_ACCESS)
    # h5py has no word for it, but the library that it is linked to has
    if ctypes.CDLL(h5p.__file__).H5Pset_istore_k(ctypes.c_int64(creation.id), ctypes.c_uint(half)) < 0:
        raise OSError(f"{path}: HDF5 does not take an index of {2 * half} chunks")
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)
    access.set_meta_block_size(meta_block)
    access.set_file_locking(False, False)
    return h5py.File(h5f.create(bytes(path), h5f.ACC_TRUNC, fcpl=creation, fapl=access))


def begin_index(dataset: h5py.Dataset) -> None:
    """Let the index of a dataset of one point, nothing of which is written, have its place; then it has no point.

    HDF5 makes the first part with the first chunk, and keeps it when that is removed.
    """
    dataset.id.write_direct_chunk((0,) * dataset.ndim, b"\0")
    dataset.resize(0, axis=0)
