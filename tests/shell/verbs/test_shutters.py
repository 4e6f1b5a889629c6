"""The commands that move shutters."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from ronda.framework.clients.shutter import Shutter
from ronda.framework.errors import BadValue
from ronda.shell.verbs.shutters import ShutterCommands


class FakeShutter(Shutter):
    """A shutter that does at once what it is told."""

    def __init__(self, name: str) -> None:
        self.name, self.where = name, "closed"

    @property
    def status(self) -> str:
        return f"{self.name}: {self.where}\nmore"

    def open(self, *, wait: bool = True) -> None:
        assert wait
        self.where = "open"

    def close(self, *, wait: bool = True) -> None:
        assert wait
        self.where = "closed"


class FakeBeamline:
    """Two shutters, of which `shutter` is the safety shutter."""

    dry = ""

    def __init__(self) -> None:
        self.shutters = {name: FakeShutter(name) for name in ("shutter", "fsh")}

    def shutter(self, name: str = "") -> FakeShutter:
        return self.shutters[name or "shutter"]


@pytest.fixture
def output():
    return StringIO()


@pytest.fixture
def commands(output):
    return ShutterCommands(FakeBeamline(), Console(file=output))


def test_without_a_name_the_safety_shutter_moves(commands, output):
    commands.shopen()
    commands.shclose()
    assert output.getvalue() == "shutter: open\nshutter: closed\n"


def test_shutters_are_given_by_name_or_as_objects(commands, output):
    commands.shopen("fsh", FakeShutter("other"))
    assert output.getvalue() == "fsh: open\nother: open\n"


def test_what_is_no_shutter_is_refused(commands, output):
    with pytest.raises(BadValue, match=r"shopen: 5 is not a shutter; give one such as shopen\(fsh\), or none"):
        commands.shopen(5)
    assert output.getvalue() == ""
