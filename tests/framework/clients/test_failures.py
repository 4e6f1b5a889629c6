"""Each way in which a Tango call fails, produced for real: one clear sentence that says what to do."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import (
    BadValue,
    CommunicationFailed,
    NotAllowed,
    NotFound,
    OutOfRange,
    RondaError,
    ServiceFailed,
)

TANGOS_WORDS = ("CORBA", "Failed to", "API_", "exported", "\n")


def failure(action: Callable[[], Any]) -> RondaError:
    """What an action fails with; never in Tango's own words."""
    with pytest.raises(RondaError) as raised:
        action()
    assert not [words for words in TANGOS_WORDS if words in str(raised.value)]
    return raised.value


@pytest.fixture
def samz(beamline) -> Remote:
    return beamline["samz"].remote


@pytest.mark.parametrize(
    ("action", "kind", "sentence"),
    [
        (lambda axis: axis.read("Nope"), NotFound, "samz: has no attribute Nope"),
        (lambda axis: axis.write("Nope", 1), NotFound, "samz: has no attribute Nope"),
        (lambda axis: axis.command("Nope"), NotFound, "samz: has no command Nope"),
        (lambda axis: axis.write("DialPosition", 1.0), NotAllowed, "samz: DialPosition can be read, not written"),
        (
            lambda axis: axis.write("Position", 1e4),
            OutOfRange,
            "samz: Position cannot be set to 10000.0 mm, allowed is a finite number of at least -10.0 and at most 10.0 mm",
        ),
        (
            lambda axis: axis.write("Position", "abc"),
            BadValue,
            "samz: Position cannot be set to 'abc', it takes a DevDouble",
        ),
        (
            lambda axis: axis.command("DefinePosition", "abc"),
            BadValue,
            "samz: DefinePosition takes a DevDouble, not 'abc'",
        ),
    ],
)
def test_a_wrong_call_is_told_in_one_sentence(samz, action, kind, sentence):
    error = failure(lambda: action(samz))
    assert type(error) is kind
    assert str(error) == sentence


def test_a_device_that_the_database_does_not_know_is_named(beamline):
    error = failure(beamline.remote("nobody", "demo/axis/nobody").state)
    assert type(error) is NotFound
    assert str(error) == "nobody: the Tango database knows no device demo/axis/nobody"


def test_what_is_away_is_said_with_what_to_do(bring_up, demo_folder, ronda, wait_for):
    running = bring_up(demo_folder)
    exports = running.exports
    beamline = Beamline.connect(
        exports["TANGO_HOST"], exports["RONDA_REDIS_URL"].strip("'"), exports["RONDA_BEAMLINE"], os.environ
    )
    axis = beamline["samx"].remote
    axis.read("Position")

    def killed(name: str, action: Callable[[], Any]) -> RondaError:
        """What an action fails with just after a process was killed; again, if that was back before the action began."""
        for _ in range(5):
            wait_for(lambda: running.servers()[name]["state"] == "RUNNING", 150, f"{name} runs")
            pid = running.servers()[name]["pid"]
            os.kill(pid, signal.SIGKILL)
            try:
                return failure(action)
            except pytest.fail.Exception:
                assert running.servers()[name]["pid"] != pid, "the action worked though nobody was there"
        raise AssertionError(f"{name} is always back at once")

    for action in (lambda: axis.read("Position"), axis.state, lambda: axis.command("Stop")):
        error = killed("motors", action)
        assert type(error) is CommunicationFailed
        assert str(error).startswith("samx: its server ")
        assert "see `ronda status`" in str(error)
    wait_for(lambda: running.servers()["motors"]["state"] == "RUNNING", 150, "motors is back")

    ronda("stop", "motors", "--beamline", running.folder)
    wait_for(lambda: running.servers()["motors"]["state"] == "STOPPED", 150, "motors is stopped")
    fresh = beamline.remote("samx", axis.device)
    error = failure(lambda: fresh.read("Position"))
    assert str(error) == (
        "samx: its server is not running; `ronda status` says why, `ronda start` starts one that was stopped"
    )

    error = killed("tango-database", lambda: beamline.remote("samx", axis.device).read("Position"))
    assert type(error) is ServiceFailed
    assert "the Tango database does not answer; its host agent starts it again" in str(error)
    beamline.close()
