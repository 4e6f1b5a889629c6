"""Live channels: what goes on all the time, scan or not, in a bounded Redis stream for each device."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import NotFound
from ronda.framework.stream import keys
from ronda.framework.stream.connection import Server

BLOCKS = 600
"""Blocks that are kept of each device; older ones are let go of, whether anybody has read them or not."""

DTYPE = np.dtype("<f8")


@dataclass(frozen=True)
class LiveDescription:
    """What a device sends.

    Attributes:
        device: its name.
        units: of its columns, by their names; the first column is `time`, in s since 1970.
    """

    device: str
    units: Mapping[str, str]


def publish_live(server: Server, description: LiveDescription, rows: Sequence[Sequence[float]]) -> None:
    """Send rows of numbers, one for each column.

    Raises:
        as `Server.call`.
    """
    block = np.asarray(rows, dtype=DTYPE)
    server.call(
        *("XADD", keys.live(description.device), "MAXLEN", str(BLOCKS), "*"),
        *("units", json.dumps(dict(description.units)), "data", block.tobytes()),
    )


def read_live(server: Server, device: str) -> tuple[LiveDescription, npt.NDArray[np.float64]]:
    """All that is kept of a device: what its columns are, and a row for each time.

    Raises:
        NotFound: nothing is.
        also as `Server.call`.
    """
    entries = server.call("XRANGE", keys.live(device), "-", "+")
    if not entries:
        raise NotFound(f"{device}: sends nothing live, or has not since the stream was emptied")
    blocks = [_block(device, fields) for _, fields in entries]
    latest = blocks[-1][0]
    same = [rows for description, rows in blocks if description == latest]
    return latest, np.concatenate(same)


def follow_live(
    server: Server, device: str, timeout: float = 1.0
) -> Iterator[tuple[LiveDescription, npt.NDArray[np.float64]]]:
    """Blocks of rows as they come, from now on; an empty one when none came for `timeout` s.

    Raises:
        as `Server.call`.
    """
    latest = server.call("XREVRANGE", keys.live(device), "+", "-", "COUNT", "1")
    last: bytes | str = latest[0][0] if latest else "0"
    description = LiveDescription(device, {})
    while True:
        found = server.call(
            "XREAD", "COUNT", "100", "BLOCK", str(int(1000 * timeout)), "STREAMS", keys.live(device), last
        )
        if not found:
            yield description, np.empty((0, len(description.units)))
            continue
        for identifier, fields in found[0][1]:
            last = identifier
            description, rows = _block(device, fields)
            yield description, rows


def _block(device: str, fields: Sequence[bytes]) -> tuple[LiveDescription, npt.NDArray[np.float64]]:
    named = dict(zip(fields[::2], fields[1::2], strict=True))
    units = json.loads(named[b"units"])
    return LiveDescription(device, units), np.frombuffer(named[b"data"], DTYPE).reshape(-1, len(units))
