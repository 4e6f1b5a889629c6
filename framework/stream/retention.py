"""Who keeps data in memory: positions of the consumers that must not lose, and what they are behind."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress

from ronda.framework.stream import keys
from ronda.framework.stream.answers import Behind, HeldBack, ScanGone, format_bytes
from ronda.framework.stream.connection import Server
from ronda.framework.stream.memory import Extent, extents


def behind(server: Server, scan: str | None = None) -> list[Behind]:
    """The consumers that keep data of one scan, or of any, in memory, the one that keeps most first.

    Raises:
        CommunicationFailed: Redis does not answer.
    """
    scans = [i.decode() for i in server.call("ZRANGE", keys.SCANS, 0, -1)] if scan is None else [scan]
    fields = ("number", "names", "consumers", "ended")
    found = []
    for one, answer in zip(scans, server.calls([("HMGET", keys.scan(s), *fields) for s in scans]), strict=True):
        number, names, consumers, ended = answer
        if number is None:
            continue  # it left memory meanwhile
        devices, waiting = json.loads(names), _waiting(server, one, json.loads(consumers))
        if not waiting:
            continue
        with suppress(ScanGone):
            there = extents(server, one, devices)
            for consumer in waiting:
                points, held = _lag(there, positions(server, one, consumer, devices))
                if points or ended:
                    found.append(Behind(consumer, one, int(number), points, held))
    return sorted(found, key=lambda lag: (lag.memory, lag.points), reverse=True)


def positions(server: Server, scan: str, consumer: str, devices: Sequence[str]) -> dict[str, int]:
    """By device, the index up to which a consumer has acknowledged.

    Raises:
        CommunicationFailed: Redis does not answer.
    """
    if not devices:
        return {}
    found = server.call("HMGET", keys.scan(scan), *(f"position {consumer} {device}" for device in devices))
    return {device: int(position or 0) for device, position in zip(devices, found, strict=True)}


def _waiting(server: Server, scan: str, consumers: Sequence[str]) -> list[str]:
    """Those that are neither done with the scan nor made optional."""
    if not consumers:
        return []
    fields = [f"{word} {consumer}" for consumer in consumers for word in ("done", "optional")]
    said = server.call("HMGET", keys.scan(scan), *fields)
    return [name for name, *words in zip(consumers, said[::2], said[1::2], strict=True) if words == [None, None]]


def _lag(there: Mapping[str, Extent], reached: Mapping[str, int]) -> tuple[int, int]:
    """Points that the device furthest behind has not acknowledged, and bytes of all devices."""
    points, held = 0, 0
    for device, extent in there.items():
        lag = max(extent.length - reached[device], 0)
        inside = extent.length - extent.first
        points = max(points, lag)
        held += extent.held * min(lag, inside) // max(inside, 1)
    return points, held


def safe(server: Server, scan: str, device: str) -> int | None:
    """The index up to which every consumer that is waited for has a device's points; None if nobody is waited for.

    Raises:
        CommunicationFailed: Redis does not answer.
    """
    position = server.call("HGET", keys.scan(scan), f"safe {device}")
    return None if position is None else int(position)


def held_back(server: Server, device: str, used: int, limit: int, wanted: int, *, full: bool) -> HeldBack:
    """The error of a publisher for whose block there is no room.

    Args:
        used, limit: bytes of data in the buffer and its bound.
        wanted: bytes of the block.
        full: whether Redis itself has reached its maxmemory, below our bound.
    """
    slow = behind(server)
    filled = f"{format_bytes(used)} of {format_bytes(limit)}"
    if slow and slow[0].memory:
        told = f"{slow[0]}; start it or speed it up, or make it optional"
    elif full:
        told = "Redis has reached its maxmemory with other data; remove that or give Redis more memory"
    else:
        told = f"no consumer is behind; give Redis more memory than a block of {format_bytes(wanted)} needs"
    return HeldBack(
        f"{device}: held back, the buffer is full ({filled}): {told}", slow[0] if slow else None, used, limit
    )
