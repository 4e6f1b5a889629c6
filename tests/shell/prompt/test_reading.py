"""Reading commands: when Enter runs them, and where the earlier ones are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from prompt_toolkit.history import FileHistory, InMemoryHistory

from ronda.shell.prompt import reading


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "mv(samx, 3)",
        "a = 1\nb = 2",
        "for i in range(3):\n    print(i)\n",
        "for i in range(3): print(i)",
        "mv(samx,\n   3)",
        "mv samx 3",
        "'''a\nb'''",
        "# just a remark",
    ],
)
def test_enter_runs_what_is_complete_or_can_never_be_right(text: str) -> None:
    assert reading.is_complete(text)


@pytest.mark.parametrize(
    "text",
    [
        "for i in range(3):",
        "for i in range(3):\n    print(i)",
        "def f():\n    a = 1\n    return a",
        "mv(samx,",
        "text = '''a",
        "if a:\n    b()\nelse:",
    ],
)
def test_enter_goes_on_with_what_is_not_complete(text: str) -> None:
    assert not reading.is_complete(text)


@pytest.mark.parametrize(
    ("line", "expected"), [("a = 1", ""), ("for i in x:", "    "), ("    if a:", "        "), ("    a", "    ")]
)
def test_the_next_line_is_indented_as_python_wants_it(line: str, expected: str) -> None:
    assert reading.indentation(line) == expected


def test_each_beamline_has_its_history_in_the_users_state_folder(tmp_path: Path) -> None:
    assert reading.history_file("demo", {"XDG_STATE_HOME": str(tmp_path)}) == tmp_path / "ronda" / "history-demo"
    assert str(reading.history_file("demo", {})).endswith(".local/state/ronda/history-demo")


def test_others_cannot_read_the_history(tmp_path: Path) -> None:
    file = tmp_path / "state" / "history"

    history = reading.open_history(file)

    assert isinstance(history, FileHistory)
    assert file.stat().st_mode & 0o077 == 0


def test_a_state_folder_that_cannot_be_written_keeps_the_history_in_memory(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, not a folder")

    assert isinstance(reading.open_history(tmp_path / "state" / "history"), InMemoryHistory)
