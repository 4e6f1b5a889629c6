"""A loop cycle by cycle, without hardware and in simulated time."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ronda.devices.regulation.algorithm.limiter import Limiter
from ronda.devices.regulation.algorithm.pace import Pace
from ronda.devices.regulation.algorithm.regulator import Regulator, Tunables
from ronda.devices.regulation.contract import Gains, Reading

BROKEN = Reading(math.nan, "sensor open")


def made(**changes: Any) -> Regulator:
    tunables = Tunables(Gains(2.0, 0.1, 0.0), 0.0, 100.0, deadband=0.5, deadband_time=2.0, tolerate=1.0)
    for key, value in changes.items():
        setattr(tunables, key, value)
    return Regulator(tunables)


def started(at: float = 300.0, output: float = 20.0, **changes: Any) -> Regulator:
    regulator = made(**changes)
    regulator.cycle(Reading(at), 0.0)
    regulator.start(output)
    return regulator


def test_off_it_only_measures() -> None:
    regulator = made()
    assert regulator.cycle(Reading(300.0), 1.0) is None
    assert regulator.measured == 300.0


def test_it_starts_where_input_and_output_are() -> None:
    regulator = started(output=37.0)
    assert regulator.setpoint == 300.0
    assert regulator.cycle(Reading(300.0), 0.1) == 37.0


def test_manual_and_back_is_without_a_jump() -> None:
    regulator = started(output=20.0)
    regulator.cycle(Reading(300.0), 0.1)
    regulator.manual = 60.0
    assert regulator.cycle(Reading(304.0), 0.1) == 60.0
    regulator.manual = None
    assert regulator.cycle(Reading(305.0), 0.1) == pytest.approx(60.0)


def test_a_setpoint_is_reached_after_its_time_in_the_deadband() -> None:
    regulator = started()
    regulator.go(310.0)
    for _ in range(5):
        regulator.cycle(Reading(305.0), 1.0)
    assert not regulator.settled
    regulator.cycle(Reading(309.8), 1.0)
    regulator.cycle(Reading(309.8), 1.0)
    assert not regulator.settled
    regulator.cycle(Reading(309.8), 1.0)
    assert regulator.settled


def test_or_at_the_end_of_the_ramp_if_that_is_waited_for() -> None:
    regulator = started(wait_for="ramp", ramp_rate=60.0)
    regulator.tune(regulator.tunables)
    regulator.go(310.0)
    regulator.cycle(Reading(300.0), 9.0)
    assert not regulator.settled
    regulator.cycle(Reading(300.0), 1.0)
    assert regulator.settled


@pytest.mark.parametrize(("ramp_from", "first"), [("setpoint", 301.0), ("input", 291.0)])
def test_a_ramp_begins_at_the_setpoint_or_at_the_input(ramp_from: str, first: float) -> None:
    regulator = started(ramp_from=ramp_from, ramp_rate=60.0)
    regulator.tune(regulator.tunables)
    regulator.cycle(Reading(290.0), 0.1)
    regulator.go(350.0)
    regulator.cycle(Reading(290.0), 1.0)
    assert regulator.ramp.working == pytest.approx(first)


@pytest.mark.parametrize(
    ("policy", "output", "regulates"), [("hold", 20.0, True), ("safe", 5.0, True), ("off", None, False)]
)
def test_a_broken_input_is_borne_for_a_while_and_then_does_what_yaml_says(
    policy: str, output: float | None, regulates: bool
) -> None:
    regulator = started(on_input_failure=policy, safe_value=5.0)
    regulator.cycle(Reading(300.0), 0.5)
    assert regulator.cycle(BROKEN, 0.5) == 20.0
    assert regulator.fault == "sensor open"
    regulator.cycle(BROKEN, 0.5)
    assert regulator.cycle(BROKEN, 0.5) == output
    assert regulator.regulating is regulates


def test_after_a_fault_it_goes_on_from_where_the_output_is() -> None:
    regulator = started(safe_value=5.0)
    for _ in range(10):
        regulator.cycle(BROKEN, 0.5)
    assert regulator.cycle(Reading(299.0), 0.5) == pytest.approx(5.0)
    assert regulator.fault == ""


def test_an_input_out_of_range_switches_it_off_and_says_so() -> None:
    regulator = started(input_range=(250.0, 400.0))
    for _ in range(4):
        regulator.cycle(Reading(500.0), 0.5)
    assert not regulator.regulating
    assert regulator.fault == "500 is outside the input range [250, 400]"


def test_near_the_setpoint_the_output_rests_if_asked_to() -> None:
    regulator = started(idle_factor=50.0)
    regulator.cycle(Reading(300.0), 0.1)
    assert [regulator.cycle(Reading(300.0 + off), 0.1) for off in (0.2, -0.2, 0.24)] == [20.0, 20.0, 20.0]
    expected = 20.0 + 2.0 * (300.24 - 299.0) + 0.1 * 0.1 * 1.0
    assert regulator.cycle(Reading(299.0), 0.1) == pytest.approx(expected), "from there it goes on without a jump"


def test_on_off_switches_beyond_the_hysteresis_only() -> None:
    regulator = started(mode="on_off", hysteresis=1.0)
    assert [regulator.cycle(Reading(value), 0.1) for value in (298.9, 299.5, 300.9, 301.1, 299.5, 298.9)] == [
        *(100.0, 100.0, 100.0),
        *(0.0, 0.0, 100.0),
    ]


def test_a_schedule_takes_the_gains_for_the_input_without_a_jump() -> None:
    regulator = started(schedule=((400.0, Gains(9.0, 0.3, 0.0)),), output=50.0)
    regulator.cycle(Reading(300.0), 0.1)
    assert regulator.pid.gains.kp == 2.0
    before = regulator.cycle(Reading(399.0), 0.0)
    assert before == 0.0
    regulator.go(401.0)
    regulator.cycle(Reading(401.0), 0.1)
    assert regulator.pid.gains.kp == 9.0


def test_feed_forward_is_part_of_the_output() -> None:
    regulator = started(output=0.0)
    regulator.cycle(Reading(300.0), 0.1)
    regulator.tunables.feed_forward = lambda setpoint, _: (setpoint - 300.0) * 0.5
    regulator.go(340.0)
    regulator.cycle(Reading(340.0), 0.1)
    assert regulator.parts.feed_forward == 20.0


def test_an_output_keeps_limits_slew_rate_and_steps() -> None:
    limiter = Limiter(0.0, 10.0, slew_rate=2.0, step=0.5)
    limiter.at(1.0, 0.0)
    assert limiter.limited(20.0, 1.0) == 3.0
    assert limiter.limited(20.0, 1.1) == pytest.approx(3.2)
    assert limiter.rounded(3.2) == 3.0
    assert limiter.limited(-5.0, 100.0) == 0.0
    assert Limiter(0.0, 9.9, step=0.5).rounded(9.9) == 9.5


def test_cycles_stay_on_their_grid_and_missed_ones_are_not_caught_up() -> None:
    pace = Pace(10.0, 100.0)
    times = []
    now = 100.0
    for late in (0.0, 0.01, 0.35, 0.0, 0.02):
        now = pace.due + late
        pace.begun(now)
        times.append(round(now, 6))
    assert times == [100.0, 100.11, 100.55, 100.6, 100.72]
    assert (pace.cycles, pace.missed) == (5, 3)
    assert pace.jitter() == pytest.approx(0.35)
