"""Messages of BSREAD 1.1 as PSI has specified it, in parts: main header, data header, values and their times."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import Any

from numpy.typing import NDArray

from ronda.simulators.simplon.codec import bslz4

TIME = struct.Struct("<qq")
"""Seconds since 1970, and nanoseconds behind them."""


class Encoder:
    """Makes the messages of one source.

    Args:
        channels: by name, type of BSREAD such as `float64` and shape of the values, the fastest dimension first.
        compression: of values that are arrays: `none` or `bitshuffle_lz4`.
    """

    def __init__(self, channels: dict[str, tuple[str, tuple[int, ...]]], compression: str) -> None:
        self._packs = {name: shape != (1,) and compression == "bitshuffle_lz4" for name, (_, shape) in channels.items()}
        told = [
            {
                "name": name,
                "type": kind,
                "shape": list(shape),
                "encoding": "little",
                "compression": "bitshuffle_lz4" if self._packs[name] else "none",
                "modulo": 1,
                "offset": 0,
            }
            for name, (kind, shape) in channels.items()
        ]
        self._header = json.dumps({"htype": "bsr_d-1.1", "channels": told}).encode()
        self._hash = hashlib.md5(self._header, usedforsecurity=False).hexdigest()

    def message(self, pulse_id: int, nanoseconds: int, values: dict[str, NDArray[Any]]) -> list[bytes]:
        """The parts of a message.

        Args:
            pulse_id: of the pulse.
            nanoseconds: when it came, since 1970.
            values: by channel.
        """
        seconds, rest = divmod(nanoseconds, 10**9)
        main = {
            "htype": "bsr_m-1.1",
            "pulse_id": pulse_id,
            "hash": self._hash,
            "global_timestamp": {"sec": seconds, "ns": rest},
            "dh_compression": "none",
        }
        parts = [json.dumps(main).encode(), self._header]
        for name, packs in self._packs.items():
            parts += [bslz4(values[name]) if packs else values[name].tobytes(), TIME.pack(seconds, rest)]
        return parts
