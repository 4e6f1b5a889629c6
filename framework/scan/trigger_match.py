"""Which counted interval belongs to which point of a continuous scan, whatever triggers were lost, late or extra."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import HardwareFault

MOST_SKEW = 1e-3
"""By which part the clocks of two instruments differ at most; the poorest quartz is ten times better."""

FEWEST = 3
"""Triggers that set the clocks: fewer are no pattern, two fit anything."""

MORE = 4
"""How many triggers beyond those that set the clocks may be among them, doubled."""

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
        offset: clock of the card less that of the controller, at the last trigger that set the clocks, in s.
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
    jitter: float = 1e-6,
) -> Matched:
    """Give each counted interval to its point.

    Equidistant triggers look the same when one is lost at an end. So the output also gives a few triggers before, at
    irregular times (`bounds` is False for them): they tell offset and skew of the two clocks.

    Args:
        emitted: when each trigger was emitted, rising, in s of the controller's clock; (m,).
        bounds: whether it bounds a point; (m,).
        received: when triggers came, rising, in s of the card's clock; (r,).
        counted: what was counted between successive received triggers; (r − 1, channels).
        tolerance: in s, by which a trigger on time may differ; below half of the shortest time between triggers.
        jitter: in s, by which the time of a trigger may be wrong on either clock.

    Raises:
        HardwareFault: the triggers that set the clocks do not tell for certain which one is the first of the points.
    """
    clocks = _set_clocks(emitted, bounds, received, tolerance, jitter)
    first_offset = clocks.here - clocks.there
    partner: dict[int, int] = {}
    on_time: dict[int, int] = {}
    times = emitted.tolist()
    matched: list[tuple[float, float]] = []
    extra: set[int] = set()
    for place, time in enumerate(received.tolist()):
        here = clocks.emitted(time)
        after = bisect_left(times, here)
        near = min((i for i in (after - 1, after) if 0 <= i < len(times)), key=lambda i: abs(times[i] - here))
        residual = here - times[near]
        if abs(residual) <= tolerance and near not in on_time:
            if near in partner:  # something came before it and was taken for it
                extra.add(partner[near])
            partner[near] = on_time[near] = place
            matched.append((times[near], time))
            clocks.there, clocks.here = here - FOLLOW * residual, time
        elif near not in partner and residual > 0:
            partner[near] = place
        else:
            extra.add(place)
    numbers = np.flatnonzero(bounds)
    missing = tuple(number for number, i in enumerate(numbers.tolist()) if i not in partner)
    late = tuple(number for number, i in enumerate(numbers.tolist()) if i in partner and i not in on_time)
    valid, values = _points(numbers.tolist(), partner, on_time, counted)
    return Matched(len(emitted), len(received), missing, late, len(extra), valid, values, first_offset, _skew(matched))


@dataclass(slots=True)
class _Clocks:
    """How the two clocks go together: `here` on the card's clock is `there` on the controller's."""

    there: float
    here: float
    skew: float

    def emitted(self, received: float) -> float:
        """When a trigger was emitted that was received at a time."""
        return self.there + (received - self.here) / (1.0 + self.skew)


def _set_clocks(
    emitted: npt.NDArray[np.float64],
    bounds: npt.NDArray[np.bool_],
    received: npt.NDArray[np.float64],
    tolerance: float,
    jitter: float,
) -> _Clocks:
    """Offset and skew with which most of the triggers that set the clocks fall on received ones.

    Raises:
        HardwareFault: they are too few, fit in more than one way, or do not tell the skew well enough for the time
            until the first point.
    """
    known = emitted[~bounds]
    heads = received[: len(known) + MORE]
    if len(known) < FEWEST:
        raise HardwareFault(f"{FEWEST} triggers or more are needed to set the clocks, but {len(known)} were emitted")
    best = 0
    fits: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] = []
    for first, last in combinations(known.tolist(), 2):
        for begin, end in combinations(heads.tolist(), 2):
            skew = (end - begin) / (last - first) - 1.0
            if abs(skew) > MOST_SKEW + 2 * jitter / (last - first):
                continue
            expected = begin + (known - first) * (1.0 + skew)
            distance = np.abs(heads[None, :] - expected[:, None])
            hit = distance.min(axis=1) <= 2 * jitter
            count = int(hit.sum())
            if count >= best:
                fits = [*(fits if count == best else []), (known[hit], heads[distance.argmin(axis=1)][hit])]
                best = count
    if best < FEWEST:
        raise HardwareFault(
            f"the clocks cannot be set: of {len(known)} triggers before the first point, {best} were received as "
            "emitted; check the trigger cable"
        )
    there, here = fits[0]
    offsets = [float(np.mean(received_ - emitted_)) for emitted_, received_ in fits]
    ahead = emitted[: 2 * len(known) + MORE]  # as far as `heads` can reach, however many of the first were lost
    if max(offsets) - min(offsets) > tolerance or _resembles_itself(known, ahead, jitter) >= best:
        raise HardwareFault(
            "the clocks cannot be set: the triggers before the first point fit in more than one way; emit them at "
            "irregular times"
        )
    span = float(there[-1] - there[0])
    gap = float(emitted[bounds][0] - there[-1]) if bounds.any() else 0.0
    unsure = 2 * jitter * (1.0 + gap / span)
    if unsure > tolerance:
        raise HardwareFault(
            f"the clocks cannot be set: the triggers for it tell the skew over {span:g} s, and {gap:g} s later the "
            f"clocks may differ by {unsure:.2g} s, more than {tolerance:.2g} s; emit them over a longer time or closer "
            "to the first point"
        )
    slope = float(np.polyfit(there - there[0], here - there - (here[0] - there[0]), 1)[0])
    return _Clocks(float(there[-1]), float(here[-1]), slope)


def _resembles_itself(known: npt.NDArray[np.float64], emitted: npt.NDArray[np.float64], jitter: float) -> int:
    """How many of the triggers that set the clocks fall on emitted ones when all are shifted in time."""
    near = 2 * jitter + MOST_SKEW * (known[-1] - known[0])
    shifts = (emitted[None, :] - known[:, None]).ravel()
    most = 0
    for shift in shifts[np.abs(shifts) > near].tolist():
        most = max(most, int((np.abs(emitted[None, :] - (known + shift)[:, None]).min(axis=1) <= near).sum()))
    return most


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
