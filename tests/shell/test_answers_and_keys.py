"""Commands that wait for the person: questions, and moving an axis by keys, in a pseudo-terminal."""

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
    velocity = axis.Velocity

    def back() -> None:
        wait_for(lambda: axis.State().name == "ON", 150, "samz to stand")
        axis.Velocity = velocity
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
    samz.Velocity = 0.1  # slower than any machine
    typist.send("tweak samz 10")
    typist.wait_for("q leaves")
    typist.terminal.send(RIGHT)
    wait_for(lambda: samz.State().name == "MOVING", 150, "samz to move")
    typist.terminal.sendintr()
    typist.wait_for_prompt()

    assert "interrupted; samz stopped at" in typist.told()
    assert samz.State().name == "ON"
    assert samz.Position < 10
    assert "2" in typist.enter("1 + 1")


def test_a_step_that_makes_no_sense_is_refused(typist: Any) -> None:
    assert "tweak: the step should be a number above 0, in mm, not 0" in typist.enter("tweak(samz, 0)")
    assert "is not an axis" in typist.enter("tweak(i0, 1)")


def test_questions_are_answered_at_the_prompt_and_asked_again_if_need_be(typist: Any) -> None:
    typist.send('answer = yesno("open the shutter?"), getval("exposure", 0.1, low=0.001, high=10, unit="s")')
    typist.wait_for(r"shutter\? \[y/n\]")
    typist.send("perhaps")
    typist.wait_for(r"answer yes or no.*shutter\? \[y/n\]")
    typist.send("Y")
    typist.wait_for(r"exposure \(a number from 0\.001 to 10 s\) \[0\.1 s\]")
    typist.send("99")
    typist.wait_for(r"'99' cannot be taken; give a number from 0\.001 to 10 s")
    typist.wait_for(r"exposure \(a number")
    typist.send("2.5")
    typist.wait_for_prompt()

    assert "(True, 2.5)" in typist.enter("answer")


def test_ctrl_c_ends_a_question_and_the_command_with_it(typist: Any) -> None:
    typist.send('yesno("go " + "on?") or print("went" + " on")')
    typist.wait_for(r"go on\? \[y/n\]")
    typist.terminal.sendintr()
    typist.wait_for_prompt()

    assert "interrupted" in typist.told()
    assert "went on" not in typist.told()


def test_what_runs_beside_goes_on_while_a_question_waits(typist: Any) -> None:
    typist.enter("import gevent")
    typist.send(
        'gevent.spawn_later(0.3, lambda: print("beside", "done")) and "answered " + getval("text", kind=str) + "!"'
    )
    typist.wait_for("beside done")  # nobody has answered yet
    typist.send("fine")
    typist.wait_for_prompt()

    assert "answered fine!" in typist.told()


def test_a_block_with_cleanup_brings_the_axis_back_after_ctrl_c(
    typist: Any, samz: Any, wait_for: Callable[..., Any]
) -> None:
    samz.Velocity = 0.1
    typist.send("with cleanup(samz, restore_list=(axis.POS,)):", "mv(samz, 9)", "")
    wait_for(lambda: samz.Position > 0.05, 150, "samz on its way")
    typist.terminal.sendintr()
    typist.wait_for_prompt()

    assert "interrupted; samz stopped at" in typist.told()
    assert samz.Position == pytest.approx(0.0, abs=0.005)
