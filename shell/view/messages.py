"""Binary messages to the page: a JSON header, then the arrays that it names.

A message is a little-endian uint32 with the bytes of the header, the header, spaces up to a multiple of 8 bytes, and
the arrays one after the other, each padded likewise, in little-endian order. The header's `arrays` lists for each
`name`, `dtype` (numpy's name, `float64`) and `shape`; whatever else it says depends on its `type`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

ALIGNMENT = 8
"""Bytes: typed arrays of a browser must begin at a multiple of the size of their elements."""


def encode(header: Mapping[str, Any], arrays: Sequence[tuple[str, npt.NDArray[Any]]] = ()) -> bytes:
    """One message.

    Args:
        header: with `type`; must be JSON without NaN.
        arrays: name and values of each, of a numeric type.
    """
    little = [(name, np.ascontiguousarray(values, values.dtype.newbyteorder("<"))) for name, values in arrays]
    told = {
        **header,
        "arrays": [{"name": name, "dtype": values.dtype.name, "shape": values.shape} for name, values in little],
    }
    text = json.dumps(told, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-(4 + len(text)) % ALIGNMENT)
    parts = [struct.pack("<I", len(text)), text]
    for _, values in little:
        parts += [values.tobytes(), bytes(-values.nbytes % ALIGNMENT)]
    return b"".join(parts)


def decode(message: bytes) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Header and arrays of a message, as a client in Python reads them."""
    (length,) = struct.unpack_from("<I", message)
    header = json.loads(message[4 : 4 + length])
    place = 4 + length
    arrays = {}
    for one in header["arrays"]:
        dtype = np.dtype(one["dtype"]).newbyteorder("<")
        count = int(np.prod(one["shape"], dtype=np.int64))
        arrays[one["name"]] = np.frombuffer(message, dtype, count, place).reshape(one["shape"])
        place += count * dtype.itemsize
        place += -place % ALIGNMENT
    return header, arrays
