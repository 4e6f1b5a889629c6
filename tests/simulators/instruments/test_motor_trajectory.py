"""Trajectories on the motor controller: what it refuses, and that axes begin, latch and end together."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest

from ronda.simulators.instruments.motor_controller import MotorController, MotorControllerParameters
from ronda.simulators.physics.world import World

ENCODED = {"encoder": 10_000, "upper_switch": 2.0}  # 2000 steps/unit


@pytest.fixture
def controller(world: World) -> MotorController:
    axes: Any = {1: ENCODED, 2: {}, 3: {}}
    built = MotorController("motion", MotorControllerParameters(axes=axes), world)
    built.answer("TRAJECTORY CLEAR 1 2")
    return built


def half_circle(controller: MotorController, duration: float = 2.0, radius: float = 1000.0) -> None:
    """Axis 1 goes there and back, axis 2 through; both from rest to rest, by twelve cubic polynomials."""
    for place in range(13):
        time = duration * place / 12
        phase = math.pi * (1 - math.cos(math.pi * place / 12)) / 2
        rate = math.pi**2 / (2 * duration) * math.sin(math.pi * place / 12) if 0 < place < 12 else 0.0
        one = radius * math.sin(phase), radius * math.cos(phase) * rate
        other = radius * (1 - math.cos(phase)), radius * math.sin(phase) * rate
        assert controller.answer(f"TRAJECTORY ADD {time} {one[0]} {one[1]} {other[0]} {other[1]}") == "OK"


def latched(controller: MotorController, axis: int) -> list[tuple[float, ...]]:
    answer = controller.answer(f"LATCHED? {axis} 0")
    assert isinstance(answer, bytes)
    data = answer.partition(b"\n")[2]
    values = struct.unpack(f"<{len(data) // 8}d", data)
    return [values[first : first + 4] for first in range(0, len(values), 4)]


def positions(controller: MotorController) -> list[int]:
    return [int(one.split(",")[2]) for one in str(controller.answer("STATUS? 1 2"))[3:].split(";")]


def test_axes_pass_their_knots_together_and_both_are_latched_at_the_same_times(
    controller: MotorController, clock: Any
) -> None:
    half_circle(controller)
    assert controller.answer("COMPARE 1 TIMES 0.5 0.25 5 EMIT") == "OK"
    assert controller.answer("COMPARE 2 TIMES 0.5 0.25 5 LATCH") == "OK"
    clock.advance(3.0)
    assert controller.answer("TRAJECTORY START") == "OK"
    assert controller.answer("TRAJECTORY STATE") == "OK MOVING,13"
    clock.advance(1.0)
    assert positions(controller) == [1000, 1000]
    clock.advance(1.01)
    assert controller.answer("TRAJECTORY STATE") == "OK IDLE,13"
    assert positions(controller) == [0, 2000]
    first, second = latched(controller, 1), latched(controller, 2)
    assert [row[0] for row in first] == [row[0] for row in second] == [3.5, 3.75, 4.0, 4.25, 4.5]
    assert first[2][1:3] == (1000.0, 5000.0)
    assert [row[1] for row in first] == [row[1] for row in first][::-1]
    for one, other in zip(first, second, strict=True):
        assert math.hypot(one[1], other[1] - 1000) == pytest.approx(1000, abs=5)


def test_only_the_axis_that_emits_drives_its_line(world: World, clock: Any) -> None:
    lines = [world.line(f"motion:{axis}") for axis in (1, 2)]
    heard = [line.listen() for line in lines]
    controller = MotorController("motion", MotorControllerParameters(axes=2), world)
    controller.connect_outputs()
    controller.answer("TRAJECTORY CLEAR 1 2")
    half_circle(controller)
    controller.answer("COMPARE 1 TIMES 0.5 0.25 5 EMIT")
    controller.answer("COMPARE 2 TIMES 0.5 0.25 5 LATCH")
    controller.answer("PULSE 1")
    controller.answer("TRAJECTORY START")
    clock.advance(3.0)
    for line in lines:
        line.settle(clock.now())
    assert [len(times) for times in heard] == [6, 0]


@pytest.mark.parametrize(
    ("lines", "refusal"),
    [
        (["TRAJECTORY"], "ERR 2 usage: TRAJECTORY CLEAR axis"),
        (["TRAJECTORY CLEAR 1 9"], "ERR 3 there is no axis 9"),
        (["TRAJECTORY CLEAR 1 1"], "ERR 2 an axis stands twice"),
        (["TRAJECTORY ADD 0 0 0"], "ERR 2 a row has 5 numbers for 2 axes"),
        (["TRAJECTORY ADD 1 0 0 0 0 1 0 0 0 0"], "ERR 2 the time 1.0 does not follow 1.0"),
        (["TRAJECTORY START"], "ERR 4 a trajectory has 2 rows or more"),
        (
            ["TRAJECTORY ADD 0 5 0 0 0 1 0 0 0 0", "TRAJECTORY START"],
            "ERR 4 axis 1 stands at 0, its trajectory begins at 5",
        ),
        (
            ["TRAJECTORY ADD 0 0 0 0 0 1 0 0 100 10", "TRAJECTORY START"],
            "ERR 4 axis 2 should have the velocity 0 at both ends",
        ),
        (
            ["TRAJECTORY ADD 0 0 0 0 0 0.001 0 0 5000 0", "TRAJECTORY START"],
            "ERR 4 axis 2 would have 7500000 steps/s",
        ),
        (["POWER 2 OFF", "TRAJECTORY ADD 0 0 0 0 0 1 9 0 9 0", "TRAJECTORY START"], "ERR 4 axis 2 is off"),
        (["COMPARE 1 TIMES 0 0 5 EMIT"], "ERR 2 the period should not be 0"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_moves(
    controller: MotorController, clock: Any, lines: list[str], refusal: str
) -> None:
    *before, last = lines
    for line in before:
        assert controller.answer(line) == "OK"
    assert str(controller.answer(last)).startswith(refusal)
    clock.advance(1.0)
    assert positions(controller) == [0, 0]


@pytest.mark.parametrize("what", ["STOP 1", "ABORT 2", "POWER 2 OFF", "fault"])
def test_what_ends_it_for_one_axis_ends_it_for_all_and_no_more_is_latched(
    controller: MotorController, clock: Any, what: str
) -> None:
    half_circle(controller)
    controller.answer("COMPARE 1 TIMES 0 0.1 21 EMIT")
    controller.answer("TRAJECTORY START")
    clock.advance(0.95)
    if what == "fault":
        controller.fail(2)
    else:
        assert controller.answer(what) == "OK"
    clock.advance(0.5)
    rest = positions(controller)
    assert rest[0] > 800
    assert 700 < rest[1] < 1500
    clock.advance(3.0)
    assert positions(controller) == rest
    assert len(latched(controller, 1)) == 10
    assert controller.answer("TRAJECTORY STATE") == "OK IDLE,13"


def test_a_limit_switch_brakes_all_axes(controller: MotorController, clock: Any) -> None:
    half_circle(controller, duration=8.0, radius=8000.0)  # the switch of axis 1 trips at 4000 steps
    controller.answer("COMPARE 1 TIMES 0 0.1 81 EMIT")
    assert controller.answer("TRAJECTORY START") == "OK"
    clock.advance(8.1)
    one, other = positions(controller)
    assert 4000 <= one < 4500
    assert other < 4000
    rows = latched(controller, 1)
    assert 10 < len(rows) < 40
    assert rows[-1][1] <= 4000


def test_an_axis_may_stand_all_the_while(controller: MotorController, clock: Any) -> None:
    assert controller.answer("TRAJECTORY ADD 0 0 0 0 0 1 0 0 400 0 2 0 0 0 0") == "OK"
    assert controller.answer("TRAJECTORY START") == "OK"
    clock.advance(1.0)
    assert positions(controller) == [0, 400]
    clock.advance(1.1)
    assert positions(controller) == [0, 0]


def test_it_takes_a_new_table_only_at_rest(controller: MotorController, clock: Any) -> None:
    half_circle(controller)
    controller.answer("TRAJECTORY START")
    clock.advance(1.0)
    assert controller.answer("TRAJECTORY CLEAR 3") == "ERR 4 a trajectory runs"
    assert controller.answer("TRAJECTORY START") == "ERR 4 a trajectory runs"
    clock.advance(1.5)
    assert controller.answer("TRAJECTORY CLEAR 3") == "OK"
