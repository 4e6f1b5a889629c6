"""Joins of two streams with clocks of their own: by pulse id, by nearest time, or by values between times."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue

By = Literal["pulse", "nearest", "interpolation"]
Side = Literal["left", "right"]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Entries:
    """Entries of one stream, in its order.

    Attributes:
        index: of each, int64, shape (n,).
        times: when each was measured, seconds since 1970, float64, shape (n,).
        pulses: pulse id of each, uint64, shape (n,); None if the stream has none.
        data: by name an array of shape (n, *shape of an entry).
        ordered: bool, shape (n,): False where the pulse id or time is not above those before, or is none; such an entry
            is never joined.
    """

    index: npt.NDArray[np.int64]
    times: npt.NDArray[np.float64]
    pulses: npt.NDArray[np.uint64] | None
    data: Mapping[str, Array]
    ordered: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """How many."""
        return len(self.index)


@dataclass(frozen=True)
class Joined:
    """What a join decided since it was last asked.

    Attributes:
        left: entries that have a partner, in their order.
        right: by name what belongs to each of them, shape (n, *shape of an entry); float64, or complex128, if it was
            interpolated.
        partners: int64, shape (n, 2): index of the entries of the right stream that this comes from, the same twice
            unless it was interpolated.
        distance: float64, shape (n,), in s: time on the right minus time on the left of the nearer partner; 0 by pulse.
        lone_left: entries without a partner.
        lone_right: entries that are partner of none.
    """

    left: Entries
    right: Mapping[str, Array]
    partners: npt.NDArray[np.int64]
    distance: npt.NDArray[np.float64]
    lone_left: Entries
    lone_right: Entries


class Join:
    """Joins each entry of a left stream to what belongs to it of a right stream, while both come.

    - `pulse`: the entry with the same pulse id.
    - `nearest`: the entry nearest in time, no further than the tolerance; of two equally near the earlier. An entry
      on the right may be partner of several.
    - `interpolation`: the value on the straight line between the two entries around the time, if these are no further
      apart than the tolerance; nothing is told before the first and behind the last.

    Blocks may come in any order of the sides and cut anywhere: what `take` gives, put together, is always the same. An
    entry is decided when the other stream has come as far, or has ended; until then it is held, so a stream that stops
    without `end` lets the other one pile up (`waiting`). Times on one side should not go back, and pulse ids must rise;
    an entry where they do not is kept as one without a partner.
    """

    def __init__(self, by: By, *, tolerance: float | None = None, offset: float = 0.0, who: str = "join") -> None:
        """Nothing has come yet.

        Args:
            by: how entries belong together.
            tolerance: in s, 0 or more; None for any.
            offset: in s: added to times on the right, whose clock is behind by so much.
            who: begins messages.

        Raises:
            BadValue: there is no such way, or the tolerance or offset is none.
        """
        if by not in ("pulse", "nearest", "interpolation"):
            raise BadValue(f"{who}: cannot join by {by!r}; it can by pulse, nearest, interpolation")
        if tolerance is not None and not tolerance >= 0:
            raise BadValue(f"{who}: the tolerance is {tolerance:g} s, it must not be below 0")
        if not math.isfinite(offset):
            raise BadValue(f"{who}: the offset of the clocks is {offset:g} s, it must be finite")
        if by == "pulse" and (tolerance is not None or offset):
            raise BadValue(f"{who}: pulse ids are equal or not; leave out tolerance and offset, or join by nearest")
        self.who, self.by = who, by
        self._tolerance = math.inf if tolerance is None else float(tolerance)
        self._sides = {"left": _Side(by == "pulse", 0.0), "right": _Side(by == "pulse", offset)}
        self.matched = 0
        """Entries on the left that have a partner, so far."""
        self.lone_left = 0
        """Entries on the left that have none."""
        self.lone_right = 0
        """Entries on the right that are partner of none."""

    @property
    def waiting(self) -> tuple[int, int]:
        """How many entries on the left and right are held."""
        return self._sides["left"].held, self._sides["right"].held

    def add(
        self, side: Side, first: int, data: Mapping[str, Array], times: npt.ArrayLike, pulses: npt.ArrayLike | None
    ) -> None:
        """Take a block of one side.

        Args:
            side: `left` or `right`.
            first: index of its first entry; the others follow.
            data: by name an array of shape (n, *shape of an entry), with the same names each time; copied.
            times: seconds since 1970, shape (n,).
            pulses: pulse ids, shape (n,); None if the stream has none.

        Raises:
            BadValue: it is none that can follow the blocks before, or has no pulse ids where they are joined.
        """
        if pulses is None and self.by == "pulse":
            raise BadValue(f"{self.who}: the {side} stream has no pulse ids; join by nearest or interpolation")
        if self.by == "interpolation" and side == "right":
            for name, values in data.items():
                if np.asarray(values).dtype.kind not in "biufc":
                    raise BadValue(f"{self.who}: there is nothing between values of {name}, which are no numbers")
        self._sides[side].add(f"{self.who}, {side} stream", first, data, times, pulses)

    def end(self, side: Side) -> None:
        """No more comes of this side."""
        self._sides[side].ended = True

    def take(self) -> Joined:
        """All that was decided since the last time."""
        left, right = self._sides["left"], self._sides["right"]
        count = left.decided(right)
        places = np.flatnonzero(left.good[:count])
        near, far, distance = self._partners(left.key[places], right)
        found = near >= 0
        places, near, far = places[found], near[found], far[found]
        right.used[near] = right.used[far] = True
        data = right.rows(near)
        if self.by == "interpolation":
            data = self._between(data, right.rows(far), left.key[places], right.key[near], right.key[far])
        partners = np.column_stack([right.index[near], right.index[far]])
        matched = left.entries(places)
        lone = np.ones(count, bool)
        lone[places] = False
        lone_left = left.entries(np.flatnonzero(lone))
        left.drop(count)
        free = right.free(left)
        lone_right = right.entries(np.flatnonzero(~right.used[:free]))
        right.drop(free)
        self.matched += len(matched)
        self.lone_left += len(lone_left)
        self.lone_right += len(lone_right)
        return Joined(matched, data, partners, distance[found], lone_left, lone_right)

    def _partners(self, key: Array, right: _Side) -> tuple[Array, Array, Array]:
        """Places of the partners on the right, −1 for none, and the signed distance of the nearer one."""
        places = np.flatnonzero(right.good)
        known = right.key[places]
        if not known.size:
            nothing = np.full(len(key), -1)
            return nothing, nothing, np.full(len(key), math.nan)
        behind = np.searchsorted(known, key, "left")
        high, low = np.minimum(behind, known.size - 1), np.maximum(behind - 1, 0)
        up = np.where(behind < known.size, (known[high] - key).astype(np.float64), math.inf)
        down = np.where(behind > 0, (key - known[low]).astype(np.float64), math.inf)
        if self.by == "interpolation":
            exact = up == 0
            fits = exact | (np.isfinite(up + down) & (up + down <= self._tolerance))
            near, far = np.where(exact, high, low), high
        else:
            low = np.searchsorted(known, known[low], "left")  # the first of those with the same time
            near = far = np.where(down <= up, low, high)
            fits = np.minimum(up, down) <= (0.0 if self.by == "pulse" else self._tolerance)
            fits &= np.isfinite(np.minimum(up, down))
        distance = np.where(down <= up, -down, up)
        return np.where(fits, places[near], -1), np.where(fits, places[far], -1), distance

    @staticmethod
    def _between(low: Mapping[str, Array], high: Mapping[str, Array], at: Array, begin: Array, end: Array) -> Any:
        """Values on the straight line from `low` to `high`."""
        width = end - begin
        share = np.divide(at - begin, width, where=width > 0, out=np.zeros(len(at)))
        found = {}
        for name, values in low.items():
            kind = np.complex128 if values.dtype.kind == "c" else np.float64
            start, stop = values.astype(kind), high[name].astype(kind)
            part = share.reshape(-1, *(1,) * (values.ndim - 1))
            found[name] = np.where(part == 0, start, (1 - part) * start + part * stop)
        return found


class _Side:
    """Entries of one stream that are still needed."""

    def __init__(self, by_pulse: bool, offset: float) -> None:
        self._by_pulse, self._offset = by_pulse, offset
        self._blocks: list[tuple[int, Mapping[str, Array]]] = []  # how many entries of a block, and their data
        self._none: Mapping[str, Array] = {}  # the data of no entry
        self.key: Array = np.empty(0, np.uint64 if by_pulse else np.float64)
        self.good = np.empty(0, bool)
        self.used = np.empty(0, bool)
        self.index = np.empty(0, np.int64)
        self.times = np.empty(0)
        self.pulses: npt.NDArray[np.uint64] | None = None
        self.ended = False
        self.latest: Any = None  # highest key so far
        self._following: int | None = None

    @property
    def held(self) -> int:
        return len(self.key)

    def add(
        self, who: str, first: int, data: Mapping[str, Array], times: npt.ArrayLike, pulses: npt.ArrayLike | None
    ) -> None:
        moments = np.array(times, np.float64)
        count = len(moments)
        numbers = None if pulses is None else np.array(pulses, np.uint64)
        copies = {name: np.array(values) for name, values in data.items()}
        lengths = {len(each) for each in copies.values()} | ({count} if numbers is None else {count, len(numbers)})
        if self.ended:
            raise BadValue(f"{who}: has ended, entry {first} cannot come")
        if self._following is not None and first != self._following:
            raise BadValue(f"{who}: entry {self._following} must come next, not {first}")
        if lengths != {count} or (self._following is not None and set(self._none) != set(copies)):
            raise BadValue(f"{who}: the block at entry {first} does not have the same data for each of its {count}")
        if self._following is not None and (numbers is None) != (self.pulses is None):
            raise BadValue(f"{who}: has pulse ids in some blocks only, as at entry {first}")
        if self._following is None and numbers is not None:
            self.pulses = np.empty(0, np.uint64)
        if self._following is None:
            self._none = {name: each[:0] for name, each in copies.items()}
        self._following = first + count
        key: Array = numbers if self._by_pulse and numbers is not None else moments + self._offset
        if count:
            self._blocks.append((count, copies))
        self.good = np.append(self.good, self._ordered(key))
        self.key = np.append(self.key, key)
        self.used = np.append(self.used, np.zeros(count, bool))
        self.index = np.append(self.index, np.arange(first, first + count))
        self.times = np.append(self.times, moments)
        if self.pulses is not None and numbers is not None:
            self.pulses = np.append(self.pulses, numbers)

    def _ordered(self, key: Array) -> npt.NDArray[np.bool_]:
        """Which keys follow those before: times may be the same, pulse ids must rise."""
        finite = np.isfinite(key)
        if not finite.any():
            return np.zeros(len(key), bool)
        start = key[finite.argmax()]
        filled = np.where(finite, key, start)
        filled[: finite.argmax()] = start
        highest = np.maximum.accumulate(filled)
        begins = self.latest is None
        if not begins:
            highest = np.maximum(highest, self.latest)
        before = np.append(start if begins else self.latest, highest[:-1]).astype(key.dtype)
        good: npt.NDArray[np.bool_] = finite & (key > before if self._by_pulse else key >= before)
        if begins:
            good[finite.argmax()] = True
        self.latest = highest[-1]
        return good

    def decided(self, other: _Side) -> int:
        """How many of the first entries need nothing more of the other stream."""
        if other.ended:
            return self.held
        open_ = self.good if other.latest is None else self.good & (self.key > other.latest)
        return int(open_.argmax()) if open_.any() else self.held

    def free(self, other: _Side) -> int:
        """How many of the first entries cannot be partner of anything that may come of the other stream, or waits."""
        waiting = other.key[other.good]
        if waiting.size:
            least = waiting[0]
        elif other.ended:
            return self.held
        elif other.latest is None:
            return 0
        else:
            least = other.latest
        places = np.flatnonzero(self.good)
        known = self.key[places]
        below = int(np.searchsorted(known, least, "right"))
        if not below:
            return int(places[0]) if places.size else self.held
        return int(places[np.searchsorted(known, known[below - 1], "left")])

    def drop(self, count: int) -> None:
        """Forget the first entries."""
        self.key, self.good, self.used = self.key[count:], self.good[count:], self.used[count:]
        self.index, self.times = self.index[count:], self.times[count:]
        if self.pulses is not None:
            self.pulses = self.pulses[count:]
        while count:
            length, data = self._blocks.pop(0)
            if length > count:
                self._blocks.insert(0, (length - count, {name: each[count:] for name, each in data.items()}))
            count -= min(length, count)

    def rows(self, places: Array) -> dict[str, Array]:
        """The data of entries at places that do not go back."""
        parts = [self._none]
        begin = 0
        for length, data in self._blocks:
            here = places[(places >= begin) & (places < begin + length)] - begin
            if here.size:
                parts.append({name: values[here] for name, values in data.items()})
            begin += length
        return {name: np.concatenate([part[name] for part in parts]) for name in self._none}

    def entries(self, places: Array) -> Entries:
        return Entries(
            self.index[places],
            self.times[places],
            None if self.pulses is None else self.pulses[places],
            self.rows(places),
            self.good[places],
        )
