"""Arithmetic of moves: the way for the backlash, the end by the encoder, velocities with which axes end together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.devices.motor.closed_loop import ClosedLoop, Verdict
from ronda.devices.motor.journey import Journey, legs, together
from ronda.devices.motor.parameters import ClosedLoopParameters
from ronda.devices.motor.scale import move_time
from ronda.framework.errors import NotAllowed

places = st.floats(-100, 100)


@given(
    here=places, there=places, backlash=st.floats(-5, 5).filter(lambda value: abs(value) > 1e-6), taken=st.booleans()
)
def test_the_last_motion_takes_up_the_play(here, there, backlash, taken):
    way = legs(here, there, backlash, play_taken_up=taken)
    assert way[-1] == there
    if here == there:
        return
    last = way[-1] - ([here, *way][-2])
    assert last * backlash > 0
    assert abs(last) >= abs(backlash) * (1 - 1e-6) or (taken and len(way) == 1)


@given(here=places, there=places, taken=st.booleans())
def test_without_backlash_the_way_is_straight(here, there, taken):
    assert legs(here, there, 0.0, play_taken_up=taken) == [there]


def loop(**keys):
    return ClosedLoop(ClosedLoopParameters(**{"window": 0.1, "settle_time": 1.0, "retries": 2, **keys}))


def test_a_loop_has_arrived_after_a_while_within_the_window():
    judge = loop()
    assert judge.look(0.05, 10.0) is Verdict.WAIT
    assert judge.patience == pytest.approx(1.0)
    assert judge.look(-0.1, 10.6) is Verdict.WAIT
    assert judge.look(0.05, 11.0) is Verdict.ARRIVED


def test_a_loop_waits_until_a_vibration_has_died_away():
    judge = loop()
    assert [judge.look(error, when) for error, when in ((0.3, 0.0), (0.2, 0.5), (0.05, 0.9))] == [Verdict.WAIT] * 3
    assert judge.look(0.05, 1.8) is Verdict.WAIT
    assert judge.look(0.05, 1.9) is Verdict.ARRIVED


def test_a_loop_corrects_so_often_and_then_gives_up():
    judge = loop()
    seen = [judge.look(0.3, when) for when in (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)]
    assert seen == [Verdict.WAIT, Verdict.CORRECT, Verdict.WAIT, Verdict.CORRECT, Verdict.WAIT, Verdict.GIVE_UP]
    assert judge.corrections == 2


@given(errors=st.lists(st.floats(-1, 1), min_size=200, max_size=200))
def test_a_loop_always_comes_to_an_end(errors):
    judge = loop(settle_time=0.05)
    verdicts = [judge.look(error, 0.06 * number) for number, error in enumerate(errors)]
    assert Verdict.ARRIVED in verdicts or Verdict.GIVE_UP in verdicts


class Standing:
    """As much of an axis as a journey asks for."""

    label = "samx"

    def __init__(self, slowest: float = 0.0) -> None:
        self.parameters = type("Parameters", (), {"unit": "mm", "steps_per_unit": 100.0, "channel": 1})()
        self._slowest = slowest

    def velocity_range(self) -> tuple[float, float]:
        return self._slowest, 1e9


def journey(way: float, speed: float, ramp: float, slowest: float = 0.0) -> Journey:
    return Journey(
        Standing(slowest),
        "move",
        target=way,
        dial=way,
        here=0.0,
        legs=[way],
        speed=speed,
        acceleration_time=ramp,
        arrival=1.0,
    )


@given(
    plans=st.lists(
        st.tuples(st.floats(-1e5, 1e5).filter(lambda way: abs(way) > 1), st.floats(1, 1e4), st.floats(0.001, 2)),
        min_size=2,
        max_size=6,
    )
)
def test_axes_that_move_together_take_the_time_of_the_slowest(plans):
    journeys = [journey(*plan) for plan in plans]
    slowest = max(each.duration for each in journeys)
    speeds = [each.speed for each in journeys]
    together("mc1", "move", journeys)
    for each, speed, (way, _, ramp) in zip(journeys, speeds, plans, strict=True):
        assert move_time(way, each.speed, ramp) == pytest.approx(slowest, rel=1e-6)
        assert each.speed <= speed * (1 + 1e-9)


def test_an_axis_that_would_have_to_creep_is_named():
    with pytest.raises(
        NotAllowed, match=r"mc1: cannot move so that all end together: samx would have to move at .* mm/s"
    ):
        together("mc1", "move", [journey(1e5, 100, 0.1), journey(10, 100, 0.1, slowest=50)])
