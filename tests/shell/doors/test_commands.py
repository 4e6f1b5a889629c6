"""The command door of one shell: whatever one command or one program does, the next ones are served."""

import socket

import gevent
import gevent.event
import gevent.socket
import pytest

from ronda.framework.door.client import CommandFailed, Door
from ronda.framework.door.place import Caller, listen
from ronda.framework.errors import NotAllowed, ServiceFailed
from ronda.shell.doors import commands as door_commands
from ronda.shell.doors.client import Client
from ronda.shell.doors.commands import MOST_CLIENTS, CommandDoor
from ronda.shell.prompt.namespace import Namespace

DEADLINE = 120


class Unspeakable:
    """It cannot say what it is."""

    def __repr__(self):
        raise ValueError("never")


class UnspeakableError(Exception):
    """Nor can this."""

    def __str__(self):
        raise ValueError("never")


class Shell:
    """What commands of a door do here, and what was told.

    Attributes:
        ran: names of the commands that began.
        halt: they wait for it.
        after: raised once when files should be closed.
        working: how many commands run, by the session's count.
    """

    def __init__(self):
        self.ran, self.told = [], []
        self.halt = gevent.event.Event()
        self.after = None
        self.working = 0

    def quick(self):
        self.ran.append("quick")
        return 1

    def slow(self):
        self.ran.append("slow")
        self.halt.wait()

    def stubborn(self):
        self.ran.append("stubborn")
        while not self.halt.is_set():
            try:
                self.halt.wait()
            except KeyboardInterrupt:
                self.ran.append("interrupted")

    def unspeakable(self):
        return Unspeakable()

    def unspeakable_error(self):
        raise UnspeakableError

    def __enter__(self):
        self.working += 1

    def __exit__(self, *_):
        self.working -= 1

    def close_files(self):
        error, self.after = self.after, None
        if error is not None:
            raise error


@pytest.fixture
def shell():
    shell = Shell()
    yield shell
    shell.halt.set()


@pytest.fixture
def door(shell, tmp_path, monkeypatch):
    """Its door, open at `tmp_path / "door"`."""

    def cooperative(path):
        return gevent.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=listen(path).detach())

    monkeypatch.setattr(door_commands, "listen", cooperative)
    may = (shell.quick, shell.slow, shell.stubborn, shell.unspeakable, shell.unspeakable_error)
    names = Namespace({}, {one.__name__: one for one in may}, {})
    told = shell.told.append
    door = CommandDoor(names, dict, str, lambda _, text: told(text), told, lambda: shell, shell.close_files)
    door.open(tmp_path / "door")
    yield door
    door.close()


def elsewhere(action, *arguments):
    """What another program does, while the shell goes on."""
    with gevent.Timeout(DEADLINE):
        return gevent.get_hub().threadpool.apply(action, arguments)


@pytest.fixture
def program(door, tmp_path):
    """A program at the door."""
    program = elsewhere(Door, tmp_path / "door")
    yield program
    program.close()


def until(condition):
    """Let the shell go on until this holds."""
    with gevent.Timeout(DEADLINE):
        while not condition():
            gevent.sleep(0.01)


def test_what_waits_does_not_begin_when_the_shell_ends(door, shell, program):
    first = elsewhere(program.submit, "slow")
    for _ in range(3):
        elsewhere(program.submit, "quick")
    until(lambda: shell.ran == ["slow"])
    door.close()
    for _ in range(100):  # whatever had been woken has its turn
        gevent.sleep(0)
    assert shell.ran == ["slow"]
    assert [job.state for job in door._jobs][1:] == ["aborted"] * 3
    assert first.number == 1


def test_nothing_is_taken_while_the_shell_ends(door, shell, program):
    elsewhere(program.submit, "stubborn")
    until(lambda: shell.ran == ["stubborn"])
    closing = gevent.spawn(door.close)
    until(lambda: shell.ran[1:] == ["interrupted"])
    with pytest.raises(NotAllowed, match="this shell is ending"):
        elsewhere(program.submit, "quick")
    shell.halt.set()
    closing.join(DEADLINE)
    assert "quick" not in shell.ran


def test_a_value_or_an_error_that_cannot_be_told_holds_up_nobody(shell, program):
    assert elsewhere(program.run, "unspeakable") == "<Unspeakable>"
    shell.after = ServiceFailed("the writer has gone")
    with pytest.raises(CommandFailed, match="the writer has gone"):
        elsewhere(program.run, "quick")
    with pytest.raises(CommandFailed, match="UnspeakableError"):
        elsewhere(program.run, "unspeakable_error")
    assert elsewhere(program.run, "quick") == 1
    assert shell.working == 0


def test_a_command_that_does_not_end_is_left_by_the_third_abort(shell, program):
    job = elsewhere(program.submit, "stubborn")
    until(lambda: shell.ran == ["stubborn"])
    elsewhere(job.abort)
    until(lambda: shell.ran[1:] == ["interrupted"])
    assert shell.working == 1
    elsewhere(job.abort)
    elsewhere(job.abort)
    with pytest.raises(CommandFailed, match="left; nothing that it began still moves"):
        elsewhere(job.wait)
    assert job.state == "aborted"
    assert elsewhere(program.run, "quick") == 1
    assert shell.working == 0


def test_a_request_that_goes_wrong_is_answered_and_its_program_stays(door, program, monkeypatch):
    def broken():
        raise ValueError("no signature found")

    with monkeypatch.context() as patch:
        patch.setattr(door, "may", broken)
        with pytest.raises(NotAllowed, match=r"this cannot be answered \(ValueError: no signature found\)"):
            elsewhere(program.commands)
    assert elsewhere(program.run, "quick") == 1


def test_only_so_many_come_in_and_there_is_room_when_one_leaves(door, tmp_path):
    programs = [elsewhere(Door, tmp_path / "door") for _ in range(MOST_CLIENTS)]
    until(lambda: len(door._clients) == MOST_CLIENTS)
    with elsewhere(Door, tmp_path / "door") as late, pytest.raises(NotAllowed, match="has 8 programs already"):
        elsewhere(late.history)
    programs[0].close()
    until(lambda: len(door._clients) < MOST_CLIENTS)
    with elsewhere(Door, tmp_path / "door") as one:
        assert elsewhere(one.history) == []
    for each in programs:
        each.close()


def test_what_is_over_holds_no_program_and_nothing_is_kept_for_one_that_has_gone(door, program):
    elsewhere(program.run, "quick")
    assert [job.follower for job in door._jobs] == [None]
    here, there = gevent.socket.socketpair()
    client = Client(here, Caller(0, 0), lambda *_: {}, lambda _: None)
    client.close()
    for _ in range(10):
        client.say({"event": "output", "job": 1, "text": "x"})
    there.close()
    assert client._said.empty()
