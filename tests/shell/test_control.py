"""Two people in one session, each at a prompt: one has control, the other looks."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import Any

import pytest
import tango


@pytest.fixture
def sit(demo: Any, seat: Callable[..., Any]) -> Callable[..., Any]:
    """`sit(user)` opens a shell in the session `alignment`; all leave at the end."""
    sitting: list[Any] = []

    def sit(user: str) -> Any:
        sitting.append(seat(demo.folder, session="alignment", user=user, columns=500))
        return sitting[-1]

    yield sit
    for typist in sitting:
        if typist.terminal.isalive():
            if not typist.at_prompt:
                typist.press_ctrl_c()
            typist.leave()


@pytest.fixture
def samz(demo: Any, wait_for: Any) -> Any:
    """The axis of these tests; it stands at 0 before, and after."""
    axis = demo.device("samz")
    velocity = axis.Velocity
    yield axis
    axis.Stop()
    wait_for(lambda: axis.State().name == "ON" and not axis.Owner, 150, "samz is free")
    axis.Velocity = velocity
    axis.Position = 0.0
    wait_for(lambda: axis.State().name == "ON", 150, "samz at 0")


def words(text: str) -> str:
    return " ".join(text.split())


def test_who_looks_moves_and_measures_nothing_but_reads_plots_and_stops(sit: Any, samz: Any, wait_for: Any) -> None:
    alice = sit("alice")
    assert "you have control of the session" in alice.seen
    alice.enter("loopscan(3, 0.01, diode)")
    bob = sit("bob")
    looks = rf"you look, alice@\S+, process {alice.terminal.pid} has control of the session alignment since \d\d:\d\d"
    assert re.search(looks, words(bob.seen))
    samz.Velocity = 0.02  # slower than any prompt
    alice.send("mv(samz, 9)")
    wait_for(lambda: samz.State().name == "MOVING", 150, "samz moves")

    for line in (
        "mv(samx, 1)",
        "samz.velocity = 1",
        "ct(0.01, diode)",
        "ascan(samx, 0, 1, 3, 0.01, diode)",
        "shclose()",
    ):
        assert re.search(looks, words(bob.enter(line))), line
    for line in ('newsample("Cu")', 'add_metadata(operator="bob")', "MG1.disable('*')", "cam.add_roi('r', 0, 0, 5, 5)"):
        assert re.search(looks, words(bob.enter(line))), line
    with pytest.raises(tango.DevFailed, match="alice@"):  # other clients are not in the session, but it is in use
        samz.Position = 0.0
    assert "MOVING" in bob.enter("samz")
    assert "loopscan(3, 0.01, diode)" in bob.enter("SCANS[-1]")
    assert "diode" in bob.enter("plot()")
    assert "samz" in bob.enter("wa()")
    bob.enter("samz.stop()")
    alice.wait_for_prompt()
    assert "somebody stopped it" in words(alice.seen)
    assert samz.Position < 9
    samz.Position = 0.0  # nobody uses it: any client may move it


def test_control_is_asked_for_and_handed_over_and_the_logbook_says_so(sit: Any, samz: Any) -> None:
    alice, bob = sit("alice"), sit("bob")
    assert "is told that you ask for control" in bob.enter("ask_control()")
    alice.wait_for(rf"bob@\S+, process {bob.terminal.pid} asks for control; give_control\('bob'\) hands it over")
    assert re.search(r"bob@\S+, process \d+ has control of the session", alice.enter("give_control('bob')"))
    bob.wait_for("you have control of the session alignment now")

    bob.enter("mv(samz, 0.2)")
    assert samz.Position == pytest.approx(0.2)
    assert "you look, bob@" in alice.enter("mv(samz, 0.1)")
    told = words(alice.enter("take_control()"))
    assert re.search(r"bob@\S+, process \d+ has it since .* ask_control\(\) asks for it", told)
    table = alice.enter("control()")
    assert re.search(r"control +bob ", table)
    assert re.search(r"looks +alice \(you\) ", table)
    log = words(alice.enter("elog_show(kind='note')"))
    assert re.search(r"alice@\S+, process \d+ has control of the session alignment", log)
    assert re.search(r"bob@\S+, process \d+ asks alice@\S+, process \d+ for control", log)
    assert re.search(r"alice@\S+, process \d+ hands control of the session alignment to bob@\S+", log)
    assert bob.leave() == 0
    alice.enter("mv(samz, 0.1)")
    assert "nobody had control of the session alignment; it is yours now" in alice.seen


def test_a_scan_is_stopped_by_who_looks(sit: Any) -> None:
    alice, bob = sit("alice"), sit("bob")
    alice.send("loopscan(1000, 0.1, diode)")
    alice.wait_for(r" 1 +\d+\.\d{3} ")
    assert re.search(r"scan \d+ is told to stop after the point in hand", bob.enter("stop_scan()"))
    alice.wait_for_prompt()
    assert re.search(r"stopped by \S+@\S+, process \d+", words(alice.seen))
    assert "no scan runs in the session alignment" in bob.enter("stop_scan()")


def test_control_of_a_shell_that_was_killed_is_free_soon(sit: Any, samz: Any) -> None:
    alice, bob = sit("alice"), sit("bob")
    alice.terminal.kill(signal.SIGKILL)
    alice.ended()
    bob.wait_for("nobody has control of the session alignment any more")
    bob.enter("mv(samz, 0.3)")
    assert samz.Position == pytest.approx(0.3)
    assert re.search(
        rf"bob@\S+, process \d+ has control of the session alignment, which alice@\S+, process {alice.terminal.pid} had",
        words(bob.enter("elog_show(kind='note')")),
    )


def test_code_that_is_given_takes_control_if_nobody_has_it(demo: Any, ronda: Any, sit: Any, samz: Any) -> None:
    ronda("shell", demo.folder, "-s", "alignment", "-c", "mv(samz, 0.4)")
    assert samz.Position == pytest.approx(0.4)
    sit("alice")
    found = ronda("shell", demo.folder, "-s", "alignment", "-c", "print(samz.position); mv(samz, 0.5)", code=1)
    assert "0.4" in found.stdout
    assert "you look, alice@" in found.stdout


def test_without_a_session_nothing_is_shared(demo: Any, ronda: Any) -> None:
    found = ronda("shell", demo.folder, "-c", "take_control()", code=1)
    assert "this shell is in no session" in found.stdout
