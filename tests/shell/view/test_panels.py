"""Panels are kept in a file of the beamline's folder that people may edit too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ronda.framework.config.folder import find_files
from ronda.framework.errors import BadValue, ConfigurationError
from ronda.shell.view.panels import FILE, PanelFile, Panels

HEATING = {"title": "heating", "devices": [{"device": "temp", "chart": ["Input"]}, {"device": "oven"}]}


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    file = PanelFile(tmp_path)
    assert file.read() == Panels(panels=[])
    file.write([HEATING])
    assert file.read() == Panels.model_validate({"panels": [HEATING]})
    assert [one.name for one in (tmp_path / "panels").iterdir()] == [FILE]


def test_comments_stay_with_what_they_stand_at(tmp_path: Path) -> None:
    file = PanelFile(tmp_path)
    (tmp_path / "panels").mkdir()
    (tmp_path / "panels" / FILE).write_text(
        "# ours\npanels:\n  - title: beam  # first thing in the morning\n    devices:\n      - device: machine  # the ring\n"
    )
    beam = {"title": "beam", "devices": [{"device": "fsh"}, {"device": "machine", "chart": ["RingCurrent"]}]}
    file.write([HEATING, beam])
    text = (tmp_path / "panels" / FILE).read_text()
    for comment in ("# ours", "title: beam  # first thing in the morning", "device: machine  # the ring"):
        assert comment in text
    assert file.read() == Panels.model_validate({"panels": [HEATING, beam]})


def test_the_file_is_no_part_of_the_beamline(tmp_path: Path) -> None:
    (tmp_path / "beamline.yml").write_text("beamline: {name: b}\n")
    PanelFile(tmp_path).write([HEATING])
    assert find_files(tmp_path) == ([tmp_path / "beamline.yml"], [])


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ([{"title": ""}], "panels.0.title: string should have at least 1 character"),
        ([{"title": "a", "colour": "red"}], "panels.0.colour: extra inputs are not permitted"),
        ([HEATING, HEATING], "two panels are called 'heating'"),
        ("text", "panels: input should be a valid list"),
    ],
)
def test_what_is_no_panel_is_refused_and_the_file_stays(tmp_path: Path, given: object, what: str) -> None:
    file = PanelFile(tmp_path)
    file.write([HEATING])
    with pytest.raises(BadValue, match=what):
        file.write(given)
    assert file.read() == Panels.model_validate({"panels": [HEATING]})


@pytest.mark.parametrize("text", ["panels: 5\n", "panels: [\n", "others: []\n"])
def test_a_file_that_says_something_else_is_told_and_not_overwritten(tmp_path: Path, text: str) -> None:
    path = tmp_path / "panels" / FILE
    path.parent.mkdir()
    path.write_text(text)
    file = PanelFile(tmp_path)
    with pytest.raises(ConfigurationError, match=FILE):
        file.read()
    with pytest.raises(ConfigurationError, match=FILE):
        file.write([HEATING])
    assert path.read_text() == text


def test_the_schema_is_that_of_the_model() -> None:
    schema = Path(__file__).parents[3] / "config" / "schema" / "panels.schema.json"
    assert json.loads(schema.read_text()) == Panels.model_json_schema()
