"""Doors of a shell: commands of other programs, and its screen elsewhere."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from ronda.framework.door import words
from ronda.framework.door.client import CommandFailed, Door, Job, Name
from ronda.framework.door.place import COMMANDS, Place, connect, places
from ronda.framework.errors import RondaError
from tests.shell.conftest import children, end


@pytest.fixture(scope="module")
def host(demo: Any, seat: Callable[..., Any]) -> Any:
    """Somebody at a shell with doors."""
    return seat(demo.folder, user="alice", columns=300, options=["--door"])


@pytest.fixture(scope="module")
def there(host: Any) -> Place:
    """Where its doors are."""
    return next(one for one in places() if one.process in children(host.terminal.pid))


@pytest.fixture
def door(there: Place) -> Iterator[Door]:
    with Door.open(str(there.process)) as door:
        yield door


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


def event(job: Job, name: str) -> dict[str, Any]:
    """The next event of that name."""
    return next(one for one in job.follow() if one["event"] == name)


def words_of(text: str) -> str:
    return " ".join(text.split())


# -- commands


def test_a_scan_is_submitted_followed_and_told_about(host: Any, door: Door, samz: Any) -> None:
    job = door.submit("ascan", Name("samz"), 0, 1, 4, 0.01, Name("diode"), title="from a notebook")
    events = list(job.follow())
    assert [one["event"] for one in events if one["event"] != "output"] == ["begun", "scan", *["point"] * 5, "ended"]
    points = [one["values"] for one in events if one["event"] == "point"]
    assert [one["samz"] for one in points] == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=1e-3)
    found = job.wait()
    assert found["state"] == "COMPLETED"
    assert Path(found["file"]).name == f"scan_{found['number']:04d}.h5"

    host.wait_for(r"door: ascan\(samz, 0, 1, 4, 0.01, diode, title='from a notebook'\) of user \d+, process \d+: done")
    assert "from a notebook" in host.enter("SCANS[-1].title")
    log = words_of(host.enter("elog_show()"))
    assert f"[door: user {os.getuid()}, process {os.getpid()}]" in log
    last = door.history()[-1]
    assert (last["who"], last["state"]) == (f"user {os.getuid()}, process {os.getpid()}", "done")
    assert last["call"].startswith("ascan(samz, 0, 1, 4")


def test_what_a_command_prints_goes_to_its_program_without_escapes(door: Door) -> None:
    job = door.submit("wa", Name("samz"))
    text = "".join(one["text"] for one in job.follow() if one["event"] == "output")
    assert "samz[mm]" in text
    assert "\x1b" not in text


def test_a_command_is_aborted_and_what_it_moved_stands(door: Door, samz: Any, wait_for: Any) -> None:
    samz.Velocity = 0.02
    job = door.submit("mv", Name("samz"), 9)
    wait_for(lambda: samz.State().name == "MOVING", 150, "samz moves")
    job.abort()
    with pytest.raises(CommandFailed, match="aborted; samz stopped at"):
        job.wait()
    assert job.state == "aborted"
    assert samz.State().name == "ON"
    assert samz.Position < 9


def test_a_scan_is_paused_and_goes_on(door: Door, demo: Any, wait_for: Any) -> None:
    job = door.submit("loopscan", 2000, 0.05, Name("diode"), save=False)  # goes on until we end it
    event(job, "point")
    job.pause()
    assert "paused by the door" in next(
        one["text"] for one in job.follow() if one["event"] == "output" and "paused" in one["text"]
    )
    job.resume()
    for _ in range(2):  # one may have been in hand
        event(job, "point")
    job.abort()
    with pytest.raises(CommandFailed, match="aborted"):
        job.wait()


def test_only_commands_of_the_session_run_with_arguments_that_fit(door: Door, tmp_path: Path) -> None:
    for command in ("exec", "eval", "samz", "np", "__import__", "getval", "exit", "theme"):
        with pytest.raises(RondaError, match=f"{command} is no command that may be submitted"):
            door.submit(command, "1")
    with pytest.raises(RondaError, match=r"ascan\(axis, start, .*missing a required argument: 'start'"):
        door.submit("ascan", Name("samz"))
    with pytest.raises(RondaError, match="no device, axis or counter nothing"):
        door.submit("mv", Name("nothing"), 1)
    evil = tmp_path / "evil"
    with pytest.raises(CommandFailed, match="is not an axis"):
        door.run("mv", f"open({str(evil)!r}, 'w')", 1)
    assert not evil.exists()
    assert {"ascan", "mv", "wa", "stop"} <= set(door.commands())
    assert "samz" in door.names()


def test_text_from_a_program_does_not_reach_the_terminal_as_it_is(host: Any, door: Door) -> None:
    door.run("elog_add", "\x1b]0;title\x07\x1b[2Jcleared?")
    host.wait_for(r"door: elog_add\(.*cleared\?'\) of user \d+, process \d+: done")
    assert "\x1b]0;title" not in host.terminal.before + host.terminal.after
    assert "cleared?" in host.enter("elog_show(text='cleared')")


def test_programs_that_read_nothing_or_talk_nonsense_hold_up_nobody(host: Any, there: Place, door: Door) -> None:
    silent = [connect(there.socket(COMMANDS)) for _ in range(3)]
    ask = words.packed({"do": "commands"})
    try:
        for one in silent:
            one.setblocking(False)
            while _sent(one, ask * 50):  # and the answers are never read
                pass
        with connect(there.socket(COMMANDS)) as nonsense:
            nonsense.settimeout(60)
            with contextlib.suppress(ConnectionError):  # it does not even listen to the end
                nonsense.sendall(b"x" * (4 * words.LONGEST))
            said = _all_of(nonsense)
        assert said == b"" or b"a line has at most 65536 bytes" in said
        assert "\n2\n" in host.enter("1 + 1")
        assert door.run("wa", Name("samz")) is None
    finally:
        for one in silent:
            one.close()


def _sent(connected: socket.socket, data: bytes) -> bool:
    """Whether there was room for this, or somebody to take it."""
    try:
        return bool(connected.send(data))
    except OSError:
        return False


def _all_of(connected: socket.socket) -> bytes:
    """All that is said until the other side closes."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while data := connected.recv(1000):
            said += data
    return said


NOTEBOOK = """
import sys
from ronda.framework.door.client import Door, Name
door = Door.open(sys.argv[1])
job = door.submit("loopscan", 10, 0.05, Name("diode"), save=False)
next(one for one in job.follow() if one["event"] == "point")
print("seen", flush=True)
input()
"""


def test_a_command_goes_on_when_its_program_is_killed(there: Place, door: Door, wait_for: Any) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", NOTEBOOK, str(there.process)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"seen\n"
    other.kill()
    other.communicate()
    wait_for(lambda: door.history()[-1]["state"] == "done", 60, "the scan has ended as it should")
    assert door.history()[-1]["who"] == f"user {os.getuid()}, process {other.pid}"


# -- the screen


@pytest.fixture
def look(there: Place) -> Iterator[Callable[..., Any]]:
    """`look(…)` attaches another terminal to the shell."""
    terminals: list[Any] = []

    def attach(*options: str, rows: int = 50, columns: int = 300) -> Any:
        terminals.append(
            pexpect.spawn(
                str(Path(sys.executable).parent / "ronda"),
                ["shell", "--attach", str(there.process), *options],
                dimensions=(rows, columns),
                encoding="utf-8",
                timeout=60,
            )
        )
        return terminals[-1]

    yield attach
    for terminal in terminals:
        end(terminal)


def test_what_is_on_the_screen_there_is_seen_here_and_looking_on_types_nothing(host: Any, look: Any) -> None:
    host.enter("'before' + ' it came'")
    here = look()
    here.expect("you look on, q or Ctrl-C leaves")
    here.expect("before it came")
    host.wait_for(r"screen: user \d+, process \d+ looks on")
    here.send("print('typed' + ' here')\r")
    host.enter("'typed' + ' there'")
    here.expect("typed there")
    assert "typed here" not in here.before
    here.send("q")
    here.expect("left; the shell goes on")
    here.expect(pexpect.EOF)
    host.wait_for("has left")
    assert "\n2\n" in host.enter("1 + 1")


def test_who_takes_control_types_there(host: Any, look: Any) -> None:
    here = look("--control")
    here.expect(r"what you type goes there, Ctrl-\] leaves")
    host.wait_for("types here too")
    here.send("'typed' + ' from here'\r")
    host.at_prompt = False
    here.expect("typed from here")  # read first: nothing is typed by a terminal that is full
    assert "typed from here" in host.wait_for_prompt()
    here.send("\x1d")
    here.expect("left; the shell goes on")
    host.wait_for("has left")


def test_the_screen_is_as_large_as_all_who_see_it_can_show(host: Any, look: Any, wait_for: Any) -> None:
    ask = "import os; os.get_terminal_size(0)[:]"
    here: Any = None

    def has(size: str) -> bool:
        if here is not None:  # what is shown there must be read: a terminal that is full tells no size
            here.expect(pexpect.TIMEOUT, timeout=0.2)
        return size in host.enter(ask)

    assert has("(300, 50)")
    here = look(rows=30, columns=120)
    host.wait_for("looks on")
    wait_for(lambda: has("(120, 30)"), 150, "its size")
    here.setwinsize(40, 100)
    wait_for(lambda: has("(100, 40)"), 150, "the new size")
    here.kill(signal.SIGKILL)
    host.wait_for("has left")
    assert "(300, 50)" in host.enter(ask)


def test_who_stops_reading_the_screen_holds_up_nobody(host: Any, look: Any, wait_for: Any) -> None:
    here = look()
    here.expect("you look on")
    host.wait_for("looks on")
    here.kill(signal.SIGSTOP)
    host.enter("for i in range(12000): print('x' * 200)", "")
    wait_for(lambda: "has left" in host.enter("elog_show(1, kind='note')"), 60, "it is let go")
    assert "\n2\n" in host.enter("1 + 1")
    here.kill(signal.SIGCONT)


# -- the end


def test_what_a_door_began_stops_with_the_shell_and_what_waits_does_not_begin(
    demo: Any, seat: Callable[..., Any], samz: Any, wait_for: Any
) -> None:
    shell = seat(demo.folder, options=["--door"])
    there = next(one for one in places() if one.process in children(shell.terminal.pid))
    samz.Velocity = 0.02
    with Door.open(str(there.process)) as door:
        door.submit("mv", Name("samz"), 9)
        for _ in range(3):
            door.submit("mv", Name("samz"), -9)
        wait_for(lambda: samz.State().name == "MOVING", 150, "samz moves")
        assert shell.leave() == 0
    wait_for(lambda: samz.State().name == "ON" and not samz.Owner, 150, "samz stands")
    assert 0 <= samz.Position < 9
    assert not list(Path(there.folder).glob(f"{there.process}.*"))


def test_a_shell_ends_when_the_process_between_it_and_the_terminal_is_killed(
    demo: Any, seat: Callable[..., Any], wait_for: Any
) -> None:
    shell = seat(demo.folder, options=["--door"])
    there = next(one for one in places() if one.process in children(shell.terminal.pid))
    shell.terminal.kill(signal.SIGKILL)
    shell.ended()
    wait_for(lambda: there not in places(), 150, "the shell has ended")
    assert not list(Path(there.folder).glob(f"{there.process}.*"))


def test_there_is_no_door_unless_it_is_asked_for(demo: Any, seat: Callable[..., Any]) -> None:
    shell = seat(demo.folder)
    assert shell.terminal.pid not in [one.process for one in places()]
    assert not children(shell.terminal.pid)
    with pytest.raises(RondaError, match=f"none is meant by '{shell.terminal.pid}'"):
        Door.open(str(shell.terminal.pid))
