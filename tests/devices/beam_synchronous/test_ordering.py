"""Messages come into the order of their pulse ids, and each that is missing, doubled or late is counted once."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ronda.devices.beam_synchronous.contract import Message
from ronda.devices.beam_synchronous.ordering import HOLD, MOST_HELD, Ordering
from ronda.devices.beam_synchronous.window import Window

FIRST = 20_000_000_000


def fed(pulses: list[int], step: int = 1, spacing: float = 0.01) -> tuple[Ordering, list[Any]]:
    """Messages of these pulses one after the other, then silence."""
    made, found = Ordering(step), []
    for place, pulse in enumerate(pulses):
        found += made.add(Message(pulse, pulse * 0.01, {}), place * spacing)
    return made, found + made.due(len(pulses) * spacing + 2 * HOLD)


def test_pulses_in_order_pass_at_once() -> None:
    made = Ordering(2)
    for place in range(5):
        [one] = made.add(Message(FIRST + 2 * place, 0.0, {}), 0.0)
        assert (one.message.pulse, one.missing, one.late, one.doubled) == (FIRST + 2 * place, 0, False, False)


def test_a_missing_pulse_holds_those_behind_it_for_a_while_only() -> None:
    made = Ordering(1)
    made.add(Message(FIRST, 0.0, {}), 0.0)
    assert made.add(Message(FIRST + 3, 0.0, {}), 1.0) == []
    assert made.due(1.0 + 0.9 * HOLD) == []
    [one] = made.due(1.0 + 1.1 * HOLD)
    assert (one.message.pulse, one.missing, made.missing) == (FIRST + 3, 2, 2)
    [late] = made.add(Message(FIRST + 1, 0.0, {}), 1.5)
    assert late.late
    assert (made.late, made.missing) == (1, 1)


def test_pulses_that_changed_places_are_put_back() -> None:
    made, found = fed([FIRST, FIRST + 2, FIRST + 1, FIRST + 3])
    assert [one.message.pulse - FIRST for one in found] == [0, 1, 2, 3]
    assert (made.swapped, made.missing, made.late, made.doubled) == (1, 0, 0, 0)


def test_the_timing_system_may_count_anew() -> None:
    made, found = Ordering(1), []
    for place, pulse in enumerate([FIRST, FIRST + 1, FIRST + 2, FIRST - 5, FIRST - 4, FIRST, FIRST + 1]):
        found += made.add(Message(pulse, 100.0 + 0.01 * place, {}), place)
    found += made.due(100.0)
    assert [one.message.pulse - FIRST for one in found] == [0, 1, 2, -5, -4, 0, 1]
    assert (made.late, made.doubled, made.missing) == (0, 0, 3)


@given(
    lost=st.sets(st.integers(1, 38)),
    twice=st.sets(st.integers(0, 39)),
    moves=st.lists(st.tuples(st.integers(1, 38), st.integers(-4, 4)), max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_each_pulse_is_released_once_and_in_order_whatever_happens_on_the_way(
    lost: set[int], twice: set[int], moves: list[tuple[int, int]]
) -> None:
    sent = [pulse for pulse in range(40) if pulse not in lost for _ in range(1 + (pulse in twice))]
    for place, by in moves:  # never the first one, with which the order begins
        if 0 < place < len(sent) and sent[place]:
            moved = sent.pop(place)
            sent.insert(min(max(place + by, 1), len(sent)), moved)
    assert len(sent) <= 2 * 40
    made, found = fed([FIRST + pulse for pulse in sent], spacing=0.0)
    released = [one.message.pulse - FIRST for one in found if not one.doubled and not one.late]
    late = [one.message.pulse - FIRST for one in found if one.late]
    assert released == sorted(set(released))
    assert sorted(released + late) == sorted(set(sent))
    assert made.doubled == sum(one.doubled for one in found) == len(sent) - len(set(sent))
    assert made.missing == sum(1 for pulse in range(max(sent)) if pulse not in set(sent))
    assert made.received == len(sent)


def test_no_more_messages_wait_than_there_is_room_for() -> None:
    made = Ordering(1)
    made.add(Message(0, 0.0, {}), 0.0)
    found = [one for pulse in range(2, 2 + MOST_HELD + 1) for one in made.add(Message(pulse, 0.0, {}), 0.0)]
    assert [one.message.pulse for one in found] == list(range(2, 2 + MOST_HELD + 1))


def test_a_point_has_the_means_of_its_pulses_and_tells_which_they_are() -> None:
    window = Window(3, 10.0, 10.1)
    assert [window.holds(time) for time in (9.999, 10.0, 10.0999, 10.1)] == [False, True, True, False]
    window.add(FIRST, {"energy": 1.0, "x": math.nan})
    window.add(FIRST + 1, {"energy": 3.0, "x": 5.0})
    assert window.numbers(["energy", "x"]) == {
        "count": 2,
        "missing": 0,
        "doubled": 0,
        "first": FIRST,
        "last": FIRST + 1,
        "energy": 2.0,
        "x": 5.0,
    }
    empty = Window(0, 0.0, 1.0).numbers(["energy"])
    assert (empty["count"], math.isnan(empty["first"]), math.isnan(empty["energy"])) == (0, True, True)


@pytest.mark.parametrize(("before", "after", "count", "expected"), [(9.985, 10.015, 2, 1), (10.035, 10.135, 9, 6)])
def test_a_missing_pulse_belongs_to_the_point_in_which_it_would_have_come(
    before: float, after: float, count: int, expected: int
) -> None:
    window = Window(0, 10.0, 10.1)
    window.miss(count, before, after)
    assert window.missing == expected
