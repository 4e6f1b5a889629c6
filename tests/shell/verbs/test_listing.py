"""The commands that list what the beamline has."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.counter import Counter
from ronda.framework.clients.remote import Remote
from ronda.framework.clients.work_session import SessionObjects, WorkSession
from ronda.framework.errors import BadValue, NotFound
from ronda.framework.host.entries import Registered
from ronda.shell.verbs.listing import ListingCommands

MOTOR = Registered(
    "demo/axis/samx",
    "samx",
    "Axis",
    "Ronda/demo-motors",
    {"name": "samx", "driver": "icepap"},
    {"velocity": 1.5},
)
WRITER = Registered("demo/writer/nexus", None, "NexusWriter", "Ronda/demo-writer")


def no_connection(address):
    raise AssertionError(f"{address} was asked")


def axis(name, unit, description):
    return Axis(
        Remote(name, f"tango://host:1/demo/axis/{name}", no_connection), {"unit": unit, "description": description}
    )


@pytest.fixture
def beamline():
    objects = {
        "samx": axis("samx", "mm", "Sample [horizontally]"),
        "rot": axis("rot", "deg", "Rotation"),
        "i0": Counter("i0", "ct1", "1", "count", None),
        "ratio": Counter("ratio", "calculator", "ratio", "", None, formula="diode / i0"),
        "pressure": Counter("pressure", "sampler", "p", "mbar", None, attribute="demo/gauge/1/Pressure"),
    }
    groups = [SimpleNamespace(name="MG1", enabled=["i0", "diode"]), SimpleNamespace(name="MG2", enabled=["i0"])]
    return SimpleNamespace(
        objects=objects,
        axes=lambda: [one for one in objects.values() if isinstance(one, Axis)],
        counters=lambda: [one for one in objects.values() if isinstance(one, Counter)],
        groups=lambda: groups,
        registered=lambda: {one.name: one for one in (MOTOR, WRITER)},
        active_group=SimpleNamespace(get=lambda: groups[1]),
    )


@pytest.fixture
def output():
    return StringIO()


@pytest.fixture
def commands(beamline, output):
    return ListingCommands(SessionObjects(beamline, WorkSession()), Console(file=output, width=100))


def rows(output):
    return [line.split() for line in output.getvalue().splitlines()]


def test_axes_are_listed_by_name_and_no_device_is_asked(commands, output):
    commands.lsmot()
    assert rows(output)[1:] == [
        ["rot", "deg", "demo/axis/rot", "Rotation"],
        ["samx", "mm", "demo/axis/samx", "Sample", "[horizontally]"],
    ]


def test_counters_tell_how_they_are_measured(commands, output):
    commands.lscnt("p*")
    commands.lscnt("ratio")
    assert rows(output)[1] == ["pressure", "mbar", "sampler", "demo/gauge/1/Pressure,", "mean"]
    assert rows(output)[3] == ["ratio", "calculator", "diode", "/", "i0"]


def test_the_active_group_is_marked(commands, output):
    commands.lsmg()
    assert rows(output)[1:] == [["MG1", "i0,", "diode"], ["MG2", "*", "i0"]]


def test_everything_has_a_kind(commands, output):
    commands.lsobj("[ir]*")
    assert rows(output)[1:] == [["i0", "counter"], ["ratio", "counter"], ["rot", "axis", "demo/axis/rot"]]


def test_the_configuration_tells_driver_server_and_what_was_set_at_run_time(commands, output):
    commands.lsconfig()
    assert rows(output)[1:] == [
        ["demo/writer/nexus", "NexusWriter", "writer"],
        ["samx", "Axis", "icepap", "motors", "velocity", "1.5"],
    ]


def test_a_pattern_that_nothing_matches_is_refused(commands):
    with pytest.raises(NotFound, match=r"nothing there is called x\*; without a pattern all are listed"):
        commands.lsmot("x*")


def test_a_pattern_must_be_a_text(commands, beamline):
    with pytest.raises(BadValue, match=r'a pattern of names is a text such as "s1\*", not <Axis samx>'):
        commands.lsmot(beamline.objects["samx"])


def test_long_texts_are_folded_to_the_width_of_the_terminal(beamline, output):
    ListingCommands(SessionObjects(beamline, WorkSession()), Console(file=output, width=40)).lscnt()
    assert max(map(len, output.getvalue().splitlines())) <= 40
