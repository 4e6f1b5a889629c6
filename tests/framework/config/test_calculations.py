"""The counters from which others are calculated, checked before anything starts."""

from pathlib import Path

import pytest

from ronda.framework.config.calculations import circle_of
from ronda.framework.config.load import check

FILE = """version: 1
beamline: {name: demo}
simulators: {instruments: {cards: {type: counter_card, channels: {1: i0, 2: diode}}}}
servers:
  counters:
    devices:
      ct1:
        kind: counter
        driver: simulated
        address: simulator:cards
        channels: {i0: {channel: 1}, diode: {channel: 2}}
      sampler:
        kind: sampling
        counters: {ring: {attribute: a/b/c/d, mode: STATS}}
      calculator:
        kind: calculated
        counters:
          ratio: {formula: diod / i0}
          noise: {formula: ring_std / ring}
          wrong: {function: "own:f", inputs: [i0, ct1, count_time]}
          hen: {formula: egg + i0}
          egg: {formula: hen + i0}
      another:
        kind: calculated
        counters: {percent: {formula: 100 * ratio}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "a.yml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_names_that_are_no_counters_and_circles_are_told_with_the_nearest_name(folder: Path) -> None:
    assert [str(problem).partition(": ")[2] for problem in check(folder, {})] == [
        "ratio: formula uses 'diod', which does not exist, must be a counter; did you mean 'diode'?",
        "wrong: inputs uses 'ct1', which is a device, must be a counter; did you mean 'ct1_i0'?",
        "hen: hen uses egg uses hen, counters must not be calculated in a circle",
        "percent: formula uses ratio, which the device calculator calculates, "
        "counters that use each other must be of one device",
    ]


def test_what_is_right_has_no_problem(folder: Path) -> None:
    right = FILE.replace("diod /", "diode /").replace("ct1, count", "ratio, count").replace("egg + i0", "ratio + i0")
    (folder / "a.yml").write_text(right.replace("100 * ratio", "100 * ct1_diode"))
    assert check(folder, {}) == []


def test_a_circle_is_found_and_begins_and_ends_with_one_name() -> None:
    assert circle_of({"a": ["b", "c"], "b": ["c"], "c": []}) == []
    circle = circle_of({"a": ["b"], "b": ["c"], "c": ["a"]})
    assert circle[0] == circle[-1]
    assert sorted(circle[1:]) == ["a", "b", "c"]
    assert circle_of({"a": ["a"]}) == ["a", "a"]
