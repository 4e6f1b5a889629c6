"""Joins give the same as comparing everything with everything, however the streams are cut and come."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.framework.analysis.join import By, Entries, Join, Joined
from ronda.framework.errors import BadValue

# quarters: sums and differences of times are exact, and many are equal
MOMENTS = st.one_of(st.integers(0, 40).map(lambda n: n / 4), st.sampled_from([math.nan, math.inf]))
PULSES = st.one_of(st.integers(0, 40), st.sampled_from([0, 2**63, 2**64 - 1]))


@dataclass
class Stream:
    """All of one side."""

    times: list[float]
    pulses: list[int]
    first: int

    @property
    def data(self) -> dict[str, np.ndarray]:
        """A number and a small image for each entry."""
        number = 10.0 * np.arange(len(self.times)) + self.first
        return {"number": number, "image": number[:, None, None] + np.arange(6).reshape(2, 3)}


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    moments = draw(st.lists(MOMENTS, max_size=12))
    pulses = draw(st.lists(PULSES, min_size=len(moments), max_size=len(moments)))
    if draw(st.booleans()):  # most clocks go forward
        moments, pulses = sorted(moments, key=lambda t: (math.isnan(t), t)), sorted(pulses)
    return Stream(moments, pulses, draw(st.integers(0, 1000)))


def ordered(keys: list[float], strict: bool) -> list[bool]:
    """Which are above (or the same as) all those before."""
    found, highest = [], None
    for key in keys:
        good = math.isfinite(key) and (highest is None or (key > highest if strict else key >= highest))
        found.append(good)
        highest = key if good else highest
    return found


def expected(by: By, left: Stream, right: Stream, tolerance: float, offset: float) -> dict[int, tuple[Any, ...]]:
    """By index on the left: indices on the right, and what belongs to it; by comparing all with all."""
    pulse = by == "pulse"
    mine: list[Any] = left.pulses if pulse else left.times
    theirs: list[Any] = right.pulses if pulse else [t + offset for t in right.times]
    fine_left, fine_right = ordered(mine, pulse), ordered(theirs, pulse)
    known = [place for place, good in enumerate(fine_right) if good]
    number = right.data["number"]
    found: dict[int, tuple[Any, ...]] = {}
    for place, key in enumerate(mine):
        if not fine_left[place] or not known:
            continue
        if by == "interpolation":
            same = [each for each in known if theirs[each] == key]
            below, above = [e for e in known if theirs[e] < key], [e for e in known if theirs[e] > key]
            if same:
                low = high = same[0]
            elif below and above and theirs[above[0]] - theirs[below[-1]] <= tolerance:
                low, high = below[-1], above[0]
            else:
                continue
            value = number[low] if low == high else np.interp(key, [theirs[low], theirs[high]], number[[low, high]])
        else:
            low = high = min(known, key=lambda each: (abs(theirs[each] - key), theirs[each], each))
            if abs(theirs[low] - key) > (0 if pulse else tolerance):
                continue
            value = number[low]
        found[left.first + place] = (right.first + low, right.first + high, value)
    return found


def fed(join: Join, left: Stream, right: Stream, seed: int) -> list[Joined]:
    """Both streams, cut and mixed at random; what was taken in between and at the end."""
    choice = random.Random(seed)
    parts: list[Joined] = []
    places = {"left": 0, "right": 0}
    sides = {"left": left, "right": right}
    while places:
        side = choice.choice(sorted(places))
        stream, begin = sides[side], places[side]
        if begin == len(stream.times):
            join.end(side)  # type: ignore[arg-type]
            del places[side]
            continue
        stop = choice.randint(begin, len(stream.times))
        buffers = {name: values[begin:stop].copy() for name, values in stream.data.items()}
        pulses = np.array(stream.pulses[begin:stop], np.uint64)
        join.add(side, stream.first + begin, buffers, stream.times[begin:stop], pulses)  # type: ignore[arg-type]
        for each in buffers.values():
            each[:] = -1  # a block's memory may be used for other things
        places[side] = stop
        if choice.random() < 0.5:
            parts.append(join.take())
    return [*parts, join.take()]


def together(parts: list[Entries]) -> tuple[list[int], list[float], list[float]]:
    return (
        [int(each) for part in parts for each in part.index],
        [float(each) for part in parts for each in part.times],
        [float(each) for part in parts if len(part) for each in part.data["number"]],
    )


@given(
    st.sampled_from(["pulse", "nearest", "interpolation"]),
    streams(),
    streams(),
    st.sampled_from([None, 0.0, 0.5, 2.0]),
    st.sampled_from([0.0, 0.25, -3.0]),
    st.integers(0, 2**32),
)
def test_a_join_gives_what_comparing_all_with_all_gives(
    by: By, left: Stream, right: Stream, tolerance: float | None, offset: float, seed: int
) -> None:
    if by == "pulse":
        tolerance, offset = None, 0.0
    join = Join(by, tolerance=tolerance, offset=offset)
    parts = fed(join, left, right, seed)
    wanted = expected(by, left, right, math.inf if tolerance is None else tolerance, offset)

    index, _, numbers = together([part.left for part in parts])
    assert index == list(wanted)  # each once, in order
    assert numbers == [left.data["number"][each - left.first] for each in index]
    partners = [tuple(each) for part in parts for each in part.partners]
    assert partners == [each[:2] for each in wanted.values()]
    values = np.concatenate([part.right.get("number", np.empty(0)) for part in parts])
    np.testing.assert_allclose(values, [each[2] for each in wanted.values()], rtol=1e-12)
    for part in parts:
        for number, image in zip(part.right.get("number", ()), part.right.get("image", ()), strict=True):
            np.testing.assert_allclose(image, number + np.arange(6).reshape(2, 3), rtol=1e-12)

    # nothing is lost: what has no partner is kept, and counted
    lone, times, numbers = together([part.lone_left for part in parts])
    assert lone == [n for n in range(left.first, left.first + len(left.times)) if n not in wanted]
    np.testing.assert_array_equal(times, [left.times[each - left.first] for each in lone])
    partnered = {each for pair in wanted.values() for each in pair[:2]}
    lone_right, _, numbers = together([part.lone_right for part in parts])
    assert lone_right == [n for n in range(right.first, right.first + len(right.times)) if n not in partnered]
    assert numbers == [right.data["number"][each - right.first] for each in lone_right]
    assert (join.matched, join.lone_left, join.lone_right) == (len(wanted), len(lone), len(lone_right))
    assert join.waiting == (0, 0)
    fine = ordered(left.pulses if by == "pulse" else left.times, by == "pulse")
    kept = [bool(each) for part in parts for each in part.lone_left.ordered]
    assert kept == [fine[each - left.first] for each in lone]


def test_distances_have_the_sign_of_the_right_side() -> None:
    join = Join("nearest", tolerance=1.0)
    join.add("left", 0, {}, [1.0, 2.0, 3.0], None)
    join.add("right", 0, {}, [1.25, 1.75, 3.0], None)
    assert list(join.take().distance) == [0.25, -0.25, 0.0]


@pytest.mark.parametrize("by", ["pulse", "nearest", "interpolation"])
def test_only_what_is_needed_is_held(by: By) -> None:
    join = Join(by)
    for n in range(1000):
        join.add("left", n, {"a": np.zeros(1)}, [n + 0.5], [n])
        join.add("right", n, {"b": np.zeros(1)}, [n + 0.0], [n])
        join.take()
        assert max(join.waiting) <= 2


def test_numbers_between_are_floats_and_frames_keep_their_shape() -> None:
    join = Join("interpolation", tolerance=2.0)
    frames = np.arange(8, dtype="u2").reshape(2, 2, 2)
    join.add("right", 5, {"frame": frames, "amplitude": np.array([0, 2j])}, [10.0, 12.0], None)
    join.add("left", 0, {"x": np.array([1, 2, 3])}, [9.0, 11.5, 12.0], None)
    found = join.take()
    assert list(found.left.index) == [1, 2]
    np.testing.assert_allclose(found.right["frame"], [0.25 * frames[0] + 0.75 * frames[1], frames[1]])
    np.testing.assert_allclose(found.right["amplitude"], [1.5j, 2j])
    assert found.partners.tolist() == [[5, 6], [6, 6]]
    assert list(found.lone_left.index) == [0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"by": "magic"}, "join: cannot join by 'magic'; it can by pulse, nearest, interpolation"),
        ({"by": "nearest", "tolerance": -1.0}, "join: the tolerance is -1 s, it must not be below 0"),
        ({"by": "nearest", "tolerance": math.nan}, "join: the tolerance is nan s, it must not be below 0"),
        ({"by": "nearest", "offset": math.inf}, "join: the offset of the clocks is inf s, it must be finite"),
        ({"by": "pulse", "tolerance": 1.0}, "join: pulse ids are equal or not; leave out tolerance and offset"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadValue) as refused:
        Join(**arguments)
    assert str(refused.value).startswith(sentence)


def test_blocks_that_cannot_follow_are_refused() -> None:
    by_pulse = Join("pulse")
    with pytest.raises(BadValue, match="join: the left stream has no pulse ids; join by nearest or interpolation"):
        by_pulse.add("left", 0, {}, [0.0], None)
    join = Join("nearest")
    join.add("left", 3, {"a": np.zeros(2)}, [0.0, 1.0], None)
    with pytest.raises(BadValue, match="join, left stream: entry 5 must come next, not 6"):
        join.add("left", 6, {"a": np.zeros(1)}, [2.0], None)
    with pytest.raises(BadValue, match="at entry 5 does not have the same data for each of its 1"):
        join.add("left", 5, {"b": np.zeros(1)}, [2.0], None)
    with pytest.raises(BadValue, match="at entry 5 does not have the same data for each of its 1"):
        join.add("left", 5, {"a": np.zeros(2)}, [2.0], None)
    with pytest.raises(BadValue, match="has pulse ids in some blocks only, as at entry 5"):
        join.add("left", 5, {"a": np.zeros(1)}, [2.0], [7])
    join.end("left")
    with pytest.raises(BadValue, match="join, left stream: has ended, entry 5 cannot come"):
        join.add("left", 5, {"a": np.zeros(1)}, [2.0], None)
    with pytest.raises(BadValue, match="there is nothing between values of name, which are no numbers"):
        Join("interpolation").add("right", 0, {"name": np.array([b"a"])}, [0.0], None)
