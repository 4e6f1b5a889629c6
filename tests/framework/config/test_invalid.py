"""Each folder of deliberately wrong files gives exactly the sentences of its expected.txt."""

from __future__ import annotations

from pathlib import Path

import pytest

from ronda.framework.config.load import check, load_beamline
from ronda.framework.config.problems import ConfigurationErrors

INVALID = Path(__file__).parent / "invalid"
ENVIRONMENT = {"WORD": "one", "NEGATIVE": "-2.5"}

pytestmark = pytest.mark.usefixtures("example_kinds")


@pytest.mark.parametrize("folder", sorted(INVALID.iterdir()), ids=lambda folder: folder.name)
def test_a_wrong_folder_gives_its_sentences(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    expected = (folder / "expected.txt").read_text(encoding="utf-8").splitlines()

    assert [str(problem) for problem in check(folder, ENVIRONMENT)] == expected
    with pytest.raises(ConfigurationErrors) as refusal:
        load_beamline(folder, ENVIRONMENT)
    count = "1 problem" if len(expected) == 1 else f"{len(expected)} problems"
    assert str(refusal.value).splitlines() == [*expected, count]


@pytest.mark.parametrize("folder", ["redis_url_with_password", "redis_password_written", "secret_written"])
def test_a_written_secret_is_never_shown(folder: str) -> None:
    problems = check(INVALID / folder, {})

    assert problems
    assert "swordfish" not in repr(problems)
