"""Bitshuffle-lz4 outside HDF5, bit for bit what the HDF5 filter makes, but without its lock: in many threads at once.

The functions are those of the filter that hdf5plugin brings, called in its shared library. HDF5 itself, under one lock
for the whole process, would compress one frame after the other.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue, ServiceFailed

HEADING = struct.Struct(">QI")
"""What the filter puts before the data: bytes of the frame, bytes of a block in it (bitshuffle's bshuf_h5filter.c)."""


class ChunkCompressor:
    """Compresses frames of one size into chunks for `write_direct_chunk`. Any thread.

    Args:
        frame_bytes: bytes of a frame.
        item_bytes: bytes of a pixel.
    """

    def __init__(self, frame_bytes: int, item_bytes: int) -> None:
        self._library = _library()
        self._item_bytes = item_bytes
        self._items = frame_bytes // item_bytes
        self._heading = b""
        self.available = self._library is not None
        if self._library is not None:
            block = self._library.bshuf_default_block_size(item_bytes)
            self._heading = HEADING.pack(frame_bytes, block * item_bytes)
            self.room = HEADING.size + self._library.bshuf_compress_lz4_bound(self._items, item_bytes, 0)

    def compress(self, frame: npt.NDArray[np.uint8], into: npt.NDArray[np.uint8]) -> int:
        """Compress a frame; returns the bytes of the chunk.

        Args:
            frame: its bytes, contiguous.
            into: at least `room` bytes, for the chunk.

        Raises:
            ServiceFailed: the library says that it cannot.
        """
        assert self._library is not None  # noqa: S101 - callers ask whether it is available
        start = HEADING.size
        size: int = self._library.bshuf_compress_lz4(
            frame.ctypes.data, into.ctypes.data + start, self._items, self._item_bytes, 0
        )
        if size < 0:
            raise ServiceFailed(f"bitshuffle: cannot compress a frame of {len(frame)} bytes (error {size})")
        into[:start] = np.frombuffer(self._heading, "u1")
        return start + size

    def decompress(self, chunk: bytes | memoryview | npt.NDArray[np.uint8], into: npt.NDArray[np.uint8]) -> None:
        """Unpack a chunk into a frame.

        Args:
            chunk: as the filter stores it.
            into: bytes of the frame, contiguous.

        Raises:
            BadValue: it is no chunk of such a frame.
        """
        assert self._library is not None  # noqa: S101 - callers ask whether it is available
        packed = np.frombuffer(chunk, "u1")
        size, block = HEADING.unpack(packed[: HEADING.size].tobytes()) if len(packed) > HEADING.size else (0, 0)
        if size != len(into):
            raise BadValue(f"bitshuffle: a chunk of {len(chunk)} bytes for {size} bytes, the frame has {len(into)}")
        packed = packed[HEADING.size :]
        used: int = self._library.bshuf_decompress_lz4(
            packed.ctypes.data, into.ctypes.data, self._items, self._item_bytes, block // self._item_bytes
        )
        if used != len(packed):
            raise BadValue(f"bitshuffle: a chunk of {len(chunk)} bytes cannot be unpacked ({used})")


@cache
def _library() -> Any:
    """The filter's library; None where hdf5plugin was built without it, or otherwise than its wheels are."""
    import hdf5plugin

    ending = {"darwin": "dylib", "win32": "dll"}.get(sys.platform, "so")
    found = Path(hdf5plugin.PLUGIN_PATH) / f"libh5bshuf.{ending}"
    try:
        library = ctypes.CDLL(str(found))
        library.bshuf_default_block_size.argtypes = [ctypes.c_size_t]
        library.bshuf_default_block_size.restype = ctypes.c_size_t
        library.bshuf_compress_lz4_bound.argtypes = [ctypes.c_size_t] * 3
        library.bshuf_compress_lz4_bound.restype = ctypes.c_size_t
        library.bshuf_compress_lz4.argtypes = [ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_size_t] * 3]
        library.bshuf_compress_lz4.restype = ctypes.c_int64
        library.bshuf_decompress_lz4.argtypes = [ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_size_t] * 3]
        library.bshuf_decompress_lz4.restype = ctypes.c_int64
    except (OSError, AttributeError):
        return None
    return library
