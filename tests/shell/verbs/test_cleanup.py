"""Blocks after which axes stand still and are back, however the block ends."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from ronda.framework.errors import BadValue, HardwareFault, OutOfRange
from ronda.framework.tango.names import AxisAttribute
from ronda.shell.verbs.cleanup import CleanupCommands, Restore
from ronda.shell.verbs.motion import MotionCommands


@pytest.fixture(autouse=True)
def cooperative(cooperative_sleep: None) -> None:
    """Each of these tests waits."""


@pytest.fixture
def motion(output: io.StringIO) -> MotionCommands:
    return MotionCommands(Console(file=output, width=80))


@pytest.fixture
def commands(motion: MotionCommands) -> CleanupCommands:
    return CleanupCommands(motion)


def test_axes_return_at_the_end_of_the_block(commands: CleanupCommands, motion: MotionCommands, make_axis: Any) -> None:
    (samx, x), (samy, y) = make_axis("samx"), make_axis("samy")
    with commands.cleanup(samx, samy, restore_list=(Restore.POS,)):
        motion.mv(samx, 3, samy, 4)
        assert x.values[AxisAttribute.POSITION] == 3

    assert x.values[AxisAttribute.POSITION] == y.values[AxisAttribute.POSITION] == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_axis_that_moves_is_stopped_and_returns_whatever_ends_the_block(
    error: type[BaseException], commands: CleanupCommands, motion: MotionCommands, make_axis: Any
) -> None:
    samx, hardware = make_axis("samx")
    hardware.values |= {AxisAttribute.POSITION: 1.0, AxisAttribute.TARGET: 1.0}

    def work() -> None:
        with commands.cleanup(samx, restore_list=(Restore.POS,)):
            motion.move(samx, 9, wait=False)
            hardware.arrives += 600
            hardware.values[AxisAttribute.POSITION] = 4.0
            raise error

    with pytest.raises(error) as ended:
        work()

    assert ended.value.__notes__ == ["samx stopped at 4.000 mm"]
    assert hardware.values[AxisAttribute.POSITION] == 1.0


def test_without_a_list_axes_are_stopped_only(
    commands: CleanupCommands, motion: MotionCommands, make_axis: Any
) -> None:
    samx, hardware = make_axis("samx")
    with commands.cleanup(samx):
        motion.move(samx, 9, wait=False)
        hardware.arrives += 600

    assert hardware.stopped
    assert not hardware.moving
    assert hardware.values[AxisAttribute.TARGET] == 9


def test_settings_are_put_back_before_the_axis_returns(
    commands: CleanupCommands, make_axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    samx, hardware = make_axis("samx")
    written: list[tuple[str, float]] = []
    write = hardware.write

    def note(attribute: str, value: float) -> None:
        written.append((attribute, value))
        if attribute == AxisAttribute.POSITION:
            write(attribute, value)

    monkeypatch.setattr(hardware, "write", note)
    with commands.cleanup(samx, restore_list=(Restore.POS, Restore.VEL, Restore.ACC)):
        hardware.values |= {
            AxisAttribute.VELOCITY: 0.1,
            AxisAttribute.POSITION: 5.0,
            AxisAttribute.TARGET: 5.0,
        }

    assert written == [(AxisAttribute.VELOCITY, 1.0), (AxisAttribute.POSITION, 0.0)]


def test_functions_are_called_even_if_an_axis_cannot_return(
    commands: CleanupCommands, make_axis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    samx, hardware = make_axis("samx")
    called: list[str] = []

    def work() -> None:
        with commands.cleanup(samx, lambda: called.append("lamp off"), restore_list=(Restore.POS,)):
            hardware.values |= {AxisAttribute.POSITION: 5.0, AxisAttribute.TARGET: 5.0}
            hardware.refuses = HardwareFault("samx: the amplifier is off")

    with pytest.raises(HardwareFault, match="the amplifier is off"):
        work()
    assert called == ["lamp off"]


def test_the_error_of_the_block_is_the_one_that_is_told(commands: CleanupCommands, make_axis: Any) -> None:
    samx, hardware = make_axis("samx")

    def work() -> None:
        with commands.cleanup(samx, restore_list=(Restore.POS,)):
            hardware.values |= {AxisAttribute.POSITION: 5.0, AxisAttribute.TARGET: 5.0}
            hardware.refuses = HardwareFault("samx: the amplifier is off")
            raise OutOfRange("the block's own")

    with pytest.raises(OutOfRange, match="the block's own") as failure:
        work()
    assert failure.value.__notes__ == ["samx: the amplifier is off"]


def test_error_cleanup_leaves_a_good_end_alone(
    commands: CleanupCommands, motion: MotionCommands, make_axis: Any
) -> None:
    samx, hardware = make_axis("samx")
    with commands.error_cleanup(samx, restore_list=(Restore.POS,)):
        motion.mv(samx, 3)
    assert hardware.values[AxisAttribute.POSITION] == 3

    def fail() -> None:
        with commands.error_cleanup(samx, restore_list=(Restore.POS,)):
            motion.mv(samx, 4)
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        fail()
    assert hardware.values[AxisAttribute.POSITION] == 3


def test_nonsense_is_refused_before_the_block_begins(commands: CleanupCommands, make_axis: Any) -> None:
    samx, _ = make_axis("samx")
    with pytest.raises(BadValue, match="cleanup: takes axes and functions, not 3"):
        commands.cleanup(samx, 3)  # type: ignore[arg-type]
    with pytest.raises(BadValue, match=r"restore_list takes axis.POS, axis.VEL, axis.ACC, axis.LIM, not 'speed'"):
        commands.cleanup(samx, restore_list=("speed",))  # type: ignore[arg-type]
    with pytest.raises(BadValue, match="takes an axis or several"):
        commands.cleanup()
