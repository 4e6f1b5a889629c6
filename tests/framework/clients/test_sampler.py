"""What counts of the readings of an attribute, with an attribute that a test makes up."""

from __future__ import annotations

import math
import statistics
from itertools import chain, repeat
from types import SimpleNamespace
from typing import Any

import pytest
import tango
from hypothesis import given
from hypothesis import strategies as st

from ronda.framework.clients.counter import STATISTICS, as_given, sampling
from ronda.framework.clients.sampler import Readings, Sampler, sample_over, width
from ronda.framework.errors import BadValue, OutOfRange
from ronda.framework.scan.arguments import command_text


class Attribute:
    """Gives the values of a list, the last of them for ever."""

    def __init__(self, *values: float) -> None:
        self._values = chain(values, repeat(values[-1]))
        self.given: list[float] = []

    def get_green_mode(self) -> tango.GreenMode:
        return tango.GreenMode.Synchronous

    def read_attribute(self, name: str) -> Any:
        self.given.append(next(self._values))
        return SimpleNamespace(value=self.given[-1])


def sample(mode: str, attribute: Attribute, seconds: float = 0.1) -> float:
    sampler = Sampler("a/b/c/value", lambda _: attribute, once=mode == "SINGLE")
    [readings] = sample_over([sampler], seconds, lambda: False)
    return readings.number(mode)


def test_the_mean_is_that_of_all_readings() -> None:
    attribute = Attribute(*range(1000))
    assert sample("MEAN", attribute) == pytest.approx(sum(attribute.given) / len(attribute.given))


def test_a_single_reading_is_the_first_and_no_other_is_made() -> None:
    attribute = Attribute(7.0, 8.0)
    assert sample("SINGLE", attribute) == 7.0
    assert attribute.given == [7.0]


def test_the_last_reading_is_the_last() -> None:
    attribute = Attribute(*range(1000))
    assert sample("LAST", attribute) == attribute.given[-1]


def test_an_integral_is_mean_times_time() -> None:
    assert sample("INTEGRATE", Attribute(3.0)) == pytest.approx(0.3)


def test_readings_without_a_value_do_not_count() -> None:
    assert sample("MEAN", Attribute(math.nan, 5.0)) == 5.0
    assert sample("LAST", Attribute(5.0, math.nan)) == 5.0
    assert math.isnan(sample("MEAN", Attribute(math.nan)))


def test_the_mode_stands_in_the_command_of_a_scan() -> None:
    assert command_text("ct", sampling("a/b/c/d", mode="LAST")) == 'ct(sampling("a/b/c/d", mode="LAST"))'
    assert command_text("ct", sampling("a/b/c/d")) == 'ct(sampling("a/b/c/d"))'


def test_a_mode_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadValue, match="one of MEAN, SINGLE, LAST, INTEGRATE, STATS, SAMPLES, not 'MEDIAN'"):
        sampling("a/b/c/d", mode="MEDIAN")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_statistics_are_those_of_the_readings(values: list[float]) -> None:
    readings = Readings(list(values), list(range(len(values))), 1.0)

    assert readings.number("MIN") == min(values)
    assert readings.number("MAX") == max(values)
    assert readings.number("P2P") == max(values) - min(values)
    assert readings.number("STD") == pytest.approx(statistics.pstdev(values), rel=1e-6, abs=1e-6)


def test_nothing_read_gives_nan_in_each_mode() -> None:
    assert all(math.isnan(Readings().number(mode)) for mode in STATISTICS.values())


def test_all_samples_stand_in_their_order_with_nan_behind() -> None:
    readings = Readings([3.0, 4.0, 6.0], [0.001, 0.006, 0.011], 0.02)

    assert readings.array("ALL", 5) == pytest.approx([3.0, 4.0, 6.0, math.nan, math.nan], nan_ok=True)
    assert readings.array("TIMES", 2) == pytest.approx([0.0, 0.005])


def test_the_width_fits_the_longest_exposure_and_one_that_is_too_long_is_refused() -> None:
    assert [width(seconds) for seconds in (0.001, 0.1, 0.102)] == [1, 20, 21]
    with pytest.raises(OutOfRange, match=r"all samples of 101 s cannot be kept: at most 20000, one each 0\.005 s"):
        width(101)


def test_a_counter_of_several_channels_is_one_in_the_command() -> None:
    counter = sampling("a/b/c/d", name="x", mode="STATS")
    parts = counter.parts()

    assert [part.name for part in parts] == ["x", "x_min", "x_max", "x_std", "x_p2p"]
    assert as_given(parts) == (counter,)
    assert as_given(parts[1:]) == parts[1:]
    assert command_text("ct", *as_given(parts)) == 'ct(sampling("a/b/c/d", mode="STATS"))'
