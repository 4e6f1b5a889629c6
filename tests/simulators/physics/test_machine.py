"""The storage ring's current."""

from __future__ import annotations

import numpy as np
import pytest

from ronda.simulators.physics.machine import Machine


def current(machine: Machine, *times: float) -> list[float]:
    return machine.current(np.array(times)).tolist()


def test_the_current_decays_until_the_injection_fills_it_up_again() -> None:
    machine = Machine()
    assert current(machine, 0.0, 60.0) == pytest.approx([200.0, 199.67])
    low = 200.0 - 0.33 * 178 / 60
    assert current(machine, 178.0, 179.0, 180.0) == pytest.approx([low, (200 + low) / 2, 200.0])
    assert current(machine, 17.0) == pytest.approx(current(machine, 17.0 + 180 * 40))


def test_the_next_injection_is_counted_down() -> None:
    machine = Machine()
    assert machine.next_injection(0.0) == 178.0
    assert machine.next_injection(170.0) == 8.0
    assert machine.next_injection(179.0) == 0.0
    assert machine.next_injection(180.0) == 178.0


def test_a_beam_loss_leaves_what_came_before_and_ends_with_a_refill() -> None:
    machine = Machine()
    machine.lose_beam(10.0, 50.0)
    machine.refill(100.0)
    before, after, later, filled = current(machine, 9.9, 10.0, 70.0, 100.0)
    assert before > 199
    assert after == 50.0
    assert later == pytest.approx(49.67)
    assert filled > 199
    assert machine.next_injection(50.0) is None


def test_the_current_never_falls_below_nothing() -> None:
    machine = Machine()
    machine.lose_beam(0.0, 0.1)
    assert current(machine, 1000.0) == [0.0]


def test_a_closed_front_end_lets_nothing_through_and_does_not_touch_the_current() -> None:
    machine = Machine()
    machine.lose_beam(0.0, 100.0)
    machine.move_front_end(60.0, opened=False)
    machine.move_front_end(120.0, opened=True)
    assert machine.intensity(np.array([30.0, 90.0, 150.0])) == pytest.approx([0.499175, 0.0, 0.495875])
    assert [machine.front_end_open(time) for time in (30.0, 90.0, 150.0)] == [True, False, True]
    assert current(machine, 120.0) == pytest.approx([100 - 0.66])


def test_an_integral_knows_where_the_current_changes_its_course() -> None:
    machine = Machine()
    machine.lose_beam(400.0, 0.0)
    assert sorted(machine.changes(100.0, 500.0)) == [178.0, 180.0, 358.0, 360.0, 400.0]
