"""Which counted interval belongs to which point of a continuous scan, whatever triggers were lost, late or extra."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import HardwareFault

MOST_SKEW = 1e-3
"""By which part the clocks of two instruments differ at most; the poorest quartz is ten times better."""

JITTER = 1e-6
"""By how much the time of a trigger may be wrong on either clock, in s."""

TOLERANCE = 0.1
"""Part of the time of a point by which the triggers of a continuous scan may come early or late."""

FEWEST = 3
"""Triggers that set the clocks: fewer are no pattern, two fit anything."""

MORE = 4
"""How many triggers beyond those that set the clocks may be among them, doubled."""

DROPPED = 10_000
"""Intervals that are forgotten in one piece, once their points are decided."""

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
        values: what was counted in each point; NaN where a trigger that bounds it is missing; (n, channels) float64. Of
            k latched ones, those at its begin and then those at its end, NaN where just that trigger is missing.
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


class Matching:
    """Gives each counted interval of one line to its point, as triggers and counts come in.

    Equidistant triggers look the same when one is lost at an end. So the output also gives a few triggers before, at
    irregular times (`bounds` is False for them): they tell offset and skew of the two clocks.

    Args:
        channels: how many values each interval has.
        tolerance: in s, by which a trigger on time may differ; below half of the shortest time between triggers.
        jitter: in s, by which the time of a trigger may be wrong on either clock.
        after: in s, how long after the last trigger others may come that still belong to this line.
        before: the line before, whose clocks count if no triggers set them anew.
        latched: how many of the values, the last ones, were latched at the trigger, and not counted up to it: a point
            has those of both triggers that bound it.
        each: whether what belongs to a trigger is given with it, as with a frame that it begins, and not what was
            counted up to it: a point then needs the one trigger that begins it.
    """

    def __init__(
        self,
        channels: int,
        tolerance: float,
        jitter: float = JITTER,
        *,
        after: float = math.inf,
        before: Matching | None = None,
        each: bool = False,
        latched: int = 0,
    ) -> None:
        self._tolerance = tolerance
        self._after = after
        self._each = each
        self._latched = latched
        self._jitter = jitter
        self._emitted: list[float] = []
        self._numbers: list[int] = []
        self._received: list[float] = []
        self._counted = np.empty((0, channels))
        self._dropped = 0
        self._looked = 0
        self._here = -math.inf
        self._clocks: _Clocks | None = None
        self._known = None if before is None else before.clocks_at_end()
        self._origin: tuple[float, float] | None = None
        self._first_offset = 0.0
        self._partner: dict[int, int] = {}
        self._on_time: dict[int, int] = {}
        self._matched: list[tuple[float, float]] = []
        self._extra: set[int] = set()
        self._told = 0
        self._valid: list[npt.NDArray[np.uint8]] = []
        self._values: list[npt.NDArray[np.float64]] = []

    @property
    def points(self) -> int:
        """How many points the triggers that were emitted so far bound."""
        return max(len(self._numbers) - 1, 0)

    @property
    def all_on_time(self) -> bool:
        """Whether each trigger that was emitted so far was received when it should be, as far as was looked."""
        return len(self._on_time) == len(self._emitted)

    def add_emitted(self, times: npt.NDArray[np.float64], bounds: npt.NDArray[np.bool_]) -> None:
        """Take triggers that were emitted, in order; see `match`."""
        self._numbers.extend((np.flatnonzero(bounds) + len(self._emitted)).tolist())
        self._emitted.extend(times.tolist())

    def add_received(self, times: npt.NDArray[np.float64], counted: npt.NDArray[np.float64]) -> None:
        """Take triggers that were received, in order, and what was counted from the one before to each.

        Args:
            times: in s of the card's clock; (r,).
            counted: (r, channels); what was counted up to the first trigger of all does not matter.
        """
        self._received.extend(times.tolist())
        self._counted = np.concatenate([self._counted, counted])

    def decide(self, *, complete: bool) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """Values and validity of the points that are certain now, from the last ones on.

        Args:
            complete: whether all triggers were given: then all points are decided.

        Raises:
            HardwareFault: the triggers that set the clocks do not tell for certain which one is the first of the
                points.
        """
        if self._clocks is None and not self._set(complete):
            return np.empty((0, self._width)), np.empty(0, np.uint8)
        self._look(complete)
        numbers, last = self._numbers, len(self._emitted) - 1
        until = self._told
        while until < self.points and (
            complete
            or (numbers[until + 1] < last and self._emitted[numbers[until + 1] + 1] <= self._here + self._tolerance)
        ):
            until += 1
        valid, values = self._decided(self._told, until)
        self._told = until
        self._drop()
        self._valid.append(valid)
        self._values.append(values)
        return values, valid

    def rest(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Received triggers that belong to no trigger of this line, and what was counted up to each."""
        return np.array(self._received[self._looked :]), self._counted[self._looked - self._dropped :]

    def clocks_at_end(self) -> tuple[_Clocks, tuple[float, float]] | None:
        """Clocks at the end of this line, and the two times of the first trigger since which they are compared."""
        if self._clocks is None or self._origin is None:
            return None
        (there, here), clocks = self._origin, self._clocks
        if clocks.there <= there:
            return None
        skew = (clocks.here - here) / (clocks.there - there) - 1.0
        return _Clocks(clocks.there, clocks.here, skew), self._origin

    def result(self) -> Matched:
        """All that was decided."""
        bounds = enumerate(self._numbers)
        missing, late = [], []
        for number, i in bounds:
            if i not in self._partner:
                missing.append(number)
            elif i not in self._on_time:
                late.append(number)
        return Matched(
            len(self._emitted),
            self._looked,
            tuple(missing),
            tuple(late),
            len(self._extra),
            np.concatenate([np.empty(0, np.uint8), *self._valid]),
            np.concatenate([np.empty((0, self._width)), *self._values]),
            self._first_offset,
            _skew(self._matched),
        )

    def _set(self, complete: bool) -> bool:
        """Set the clocks, as soon as all triggers have come that they are set by; returns whether they are set."""
        known = self._numbers[0] if self._numbers else len(self._emitted)
        if not known and self._numbers and self._known is not None:
            self._go_on(*self._known)
            return True
        enough = len(self._received) > known + MORE and len(self._emitted) >= 2 * known + MORE
        early = not complete and not enough  # if all of them have come, no more are needed
        if early and not (self._numbers and len(self._received) > known >= FEWEST):
            return False
        emitted, bounds = np.array(self._emitted), np.zeros(len(self._emitted), np.bool_)
        bounds[self._numbers] = True
        received, fewest = np.array(self._received), known if early else FEWEST
        try:
            self._clocks = _set_clocks(emitted, bounds, received, self._tolerance, self._jitter, fewest)
        except HardwareFault:
            if not early:
                raise
            return False
        self._first_offset = self._clocks.here - self._clocks.there
        if self._known is not None:  # they have been compared for longer than in this line
            self._origin = self._known[1]
        return True

    def _go_on(self, clocks: _Clocks, origin: tuple[float, float]) -> None:
        """Take the clocks of the line before.

        Raises:
            HardwareFault: they do not tell the skew well enough for the time since then.
        """
        _require_sure(self._jitter, clocks.there - origin[0], self._emitted[0] - clocks.there, self._tolerance)
        self._clocks, self._origin = clocks, origin
        self._first_offset = clocks.here - clocks.there

    def _look(self, complete: bool) -> None:
        """Find the partner of each received trigger that lies within what was emitted so far."""
        clocks, times, partner, on_time = self._clocks, self._emitted, self._partner, self._on_time
        assert clocks is not None  # noqa: S101 - see `decide`
        for place in range(self._looked, len(self._received)):
            time = self._received[place]
            here = clocks.emitted(time)
            if here > times[-1] + (self._after if complete else self._tolerance):
                return
            self._looked, self._here = place + 1, max(self._here, here)
            after = bisect_left(times, here)
            near = min((i for i in (after - 1, after) if 0 <= i < len(times)), key=lambda i: abs(times[i] - here))
            residual = here - times[near]
            if abs(residual) <= self._tolerance and near not in on_time:
                if near in partner:  # something came before it and was taken for it
                    self._extra.add(partner[near])
                partner[near] = on_time[near] = place
                self._matched.append((times[near], time))
                self._origin = self._origin or (times[near], time)
                clocks.there, clocks.here = here - FOLLOW * residual, time
            elif near not in partner and residual > 0:
                partner[near] = place
            else:
                self._extra.add(place)

    @property
    def _width(self) -> int:
        """Values of a point."""
        return self._counted.shape[1] + self._latched

    def _drop(self) -> None:
        """Forget what was counted before the points that are still to be decided, if that is much."""
        begin = self._partner.get(self._numbers[self._told]) if self._told < len(self._numbers) else None
        if begin is not None and begin - self._dropped > DROPPED:
            self._counted = self._counted[begin - self._dropped :]
            self._dropped = begin

    def _decided(self, first: int, until: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
        valid = np.zeros(until - first, dtype=np.uint8)
        values = np.full((until - first, self._width), np.nan)
        latched, counts = self._latched, self._counted.shape[1] - self._latched
        for row, point in enumerate(range(first, until)):
            left, right = self._numbers[point], self._numbers[point + 1]
            begin, end = self._partner.get(left), self._partner.get(right)
            if self._each:
                if begin is not None:
                    values[row] = self._counted[begin - self._dropped]
                    valid[row] = left in self._on_time
                continue
            if latched:
                for place, at in enumerate((begin, end)):
                    if at is not None:
                        columns = slice(counts + place * latched, counts + (place + 1) * latched)
                        values[row, columns] = self._counted[at - self._dropped, counts:]
            if begin is None or end is None or not begin < end:
                continue
            within = slice(begin + 1 - self._dropped, end + 1 - self._dropped)
            values[row, :counts] = self._counted[within, :counts].sum(axis=0)
            valid[row] = end == begin + 1 and left in self._on_time and right in self._on_time
        return valid, values


def match(
    emitted: npt.NDArray[np.float64],
    bounds: npt.NDArray[np.bool_],
    received: npt.NDArray[np.float64],
    counted: npt.NDArray[np.float64],
    tolerance: float,
    jitter: float = JITTER,
) -> Matched:
    """Give each counted interval to its point, when all is known.

    Args:
        emitted: when each trigger was emitted, rising, in s of the controller's clock; (m,).
        bounds: whether it bounds a point; (m,).
        received: when triggers came, rising, in s of the card's clock; (r,).
        counted: what was counted between successive received triggers; (r − 1, channels).
        tolerance, jitter: as in `Matching`.

    Raises:
        HardwareFault: the triggers that set the clocks do not tell for certain which one is the first of the points.
    """
    matching = Matching(counted.shape[1], tolerance, jitter)
    matching.add_emitted(emitted, bounds)
    before = np.full((len(received) - len(counted), counted.shape[1]), np.nan)
    matching.add_received(received, np.concatenate([before, counted]))
    matching.decide(complete=True)
    return matching.result()


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
    fewest: int,
) -> _Clocks:
    """Offset and skew with which most of the triggers that set the clocks fall on received ones, the fewest at least.

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
    if best < fewest:
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
    _require_sure(jitter, span, gap, tolerance)
    slope = float(np.polyfit(there - there[0], here - there - (here[0] - there[0]), 1)[0])
    return _Clocks(float(there[-1]), float(here[-1]), slope)


def unsure(jitter: float, span: float, gap: float) -> float:
    """By how much two clocks may differ, in s, that were compared over a span, a gap later; all in s."""
    return 2 * jitter * (1.0 + gap / span)


def _require_sure(jitter: float, span: float, gap: float, tolerance: float) -> None:
    """See that clocks compared over a span are known well enough a gap later.

    Raises:
        HardwareFault: they are not.
    """
    differ = unsure(jitter, span, gap)
    if differ > tolerance:
        raise HardwareFault(
            f"the clocks cannot be set: the triggers for it tell the skew over {span:g} s, and {gap:g} s later the "
            f"clocks may differ by {differ:.2g} s, more than {tolerance:.2g} s; emit them over a longer time or closer "
            "to the first point"
        )


def _resembles_itself(known: npt.NDArray[np.float64], emitted: npt.NDArray[np.float64], jitter: float) -> int:
    """How many of the triggers that set the clocks fall on emitted ones when all are shifted in time."""
    near = 2 * jitter + MOST_SKEW * (known[-1] - known[0])
    shifts = (emitted[None, :] - known[:, None]).ravel()
    most = 0
    for shift in shifts[np.abs(shifts) > near].tolist():
        most = max(most, int((np.abs(emitted[None, :] - (known + shift)[:, None]).min(axis=1) <= near).sum()))
    return most


def _skew(matched: Sequence[tuple[float, float]]) -> float:
    """By which part the card's clock is faster: the slope through all triggers on time."""
    if len(matched) < 2:
        return 0.0
    there, here = np.array(matched).T
    return float(np.polyfit(there - there[0], here - there - (here[0] - there[0]), 1)[0])
