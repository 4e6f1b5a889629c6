"""What runs when a session begins."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.work_session import WorkSession
from ronda.framework.stream.seat import Seat
from ronda.shell.doors.open import Doors
from ronda.shell.prompt.session import ShellSession


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`run(code, name=text, …)` runs code in a session with these scripts; returns the exit code and the errors."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def run_with(code: str, **scripts: str | None) -> tuple[int, list[str]]:
        for name, text in scripts.items():
            if text is not None:
                (tmp_path / f"{name}.py").write_text(text)
        beamline = Beamline("localhost:1", "redis://localhost:1", "nowhere", {}, no_connection)
        errors = StringIO()
        work = WorkSession("work", setups=[f"{name}.py" for name in scripts])
        console, tell = Console(file=StringIO()), Console(file=errors, width=200)
        return ShellSession(beamline, console, tell, folder=tmp_path, work=work).run(
            code
        ), errors.getvalue().splitlines()

    return run_with


def no_connection(address):
    raise AssertionError(f"{address} was asked")


def test_what_its_scripts_define_is_there(run):
    assert run("assert twice(depth) == 4", first="depth = 2", second="def twice(x): return 2 * x") == (0, [])


def test_a_script_that_fails_is_told_with_its_line_and_nothing_after_it_runs(run, tmp_path):
    code, errors = run("print('never')", first="x = 1\ny = z\n", second="raise SystemExit")
    assert code == 1
    assert errors == [
        f"{tmp_path}/first.py:2: z is not known",
        "session work: its script first.py did not run to its end",
    ]


def test_a_script_that_is_gone_is_told(run, tmp_path):
    assert run("1", first=None) == (
        1,
        [f"session work: its script {tmp_path}/first.py cannot be read: No such file or directory"],
    )


def test_a_script_that_asks_for_the_end_of_the_shell_is_told_and_the_shell_goes_on(run):
    code, errors = run("print('never')", first="import sys\nsys.exit()")
    assert code == 1
    assert errors == [
        "session work: its script first.py asks for the end of the shell, which a script that runs first does not do; "
        "use return in a function, or raise an error"
    ]


@pytest.fixture
def make(tmp_path, monkeypatch):
    """`make()` makes a shell in a session of which nothing is reported."""

    def sit(beamline, *, take):
        session, user, ready = beamline._joins
        beamline.seat = Seat(None, session, user)
        ready(beamline.seat)

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(Beamline, "_sit", sit)
    beamline = Beamline("localhost:1", "redis://localhost:1", "nowhere", {}, no_connection)
    console = Console(file=StringIO())
    yield lambda: ShellSession(beamline, console, console, folder=tmp_path, work=WorkSession("work"))
    beamline.close()


def test_who_waits_for_an_answer_is_not_at_work(make, monkeypatch):
    busy = []

    def read(question, choices):
        busy.append((question, place.beamline.seat.busy()))
        return "y"

    monkeypatch.setattr("ronda.shell.verbs.asking.read_line", read)
    place = make()
    place._interpreter.namespace["note"] = lambda when: busy.append((when, place.beamline.seat.busy()))
    assert place.run("note('before'); yesno('go on?'); note('after')") == 0
    assert busy == [("before", True), ("go on? [y/n] ", False), ("after", True)]
    assert not place.beamline.seat.busy()


def test_doors_are_open_once_the_session_is_joined_and_set_up(make, monkeypatch):
    place, seen = make(), []

    def opened(self, hears):
        seen.append((hears, place.beamline.seat is not None, self._commands in place._scans.scans.observers))

    monkeypatch.setattr(Doors, "open", opened)
    monkeypatch.setattr(ShellSession, "_set_up", lambda _: seen.append("set up"))
    monkeypatch.setattr(ShellSession, "_read_all", lambda *_: seen.append("read"))
    monkeypatch.setattr(Doors, "close", lambda _: seen.append("closed"))
    monkeypatch.setattr(place._scans, "stop_beside", lambda: seen.append("scans end"))
    place.prompt(None, 7)
    assert seen == ["set up", (7, True, True), "read", "closed", "scans end"]
