"""The GCS controller's lines, against a clock set by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.simulators.instruments.pi_gcs import COMMANDS, PiGcs, PiGcsParameters
from ronda.simulators.physics.clock import Clock
from ronda.simulators.physics.world import World

Build = Callable[..., PiGcs]

READY = {"steps_per_unit": 1000, "velocity": 2.0, "acceleration_time": 0.1, "referenced": True, "servo": True}
STAGE = {**READY, "lower_switch": -5, "upper_switch": 5, "lowest": -4, "highest": 6, "home": 1.0, "home_width": 0.2}


@pytest.fixture
def build(world: World) -> Build:
    def build(**axes: Any) -> PiGcs:
        given = {name.removeprefix("a"): keys for name, keys in axes.items()} or {"1": STAGE, "2": READY}
        return PiGcs("pi", PiGcsParameters.model_validate({"axes": given}), world)

    return build


def error(controller: PiGcs, line: str) -> int:
    """The error that a line leaves."""
    controller.answer(line)
    return int(controller.answer("ERR?") or "")


def test_the_lines_of_an_answer_end_with_a_space_but_the_last(build: Build) -> None:
    controller = build()
    assert controller.answer("SAI?") == "1 \n2"
    assert controller.answer("POS?") == "1=0.0000000 \n2=0.0000000"
    assert controller.answer("POS? 2") == "2=0.0000000"
    assert controller.answer("ONT? 2 1") == "2=1 \n1=1"


def test_commands_have_no_answer_and_an_error_is_told_once(build: Build) -> None:
    controller = build()
    assert controller.answer("MOV 2 1") is None
    assert controller.answer("POS? 9") is None
    assert (controller.answer("ERR?"), controller.answer("ERR?")) == ("15", "0")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("HELLO", 2),
        ("mov 1 1", 2),
        ("MOV", 26),
        ("MOV 1", 24),
        ("MOV 1 x", 25),
        ("MOV 1 nan", 25),
        ("MOV 1 7", 7),
        ("MOV 3 1", 15),
        ("MOV 1 1 1 2", 22),
        ("VEL 1 1e6", 8),
        ("ACC 1 0", 17),
        ("SVO 1 2", 17),
        ("FRF 2", 31),
        ("FNL 2", 32),
        ("POS 1 0", 34),
        ("SPA? 1 0x77", 54),
        ("SPA? 1 z", 1),
        ("SRG? 1 2", 17),
        ("*IDN? 1", 24),
        ("STP 1", 24),
        ("HLT", 10),
        ("", 0),
    ],
)
def test_each_mistake_has_the_code_of_the_manual(build: Build, line: str, code: int) -> None:
    assert error(build(), line) == code


def test_a_line_with_one_mistake_is_not_carried_out_at_all(build: Build) -> None:
    controller = build()
    assert error(controller, "MOV 2 1 1 99") == 7
    assert error(controller, "VEL 2 1 1 1e9") == 8
    assert controller.answer("\x05") == "0"
    assert controller.answer("VEL? 2") == "2=2.0000000"


def test_a_move_takes_the_time_of_its_trapezoid_and_settles(build: Build, clock: Any) -> None:
    controller = build()
    controller.answer("MOV 1 2 2 -4")
    assert controller.answer("\x05") == "3"
    clock.advance(1.1)
    assert (controller.answer("\x05"), controller.answer("ONT?")) == ("2", "1=0 \n2=0")
    clock.advance(0.02)
    assert controller.answer("ONT? 1") == "1=1"
    assert controller.answer("SRG? 1 1") == "1 1=0x9000"
    assert controller.answer("SRG? 2 1") == "2 1=0x3000"
    clock.advance(1.0)
    assert controller.answer("POS?") == "1=2.0000000 \n2=-4.0000000"


def test_an_axis_that_has_not_moved_yet_is_on_target_at_once(build: Build, clock: Any) -> None:
    clock.advance(3.0)
    assert build().answer("ONT? 1") == "1=1"


def test_a_new_target_in_mid_move_brakes_and_goes_there(build: Build, clock: Any) -> None:
    controller = build()
    controller.answer("MOV 2 10")
    clock.advance(1.0)
    assert error(controller, "MOV 2 0") == 0
    clock.advance(10.0)
    assert (controller.answer("POS? 2"), controller.answer("ONT? 2")) == ("2=0.0000000", "2=1")


def test_halt_brakes_and_stop_stops_dead_and_both_leave_error_10(build: Build, clock: Any) -> None:
    controller = build(aA=READY, aB=READY)
    controller.answer("MOV A 100 B 100")
    clock.advance(1.0)
    assert error(controller, "HLT A") == 10
    clock.advance(0.2)
    assert controller.answer("MOV? A") == "A=2.0000000"
    controller.answer("\x18")
    assert controller.answer("ERR?") == "10"
    assert controller.answer("POS? A B") == "A=2.0000000 \nB=2.3000000"


def test_referencing_goes_to_the_mark_and_knows_where_it_is_then(build: Build, clock: Any) -> None:
    controller = build(a1={**STAGE, "referenced": False, "position": -2.0})
    controller.answer("RON 1 0")
    controller.answer("POS 1 77")
    controller.answer("RON 1 1")
    assert error(controller, "FRF 1") == 0
    assert (controller.answer("\x07"), controller.answer("FRF? 1")) == ("\xb0", "1=0")
    assert error(controller, "MOV 1 0") == -1008
    clock.advance(20)
    assert (controller.answer("\x07"), controller.answer("FRF? 1"), controller.answer("POS? 1")) == (
        "\xb1",
        "1=1",
        "1=0.9000000",
    )
    assert controller.truth(clock.now())["axes"]["1"]["position"] == pytest.approx(0.9)
    controller.answer("FNL 1")
    clock.advance(20)
    assert (controller.answer("FRF? 1"), controller.answer("POS? 1")) == ("1=1", "1=-5.0000000")


def test_a_stopped_reference_move_leaves_the_axis_unreferenced(build: Build, clock: Any) -> None:
    controller = build()
    controller.answer("FPL 1")
    clock.advance(0.5)
    controller.answer("HLT 1")
    clock.advance(5)
    assert controller.answer("FRF? 1") == "1=0"
    controller.answer("ERR?")
    assert error(controller, "MOV 1 0") == 5


def test_a_limit_switch_is_an_error_once(build: Build, clock: Any) -> None:
    controller = build()
    controller.answer("MOV 1 5.9")
    clock.advance(10)
    assert (controller.answer("ERR?"), controller.answer("ERR?")) == ("216", "0")
    assert controller.answer("SRG? 1 1") == "1 1=0x9004"
    assert error(controller, "MOV 1 6") == 216
    assert error(controller, "MOV 1 0") == 0


def test_jog_ends_at_the_end_of_the_travel(build: Build, clock: Any) -> None:
    controller = build(a1={**READY, "lowest": -3, "highest": 3})
    assert error(controller, "JOG 1 -1") == 0
    clock.advance(1)
    assert controller.answer("JOG? 1") == "1=-1.0000000"
    clock.advance(10)
    assert controller.answer("POS? 1") == "1=-3.0000000"
    assert controller.answer("VEL? 1") == "1=2.0000000"


def test_the_help_tells_what_there_is(build: Build) -> None:
    controller = build()
    told = [line.split()[0] for line in (controller.answer("HLP?") or "").split(" \n")[1:-1]]
    assert set(told) == {*COMMANDS, "#5", "#7", "#24"}
    for command in COMMANDS:
        assert error(controller, f"{command} 1 1 1") != 2, command


def test_an_encoder_beside_the_motor_is_refused_by_the_file() -> None:
    with pytest.raises(ValueError, match="has its encoder on the motor's shaft"):
        PiGcsParameters.model_validate({"axes": {"1": {"encoder": 5}}})


words = st.one_of(
    st.sampled_from(["1", "2", "Z", "0", "-1", "1.5", "1e9", "nan", "0xA", "ALL", "٣", "x" * 40]), st.text(max_size=6)
)
commands = st.builds(
    lambda name, rest: f"{name} {' '.join(rest)}", st.sampled_from(sorted(COMMANDS)), st.lists(words, max_size=5)
)


@given(
    st.lists(st.one_of(commands, st.sampled_from("\x05\x07\x18"), st.text(max_size=30)), max_size=20), st.floats(0, 3)
)
def test_whatever_is_sent_breaks_nothing(lines: list[str], step: float) -> None:
    time = [0.0]
    parameters = PiGcsParameters.model_validate({"axes": {"1": STAGE, "2": {}}})
    controller = PiGcs("pi", parameters, World(Clock(source=lambda: time[0]), 7))
    for line in lines:
        time[0] += step
        controller.answer(line)
        positions = (controller.answer("POS?") or "").split(" \n")
        assert [position.partition("=")[0] for position in positions] == ["1", "2"]
        assert all(abs(float(position.partition("=")[2])) < 1e8 for position in positions)
        int(controller.answer("ERR?") or "")
