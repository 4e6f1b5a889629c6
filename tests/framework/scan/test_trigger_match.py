"""Triggers that are lost, doubled and late are found, and only their points are marked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ronda.framework.errors import HardwareFault
from ronda.framework.scan.trigger_match import Matched, Matching, match

PERIOD, DELAY = 1e-3, 3e-4
CLOCKS = np.array([0.0, 0.011, 0.029, 0.061])
TOLERANCE = 1e-4


def line(npoints: int, fates: dict[int, str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """When triggers are emitted, which of them bound points, and when they arrive."""
    emitted = np.concatenate([CLOCKS, 0.5 + PERIOD * np.arange(npoints + 1)])
    arrivals = list(CLOCKS)
    for number, time in enumerate(emitted[len(CLOCKS) :]):
        fate = fates.get(number, "")
        arrivals += {"": [time], "lost": [], "twice": [time, time + DELAY], "late": [time + DELAY]}[fate]
    return emitted, np.arange(len(emitted)) >= len(CLOCKS), np.array(sorted(arrivals))


def sent(npoints: int, fates: dict[int, str], offset: float = 0.0, skew: float = 0.0) -> Matched:
    """Send the triggers of a scan over a line on which some go astray; each interval counts its own length in µs."""
    emitted, bounds, arrivals = line(npoints, fates)
    return match(emitted, bounds, arrivals * (1 + skew) + offset, np.diff(arrivals)[:, None] * 1e6, TOLERANCE)


def concerned(npoints: int, fates: dict[int, str]) -> set[int]:
    """The points that a trigger that went astray bounds; an echo falls into the point that begins with it."""
    points: set[int] = set()
    for number, fate in fates.items():
        points |= {number} if fate == "twice" else {number - 1, number}
    return {point for point in points if 0 <= point < npoints}


@settings(max_examples=200, deadline=None)
@given(
    npoints=st.integers(1, 60),
    fates=st.dictionaries(st.integers(0, 60), st.sampled_from(["lost", "twice", "late"]), max_size=12),
    offset=st.floats(-1000, 1000),
    skew=st.floats(-1e-4, 1e-4),
)
def test_only_the_points_concerned_are_marked(npoints: int, fates: dict[int, str], offset: float, skew: float) -> None:
    fates = {number: fate for number, fate in fates.items() if number <= npoints}
    matched = sent(npoints, fates, offset, skew)
    assert set(np.flatnonzero(matched.valid == 0)) == concerned(npoints, fates)
    assert matched.missing == tuple(sorted(number for number, fate in fates.items() if fate == "lost"))
    assert matched.late == tuple(sorted(number for number, fate in fates.items() if fate == "late"))
    assert matched.extra == sum(fate == "twice" for fate in fates.values())
    assert matched.values[matched.valid == 1, 0] == pytest.approx(PERIOD * 1e6)


@settings(max_examples=100, deadline=None)
@given(
    npoints=st.integers(1, 60),
    fates=st.dictionaries(st.integers(0, 60), st.sampled_from(["lost", "twice", "late"]), max_size=12),
    cuts=st.lists(st.tuples(st.integers(0, 70), st.integers(0, 90)), max_size=8),
)
def test_points_are_the_same_whether_triggers_come_bit_by_bit_or_at_once(
    npoints: int, fates: dict[int, str], cuts: list[tuple[int, int]]
) -> None:
    emitted, bounds, arrivals = line(npoints, {number: fate for number, fate in fates.items() if number <= npoints})
    counted = np.diff(arrivals)[:, None] * 1e6
    whole = match(emitted, bounds, arrivals + 5.0, counted, TOLERANCE)
    upto = np.concatenate([[[np.nan]], counted])
    matching = Matching(1, TOLERANCE)
    given_out, got_in, told = 0, 0, []
    for out, into in [*sorted(cuts), (len(emitted), len(arrivals))]:
        into = min(max(into, got_in), len(arrivals))
        if out > given_out:
            matching.add_emitted(emitted[given_out:out], bounds[given_out:out])
            given_out = min(out, len(emitted))
        if into > got_in:
            matching.add_received(arrivals[got_in:into] + 5.0, upto[got_in:into])
            got_in = into
        told.append(matching.decide(complete=given_out == len(emitted) and got_in == len(arrivals))[0])
    assert np.array_equal(np.concatenate(told), whole.values, equal_nan=True)
    assert matching.result().valid.tolist() == whole.valid.tolist()
    assert matching.result().sentence() == whole.sentence()


def test_when_the_clocks_are_set_each_point_is_known_as_soon_as_the_next_trigger_has_come() -> None:
    emitted, bounds, arrivals = line(50, {})
    matching, known = Matching(1, TOLERANCE), []
    for place in range(len(emitted)):
        matching.add_emitted(emitted[place : place + 1], bounds[place : place + 1])
        matching.add_received(arrivals[place : place + 1] + 3.0, np.ones((1, 1)))
        known.append(len(matching.decide(complete=False)[0]))
    assert sum(known[: len(CLOCKS) + 4]) == 2


def test_triggers_of_the_next_line_are_left_for_it() -> None:
    emitted, bounds, arrivals = line(5, {})
    matching = Matching(1, TOLERANCE, after=2e-3)
    matching.add_emitted(emitted, bounds)
    matching.add_received(np.append(arrivals, arrivals[-1] + [1e-3, 3e-3, 4e-3]), np.arange(13.0)[:, None])
    matching.decide(complete=True)
    assert matching.result().extra == 1
    times, counted = matching.rest()
    assert times == pytest.approx(arrivals[-1] + np.array([3e-3, 4e-3]))
    assert counted[:, 0].tolist() == [11.0, 12.0]


def two_lines(gap: float, skew: float, lost: int) -> Matching:
    """The second of two lines, which has no triggers that set the clocks and lacks one of the others."""
    emitted, bounds, arrivals = line(200, {})
    matching = Matching(1, TOLERANCE)
    matching.add_emitted(emitted, bounds)
    matching.add_received(arrivals * (1 + skew) + 5.0, np.ones((len(arrivals), 1)))
    matching.decide(complete=True)
    again = emitted[-1] + gap + PERIOD * np.arange(21)
    after = Matching(1, TOLERANCE, before=matching)
    after.add_emitted(again, np.ones(21, np.bool_))
    arrivals = np.delete(again, lost) * (1 + skew) + 5.0
    after.add_received(arrivals, np.diff(arrivals, prepend=0.0)[:, None] * 1e3)
    after.decide(complete=True)
    return after


@pytest.mark.parametrize("skew", [-3e-4, 0.0, 8e-5])
@pytest.mark.parametrize("lost", [0, 7, 20])
def test_the_next_line_goes_by_the_clocks_of_the_one_before(skew: float, lost: int) -> None:
    found = two_lines(2.0, skew, lost).result()
    assert found.missing == (lost,)
    assert np.flatnonzero(found.valid == 0).tolist() == [point for point in (lost - 1, lost) if 0 <= point < 20]


def test_clocks_that_are_set_anew_stay_compared_since_the_first_line() -> None:
    before, begins = None, []
    for number in range(2):
        emitted, bounds, arrivals = line(50, {})
        matching = Matching(1, TOLERANCE, before=before)
        matching.add_emitted(emitted + 5.0 * number, bounds)
        matching.add_received((arrivals + 5.0 * number) * (1 + 1e-5), np.ones((len(arrivals), 1)))
        matching.decide(complete=True)
        found = matching.clocks_at_end()
        assert found is not None
        begins.append(found[1])
        before = matching
    assert begins[0] == begins[1] == (0.0, 0.0)


def test_a_line_so_late_that_its_clocks_are_not_known_is_refused() -> None:
    with pytest.raises(HardwareFault, match="later the clocks may differ by"):
        two_lines(60.0, 1e-4, 0)


def test_a_lost_first_trigger_shifts_nothing() -> None:
    matched = sent(5, {0: "lost"})
    assert matched.valid.tolist() == [0, 1, 1, 1, 1]
    assert np.isnan(matched.values[0, 0])
    assert matched.sentence() == "10 triggers emitted, 9 received: 1 missing; 1 points are not valid"


def test_when_all_arrive_nothing_is_said() -> None:
    assert sent(5, {}).sentence() == ""


def test_the_skew_of_the_clocks_is_measured_and_followed() -> None:
    matched = sent(20_000, {}, offset=3.0, skew=8e-5)
    assert matched.valid.all()
    assert matched.skew == pytest.approx(8e-5, rel=1e-3)
    assert matched.offset == pytest.approx(3.0, abs=1e-5)


def fast(gap: float, skew: float) -> Matched:
    """A scan at 10 kHz that begins some time after the clocks were set; interval n counts n."""
    emitted = np.concatenate([CLOCKS, CLOCKS[-1] + gap + 1e-4 * np.arange(1001)])
    counted = np.arange(-len(CLOCKS), 1000.0)[:, None]
    return match(emitted, np.arange(len(emitted)) >= len(CLOCKS), emitted * (1 + skew) + 3.0, counted, 2e-5)


@pytest.mark.parametrize("skew", [-1e-3, -2.3e-4, 5e-5, 2.3e-4, 1e-3])
def test_clocks_that_drift_by_a_period_and_more_before_the_first_point_shift_nothing(skew: float) -> None:
    matched = fast(0.45, skew)
    assert matched.sentence() == ""
    assert matched.values[:, 0].tolist() == list(range(1000))


def test_a_drift_that_the_clocks_do_not_tell_is_refused_and_not_guessed() -> None:
    with pytest.raises(
        HardwareFault, match=r"over 0\.061 s, and 5 s later the clocks may differ by .* more than 2e-05 s"
    ):
        fast(5.0, 1e-4)


def test_triggers_that_fit_in_more_than_one_way_are_refused() -> None:
    emitted = np.concatenate([1e-3 * np.arange(5), 1.0 + 1e-3 * np.arange(6)])
    received = np.delete(emitted, 0)  # an even pattern, one of them lost: the first or the last?
    with pytest.raises(HardwareFault, match="fit in more than one way"):
        match(emitted, np.arange(11) >= 5, received, np.ones((9, 1)), TOLERANCE)


def test_without_the_triggers_that_set_the_clocks_nothing_is_guessed() -> None:
    emitted = np.concatenate([CLOCKS, 0.5 + PERIOD * np.arange(6)])
    received = emitted[len(CLOCKS) :]
    with pytest.raises(HardwareFault, match="the clocks cannot be set: of 4 triggers before the first point, 0 were"):
        match(emitted, np.arange(10) >= 4, received, np.ones((5, 1)), TOLERANCE)


@settings(max_examples=100, deadline=None)
@given(
    npoints=st.integers(1, 60),
    fates=st.dictionaries(st.integers(0, 60), st.sampled_from(["lost", "twice", "late"]), max_size=12),
)
def test_a_point_has_what_was_latched_at_both_its_triggers(npoints: int, fates: dict[int, str]) -> None:
    emitted, bounds, arrivals = line(npoints, fates)
    rows = np.stack([np.concatenate([[np.nan], np.diff(arrivals)]), arrivals], axis=1)
    matching = Matching(2, TOLERANCE, latched=1)
    matching.add_emitted(emitted, bounds)
    matching.add_received(arrivals, rows)
    values, valid = matching.decide(complete=True)
    assert values.shape == (npoints, 3)
    came = [np.nan if fates.get(number) == "lost" else time for number, time in enumerate(emitted[bounds])]
    came = np.array(came) + [DELAY * (fates.get(number) == "late") for number in range(npoints + 1)]
    assert values[:, 1] == pytest.approx(came[:-1], nan_ok=True)
    assert values[:, 2] == pytest.approx(came[1:], nan_ok=True)
    good = valid == 1
    assert values[good, 0] == pytest.approx(values[good, 2] - values[good, 1])
