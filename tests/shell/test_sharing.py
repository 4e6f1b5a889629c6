"""Two people at two prompts, and one axis."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="module")
def seats(demo: Any, seat: Callable[..., Any]) -> tuple[Any, Any]:
    """Two who type."""
    return seat(demo.folder), seat(demo.folder)


@pytest.fixture
def samz(demo: Any, wait_for: Any) -> Any:
    """The axis of these tests; it stands at 0 before and is free after."""
    axis = demo.device("samz")
    velocity = axis.Velocity
    yield axis
    axis.Stop()
    axis.Release()
    wait_for(lambda: axis.State().name == "ON" and not axis.Owner, 150, "samz is free")
    axis.Velocity = velocity
    axis.Position = 0.0
    wait_for(lambda: axis.State().name == "ON", 150, "samz at 0")


def test_the_second_is_told_what_the_first_is_doing(seats: Any, samz: Any) -> None:
    first, second = seats
    name = first.terminal.pid
    first.send("ascan(samz, 0, 2, 400, 1.0, diode)")
    first.wait_for(r"1 +0\.0050 ")

    told = rf"in use by \S+@\S+, process {name}, ascan\(samz, 0, 2, 400, 1\.0, diode\); stop that, or wait for its end"
    assert re.search(rf"samz: cannot be locked: it is {told}", " ".join(second.enter("mv(samz, 1)").split()))
    assert re.search(
        rf"samz: cannot set the velocity to 1: it is {told}", " ".join(second.enter("samz.velocity = 1").split())
    )
    assert re.search(r"in use by \S+@\S+, process \d+, ascan", " ".join(second.enter("samz").split()))
    second.enter("samz.stop()")
    first.press_ctrl_c()
    assert "ABORTED" in first.seen or "FAILED" in first.seen
    assert samz.Owner == ""
    assert "Traceback" not in second.enter("mv(samz, 0.1)")


def test_stop_is_for_everyone(seats: Any, samz: Any, wait_for: Any) -> None:
    first, second = seats
    before, samz.Velocity = samz.Velocity, 0.1  # slower than any prompt
    try:
        first.send("mv(samz, 9)")
        wait_for(lambda: samz.State().name == "MOVING", 150, "samz moves")
        second.enter("samz.stop()")
        first.wait_for_prompt()
    finally:
        samz.Stop()
        wait_for(lambda: samz.State().name == "ON", 150, "samz stands")
        samz.Velocity = before

    seen = " ".join(first.seen.split())
    assert re.search(r"samz: stands at \S+ mm instead of 9\.0000 mm; somebody stopped it", seen)
    assert samz.Position < 9


def test_a_fixed_axis_is_told_with_its_reason(seats: Any, samz: Any) -> None:
    first, second = seats
    first.enter('fix(samz, "glued to the cryostat")')

    seen = " ".join(second.enter("mv(samz, 1)").split())
    assert re.search(r"samz: cannot move to 1\.0 mm: it is fixed: glued to the cryostat \(\S+@\S+, process \d+, ", seen)
    second.enter("release(samz)")
    assert "Traceback" not in first.enter("mv(samz, 0.2)")
    assert samz.Position == pytest.approx(0.2)


def test_the_axis_of_a_shell_that_was_killed_is_free_again(
    demo: Any, seat: Callable[..., Any], seats: Any, samz: Any, wait_for: Any
) -> None:
    dying, other = seat(demo.folder), seats[1]
    before, samz.Velocity = samz.Velocity, 0.3  # the lock holds for 10 s, the motion for 30 s
    dying.send("mv(samz, -9)")
    wait_for(lambda: samz.State().name == "MOVING", 150, "samz moves")
    dying.terminal.kill(signal.SIGKILL)

    assert re.search(r"in use by|is moving, asked for by", " ".join(other.enter("mv(samz, 0.1)").split()))
    wait_for(lambda: samz.State().name == "ON", 150, "the motion ends as it would have")
    assert samz.Position == pytest.approx(-9, abs=0.01), "a lock that ends stops nothing"
    wait_for(lambda: not samz.Owner, 150, "the lock ends")
    samz.Velocity = before
    assert "Traceback" not in other.enter("mv(samz, -8.9)")
    assert samz.Position == pytest.approx(-8.9, abs=0.01)
