"""Moving axes: what is refused, and what is stopped when something goes wrong."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console

from ronda.framework.errors import BadValue, Busy, CommunicationFailed, HardwareFault, OutOfRange
from ronda.framework.tango.names import AxisAttribute, AxisCommand
from ronda.shell.verbs.motion import MotionCommands


@pytest.fixture(autouse=True)
def cooperative(cooperative_sleep: None) -> None:
    """Each of these tests waits."""


@pytest.fixture
def commands(output: io.StringIO) -> MotionCommands:
    return MotionCommands(Console(file=output, width=80))


def test_axes_move_at_once_and_arrive(
    commands: MotionCommands, make_axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (samx, x), (samy, y) = make_axis("samx"), make_axis("samy")
    write = y.write
    moved_when_y_began: list[bool] = []

    def begin(attribute: str, value: float) -> None:
        moved_when_y_began.append(x.moving)  # until its state is asked for the first time
        write(attribute, value)

    monkeypatch.setattr(y, "write", begin)
    commands.mv(samx, 1, samy, 2)

    assert moved_when_y_began == [True]
    assert (x.values[AxisAttribute.POSITION], y.values[AxisAttribute.POSITION]) == (1, 2)


def test_umv_tells_where_they_ended(commands: MotionCommands, make_axis: Any, output: io.StringIO) -> None:
    samx, _ = make_axis("samx")
    commands.umv(samx, 1.5)

    assert output.getvalue().split() == ["samx", "1.500", "mm"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), r"mv: takes an axis and a number, or several such pairs, as in mv\(samx, 1\.5\)"),
        (("samx",), r"mv: takes an axis and a number"),
        (("samx", "here"), r"mv: 'here' is not a number"),
        (("samx", True), r"mv: True is not a number"),
        ((3, 3), r"mv: 3 is not an axis; wa\(\) shows all axes"),
        (("samx", 1, "samx", 2), r"mv: samx stands there twice; an axis can go to one place only"),
    ],
)
def test_nonsense_is_refused(arguments: Sequence[Any], sentence: str, commands: MotionCommands, make_axis: Any) -> None:
    samx, hardware = make_axis("samx")
    given = [samx if argument == "samx" else argument for argument in arguments]

    with pytest.raises(BadValue, match=sentence):
        commands.mv(*given)
    assert not hardware.moving


def test_nothing_moves_if_one_target_is_outside_its_limits(commands: MotionCommands, make_axis: Any) -> None:
    (samx, x), (samy, _) = make_axis("samx"), make_axis("samy")

    with pytest.raises(OutOfRange, match=r"samy: cannot move to 11\.0 mm, outside limits \[-10\.0, 10\.0\] mm"):
        commands.mv(samx, 1, samy, 11)
    assert not x.moving


def test_an_axis_that_fails_stops_the_others(
    commands: MotionCommands, make_axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (samx, x), (samy, y) = make_axis("samx"), make_axis("samy")
    x.fault_at_end = True
    write = y.write

    def go_far(attribute: str, value: float) -> None:
        write(attribute, value)
        y.arrives += 60

    monkeypatch.setattr(y, "write", go_far)
    with pytest.raises(HardwareFault, match="samx: following error") as failure:
        commands.mv(samx, 1, samy, 1)

    assert y.stopped
    assert failure.value.__notes__ == ["samy stopped at 0.000 mm"]


def test_an_axis_that_somebody_else_moves_is_not_stopped(commands: MotionCommands, make_axis: Any) -> None:
    (samx, x), (samy, y) = make_axis("samx"), make_axis("samy")
    y.refuses = Busy("samy: is moving")

    with pytest.raises(Busy, match="samy: is moving"):
        commands.mv(samx, 1, samy, 1)

    assert x.stopped
    assert not y.stopped


def test_a_move_that_ends_elsewhere_is_told(commands: MotionCommands, make_axis: Any) -> None:
    samx, hardware = make_axis("samx")
    hardware.halts_half_way = True

    with pytest.raises(HardwareFault, match=r"samx: stands at 2\.000 mm instead of 4\.000 mm; somebody stopped it"):
        commands.mv(samx, 4)


def test_an_axis_that_cannot_be_stopped_is_told(
    commands: MotionCommands, make_axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    samx, hardware = make_axis("samx")
    hardware.deaf = CommunicationFailed("samx: does not answer")

    def interrupt(_: float | None = None) -> bool:
        raise HardwareFault("samx: broken")

    monkeypatch.setattr(samx, "await_rest", interrupt)
    with pytest.raises(HardwareFault) as failure:
        commands.mv(samx, 4)

    assert failure.value.__notes__ == ["samx could not be stopped: samx: does not answer"]


def test_a_server_that_does_not_answer_is_told_once(
    commands: MotionCommands, make_axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    samx, hardware = make_axis("samx")
    hardware.deaf = CommunicationFailed("samx: does not answer")

    def interrupt(_: float | None = None) -> bool:
        raise hardware.deaf

    monkeypatch.setattr(samx, "await_rest", interrupt)
    with pytest.raises(CommunicationFailed, match="samx: does not answer") as failure:
        commands.mv(samx, 4)

    assert failure.value.__notes__ == ["samx could not be told to stop either"]


def test_distances_count_from_the_position_asked_for(commands: MotionCommands, make_axis: Any) -> None:
    samx, hardware = make_axis("samx")
    hardware.values |= {AxisAttribute.TARGET: 1.0, AxisAttribute.POSITION: 1.0004}

    commands.mvr(samx, 0.5)

    assert hardware.values[AxisAttribute.TARGET] == 1.5


def test_a_dial_position_is_gone_to_by_sign_and_offset(commands: MotionCommands, make_axis: Any) -> None:
    samx, hardware = make_axis("samx")

    commands.mvd(samx, 3.0)

    assert hardware.values[AxisAttribute.POSITION] == -1.0


def test_other_programs_are_kept_away_while_a_move_runs(commands: MotionCommands, make_axis: Any) -> None:
    (samx, x), (samy, y) = make_axis("samx"), make_axis("samy")

    commands.mv(samx, 1, samy, 2)

    assert x.purposes == y.purposes
    assert x.purposes[0].endswith(", mv(samx, 1, samy, 2)")
    assert x.locks == y.locks == []


def test_nothing_moves_if_somebody_else_has_locked_one_axis(
    commands: MotionCommands, make_axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (samx, x), (samy, y) = make_axis("samx"), make_axis("samy")
    command = y.command

    def refuse(name: str, argument: Any = None) -> None:
        if name == AxisCommand.LOCK:
            raise Busy("samy: cannot be locked: it is in use by bob@id01, process 7, mv(samy, 3)")
        command(name, argument)

    monkeypatch.setattr(y, "command", refuse)
    with pytest.raises(Busy, match="in use by bob@id01, process 7"):
        commands.mv(samx, 1, samy, 2)

    assert not x.moving
    assert x.locks == []


def test_move_may_return_when_the_axes_have_begun(commands: MotionCommands, make_axis: Any) -> None:
    samx, hardware = make_axis("samx")
    hardware.values |= {AxisAttribute.TARGET: 1.0, AxisAttribute.POSITION: 1.0}

    commands.move(samx, 0.5, wait=False, relative=True)

    assert hardware.moving
    assert hardware.values[AxisAttribute.TARGET] == 1.5


def test_a_line_of_umv_fits_into_80_columns(make_axis: Any) -> None:
    from ronda.shell.displays.moves import MovesDisplay

    terminal = io.StringIO()
    axis, _ = make_axis("a_name_of_24_characters_", unit="mrad", digits=5)
    display = MovesDisplay(Console(file=terminal, width=80), [(axis, -12345.12345)])
    display._velocities = [0.001]

    assert len(display._line(0, 12345.12345, final=False)) <= 80


def test_lines_of_umv_stand_below_each_other(make_axis: Any) -> None:
    from ronda.shell.displays.moves import MovesDisplay

    samx, _ = make_axis("samx", unit="mm", digits=4)
    rot, _ = make_axis("rot", unit="deg", digits=2)
    display = MovesDisplay(Console(file=io.StringIO(), width=80), [(samx, 5.0), (rot, -30.0)])
    display._velocities = [1.0, 1.0]

    assert [display._line(0, 1.0, final=False), display._line(1, 0.0, final=False)] == [
        "samx      1.0000 →   5.0000 mm    4.0 s left",
        "rot         0.00 → -30.00   deg   30.0 s left",
    ]
