"""How problems are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from ronda.framework.config.beamline import Location
from ronda.framework.config.problems import ConfigurationErrors, Problem, listed, nearest
from ronda.framework.errors import ConfigurationError

PLACE = Location(Path("/beamline/motors.yml"), 12, 31)


def test_a_problem_is_one_line_with_place_who_what_allowed_and_nearest() -> None:
    problem = Problem(PLACE, "samx", "mode is 'step'", "must be 'steps' or 'encoder'", "steps")

    assert str(problem) == (
        "/beamline/motors.yml:12:31: samx: mode is 'step', must be 'steps' or 'encoder'; did you mean 'steps'?"
    )


def test_a_problem_of_a_whole_file_has_no_line() -> None:
    assert str(Problem(Location(Path("/a.yml")), "file", "cannot be read")) == "/a.yml: file: cannot be read"


def test_a_file_below_the_current_folder_is_shown_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert str(Problem(Location(tmp_path / "b" / "a.yml", 1, 2), "x", "y")) == "b/a.yml:1:2: x: y"


def test_a_current_folder_that_is_gone_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert str(Problem(PLACE, "x", "y")) == "/beamline/motors.yml:12:31: x: y"


def test_all_problems_make_one_error_that_counts_them() -> None:
    one = Problem(PLACE, "x", "y")

    assert str(ConfigurationErrors([one])).splitlines()[-1] == "1 problem"
    assert str(ConfigurationErrors([one, one])).splitlines()[-1] == "2 problems"
    assert isinstance(ConfigurationErrors([one]), ConfigurationError)


@pytest.mark.parametrize(
    ("word", "found"), [("velocty", "velocity"), ("VELOCITY", "velocity"), ("xyz", None), ("", None)]
)
def test_the_nearest_word_is_found_whatever_its_case(word: str, found: str | None) -> None:
    assert nearest(word, ["velocity", "acceleration_time"]) == found


def test_words_are_listed() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"], "or") == "a, b or c"
    assert listed([]) == "nothing"
