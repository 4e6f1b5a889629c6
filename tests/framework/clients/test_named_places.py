"""Objects on axes from Python: named positions and attenuators, in servers of their own."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ronda.framework.clients.attenuator import Attenuator
from ronda.framework.clients.multiposition import Multiposition
from ronda.framework.errors import BadValue, HardwareFault, OutOfRange


class FakeRemote:
    """A device whose State is MOVING for so many questions, and which remembers what it was asked."""

    name = "beamstop"

    def __init__(self, states: list[str] | None = None, values: dict[str, Any] | None = None) -> None:
        self.states = states or []
        self.values = values or {}
        self.asked: list[tuple[str, Any]] = []

    def state(self) -> str:
        return self.states.pop(0) if self.states else "ON"

    def status(self) -> str:
        return "beamstop: bsy stopped at 1 instead of 3\nmore"

    def read(self, name: str) -> Any:
        return self.values[name]

    def write(self, name: str, value: Any) -> None:
        self.asked.append((name, value))

    def command(self, name: str, argument: Any = None) -> None:
        self.asked.append((name, argument))


def make(remote: FakeRemote) -> Multiposition:
    configuration = {"positions": {"IN": {"description": "In the beam"}, "OUT": {}}}
    return Multiposition(remote, "Multiposition", configuration)  # type: ignore[arg-type]


def test_a_name_is_a_method_that_moves_there_and_waits():
    remote = FakeRemote(["MOVING", "MOVING", "ON"])
    make(remote).IN()
    assert remote.asked == [("Position", "IN")]
    assert remote.states == []


def test_one_that_does_not_arrive_is_told():
    with pytest.raises(HardwareFault, match=r"^beamstop: bsy stopped at 1 instead of 3$"):
        make(FakeRemote(["MOVING", "ALARM"])).OUT()


def test_an_interruption_stops_it():
    remote = FakeRemote(["MOVING"] * 1000)
    beamstop = make(remote)

    def interrupt(pause: float) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            beamstop.move("OUT")
    assert remote.asked == [("Position", "OUT"), ("Stop", None)]


def test_an_unknown_name_is_no_method():
    with pytest.raises(AttributeError, match="beamstop: has no position UP; it has IN, OUT"):
        make(FakeRemote()).UP()


def test_it_shows_where_it_stands():
    told = make(FakeRemote(values={"Position": "IN"})).__info__()
    assert told.splitlines() == ["beamstop stands at IN", "→ IN   In the beam", "  OUT"]


def test_an_attenuator_is_called_by_number_and_set_by_transmission():
    values = {
        "Filter": 1,
        "FilterNames": ["none", "Al 25 µm"],
        "Transmissions": [1.0, 0.84],
        "Transmission": 0.84,
        "Energy": 10.0,
    }
    remote = FakeRemote(values=values)
    att = Attenuator(remote, "Attenuator")  # type: ignore[arg-type]
    att(1)
    att.transmission = 0.5
    assert remote.asked == [("Filter", 1), ("Transmission", 0.5)]
    assert att.transmission == 0.84
    assert "→   1       0.84  Al 25 µm" in att.__info__()


def test_the_attenuator_of_the_demo_moves(beamline):
    att = beamline["att"]
    deadline = time.monotonic() + 60
    while not _knows(att):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    att(1)
    assert att.filters[att.filter] == "Al 25 µm"
    with pytest.raises(OutOfRange, match="att: has no filter 99; it has 0 to 16"):
        att(99)
    with pytest.raises((BadValue, OutOfRange), match="att"):
        att.transmission = 0.0
    att(0)
    assert att.transmission == 1.0


def _knows(att: Attenuator) -> bool:
    """Whether it has read the tables of absorption, which a busy machine may take long for."""
    try:
        return bool(att.filters)
    except Exception as error:
        if "ask again in a second" not in str(error):
            raise
        return False
