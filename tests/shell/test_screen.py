"""What stands on the screen: the lines that a terminal shows, not only what is sent to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.shell.conftest import end

pyte = pytest.importorskip("pyte")

ROWS, COLUMNS = 24, 90

FLOOD = """
import gevent

def flood(lines):
    def work():
        for number in range(lines):
            print(f"line {number} of the flood")
            gevent.sleep(0.005)
    gevent.spawn(work)
"""


class Screen:
    """A terminal that shows what a program sends, and keeps the lines that have scrolled away.

    Attributes:
        answer: takes what the terminal itself says, as where its cursor is.
    """

    def __init__(self) -> None:
        self.answer: Callable[[str], object] = str
        self._screen = pyte.HistoryScreen(COLUMNS, ROWS, history=5000)
        self._screen.write_process_input = lambda text: self.answer(text)
        self._stream = pyte.Stream(self._screen)

    def write(self, text: str) -> None:
        self._stream.feed(text)

    def flush(self) -> None:
        pass

    def resize(self, rows: int, columns: int) -> None:
        self._screen.resize(rows, columns)

    def lines(self) -> list[str]:
        """The lines that are seen now, without empty ones."""
        return [line.rstrip() for line in self._screen.display if line.strip()]

    def all_lines(self) -> list[str]:
        """Those that have scrolled away too."""
        columns = range(self._screen.columns)
        gone = ["".join(row[at].data for at in columns).rstrip() for row in self._screen.history.top]
        return [*filter(None, gone), *self.lines()]

    def typed(self) -> list[str]:
        """The lines with a prompt."""
        return [line for line in self.lines() if line.startswith("demo [")]


class Seen:
    """Somebody who types, and sees the screen."""

    def __init__(self, typist: Any, screen: Screen) -> None:
        self.typist = typist
        self.screen = screen

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Read what is sent until the screen is so."""
        deadline = time.monotonic() + 90
        while not condition():
            assert time.monotonic() < deadline, "\n".join([f"not seen: {what}", *self.screen.lines()])
            self.typist.terminal.expect([pexpect.TIMEOUT, ".+"], timeout=0.05)


@pytest.fixture
def seen(demo: Any, seat: Callable[..., Any]) -> Iterator[Seen]:
    screen = Screen()
    typist = seat(demo.folder, columns=COLUMNS, rows=ROWS, screen=screen)
    yield Seen(typist, screen)
    end(typist.terminal)


def test_output_from_behind_leaves_the_typed_line_intact_and_a_resize_redraws_it(seen: Seen, tmp_path: Path) -> None:
    (tmp_path / "flood.py").write_text(FLOOD)
    seen.typist.enter(f"user_script_load('{tmp_path}/flood.py', True)")
    seen.typist.enter("flood(300)")
    prompt = f"demo [{seen.typist.prompts}]: "
    text = "what = 'is typed'"
    for place, letter in enumerate(text, start=1):
        seen.typist.terminal.send(letter)
        line = f"{prompt}{text[:place]}".rstrip()
        seen.until(lambda line=line: line in seen.screen.lines(), line)  # type: ignore[misc]
    seen.until(lambda: "line 299 of the flood" in seen.screen.lines(), "the last line")
    seen.until(lambda: seen.screen.lines()[-1].startswith("demo   "), "the state of the beamline at the bottom")

    assert seen.screen.typed()[-1] == f"{prompt}what = 'is typed'"
    flood = [line for line in seen.screen.all_lines() if line.endswith("of the flood")]
    assert flood == [f"line {number} of the flood" for number in range(300)]

    seen.typist.terminal.setwinsize(18, 60)
    seen.screen.resize(18, 60)
    seen.until(lambda: any(line.endswith("…") for line in seen.screen.lines()[-2:]), "the help, cut at the new width")
    seen.until(lambda: f"{prompt}what = 'is typed'" in seen.screen.lines(), "the typed line")
    seen.typist.enter("")
    assert "'is typed'" in seen.typist.enter("what")


def test_of_a_stopped_scan_the_screen_keeps_table_and_sentences(seen: Seen, demo: Any) -> None:
    samy = demo.device("samy").Position
    seen.typist.send("dscan(samy, 1, 2, 100, 0.02, diode)")
    seen.until(lambda: any("Esc ends  p pauses" in line for line in seen.screen.lines()), "the keys")
    seen.until(lambda: any(line.split()[:1] == ["2"] for line in seen.screen.lines()), "a point")
    seen.typist.press_ctrl_c()
    seen.until(lambda: seen.screen.lines()[-1].startswith("demo   "), "the state of the beamline at the bottom")

    lines = seen.screen.all_lines()
    text = "\n".join(lines)
    first = next(place for place, line in enumerate(lines) if line.startswith("scan "))
    assert lines[first + 1].split() == ["#", "samy[mm]", "time[s]", "diode[count]"]
    assert [line.split()[0] for line in lines[first + 2 : first + 5]] == ["0", "1", "2"]
    assert "ABORTED after" in text
    assert "interrupted" in text
    assert f"samy is back at {samy:.4f} mm" in text.replace("\n", "")
    assert "━" not in text, "the bar is gone"
    assert f"→ {samy:.4f} mm" not in text, "so is the live line of the way back"
