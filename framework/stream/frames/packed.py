"""A frame that its detector has compressed already: it is kept so, all the way into the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.stream.frames.compression import ChunkCompressor


@dataclass(frozen=True, slots=True)
class PackedFrame:
    """One frame, compressed with bitshuffle-lz4.

    Attributes:
        chunk: as the HDF5 filter 32008 stores it.
        dtype: of a pixel, little-endian.
        shape: of the frame.
    """

    chunk: bytes
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of the frame when it is unpacked."""
        return self.dtype.itemsize * int(np.prod(self.shape, dtype=np.int64))

    def unpack(self) -> npt.NDArray[Any]:
        """The frame.

        Raises:
            BadValue: the chunk is none of such a frame.
        """
        frame = np.empty(self.shape, self.dtype)
        unpack(self.chunk, self.dtype.itemsize, frame.reshape(-1).view("u1"))
        return frame


def unpack(chunk: bytes | npt.NDArray[np.uint8], item_bytes: int, into: npt.NDArray[np.uint8]) -> None:
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
