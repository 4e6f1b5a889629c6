"""When axes that move are looked at: closely once they should stand, as late as their controller has shown to be."""

import math

import pytest

from ronda.devices.motor.arrivals import (
    ARRIVAL_PERIOD,
    ARRIVAL_TIME,
    EARLIEST,
    IN_TIME,
    LATEST,
    ON_TIME,
    SPARED,
    TOO_EARLY,
    Arrivals,
)

PERIOD = 0.05


def first_look(arrivals: Arrivals, channel: int = 1) -> float:
    """Seconds from the computed end of a new motion to the first look after it."""
    arrivals.expect(channel, 10.0)
    return 9.99 + arrivals.pause([channel], 9.99, PERIOD) - 10.0


def test_an_axis_far_from_its_end_is_looked_at_with_the_period() -> None:
    arrivals = Arrivals()
    arrivals.expect(1, 10.0)
    assert arrivals.pause([1], 0.0, PERIOD) == PERIOD


def test_a_look_just_before_the_end_is_spared() -> None:
    arrivals = Arrivals()
    arrivals.expect(1, 10.0)
    begun = 10.0 + EARLIEST - PERIOD - SPARED / 2
    assert arrivals.pause([1], begun, PERIOD) == pytest.approx(PERIOD + SPARED / 2)


def test_an_axis_that_should_stand_is_looked_at_closely_for_a_while() -> None:
    arrivals = Arrivals()
    arrivals.expect(1, 10.0)
    assert arrivals.pause([1], 10.0 + ARRIVAL_TIME / 2, PERIOD) == ARRIVAL_PERIOD
    assert arrivals.pause([1], 10.0 + ARRIVAL_TIME, PERIOD) == PERIOD


@pytest.mark.parametrize("end", [math.inf, None])
def test_a_motion_whose_end_nobody_knows_is_looked_at_with_the_period(end: float | None) -> None:
    arrivals = Arrivals()
    arrivals.expect(1, 10.0 if end is None else end)
    if end is None:
        arrivals.forget(1)
    assert arrivals.pause([1], 10.0, PERIOD) == PERIOD


def test_the_axis_that_should_arrive_first_decides() -> None:
    arrivals = Arrivals()
    arrivals.expect(1, 10.0)
    arrivals.expect(2, 9.98)
    assert arrivals.pause([1, 2], 9.97, PERIOD) == pytest.approx(0.01 + EARLIEST)


def test_an_axis_that_still_moved_is_looked_at_later_the_next_time() -> None:
    arrivals = Arrivals()
    before = first_look(arrivals)
    arrivals.seen(1, 10.0, moving=True)
    assert first_look(arrivals) == pytest.approx(before + TOO_EARLY)


def test_an_axis_that_stood_is_looked_at_a_little_earlier() -> None:
    arrivals = Arrivals()
    for _ in range(3):
        first_look(arrivals)
        arrivals.seen(1, 10.0, moving=True)
    before = first_look(arrivals)
    arrivals.seen(1, 10.0 + before, moving=False)
    assert first_look(arrivals) == pytest.approx(before - IN_TIME)


def test_only_the_first_look_after_the_end_teaches() -> None:
    arrivals = Arrivals()
    before = first_look(arrivals)
    arrivals.seen(1, 9.0, moving=True)  # on the way: of course it moves
    arrivals.seen(1, 10.0, moving=True)
    for late in range(1, 10):
        arrivals.seen(1, 10.0 + late * ARRIVAL_PERIOD, moving=True)
    assert first_look(arrivals) == pytest.approx(before + TOO_EARLY)


def test_a_late_look_at_an_axis_that_stands_teaches_nothing() -> None:
    arrivals = Arrivals()
    first_look(arrivals)
    arrivals.seen(1, 10.0, moving=True)
    before = first_look(arrivals)
    arrivals.seen(1, 10.0 + before + 2 * ON_TIME, moving=False)
    assert first_look(arrivals) == pytest.approx(before)


def test_each_axis_has_its_own_lateness_within_bounds() -> None:
    arrivals = Arrivals()
    for _ in range(1000):
        first_look(arrivals, 1)
        arrivals.seen(1, 10.0 + LATEST, moving=True)
        first_look(arrivals, 2)
        arrivals.seen(2, 10.0 + EARLIEST, moving=False)
    assert first_look(arrivals, 1) == pytest.approx(LATEST)
    assert first_look(arrivals, 2) == pytest.approx(EARLIEST)


def test_what_was_learnt_brings_one_look_in_nine_before_the_end() -> None:
    arrivals, late, vain = Arrivals(), 0.0003, 0
    for number in range(1000):
        look = first_look(arrivals)
        moving = look < late
        vain += moving and number >= 100
        arrivals.seen(1, 10.0 + look, moving=moving)
    assert vain == pytest.approx(900 / 9, abs=2)
