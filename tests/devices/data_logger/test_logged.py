"""Which values of an attribute are worth keeping, and what stands beside them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tango

from ronda.devices.data_logger.logged import Logged
from ronda.devices.data_logger.parameters import LoggedParameters

NOW = 1_800_000_000.0


class Kept(list):
    """What an attribute gave to the store."""

    def __init__(self) -> None:
        self.waiting: list[Logged] = []
        self.refused: list[str] = []

    put = list.append

    def wait(self, attribute: Logged) -> None:
        self.waiting.append(attribute)

    def refuse(self, attribute: str) -> None:
        self.refused.append(attribute)

    @property
    def values(self) -> list:
        return [event.value for event in self if event.kind == "value"]

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self]


@pytest.fixture
def rig():
    """`rig(**rule)` makes an attribute, what it gave, and its clock, `clock.now`."""

    def make(data_type=tango.CmdArgType.DevDouble, labels=(), **rule):
        kept, clock = Kept(), SimpleNamespace(now=NOW)
        described = SimpleNamespace(data_type=data_type, enum_labels=labels)
        parameters = LoggedParameters.model_validate(rule)
        return Logged("a/b/c/d", described, parameters, kept, 60.0, lambda: clock.now), kept, clock

    return make


def feed(logged, clock, values, step=1.0):
    for value in values:
        clock.now += step
        logged.value(value, clock.now)


def test_a_value_is_kept_when_it_changes(rig):
    logged, kept, clock = rig()
    feed(logged, clock, [1.0, 1.0, 2.0, 2.0, 1.0])
    assert kept.values == [1.0, 2.0, 1.0]
    assert [event.time - NOW for event in kept] == [1, 3, 5]
    assert (kept[0].attribute, kept[0].type, kept[0].quality) == ("a/b/c/d", "DevDouble", "VALID")


def test_a_number_that_is_none_equals_itself(rig):
    logged, kept, clock = rig()
    feed(logged, clock, [float("nan"), float("nan"), 1.0, float("nan")])
    assert len(kept) == 3


def test_an_absolute_threshold_counts_from_what_was_kept(rig):
    logged, kept, clock = rig(absolute_change=0.5)
    feed(logged, clock, [1.0, 1.3, 1.45, 1.55, 1.3, 1.0])
    assert kept.values == [1.0, 1.55, 1.0]


def test_a_relative_threshold_is_a_part_of_what_was_kept(rig):
    logged, kept, clock = rig(relative_change=10)
    feed(logged, clock, [100.0, 109.0, 111.0, 121.0, 123.0])
    assert kept.values == [100.0, 111.0, 123.0]


def test_either_threshold_suffices(rig):
    logged, kept, clock = rig(relative_change=50, absolute_change=10)
    feed(logged, clock, [1.0, 1.4, 2.0, 100.0, 105.0, 111.0])
    assert kept.values == [1.0, 2.0, 100.0, 111.0]


def test_a_threshold_leaves_words_and_spectra_of_another_length_alone(rig):
    logged, kept, clock = rig(absolute_change=10)
    feed(logged, clock, ["1", "2", np.array([1.0]), np.array([1.0, 2.0]), np.array([1.5, 2.5]), np.array([1.0, 13.0])])
    assert [str(value) for value in kept.values] == ["1", "2", "[1.]", "[1. 2.]", "[ 1. 13.]"]


def test_another_quality_or_setpoint_is_news_whatever_the_threshold(rig):
    logged, kept, clock = rig(absolute_change=10)
    logged.value(1.0, clock.now + 1, "VALID", 5.0)
    logged.value(1.1, clock.now + 2, "CHANGING", 5.0)
    logged.value(1.2, clock.now + 3, "CHANGING", 6.0)
    assert [(event.value, event.quality, event.write_value) for event in kept] == [
        (1.0, "VALID", 5.0),
        (1.1, "CHANGING", 5.0),
        (1.2, "CHANGING", 6.0),
    ]


def test_by_period_each_reading_is_kept(rig):
    logged, kept, clock = rig(how="period")
    feed(logged, clock, [1.0, 1.0, 1.0])
    assert kept.values == [1.0, 1.0, 1.0]


def test_of_one_that_is_too_fast_the_last_values_are_kept_and_it_is_named(rig):
    logged, kept, clock = rig(max_rate=2)
    feed(logged, clock, range(20), step=0.1)
    assert logged.too_fast()
    assert len(kept) <= 7  # two at once, and two in each of two seconds
    clock.now += 10
    assert all(one.flush() for one in kept.waiting)
    assert kept.values[-1] == 19
    assert logged.limited > 10
    clock.now += 100
    assert not logged.too_fast()


def test_what_waits_for_the_rate_is_kept_before_a_mark(rig):
    logged, kept, clock = rig(max_rate=1)
    feed(logged, clock, [1, 2, 3], step=0.1)
    logged.end("its server died")
    assert kept.values == [1, 3]
    assert kept.kinds == ["value", "value", "vanish"]
    assert kept.waiting[0].flush()
    assert len(kept) == 3


@pytest.mark.parametrize(("when", "words"), [(NOW + 61, "61 s in the future"), (0.0, "0 s since 1970"), (-5.0, "-5 s")])
def test_an_absurd_time_stamp_is_refused_counted_and_told(rig, when, words):
    logged, kept, clock = rig()
    logged.value(1.0, when)
    logged.value(1.0, when)
    assert kept.refused == ["a/b/c/d", "a/b/c/d"]
    assert kept.kinds == ["error"]
    assert words in kept[0].text
    clock.now += 1
    logged.value(1.0, clock.now)
    assert kept.kinds == ["error", "value"]


def test_a_spectrum_that_is_too_long_is_an_error_once(rig):
    logged, kept, clock = rig(longest=3)
    feed(logged, clock, [np.arange(3.0), np.arange(4.0), np.arange(5.0), np.arange(5.0)])
    assert kept.kinds == ["value", "error", "error"]
    assert kept[1].text == "has 4 elements, more than the 3 that are kept"


def test_after_an_error_the_same_value_counts_again_from_now_on(rig):
    logged, kept, clock = rig()
    logged.value(1.0, NOW - 1000)
    clock.now += 1
    logged.failed("does not answer")
    logged.failed("does not answer")
    clock.now += 1
    logged.value(1.0, NOW - 1000)
    assert kept.kinds == ["value", "error", "value"]
    assert [event.time for event in kept] == [NOW - 1000, NOW + 1, NOW + 2]


def test_a_gap_begins_where_the_last_value_was_or_later(rig):
    logged, kept, clock = rig()
    feed(logged, clock, [1.0])
    clock.now += 100
    logged.gap(clock.now - 2, "its server died")
    logged.gap(NOW, "its server died")
    assert kept[1].time == clock.now - 2
    assert kept[1].time < kept[2].time < kept[1].time + 1e-3


def test_marks_come_in_the_order_of_their_times(rig):
    logged, kept, clock = rig()
    feed(logged, clock, [1.0])
    logged.gap(NOW, "died")
    logged.end("died")
    logged.begin()
    feed(logged, clock, [1.0])
    assert kept.kinds == ["value", "gap", "vanish", "appear", "value"]
    times = [event.time for event in kept]
    assert times == sorted(set(times))


def reading(value, written=None, quality=tango.AttrQuality.ATTR_VALID):
    return SimpleNamespace(value=value, w_value=written, quality=quality, time=tango.TimeVal(NOW))


def test_states_and_enumerations_are_kept_as_words(rig):
    logged, kept, _ = rig(tango.CmdArgType.DevState)
    logged.take(reading(tango.DevState.MOVING))
    logged, chosen, _ = rig(tango.CmdArgType.DevEnum, ("OFF", "ON"))
    logged.take(reading(1, 0))
    logged.take(reading(np.array([1, 0, 7])))
    assert kept.values == ["MOVING"]
    assert [(event.value, event.write_value) for event in chosen] == [("ON", "OFF"), (["ON", "OFF", "7"], None)]


def test_an_invalid_reading_is_kept_without_a_value(rig):
    logged, kept, _ = rig()
    logged.take(reading(None, None, tango.AttrQuality.ATTR_INVALID))
    assert (kept[0].kind, kept[0].value, kept[0].quality) == ("value", None, "INVALID")


def test_errors_that_come_too_fast_are_limited_and_the_last_state_is_kept(rig):
    logged, kept, clock = rig(max_rate=1.0)
    for number in range(100):
        clock.now += 0.01
        logged.failed(f"error {number}")
    assert len(kept) < 5
    assert logged.too_fast()
    clock.now += 2.0
    assert logged.flush()
    assert (kept[-1].kind, kept[-1].text) == ("error", "error 99")


def test_a_value_after_an_error_that_came_too_fast_is_the_last_state(rig):
    logged, kept, clock = rig(max_rate=1.0)
    for number in range(10):
        clock.now += 0.01
        logged.failed(f"error {number}")
        logged.value(1.0, clock.now)
    clock.now += 2.0
    logged.flush()
    assert (kept[-1].kind, kept[-1].value) == ("value", 1.0)


def test_an_enumeration_with_other_names_after_a_restart_is_kept_by_these(rig):
    logged, kept, _ = rig(tango.CmdArgType.DevEnum, labels=["FAST", "SLOW"])
    logged.take(reading(1))
    logged.end("its server was ended")
    logged.describe(SimpleNamespace(data_type=tango.CmdArgType.DevEnum, enum_labels=["OFF", "ON"]))
    logged.begin()
    logged.take(reading(1))
    assert kept.values == ["SLOW", "ON"]
