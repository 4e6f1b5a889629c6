"""The commands that show states."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from rich.console import Console

from ronda.framework.clients.machine import Machine
from ronda.framework.clients.remote import Remote
from ronda.framework.clients.work_session import SessionObjects, WorkSession
from ronda.framework.errors import BadValue, CommunicationFailed, NotFound
from ronda.framework.tango.names import MachineAttribute
from ronda.shell.verbs.states import StateCommands


class Ring(Remote):
    """Stands for the machine's Tango device."""

    def __init__(self, values):
        super().__init__("machine", "demo/machine/machine", None)
        self.values = values

    def status(self):
        return "machine: beam"

    def read(self, attribute):
        return self.values[attribute]


@pytest.fixture
def axes(make_axis):
    return [make_axis(name) for name in ("samx", "samy")]


@pytest.fixture
def beamline(axes):
    return SimpleNamespace(name="demo", axes=lambda: [axis for axis, _ in axes], objects={})


@pytest.fixture
def states(beamline, output):
    return StateCommands(SessionObjects(beamline, WorkSession()), Console(file=output, width=100))


def rows(output):
    return [line.split(None, 2) for line in output.getvalue().splitlines()][1:]


def test_sta_shows_the_state_of_each_axis_and_what_it_says(states, output):
    states.sta()
    assert [[cell.strip() for cell in row] for row in rows(output)] == [
        ["samx", "ON", "stands"],
        ["samy", "ON", "stands"],
    ]


def test_axes_that_do_not_answer_are_rows_and_the_reason_stands_once_below(make_axis, output, monkeypatch):
    axes = [make_axis(name) for name in ("samx", "samy", "rot")]
    for axis, hardware in axes[:2]:

        def die(name=axis.name):
            raise CommunicationFailed(f"{name}: does not answer\nits server is down")

        monkeypatch.setattr(hardware, "state", die)
    beamline = SimpleNamespace(axes=lambda: [axis for axis, _ in axes])
    StateCommands(SessionObjects(beamline, WorkSession()), Console(file=output, width=100)).sta()

    assert [row[:2] for row in rows(output)[:3]] == [["samx", "!ERR"], ["samy", "!ERR"], ["rot", "ON"]]
    assert output.getvalue().splitlines()[-1] == "!ERR samx, samy: does not answer its server is down"


def test_stm_shows_those_that_are_asked_for(states, output, axes):
    states.stm(axes[1][0])
    assert [row[0] for row in rows(output)] == ["samy"]


def test_stm_without_an_axis_says_what_it_takes(states):
    with pytest.raises(BadValue, match=r"stm: takes one axis or several, as in stm\(samx\); sta\(\) shows all"):
        states.stm()


def test_states_fit_the_width_of_the_terminal(beamline, output, axes, monkeypatch):
    monkeypatch.setattr(axes[0][1], "status", lambda: "samx: " + "a long story " * 20)
    StateCommands(SessionObjects(beamline, WorkSession()), Console(file=output, width=40)).sta()
    assert max(map(len, output.getvalue().splitlines())) <= 40


def test_srcur_tells_current_front_end_and_top_up(states, output, beamline):
    values = {
        MachineAttribute.RING_CURRENT: 199.3104,
        MachineAttribute.FRONT_END_OPEN: True,
        MachineAttribute.SECONDS_TO_TOP_UP: 52.3,
    }
    beamline.objects["machine"] = Machine(Ring(values), "Machine")
    states.srcur()
    assert "ring current  199.310 mA" in output.getvalue()
    assert "front end     open" in output.getvalue()
    assert "next top-up   in 52 s" in output.getvalue()


def test_srcur_without_a_machine_says_how_to_get_one(states):
    with pytest.raises(NotFound, match="srcur: the beamline demo has no device that tells about the ring"):
        states.srcur()
