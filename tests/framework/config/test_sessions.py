"""Sessions in the YAML files: what they name must be there."""

from pathlib import Path

import pytest

from ronda.framework.config.load import check, load_beamline

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
      MG1: {kind: measurement_group, counters: [ct1]}
"""


@pytest.fixture
def problems_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first.py").write_text("")

    def check_with(sessions: str) -> list[str]:
        (tmp_path / "a.yml").write_text(f"{FILE}sessions:\n{sessions}")
        return [str(problem).partition(": ")[2] for problem in check(tmp_path, {})]

    return check_with


def test_what_a_session_names_and_is_not_there_is_told_with_the_nearest_name(problems_of, tmp_path) -> None:
    assert problems_of("""
  work:
    include: [diod, "kind:contr", "x*"]
    exclude: ["i*"]
    sessions: [other, wrk]
    setup: fist.py
  other: {setup: ../outside.py}
  wrong: {includes: [i0]}
""") == [
        "work: include has 'diod', which matches nothing, must match a device or counter; did you mean 'diode'?",
        "work: include has 'kind:contr', which matches nothing, must be one of kind:counter or kind:measurement_group; "
        "did you mean 'kind:counter'?",
        "work: include has 'x*', which matches nothing, must match a device or counter",
        "work: sessions has 'wrk', which does not exist, must name 'work', 'other' or 'wrong'; did you mean 'work'?",
        f"work: setup is 'fist.py', and there is no such file in {tmp_path}; did you mean 'first.py'?",
        "other: setup is '../outside.py', must be a file in the beamline's folder",
        "wrong: unknown key 'includes', allowed are description, include, exclude, sessions and setup; "
        "did you mean 'include'?",
    ]


def test_sessions_that_include_each_other_are_refused(problems_of) -> None:
    assert problems_of("  one: {sessions: [two]}\n  two: {sessions: [one]}\n") in (
        [f"{a}: {a} includes {b} includes {a}, sessions must not include each other in a circle"]
        for a, b in (("one", "two"), ("two", "one"))
    )


def test_right_sessions_are_part_of_the_beamline(problems_of, tmp_path) -> None:
    assert problems_of("  one: {include: [i0], setup: first.py}\n  all: {description: All}\n") == []
    keys = load_beamline(tmp_path, {}).session_keys()
    assert keys == {"one": {"include": ["i0"], "setup": "first.py"}, "all": {"description": "All"}}
