"""Moving an axis by keys, in a pseudo-terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

RIGHT, LEFT = "\x1b[C", "\x1b[D"


@pytest.fixture(scope="module")
def typist(demo: Any, seat: Callable[..., Any]) -> Any:
    return seat(demo.folder)


@pytest.fixture
def samz(demo: Any, wait_for: Callable[..., Any]) -> Iterator[Any]:
    """An axis that stands at 0, before and afterwards."""
    axis = demo.device("samz")

    def back() -> None:
        wait_for(lambda: axis.State().name == "ON", 150, "samz to stand")
        axis.Position = 0.0
        wait_for(lambda: axis.State().name == "ON" and abs(axis.Position) < 0.01, 150, "samz at 0")

    back()
    yield axis
    back()


def press(typist: Any, key: str, shown: str) -> None:
    """Press a key and wait until the line shows what it did."""
    typist.terminal.send(key)
    typist.wait_for(shown)


def test_arrow_keys_move_by_the_step_which_plus_changes(typist: Any, samz: Any, wait_for: Callable[..., Any]) -> None:
    typist.send("tweak samz 0.1")
    typist.wait_for("q leaves")
    press(typist, RIGHT, r"0\.1")
    wait_for(lambda: samz.State().name == "ON" and samz.Position == pytest.approx(0.1, abs=0.005), 150, "a step")
    press(typist, "+", "2")
    # a key that is pressed while the display still takes the axis for moving is not taken
    wait_for(lambda: typist.terminal.send(LEFT) and samz.Position < 0.05, 150, "a step back")
    typist.terminal.send("q")
    typist.wait_for_prompt()

    assert samz.State().name == "ON"
    assert samz.Position < 0.05


def test_ctrl_c_stops_the_axis_and_leaves(typist: Any, samz: Any, wait_for: Callable[..., Any]) -> None:
    typist.send("tweak samz 10")
    typist.wait_for("q leaves")
    typist.terminal.send(RIGHT)
    wait_for(lambda: samz.State().name == "MOVING", 150, "samz to move")
    typist.terminal.sendintr()
    typist.wait_for_prompt()

    assert "interrupted; samz stopped at" in typist.seen
    assert samz.State().name == "ON"
    assert samz.Position < 10
    assert "2" in typist.enter("1 + 1")


def test_a_step_that_makes_no_sense_is_refused(typist: Any) -> None:
    assert "tweak: the step should be a number above 0, in mm, not 0" in typist.enter("tweak(samz, 0)")
    assert "is not an axis" in typist.enter("tweak(i0, 1)")
