"""Which counted interval belongs to which point of a continuous scan, whatever triggers were lost, late or extra."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import HardwareFault

FOLLOW = 0.1
"""Part of a residual by which the offset of the clocks follows each trigger that is on time."""


@dataclass(frozen=True, slots=True)
class Matched:
    """The points of a continuous scan of n points.

    Attributes:
        emitted, received: triggers at the output and at the gate input; those that set the clocks are included.
        missing: numbers of triggers that bound points and were not received.
        late: numbers of those that were received, but not when they were emitted.
        extra: received triggers that were not emitted.
        valid: 1 if both triggers that bound the point came in time and none between them; (n,) uint8.
        values: what was counted in each point; NaN where a trigger that bounds it is missing; (n, channels) float64.
        offset: clock of the card less that of the controller, at the first trigger, in s.
        skew: by which part the card's clock is faster.
    """

    emitted: int
    received: int
    missing: tuple[int, ...]
    late: tuple[int, ...]
    extra: int
    valid: npt.NDArray[np.uint8]
    values: npt.NDArray[np.float64]
    offset: float
    skew: float

    def sentence(self) -> str:
        """What differs between emitted and received triggers; empty if nothing does."""
        wrong = [(len(self.missing), "missing"), (len(self.late), "late"), (self.extra, "extra")]
        told = ", ".join(f"{count} {what}" for count, what in wrong if count)
        marked = int(np.sum(self.valid == 0))
        return (
            f"{self.emitted} triggers emitted, {self.received} received: {told}; {marked} points are not valid"
            if told
            else ""
        )


def match(
    emitted: npt.NDArray[np.float64],
    bounds: npt.NDArray[np.bool_],
    received: npt.NDArray[np.float64],
    counted: npt.NDArray[np.float64],
    tolerance: float,
) -> Matched:
    """Give each counted interval to its point.

    Equidistant triggers look the same when one is lost at an end. So the output also gives a few triggers before, at
    irregular times (`bounds` is False for them): they tell the offset of the two clocks.

    Args:
        emitted: when each trigger was emitted, rising, in s of the controller's clock; (m,).
        bounds: whether it bounds a point; (m,).
        received: when triggers came, rising, in s of the card's clock; (r,).
        counted: what was counted between successive received triggers; (r − 1, channels).
        tolerance: in s, by which a trigger on time may differ; below half of the shortest time between triggers.

    Raises:
        HardwareFault: too few of the triggers that set the clocks were received, so that nothing can be told.
    """
    clocks = np.flatnonzero(~bounds)
    offset = _offset(emitted, clocks, received, tolerance)
    first_offset = offset
    partner: dict[int, int] = {}
    on_time: dict[int, int] = {}
    times = emitted.tolist()
    matched: list[tuple[float, float]] = []
    extra: set[int] = set()
    for place, time in enumerate(received.tolist()):
        here = time - offset
        after = bisect_left(times, here)
        near = min((i for i in (after - 1, after) if 0 <= i < len(times)), key=lambda i: abs(times[i] - here))
        residual = here - times[near]
        if abs(residual) <= tolerance and near not in on_time:
            if near in partner:  # something came before it and was taken for it
                extra.add(partner[near])
            partner[near] = on_time[near] = place
            matched.append((times[near], time))
            offset += FOLLOW * residual
        elif near not in partner and residual > 0:
            partner[near] = place
        else:
            extra.add(place)
    numbers = np.flatnonzero(bounds)
    missing = tuple(number for number, i in enumerate(numbers.tolist()) if i not in partner)
    late = tuple(number for number, i in enumerate(numbers.tolist()) if i in partner and i not in on_time)
    valid, values = _points(numbers.tolist(), partner, on_time, counted)
    return Matched(len(emitted), len(received), missing, late, len(extra), valid, values, first_offset, _skew(matched))


def _offset(
    emitted: npt.NDArray[np.float64], clocks: npt.NDArray[np.intp], received: npt.NDArray[np.float64], tolerance: float
) -> float:
    """Offset of the clocks with which most of the first triggers fall on received ones."""
    if len(clocks) < 3:
        raise HardwareFault(f"3 triggers or more are needed to set the clocks, but {len(clocks)} were emitted")
    known = emitted[clocks]
    heads = received[: len(clocks) + 4]
    best = (0, 0.0)
    for candidate in (heads[None, :] - known[:, None]).ravel().tolist():
        gaps = np.abs(heads[None, :] - (known + candidate)[:, None]).min(axis=1) <= tolerance
        if gaps.sum() > best[0]:
            best = (int(gaps.sum()), candidate)
    if best[0] < 2:
        raise HardwareFault(
            f"the clocks cannot be set: of {len(clocks)} triggers before the first point, {best[0]} were received as "
            "emitted; check the trigger cable"
        )
    return best[1]


def _points(
    numbers: Sequence[int],
    partner: dict[int, int],
    on_time: dict[int, int],
    counted: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    points = max(len(numbers) - 1, 0)
    valid = np.zeros(points, dtype=np.uint8)
    values = np.full((points, counted.shape[1]), np.nan)
    for point in range(points):
        begin, end = partner.get(numbers[point]), partner.get(numbers[point + 1])
        if begin is None or end is None or not begin < end <= len(counted):
            continue
        values[point] = counted[begin:end].sum(axis=0)
        valid[point] = end == begin + 1 and numbers[point] in on_time and numbers[point + 1] in on_time
    return valid, values


def _skew(matched: Sequence[tuple[float, float]]) -> float:
    """By which part the card's clock is faster: the slope through all triggers on time."""
    if len(matched) < 2:
        return 0.0
    there, here = np.array(matched).T
    return float(np.polyfit(there - there[0], here - there - (here[0] - there[0]), 1)[0])
