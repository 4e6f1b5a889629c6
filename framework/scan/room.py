"""How much data a scan will make, and whether it fits onto the disk of those who save it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import NotReady, RondaError
from ronda.framework.scan.plan import Plan
from ronda.framework.scan.saving import WRITER_CLASS
from ronda.framework.scan.sources import Source
from ronda.framework.scan.subscans import points_of
from ronda.framework.stream.answers import format_bytes
from ronda.framework.stream.description import ENTRIES_PER_SECOND, Device
from ronda.framework.tango.names import WriterAttribute

FILE_BYTES = 2_000_000
"""What a file takes beside its data: its structure, and room that is reserved ahead."""

OWN_BYTES = 8
"""Bytes of one number that the scan itself publishes for each point; each source has its time beside."""

LATCHED = 4
"""Numbers that are published of each axis for each hardware trigger, of which a point takes one."""


def data_size(plan: Plan, measuring: Sequence[Source], duration: float = 0.0) -> int:
    """Bytes of all points of a scan, not compressed; of one point if nobody knows how many there will be at most.

    Args:
        plan: what it is to do.
        measuring: the devices.
        duration: how long it takes, in s, as far as that is known: so long its sub-scans measure, and some run freely.
    """
    points = plan.most_points or 1
    duration = max(duration, plan.exposure * points)
    number = {1: points} | points_of(measuring, duration)
    numbers = len(plan.axes) + 2 + len(plan.known())
    if plan.continuous is not None:  # begin and end of each point, and whether it is valid; and what is latched
        numbers += 2 * len(plan.continuous.shown) + 1
        numbers += LATCHED * len(plan.continuous.moving) if plan.continuous.hardware else 0
    size = OWN_BYTES * numbers * points
    for source in measuring:
        device, *beside = source.described(plan.exposure, triggered=plan.triggered)
        size += _bytes(device) * number[source.subscan]
        for free in beside:
            size += math.ceil(_bytes(free) * float(free.attributes.get(ENTRIES_PER_SECOND, 0.0)) * duration)
    return size


def _bytes(device: Device) -> int:
    """Bytes of one entry, with its time."""
    return sum(channel.point_bytes for channel in device.channels) + OWN_BYTES


def free_space(beamline: Beamline) -> int | None:
    """Bytes that the writer with the most room may still use; None if none says it."""
    found = []
    for writer in beamline.devices(WRITER_CLASS):
        try:
            found.append(int(writer.read(WriterAttribute.FREE_BYTES)))
        except RondaError:
            continue
    return max(found, default=None)


def require_room(beamline: Beamline, plan: Plan, measuring: Sequence[Source]) -> None:
    """See that a scan's data fit onto the disk.

    Raises:
        NotReady: they do not.
    """
    needed, free = data_size(plan, measuring) + FILE_BYTES, free_space(beamline)
    if free is not None and free < needed:
        raise NotReady(
            f"{plan.command}: would not fit onto the disk: it may take {format_bytes(needed)}, and the writer may use "
            f"{format_bytes(max(free, 0))} more; free some space, measure less, or scan with save=False"
        )
