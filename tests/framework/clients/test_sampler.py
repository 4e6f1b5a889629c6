"""What counts of the readings of an attribute, with an attribute that a test makes up."""

from __future__ import annotations

import math
from itertools import chain, repeat
from types import SimpleNamespace
from typing import Any

import pytest
import tango

from ronda.framework.clients.counter import sampling
from ronda.framework.clients.sampler import Sampler, sample_over
from ronda.framework.errors import BadValue
from ronda.framework.scan.arguments import command_text


class Attribute:
    """Gives the values of a list, the last of them for ever."""

    def __init__(self, *values: float) -> None:
        self._values = chain(values, repeat(values[-1]))
        self.given: list[float] = []

    def get_green_mode(self) -> Any:
        return tango.GreenMode.Synchronous

    def read_attribute(self, name: str) -> Any:
        self.given.append(next(self._values))
        return SimpleNamespace(value=self.given[-1])


def sample(mode: str, attribute: Attribute, seconds: float = 0.1) -> float:
    sampler = Sampler("a/b/c/value", lambda _: attribute, mode=mode)
    [value] = sample_over([sampler], seconds, lambda: False)
    return value


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
    with pytest.raises(BadValue, match="mode should be one of MEAN, SINGLE, LAST, INTEGRATE, not 'STATS'"):
        sampling("a/b/c/d", mode="STATS")
