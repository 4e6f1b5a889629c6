"""A beamline's own scans: which become commands, and what is said of those that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from ronda.shell.prompt.namespace import Namespace
from ronda.shell.prompt.own_scans import OwnScans


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def own(tmp_path: Path, told: list[str]) -> OwnScans:
    namespace = Namespace({"samx": "an axis"}, {"ascan": lambda *given: given})
    made = OwnScans(tmp_path, namespace, {"scans": "the maker"}, told.append)
    made.names = namespace  # type: ignore[attr-defined]  # for the tests
    return made


def test_functions_become_commands_that_see_all_names(own, tmp_path, told):
    (tmp_path / "mine.py").write_text(
        "from math import sin\ndef mine(n):\n    return _step(n)\n\ndef _step(n):\n    return ascan(samx, n), scans\n"
    )
    assert own.load() == ["mine"]
    assert own.names["mine"](3) == (("an axis", 3), "the maker")
    assert "sin" not in own.names
    assert "_step" not in own.names
    assert told == []
    with pytest.raises(Exception, match="mine is a scan of this beamline; choose another name"):
        own.names["mine"] = 1


def test_a_changed_file_is_read_again(own, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def first(): return 1\n")
    own.load()
    file.write_text("def second(): return 2\n")

    assert own.load() == ["second"]
    assert "first" not in own.names
    assert own.names["second"]() == 2


def test_a_file_that_fails_is_named_with_its_line_and_the_others_are_used(own, tmp_path, told):
    (tmp_path / "a.py").write_text("x = 1\nraise ValueError('no beam')\n")
    (tmp_path / "b.py").write_text("def broken(:\n")
    (tmp_path / "c.py").write_text("def good(): pass\n")

    assert own.load() == ["good"]
    assert told[0].startswith(f"{tmp_path}/a.py:2: ValueError: no beam; its scans are left out")
    assert told[1].startswith(f"{tmp_path}/b.py:1: SyntaxError: ")


def test_a_name_that_is_taken_is_refused(own, tmp_path, told):
    (tmp_path / "a.py").write_text("def ascan(): pass\n\ndef other(): pass\n")
    (tmp_path / "b.py").write_text("def other(): pass\n")

    assert own.load() == ["other"]
    assert told == [
        f"{tmp_path}/a.py:1: ascan is a command; call the function otherwise",
        f"{tmp_path}/b.py:1: other is a scan of this beamline; call the function otherwise",
    ]


def test_without_a_folder_there_are_none(tmp_path, told):
    assert OwnScans(tmp_path / "none", Namespace({}, {}), {}, told.append).load() == []
    assert OwnScans(None, Namespace({}, {}), {}, told.append).load() == []
