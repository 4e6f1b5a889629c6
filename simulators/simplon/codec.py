"""Compression of images as the detector does it: bitshuffle-lz4 and lz4 with the headings of their HDF5 filters."""

from __future__ import annotations

import ctypes
import struct
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 8192
"""Of the pixels that are shuffled and compressed together."""

HEADING = struct.Struct(">QI")
LENGTH = struct.Struct(">I")


def bslz4(image: NDArray[Any]) -> bytes:
    """An image as the filter 32008 would store it."""
    size = image.itemsize
    into = np.empty(_library().bshuf_compress_lz4_bound(image.size, size, 0), "u1")
    length = _library().bshuf_compress_lz4(image.ctypes.data, into.ctypes.data, image.size, size, 0)
    if length < 0:
        raise RuntimeError(f"bitshuffle cannot compress (error {length})")
    return HEADING.pack(image.nbytes, BLOCK_BYTES) + into[:length].tobytes()


def lz4(image: NDArray[Any]) -> bytes:
    """An image as the filter 32004 would store it, as one block."""
    into = ctypes.create_string_buffer(_library().LZ4_compressBound(image.nbytes))
    length = _library().LZ4_compress_default(image.ctypes.data_as(ctypes.c_void_p), into, image.nbytes, len(into))
    if length <= 0:
        raise RuntimeError("lz4 cannot compress")
    packed = into.raw[:length] if length < image.nbytes else image.tobytes()
    return HEADING.pack(image.nbytes, image.nbytes) + LENGTH.pack(len(packed)) + packed


def blocks(chunk: bytes) -> list[bytes]:
    """The compressed blocks of a bslz4 chunk, each with its length before it; each can be unpacked by itself."""
    found, place = [], HEADING.size
    while place < len(chunk):
        stop = place + LENGTH.size + LENGTH.unpack_from(chunk, place)[0]
        found.append(chunk[place:stop])
        place = stop
    return found


@cache
def _library() -> Any:
    import hdf5plugin

    library = ctypes.CDLL(str(Path(hdf5plugin.PLUGIN_PATH) / "libh5bshuf.so"))
    library.bshuf_compress_lz4_bound.argtypes = [ctypes.c_size_t] * 3
    library.bshuf_compress_lz4_bound.restype = ctypes.c_size_t
    library.bshuf_compress_lz4.argtypes = [ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_size_t] * 3]
    library.bshuf_compress_lz4.restype = ctypes.c_int64
    return library
