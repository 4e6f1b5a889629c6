"""Sentences that are longer than a line break at words, in a terminal."""

from __future__ import annotations

import io

import pytest
from rich.text import Text

from ronda.shell.displays.console import WordConsole

SENTENCE = "samy: cannot go to 30.0000 mm, its limits are [-5.0000, 25.0000] mm; give a position within them"
PATH = "/data/visitor/" + "a" * 60 + "/scan_0001.h5"


def printed(thing: str | Text, *, terminal: bool = True) -> list[str]:
    output = io.StringIO()
    console = WordConsole(file=output, width=40, force_terminal=terminal, color_system=None)
    console.print(thing, markup=False, highlight=False, soft_wrap=True)
    return output.getvalue().splitlines()


@pytest.mark.parametrize("thing", [SENTENCE, Text(SENTENCE)])
def test_words_stay_whole(thing: str | Text) -> None:
    lines = printed(thing)
    assert len(lines) > 2
    assert max(map(len, lines)) <= 40
    assert [word for line in lines for word in line.split()] == SENTENCE.split()


def test_what_is_copied_stays_whole_and_so_does_all_in_a_pipe() -> None:
    assert printed(f"scan 1 saved: {PATH}") == ["scan 1 saved:", PATH]
    assert printed(SENTENCE, terminal=False) == [SENTENCE]
    assert printed("  two lines\nstay two") == ["  two lines", "stay two"]
