"""The motor controller's lines, against a clock set by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ronda.simulators.instruments.motor_controller import MotorController, MotorControllerParameters
from ronda.simulators.physics.world import World

Build = Callable[..., MotorController]


@pytest.fixture
def build(world: World) -> Build:
    def build(axes: Any = 4) -> MotorController:
        return MotorController("motion", MotorControllerParameters(axes=axes), world)

    return build


def test_it_says_what_it_is(build: Build) -> None:
    assert build().answer("IDN?") == "OK RONDA-SIM-MC,1,4"


def test_all_axes_or_some_are_told_in_one_line(build: Build) -> None:
    controller = build(3)
    assert controller.answer("STATUS?") == "OK 1,IDLE,0,0;2,IDLE,0,0;3,IDLE,0,0"
    assert controller.answer("STATUS? 3 1") == "OK 3,IDLE,0,0;1,IDLE,0,0"


def test_a_move_takes_the_time_of_its_trapezoid(build: Build, clock: Any) -> None:
    controller = build()
    assert controller.answer("VEL 1 1000") == "OK"
    assert controller.answer("ACC 1 0.5") == "OK"
    assert controller.answer("MOVE 1 2000") == "OK"
    assert controller.answer("STATUS? 1") == "OK 1,MOVING,0,0"
    clock.advance(0.5)
    assert controller.answer("STATUS? 1") == "OK 1,MOVING,250,0"
    clock.advance(1.0)
    assert controller.answer("STATUS? 1") == "OK 1,MOVING,1250,0"
    clock.advance(1.0)
    assert controller.answer("STATUS? 1") == "OK 1,IDLE,2000,0"


def test_axes_of_one_move_start_together(build: Build, clock: Any) -> None:
    controller = build()
    clock.advance(3.0)
    controller.answer("MOVE 1 2000 2 -4000 4 100")
    axes = controller.truth(clock.now())["axes"]
    assert [axes[n]["started"] for n in "124"] == [3.0, 3.0, 3.0]
    assert controller.answer("STATUS?").count("MOVING") == 3


def test_a_group_of_which_one_axis_cannot_move_stands(build: Build, clock: Any) -> None:
    controller = build()
    controller.answer("POWER 2 OFF")
    assert controller.answer("MOVE 1 2000 2 2000") == "ERR 4 axis 2 is off"
    clock.advance(1.0)
    assert controller.answer("STATUS? 1 2") == "OK 1,IDLE,0,0;2,OFF,0,0"


def test_a_moving_axis_takes_no_other_target(build: Build, clock: Any) -> None:
    controller = build()
    controller.answer("MOVE 1 2000")
    clock.advance(0.1)
    assert controller.answer("MOVE 1 0") == "ERR 4 axis 1 is moving"
    assert controller.answer("SETPOS 1 0") == "ERR 4 axis 1 is moving"


def test_stop_brakes_all_the_named_axes_and_abort_halts_them(build: Build, clock: Any) -> None:
    controller = build()
    controller.answer("MOVE 1 40000 2 40000 3 40000")  # 4000 steps/s, reached in 0.1 s
    clock.advance(1.0)
    assert controller.answer("STOP 1 2") == "OK"
    assert controller.answer("ABORT 3") == "OK"
    assert controller.answer("STATUS? 1 2 3") == "OK 1,MOVING,3800,0;2,MOVING,3800,0;3,IDLE,3800,0"
    clock.advance(0.1001)
    assert controller.answer("STATUS? 1 2 3") == "OK 1,IDLE,4000,0;2,IDLE,4000,0;3,IDLE,3800,0"
    assert controller.answer("STOP 1") == "OK"


def test_a_redefined_position_is_where_the_next_move_starts_from(build: Build, clock: Any) -> None:
    controller = build()
    assert controller.answer("SETPOS 1 5000") == "OK"
    assert controller.answer("STATUS? 1") == "OK 1,IDLE,5000,0"
    controller.answer("MOVE 1 7000")
    clock.advance(10.0)
    assert controller.answer("STATUS? 1") == "OK 1,IDLE,7000,0"
    assert controller.truth(clock.now())["axes"]["1"]["position"] == 1.0


def test_targets_between_two_steps_are_rounded(build: Build, clock: Any) -> None:
    controller = build()
    controller.answer("MOVE 1 10.6")
    clock.advance(1.0)
    assert controller.answer("STATUS? 1") == "OK 1,IDLE,11,0"


def test_switches_and_faults_are_flags(build: Build, clock: Any) -> None:
    controller = build({1: {"lower_switch": -1, "upper_switch": 1, "home": 0, "home_width": 0.2}})
    assert controller.answer("STATUS?") == "OK 1,IDLE,0,4"
    controller.answer("MOVE 1 5000")
    clock.advance(10.0)
    assert controller.answer("STATUS?") == "OK 1,IDLE,2200,2"
    assert controller.answer("MOVE 1 6000") == "ERR 4 axis 1 is on its positive limit switch"
    controller.answer("MOVE 1 -5000")
    clock.advance(10.0)
    assert controller.answer("STATUS?") == "OK 1,IDLE,-2200,1"
    controller.fail(1)
    assert controller.answer("STATUS?") == "OK 1,FAULT,-2200,9"
    assert controller.answer("POWER 1 ON") == "OK"
    assert controller.answer("STATUS?") == "OK 1,IDLE,-2200,1"


def test_power_is_switched_and_told(build: Build) -> None:
    controller = build()
    assert controller.answer("POWER? 1") == "OK ON"
    assert controller.answer("POWER 1 OFF") == "OK"
    assert controller.answer("POWER? 1") == "OK OFF"
    assert controller.answer("STATUS? 1") == "OK 1,OFF,0,0"
    assert controller.answer("MOVE 1 100") == "ERR 4 axis 1 is off"


def test_velocity_and_acceleration_time_stay_in_their_range(build: Build) -> None:
    controller = build({1: {"slowest": 0.1, "fastest": 10, "shortest_acceleration_time": 0.05}})
    assert controller.answer("RANGE? 1") == "OK 200.0 20000.0 0.05 10.0"
    assert controller.answer("VEL? 1") == "OK 4000.0"
    assert controller.answer("VEL 1 123.4") == "ERR 2 the velocity 123.4 should be from 200.0 to 20000.0 steps/s"
    assert controller.answer("VEL 1 500") == "OK"
    assert controller.answer("VEL? 1") == "OK 500.0"
    assert controller.answer("ACC 1 0.01") == "ERR 2 the acceleration time 0.01 should be from 0.05 to 10.0 s"
    assert controller.answer("ACC 1 1") == "OK"
    assert controller.answer("ACC? 1") == "OK 1.0"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("", "ERR 1 unknown command"),
        ("HELLO", "ERR 1 unknown command"),
        ("move 1 1", "ERR 1 unknown command"),
        ("MOVE", "ERR 2 usage: MOVE axis position [axis position ...]"),
        ("MOVE 1", "ERR 2 usage: MOVE axis position [axis position ...]"),
        ("MOVE 1 up", "ERR 2 the position should be a number, not up"),
        ("MOVE 1 nan", "ERR 2 the position should be a number, not nan"),
        ("MOVE 1 1e400", "ERR 2 the position should be a number, not 1e400"),
        ("MOVE 1 1e12", "ERR 2 the position 1000000000000.0 should be from -2147483648.0 to 2147483647.0 steps"),
        ("MOVE 1 1 1 2", "ERR 2 an axis stands twice"),
        ("MOVE one 1", "ERR 2 the axis should be a whole number, not one"),
        ("MOVE 9 1", "ERR 3 there is no axis 9"),
        ("STATUS? 0", "ERR 3 there is no axis 0"),
        ("STOP", "ERR 2 usage: STOP axis [axis ...]"),
        ("ABORT", "ERR 2 usage: ABORT axis [axis ...]"),
        ("VEL 1", "ERR 2 usage: VEL axis velocity"),
        ("POWER 1 MAYBE", "ERR 2 the power should be ON or OFF, not MAYBE"),
        ("IDN? 1", "ERR 2 usage: IDN?"),
    ],
)
def test_a_wrong_line_gets_an_error_that_says_what_is_right(build: Build, line: str, reply: str) -> None:
    assert build().answer(line) == reply


def test_the_same_moves_at_the_same_times_end_at_the_same_places(world: World, clock: Any) -> None:
    one = MotorController("one", MotorControllerParameters(axes=1), world)
    other = MotorController("other", MotorControllerParameters(axes=1), world)
    for line in ("MOVE 1 9000", "STOP 1", "MOVE 1 -20", "ABORT 1"):
        for controller in (one, other):
            controller.answer(line)
        clock.advance(0.37)
        assert one.answer("STATUS?") == other.answer("STATUS?")


def test_two_axes_of_one_name_are_refused(build: Build) -> None:
    with pytest.raises(ValueError, match="two axes are called samy"):
        build({1: {"name": "samy"}, 2: {"name": "samy"}})


def test_a_fault_of_an_axis_that_is_not_there_is_refused(build: Build) -> None:
    with pytest.raises(LookupError, match="motion has no axis 9"):
        build().fail(9)


def test_a_jog_goes_on_until_stopped(build: Build, clock: Any) -> None:
    controller = build()
    assert controller.answer("JOG 1 -1000") == "OK"
    assert controller.answer("JOG 1 -1000") == "ERR 4 axis 1 is moving"
    clock.advance(10.05)
    assert controller.answer("STATUS? 1") == "OK 1,MOVING,-10000,0"
    assert controller.answer("STOP 1") == "OK"
    clock.advance(0.11)
    assert controller.answer("STATUS? 1") == "OK 1,IDLE,-10050,0"


def test_a_jog_faster_than_the_axis_can_is_refused(build: Build) -> None:
    controller = build()
    assert controller.answer("JOG 1 1e6") == "ERR 2 the velocity 1000000.0 should be from -100000.0 to 100000.0 steps/s"
    assert controller.answer("JOG 1 0") == "ERR 2 the speed 0.0 should be from 2.0 to 100000.0 steps/s"


def test_homing_latches_the_mark_and_stands_beyond_it(build: Build, clock: Any) -> None:
    controller = build({1: {"home": 1.0, "index": 2.0, "upper_switch": 3.0}})
    assert controller.answer("HOMED? 1") == "OK NONE"
    assert controller.answer("HOME 1 HOME 1 1000") == "OK"
    assert controller.answer("HOMED? 1") == "OK SEARCHING"
    clock.advance(10.0)
    assert controller.answer("HOMED? 1") == "OK FOUND 1900"
    assert controller.answer("STATUS? 1") == "OK 1,IDLE,1950,4"
    assert controller.answer("HOME 1 INDEX -1") == "OK"
    assert controller.answer("STOP 1") == "OK"
    clock.advance(10.0)
    assert controller.answer("HOMED? 1") == "OK STOPPED"
    assert controller.answer("HOME 1 HIGH 1") == "OK"
    clock.advance(10.0)
    assert controller.answer("HOMED? 1") == "OK FOUND 6000"
    assert controller.answer("SETPOS 1 0") == "OK"
    assert controller.answer("HOMED? 1") == "OK NONE"


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        ("HOME 1 HOUSE 1", "ERR 2 the mark should be one of HOME, LOW, HIGH, INDEX, not HOUSE"),
        ("HOME 1 HOME 0", "ERR 2 the direction should be 1 or -1, not 0"),
        ("HOME 1", "ERR 2 usage: HOME axis HOME|LOW|HIGH|INDEX 1|-1 [velocity]"),
        ("SETENC 1 5", "ERR 4 axis 1 has no encoder"),
    ],
)
def test_a_wrong_search_is_refused(build: Build, line: str, refusal: str) -> None:
    assert build().answer(line) == refusal


def test_lost_steps_are_seen_by_the_encoder_alone(build: Build, clock: Any) -> None:
    controller = build({1: {"encoder": 1000, "slip": 0.1}})
    controller.answer("MOVE 1 2000")
    clock.advance(10.0)
    assert controller.answer("STATUS? 1") == "OK 1,IDLE,2000,0,900"
    controller.slip(1, 0.0)
    controller.answer("MOVE 1 0")
    clock.advance(10.0)
    assert controller.answer("STATUS? 1") == "OK 1,IDLE,0,0,-100"
    assert controller.answer("SETENC 1 0") == "OK"
    assert controller.answer("STATUS? 1") == "OK 1,IDLE,0,0,0"


def test_a_hand_moves_the_stage_and_not_the_register(build: Build, clock: Any) -> None:
    controller = build({1: {"encoder": 1000, "name": "samx"}})
    controller.carry(1, -0.5)
    clock.advance(1.0)
    assert controller.answer("STATUS? 1") == "OK 1,IDLE,0,0,-500"
    assert controller.truth(clock.now())["axes"]["1"]["position"] == -0.5
    controller.answer("MOVE 1 2000")
    with pytest.raises(LookupError, match="axis 1 is moving"):
        controller.carry(1, 0.5)
    clock.advance(10.0)
    assert controller.answer("STATUS? 1") == "OK 1,IDLE,2000,0,500"


def test_a_creeping_encoder_is_asked_anew_each_time(build: Build, clock: Any) -> None:
    controller = build({1: {"encoder": 1000, "encoder_drift": 0.1}})
    assert controller.answer("STATUS? 1") == "OK 1,IDLE,0,0,0"
    clock.advance(1.0)
    assert controller.answer("STATUS? 1") == "OK 1,IDLE,0,0,100"
