"""Sums of samples over windows and between triggers, and counters that go on where they wrap."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ronda.devices.digitiser.contract import ChannelParameters
from ronda.devices.digitiser.sums import Intervals, Unwrapping

RATE = 1000.0


def fed(intervals: Intervals, values: np.ndarray, triggers: list[float], packets: list[int], lost: Any = ()) -> None:
    """Give samples in packets of these lengths, triggers before the packet in which they lie; some packets are lost."""
    place, waiting = 0, list(triggers)
    for number, length in enumerate(packets):
        due = [time for time in waiting if time * RATE <= place + length]
        intervals.trigger(due)
        waiting = waiting[len(due) :]
        part = values[place : place + length]
        intervals.add(len(part), None if number in lost else part)
        place += length


@pytest.mark.parametrize("packets", [[100] * 10, [1] * 1000, [1000], [7, 333, 1, 1, 658]])
def test_each_sample_is_in_the_interval_in_which_it_was_taken(packets: list[int]) -> None:
    values = np.random.default_rng(3).integers(-32767, 32768, (1000, 2))
    triggers = [0.0501, 0.1, 0.1003, 0.10035, 0.5, 0.9996]
    intervals = Intervals(2, RATE)
    fed(intervals, values, triggers, packets)
    rows = intervals.rows(0)
    assert intervals.received == 6
    assert rows[:, 0].tolist() == triggers[:-1]
    assert rows[:, 1].tolist() == triggers[1:]
    edges = [math.ceil(time * RATE) for time in triggers]
    for row, first, last in zip(rows, edges, edges[1:], strict=False):
        assert row[2:].tolist() == [*values[first:last].sum(axis=0), last - first, 0, first]


def test_lost_samples_are_left_out_and_counted_in_their_interval() -> None:
    values = np.ones((1000, 1), np.int64)
    intervals = Intervals(1, RATE)
    fed(intervals, values, [0.1, 0.25, 0.35, 0.55], [100] * 10, lost={2, 3})
    assert intervals.rows(0)[:, 2:].tolist() == [[100, 100, 50, 100], [0, 0, 100, 250], [150, 150, 50, 350]]


def test_intervals_that_were_taken_are_forgotten() -> None:
    intervals = Intervals(1, RATE)
    fed(intervals, np.ones((1000, 1), np.int64), [0.1, 0.2, 0.3, 0.4], [100] * 10)
    assert len(intervals.rows(2)) == 1
    assert intervals.rows(2)[0, 0] == 0.3
    assert len(intervals.rows(3)) == 0


def channel(**keys: Any) -> ChannelParameters:
    return ChannelParameters(**{"channel": 0, "wraps": True, "scale": 0.001, **keys})


def samples(counts: Any) -> np.ndarray:
    return np.asarray(counts, np.int64).astype(np.uint16).view(np.int16)[:, np.newaxis]


def test_a_counter_goes_on_where_its_16_bit_wrap_in_both_directions() -> None:
    counts = np.concatenate([np.arange(0, 200_000, 7), np.arange(200_000, -150_000, -11)])
    unwrapping = Unwrapping([channel()], [None])
    found = np.concatenate([unwrapping.values(part) for part in np.array_split(samples(counts), 13)])
    assert (found[:, 0] == counts).all()


def test_the_position_of_its_axis_says_how_often_it_has_gone_round() -> None:
    counts = 3_000_000 + np.arange(1000)
    one = channel(axis="bragg", offset=-100.0)
    found = Unwrapping([one], [2900.01 + 20.0]).values(samples(counts))  # the axis says it within half a turn
    assert (found[:, 0] == counts).all()


def test_an_axis_without_a_counter_that_goes_round_is_refused() -> None:
    with pytest.raises(ValueError, match="axis is for a counter that goes round"):
        ChannelParameters(channel=0, axis="bragg")
