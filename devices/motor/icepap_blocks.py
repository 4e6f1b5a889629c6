"""The binary blocks that an IcePAP takes.

Source: the community's client `icepap`, communication.py and vdatalib.py.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

START = 0xA5AA555A
SIGNATURE = 0xCAFE
PARAMETER, POSITION, SLOPE = 0x1000, 0x2000, 0x4000

CAM_WORDS = 40954
"""16 bit words that the table of an electronic cam has room for."""

_HEADER = struct.Struct("<HBBLLBBHd")
_DFLOAT = 0x05


def block(data: bytes) -> bytes:
    """Data with what a block begins with: a mark, the number of 16 bit words, and their sum."""
    words = np.frombuffer(data, "<u2")
    return struct.pack("<III", START, len(words), int(words.sum(dtype=np.uint64)) & 0xFFFFFFFF) + data


def vector(kind: int, address: int | str, values: npt.NDArray[np.float64]) -> bytes:
    """A data vector of a parametric table, in double precision.

    Args:
        kind: PARAMETER, POSITION or SLOPE.
        address: of the board.
        values: (n,).
    """
    size = _HEADER.size + 8 * len(values)
    header = _HEADER.pack(
        SIGNATURE, 0, _HEADER.size // 4, size // 4, len(values), _DFLOAT, 0, kind | int(address), 0.0
    )  # version 0, not packed, not incremental
    return header + values.astype("<f8").tobytes()
