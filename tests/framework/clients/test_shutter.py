"""Shutters, the machine and signals from Python."""

from __future__ import annotations

from typing import Any

import pytest

from ronda.framework.clients.machine import Machine
from ronda.framework.clients.shutter import Shutter
from ronda.framework.clients.signal_unit import SignalUnit
from ronda.framework.errors import BadValue, HardwareFault, NotAllowed, NotFound
from ronda.shell.prompt.execution import told


class FakeRemote:
    """A shutter that answers MOVING for so many questions, and then stands where it was told to go."""

    name = "fsh"

    def __init__(self, moving: int, after: tuple[str, str] = ("ON", "open")) -> None:
        self.moving = moving
        self.after = after
        self.asked: list[str] = []

    def state(self) -> str:
        self.moving -= 1
        return "MOVING" if self.moving >= 0 else self.after[0]

    def status(self) -> str:
        return "fsh: did not open within 0.5 s; it is closed\nmore"

    def read(self, name: str) -> Any:
        assert name == "Position"
        return self.after[1]

    def command(self, name: str, argument: Any = None) -> None:
        self.asked.append(name)


def make(remote: FakeRemote) -> Shutter:
    return Shutter(remote, "Shutter", {"time_limit": 0.5})  # type: ignore[arg-type]


def test_opening_waits_until_it_is_open():
    remote = FakeRemote(3)
    make(remote).open()
    assert (remote.asked, remote.moving) == (["Open"], -1)


@pytest.mark.parametrize("after", [("FAULT", "closed"), ("ON", "closed")])
def test_a_shutter_that_does_not_open_is_told_as_it_says_itself(after):
    with pytest.raises(HardwareFault, match=r"^fsh: did not open within 0.5 s; it is closed$"):
        make(FakeRemote(1, after)).open()


def test_an_interruption_while_it_opens_closes_it_again():
    class Interrupted(FakeRemote):
        def state(self) -> str:
            raise KeyboardInterrupt

    remote = Interrupted(1)
    with pytest.raises(KeyboardInterrupt):
        make(remote).open()
    assert remote.asked == ["Open", "Close"]


@pytest.fixture
def fsh(beamline):
    found = beamline["fsh"]
    before = found.state
    yield found
    (found.open if before == "OPEN" else found.close)()


def test_the_fast_shutter_opens_and_closes(fsh):
    fsh.open()
    assert (fsh.state, fsh.is_open) == ("OPEN", True)
    assert told(fsh) == "fsh: open  (Fast shutter before the sample)"
    fsh.close()
    assert (fsh.state, fsh.is_open, fsh.forbidden) == ("CLOSED", False, "")


def test_without_a_name_the_safety_shutter_is_meant(beamline):
    assert beamline.shutter() is beamline["shutter"]
    assert beamline.shutter("fsh") is beamline["fsh"]
    assert isinstance(beamline.shutter(), Shutter)
    assert beamline.shutter().safety


def test_what_is_no_shutter_is_refused(beamline):
    with pytest.raises(NotFound, match="samx: is not a shutter; the shutters are fsh, shutter"):
        beamline.shutter("samx")


def test_of_several_shutters_without_a_mark_none_is_meant(beamline):
    safety = beamline["shutter"]
    safety.safety = False
    try:
        with pytest.raises(NotFound, match=r"which shutter\? the shutters are fsh, shutter; `safety: true` in YAML"):
            beamline.shutter()
    finally:
        safety.safety = True


def test_the_machine_tells_its_values(beamline):
    machine = beamline["machine"]
    assert isinstance(machine, Machine)
    assert 150 < machine.current < 250
    assert (machine.front_end, machine.beam) == ("open", True)
    lines = told(machine).splitlines()
    assert lines[0] == "machine: beam"
    assert [line.split()[0] for line in lines[1:]] == ["ring", "front", "next"]


def test_signals_are_read_and_set_by_name(beamline, wait_for):
    digital = beamline["digital"]
    assert isinstance(digital, SignalUnit)
    assert list(digital) == ["searched", "lamp"]
    before = digital["lamp"]
    digital["lamp"] = not before
    try:
        wait_for(lambda: digital["lamp"] is not before, 150, "the lamp is seen as it was set")
        row = next(line for line in told(digital).splitlines() if "lamp" in line)
        assert row.split()[:3] == ["lamp", "output", "off" if before else "on"]
    finally:
        digital["lamp"] = before
    with pytest.raises(NotAllowed, match="digital: searched is an input and cannot be set; the outputs are lamp"):
        digital["searched"] = True
    with pytest.raises(NotFound, match="digital: has no signal 'lmp'; it has searched, lamp"):
        digital["lmp"]
    with pytest.raises(BadValue, match="Lamp cannot be set to 'bright'"):
        digital["lamp"] = "bright"


def test_analogue_signals_are_shown_with_their_units(beamline):
    row = next(line for line in told(beamline["analogue"]).splitlines() if "crystal" in line)
    assert row.split()[3] == "K"
