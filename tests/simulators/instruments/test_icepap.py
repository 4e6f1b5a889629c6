"""The IcePAP's lines, against a clock set by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.simulators.instruments.icepap import Icepap, IcepapParameters
from ronda.simulators.physics.clock import Clock
from ronda.simulators.physics.world import World

Build = Callable[..., Icepap]

PLAIN = {"velocity": 2.0, "acceleration_time": 0.1, "steps_per_unit": 2000}
SWITCHED = {**PLAIN, "lower_switch": -1.0, "upper_switch": 1.0, "home": 0.5}


@pytest.fixture
def build(world: World) -> Build:
    def build(**axes: Any) -> Icepap:
        given = {int(name[1:]): {**PLAIN, **keys} for name, keys in axes.items()} or {1: PLAIN, 2: PLAIN, 11: PLAIN}
        return Icepap("ice", IcepapParameters.model_validate({"axes": given}), world)

    return build


def status(icepap: Icepap, address: int = 1) -> int:
    """The status word of a board."""
    return int((icepap.answer(f"{address}:?STATUS") or "").split()[1], 16)


def field(word: int, place: int, bits: int = 1) -> int:
    return word >> place & ((1 << bits) - 1)


def test_an_answer_repeats_the_command(build: Build) -> None:
    icepap = build()
    assert icepap.answer("?POS 1 2 11") == "?POS 0 0 0"
    assert icepap.answer("1:?pos axis") == "1:?POS 0"
    assert icepap.answer("?VER") == "?VER 3.17"


def test_commands_are_answered_only_with_the_acknowledge_character(build: Build) -> None:
    icepap = build()
    assert icepap.answer("VELOCITY 1 1000") is None
    assert icepap.answer("#VELOCITY 1 500") == "VELOCITY OK"
    assert icepap.answer("#1:VELOCITY 600") == "1:VELOCITY OK"
    assert icepap.answer("?VELOCITY 1") == "?VELOCITY 600"
    assert icepap.answer("VELOCITY 1 -5") is None
    assert icepap.answer("") is None


def test_semicolons_separate_commands_and_each_has_its_answer(build: Build) -> None:
    assert (
        build().answer("?FSTATUS 1 2;?FPOS 1 2; 1:?POWER") == "?FSTATUS 0x00a00203 0x00a00203\n?FPOS 0 0\n1:?POWER ON"
    )


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("#HELLO", "HELLO ERROR Command not recognised"),
        ("?HELLO 1", "?HELLO ERROR Command not recognised"),
        ("#?", "? ERROR Command not recognised"),
        ("HELLO", None),
        ("#MOVE", "MOVE ERROR Wrong number of parameter(s)"),
        ("#MOVE 1", "MOVE ERROR Wrong number of parameter(s)"),
        ("#MOVE 1 x", "MOVE ERROR Wrong parameter(s)"),
        ("#MOVE 1 1.5", "MOVE ERROR Wrong parameter(s)"),
        ("#MOVE 1 2147483648", "MOVE ERROR Out of range parameter(s)"),
        ("#MOVE 1 5 1 6", "MOVE ERROR Wrong parameter(s)"),
        ("?POS", "?POS ERROR Wrong number of parameter(s)"),
        ("?POS 3", "?POS ERROR Axis 3: Board is not present in the system"),
        ("3:?POS", "3:?POS ERROR Board is not present in the system"),
        ("?POS 9", "?POS ERROR Axis 9: Bad board address"),
        ("?POS 10", "?POS ERROR Command or option not valid in controller boards"),
        ("1:?POS 2", "1:?POS ERROR Too many parameters"),
        (":?POS", "?POS ERROR Cannot broadcast a query"),
        ("#:STOP", "STOP ERROR Cannot acknowledge a broadcast"),
        ("#VELOCITY 1 1e9", "VELOCITY ERROR Axis 1: Out of range parameter(s)"),
        ("#1:ACCTIME nan", "1:ACCTIME ERROR Wrong parameter(s)"),
        ("#1:HOME 2", "1:HOME ERROR Wrong parameter(s)"),
        ("#1:SRCH LIM+ -1", "1:SRCH ERROR Wrong parameter(s)"),
        ("?HOMEPOS 1", "?HOMEPOS ERROR Axis 1: axis 1 has found nothing"),
        ("#POWER 1", "POWER ERROR Wrong parameter(s)"),
        ("?NAME 1", "?NAME ERROR Command not recognised"),
    ],
)
def test_mistakes_are_errors_that_say_what_is_wrong(build: Build, line: str, reply: str | None) -> None:
    assert build().answer(line) == reply


def test_a_move_takes_the_time_of_its_trapezoid(build: Build, clock: Any) -> None:
    icepap = build()
    icepap.answer("VELOCITY 1 1000;ACCTIME 1 0.5")
    assert icepap.answer("#MOVE 1 2000") == "MOVE OK"
    assert (field(status(icepap), 10), field(status(icepap), 9)) == (1, 0)
    clock.advance(1.5)
    assert icepap.answer("?FPOS 1;?VELOCITY CURRENT 1") == "?FPOS 1250\n?VELOCITY 1000"
    clock.advance(1.0)
    assert icepap.answer("?FPOS 1") == "?FPOS 2000"
    assert (field(status(icepap), 10), field(status(icepap), 9), field(status(icepap), 14, 4)) == (0, 1, 0)
    icepap.answer("1:RMOVE -500")
    clock.advance(5)
    assert icepap.answer("?POS 1") == "?POS 1500"


def test_a_group_starts_together_or_not_at_all_and_others_one_by_one(build: Build, clock: Any) -> None:
    icepap = build()
    icepap.answer("POWER OFF 2")
    assert icepap.answer("#MOVE GROUP 1 500 2 500 11 500") == "MOVE ERROR Axis 2: axis 2 is off"
    clock.advance(5)
    assert icepap.answer("?POS 1 2 11") == "?POS 0 0 0"
    assert icepap.answer("#MOVE 1 500 2 500 11 500") == "MOVE ERROR Axis 2: axis 2 is off"
    clock.advance(5)
    assert icepap.answer("?POS 1 2 11") == "?POS 500 0 0"
    icepap.answer("POWER ON 2")
    assert icepap.answer("#MOVE GROUP 1 0 2 500 11 500") == "MOVE OK"
    axes = icepap.truth(clock.now())["axes"]
    assert {axes[address]["started"] for address in ("1", "2", "11")} == {10.0}


def test_stop_brakes_a_whole_group_and_abort_stops_dead(build: Build, clock: Any) -> None:
    icepap = build()
    icepap.answer("MOVE GROUP 1 40000 2 -40000;MOVE 11 40000")
    clock.advance(1)
    assert icepap.answer("#STOP 1") == "STOP OK"
    assert icepap.answer("#11:ABORT") == "11:ABORT OK"
    assert icepap.answer("?FPOS 11;?STOPCODE 11") == "?FPOS 3800\n?STOPCODE 0x0002"
    clock.advance(0.1001)
    assert icepap.answer("?POS 1 2") == "?POS 4000 -4000"
    assert icepap.answer("?STOPCODE 1 2;1:?VSTOPCODE") == "?STOPCODE 0x0001 0x0001\n1:?VSTOPCODE Stop"


def test_a_broadcast_is_for_all_boards_and_never_answered(build: Build, clock: Any) -> None:
    icepap = build()
    icepap.answer("MOVE 1 40000 2 40000")
    clock.advance(1)
    assert icepap.answer(":STOP") is None
    clock.advance(1)
    assert icepap.answer("?POS 1 2 11") == "?POS 4000 4000 0"


def test_a_limit_switch_ends_a_move_and_tells_which(build: Build, clock: Any) -> None:
    icepap = build(a1=SWITCHED)
    icepap.answer("MOVE 1 9000")
    clock.advance(5)
    word = status(icepap)
    assert (field(word, 14, 4), field(word, 18), field(word, 19), field(word, 9)) == (3, 1, 0, 1)
    assert icepap.answer("?POS 1") == "?POS 2200"
    assert icepap.answer("#MOVE 1 9000") == "MOVE ERROR Axis 1: axis 1 is on its positive limit switch"
    icepap.answer("MOVE 1 -9000")
    clock.advance(5)
    word = status(icepap)
    assert (field(word, 14, 4), field(word, 18), field(word, 19)) == (4, 0, 1)


def test_in_a_strict_group_a_limit_switch_stops_the_others(build: Build, clock: Any) -> None:
    icepap = build(a1=SWITCHED, a2={})
    icepap.answer("MOVE GROUP STRICT 1 9000 2 9000")
    clock.advance(5)
    assert icepap.answer("?POS 1 2;?STOPCODE 1 2") == "?POS 2200 2200\n?STOPCODE 0x0003 0x0001"


def test_power_off_disables_and_says_so(build: Build, clock: Any) -> None:
    icepap = build()
    icepap.answer("MOVE 1 9000")
    clock.advance(0.5)
    assert icepap.answer("#POWER OFF 1") == "POWER OK"
    word = status(icepap)
    assert (field(word, 23), field(word, 9), field(word, 4, 3), field(word, 14, 4)) == (0, 0, 7, 6)
    assert icepap.answer("?POWER 1 2") == "?POWER OFF ON"
    icepap.answer("1:POWER ON")
    assert (field(status(icepap), 23), field(status(icepap), 9)) == (1, 1)


def test_a_closed_loop_error_takes_the_power_until_it_is_switched_on(build: Build) -> None:
    icepap = build()
    icepap.fail(1)
    word = status(icepap)
    assert (field(word, 23), field(word, 4, 3), field(word, 14, 4)) == (0, 2, 12)
    assert icepap.answer("1:?ALARM") == "1:?ALARM Closed loop error"
    assert icepap.answer("#MOVE 1 5") is not None
    icepap.answer("POWER ON 1")
    assert icepap.answer("1:?ALARM") == "1:?ALARM NO"
    assert field(status(icepap), 9) == 1


def test_a_board_that_left_the_bus_does_not_answer_and_comes_back(build: Build) -> None:
    icepap = build()
    assert icepap.answer("?SYSSTAT;?SYSSTAT 0;?SYSSTAT 1") == "?SYSSTAT 0x0003\n?SYSSTAT 0x03 0x03\n?SYSSTAT 0x01 0x01"
    icepap.fail(2, "disconnected")
    assert icepap.answer("?SYSSTAT 0") == "?SYSSTAT 0x03 0x01"
    assert icepap.answer("?FSTATUS 1 2") == "?FSTATUS ERROR Axis 2: Board is not present in the system"
    icepap.fail(2, "connected")
    assert icepap.answer("?FPOS 2") == "?FPOS 0"
    with pytest.raises(LookupError, match="ice has the faults following, disconnected and connected, not sleepy"):
        icepap.fail(2, "sleepy")
    with pytest.raises(LookupError, match="ice has no axis 3"):
        icepap.fail(3)


def test_a_home_search_latches_where_the_switch_was_passed(build: Build, clock: Any) -> None:
    icepap = build(a1={**SWITCHED, "encoder": 500.0})
    assert icepap.answer("?HOMESTAT 1") == "?HOMESTAT NOTFOUND 0"
    assert icepap.answer("#1:HOME +1") == "1:HOME OK"
    assert icepap.answer("1:?HOMESTAT") == "1:?HOMESTAT MOVING 1"
    clock.advance(5)
    assert icepap.answer("1:?HOMESTAT;?HOMEPOS 1;?HOMEENC ENCIN 1") == "1:?HOMESTAT FOUND 1\n?HOMEPOS 900\n?HOMEENC 225"
    assert icepap.answer("?POS 1") == "?POS 1100"  # it needed 200 steps to stop
    icepap.answer("POS 1 0")
    assert icepap.answer("?HOMEPOS 1") == "?HOMEPOS 900"
    assert field(status(icepap), 14, 4) == 0


def test_a_home_search_turns_back_at_a_limit_switch(build: Build, clock: Any) -> None:
    icepap = build(a1=SWITCHED)
    icepap.answer("1:HOME -1")
    clock.advance(10)
    assert (
        icepap.answer("1:?HOMESTAT;?HOMEPOS 1;?STOPCODE 1") == "1:?HOMESTAT FOUND -1\n?HOMEPOS 1100\n?STOPCODE 0x0000"
    )


def test_a_home_search_without_a_home_switch_ends_at_a_limit_switch(build: Build, clock: Any) -> None:
    icepap = build(a1={**SWITCHED, "home": None})
    icepap.answer("1:HOME -1")
    clock.advance(10)
    assert icepap.answer("1:?HOMESTAT;?STOPCODE 1") == "1:?HOMESTAT NOTFOUND -1\n?STOPCODE 0x0004"
    icepap.answer("POS 1 0")
    assert icepap.answer("1:?HOMESTAT;?STOPCODE 1") == "1:?HOMESTAT NOTFOUND -1\n?STOPCODE 0x0004"


def test_a_stopped_search_has_found_nothing(build: Build, clock: Any) -> None:
    icepap = build(a1={**SWITCHED, "home": 40, "upper_switch": 50})
    icepap.answer("1:HOME +1")
    clock.advance(1)
    icepap.answer("STOP 1")
    clock.advance(1)
    assert icepap.answer("1:?HOMESTAT") == "1:?HOMESTAT NOTFOUND 1"


def test_a_limit_search_finds_the_switch(build: Build, clock: Any) -> None:
    icepap = build(a1=SWITCHED)
    assert icepap.answer("#1:SRCH LIM-") == "1:SRCH OK"
    clock.advance(5)
    assert (
        icepap.answer("1:?SRCHSTAT;?SRCHPOS 1;?STOPCODE 1") == "1:?SRCHSTAT FOUND -1\n?SRCHPOS -2000\n?STOPCODE 0x0000"
    )


def test_a_search_for_the_index_finds_it(build: Build, clock: Any) -> None:
    icepap = build(a1={"index": 0.25})
    assert icepap.answer("#SRCH ENCAUX POSEDGE 1 +1") == "SRCH OK"
    clock.advance(5)
    assert icepap.answer("?SRCHSTAT 1;?SRCHPOS 1") == "?SRCHSTAT FOUND 1\n?SRCHPOS 500"


def test_lost_steps_and_a_hand_are_seen_by_the_encoder_alone(build: Build, clock: Any) -> None:
    icepap = build(a1={"encoder": 2000})
    icepap.slip(1, 0.1)
    icepap.answer("MOVE 1 2000")
    clock.advance(5)
    assert icepap.answer("?POS 1;?ENC ENCIN 1") == "?POS 2000\n?ENC 1800"
    icepap.carry(1, -0.5)
    assert icepap.answer("?POS 1;?ENC ENCIN 1") == "?POS 2000\n?ENC 800"


def test_jog_runs_until_stopped(build: Build, clock: Any) -> None:
    icepap = build()
    assert icepap.answer("#JOG 1 -1000") == "JOG OK"
    clock.advance(10)
    assert icepap.answer("?JOG 1") == "?JOG -1000"
    icepap.answer("JOG 1 0")
    clock.advance(1)
    assert -10100 < int((icepap.answer("?POS 1") or "").split()[1]) < -9900


def test_positions_and_encoders_are_redefined_each_for_itself(build: Build, clock: Any) -> None:
    icepap = build(a1={"encoder": 500.0})
    icepap.answer("POS 1 100;ENC ENCIN 1 7;POS INPOS 1 -5")
    assert icepap.answer("?POS 1;?ENC ENCIN 1;?POS ENCIN 1;?POS INPOS 1") == "?POS 100\n?ENC 7\n?POS 28\n?POS -5"
    icepap.answer("MOVE 1 2100")
    assert icepap.answer("#POS 1 0") == "POS ERROR Axis 1: axis 1 is moving"
    clock.advance(5)
    assert icepap.answer("?POS 1;?ENC ENCIN 1;?POS INPOS 1") == "?POS 2100\n?ENC 507\n?POS -5"
    icepap.answer("POS ENCIN 1 0")
    assert icepap.answer("?ENC ENCIN 1") == "?ENC 0"


def test_esync_makes_the_axis_believe_its_encoder(build: Build, clock: Any) -> None:
    icepap = build(a1={"encoder": 500.0})
    icepap.answer("POS 1 100")
    assert icepap.answer("#ESYNC 1") == "ESYNC OK"
    assert icepap.answer("?POS 1") == "?POS 0"


def test_several_lines_stand_between_two_dollars(build: Build) -> None:
    lines = (build().answer("0:?VER INFO") or "").split("\n")
    assert (lines[0], lines[-1]) == ("0:?VER $", "$")
    assert "   DRIVER    :  3.17" in lines
    assert "?FSTATUS" in (build().answer("?HELP") or "").split("\n")


def test_an_address_that_no_rack_has_is_refused_by_the_file() -> None:
    with pytest.raises(ValueError, match=r"board addresses are 10 × rack \+ 1 to 10 × rack \+ 8.*; 9 is none"):
        IcepapParameters.model_validate({"axes": {9: {}}})


words = st.one_of(
    st.sampled_from(
        ["1", "2", "11", "9", "0", "-1", "+1", "500", "1e3", "GROUP", "STRICT", "AXIS", "ENCIN", "ON", "OFF"]
    ),
    st.sampled_from(
        ["LIM+", "LIM-", "HOME", "ENCAUX", "POSEDGE", "NOMINAL", "INFO", "99999999999", "١", "$", "x" * 50]
    ),
    st.text(max_size=6),
)
commands = st.builds(
    lambda head, word, rest: f"{head}{word} {' '.join(rest)}",
    st.sampled_from(["", "#", "1:", "#2:", "?", "1:?", ":", "#?", "99:", "0:?"]),
    st.sampled_from(
        sorted(
            {"MOVE", "RMOVE", "JOG", "STOP", "ABORT", "HOME", "SRCH", "POS", "ENC", "POWER", "VELOCITY", "ACCTIME"}
            | {"STATUS", "FPOS", "HOMESTAT", "HOMEPOS", "SRCHENC", "VER", "SYSSTAT", "HELP", "NAME", "VSTATUS"}
        )
    ),
    st.lists(words, max_size=5),
)


@given(st.lists(st.one_of(commands, st.text(max_size=30)), max_size=20), st.floats(0, 3))
def test_whatever_is_sent_is_answered_in_form_and_breaks_nothing(lines: list[str], step: float) -> None:
    time = [0.0]
    icepap = Icepap(
        "ice",
        IcepapParameters.model_validate({"axes": {1: SWITCHED, 2: PLAIN, 11: PLAIN}}),
        World(Clock(source=lambda: time[0]), 7),
    )
    for line in lines:
        time[0] += step
        icepap.answer(line)
        reply = icepap.answer("?FSTATUS 1 2 11;?FPOS 1 2 11") or ""
        states, positions = (each.split() for each in reply.split("\n"))
        assert (states[0], positions[0]) == ("?FSTATUS", "?FPOS")
        assert all(0 <= int(state, 16) < 2**32 for state in states[1:])
        assert all(-(2**31) <= int(position) < 2**31 for position in positions[1:])
