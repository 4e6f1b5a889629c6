"""The digitiser's packets: a header of 32 bytes, then samples or the times of triggers; little-endian."""

from __future__ import annotations

import struct

HEADER = struct.Struct("<4sHHIIIIQ")
"""Magic, sort, channels, series, number of the packet, count, bytes that follow, first."""

MAGIC = b"RDQ1"

BEGIN, SAMPLES, TRIGGERS, END = 1, 2, 3, 4
"""Sorts of packets."""


def packet(sort: int, channels: int, series: int, number: int, count: int, first: int, data: bytes) -> bytes:
    """One packet.

    Args:
        sort: BEGIN, SAMPLES, TRIGGERS or END.
        channels: of a sample.
        series: which acquisition it belongs to, from 1.
        number: of the packet in its series, from 0.
        count: samples or triggers that it holds.
        first: number of the first of them in its series; of all samples taken in END.
        data: samples (count, channels) of int16; times (count,) of float64 in s; the rate as float64 in BEGIN.
    """
    return HEADER.pack(MAGIC, sort, channels, series, number, count, len(data), first) + data
