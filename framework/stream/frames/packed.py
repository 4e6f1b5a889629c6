"""A frame that its detector has compressed already: it is kept so, all the way into the file."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.stream.frames.compression import HEADING, ChunkCompressor

LENGTH = struct.Struct(">I")
"""What stands before each block: its packed bytes."""


@dataclass(frozen=True, slots=True)
class PackedFrame:
    """One frame, compressed with bitshuffle-lz4.

    Attributes:
        chunk: as the HDF5 filter 32008 stores it.
        dtype: of a pixel, little-endian.
        shape: of the frame.
    """

    chunk: bytes | memoryview
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of the frame when it is unpacked."""
        return self.dtype.itemsize * math.prod(self.shape)

    def unpack(self) -> npt.NDArray[Any]:
        """The frame.

        Raises:
            BadValue: the chunk is none of such a frame.
        """
        frame = np.empty(self.shape, self.dtype)
        unpack(self.chunk, self.dtype.itemsize, frame.reshape(-1).view("u1"))
        return frame

    def unpack_rows(self, first: int, stop: int) -> npt.NDArray[Any]:
        """The frame, of which the rows first ≤ row < stop are right, and the others hold anything; that is faster.

        Raises:
            BadValue: the chunk is none of such a frame.
        """
        frame = np.empty(self.shape, self.dtype)
        raw = frame.reshape(-1).view("u1")
        row_bytes = frame[0].nbytes
        packed = memoryview(self.chunk)
        size, block = HEADING.unpack_from(packed) if len(packed) >= HEADING.size else (0, 0)
        if size != len(raw) or not block:
            raise BadValue(f"bitshuffle: a chunk of {len(packed)} bytes for {size} bytes, the frame has {len(raw)}")
        begin, whole = first * row_bytes // block, len(raw) // block
        end = min(-(-stop * row_bytes // block), whole)
        if stop * row_bytes > whole * block:  # the last block is a smaller one, with a rest behind it
            return self.unpack()
        place, starts = HEADING.size, []
        for _ in range(end):
            starts.append(place)
            if place + LENGTH.size > len(packed):
                raise BadValue(f"bitshuffle: a chunk of {len(packed)} bytes ends within a frame of {len(raw)} bytes")
            place += LENGTH.size + LENGTH.unpack_from(packed, place)[0]
        part = HEADING.pack((end - begin) * block, block) + bytes(packed[starts[begin] : place])
        unpack(part, self.dtype.itemsize, raw[begin * block : end * block])
        return frame


def unpack(chunk: bytes | memoryview | npt.NDArray[np.uint8], item_bytes: int, into: npt.NDArray[np.uint8]) -> None:
    """Unpack a chunk.

    Args:
        chunk: as the HDF5 filter 32008 stores it.
        item_bytes: bytes of a pixel.
        into: bytes of the frame, contiguous.

    Raises:
        BadValue: it is no chunk of such a frame, or the library for it is missing.
    """
    compressor = ChunkCompressor(len(into), item_bytes)
    if not compressor.available:
        raise BadValue("bitshuffle: the library of hdf5plugin that unpacks frames is not there")
    compressor.decompress(chunk, into)
