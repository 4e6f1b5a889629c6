"""Keys pressed while a scan runs, in a pseudo-terminal: which steer it, and which are kept for the prompt."""

from __future__ import annotations

import os
import termios
import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from ronda.framework.scan.own import OwnScan
from ronda.framework.stream.description import State
from ronda.shell.prompt import scan_keys, terminal
from ronda.shell.prompt.scan_keys import ScanKeys


class FakeScan(OwnScan):
    """Keeps what it is told."""

    def __init__(self, *, beside: bool = False) -> None:
        self.beside = beside
        self.told: list[str] = []
        self.state = State.RUNNING

    def stop(self, who: str = "") -> None:
        self.told.append(f"stop by {who}")

    def pause(self, who: str = "") -> None:
        self.told.append("pause")

    def resume(self, who: str = "") -> None:
        self.told.append("resume")


class Desk:
    """A terminal with a person before it."""

    def __init__(self, keyboard: int, screen: int) -> None:
        self.keyboard, self.screen = keyboard, screen
        self.kept: list[str] = []
        self.changes = 0
        self.keys = ScanKeys(lambda ahead: self.kept.extend(press.data for press in ahead), self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def press(self, text: str) -> None:
        """Press keys."""
        os.write(self.keyboard, text.encode())

    def until_hint(self, hint: str) -> None:
        """Wait until this stands below the table."""
        until(lambda: self.keys.hint() == hint)

    def flags(self) -> int:
        flags: int = termios.tcgetattr(self.screen)[terminal.LOCAL_FLAGS]
        return flags & (termios.ICANON | termios.ECHO)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    try:
        keyboard, screen = os.openpty()
    except OSError as error:
        pytest.skip(f"this machine has no pseudo-terminals: {error}")
    for module in (terminal, scan_keys):
        monkeypatch.setattr(module, "our_terminal", lambda: screen)
    yield Desk(keyboard, screen)
    os.close(keyboard)
    os.close(screen)


def until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        gevent.sleep(0.001)


def test_esc_ends_the_scan_after_its_point(desk: Desk) -> None:
    scan = FakeScan()
    desk.keys.on_prepared(scan)
    desk.until_hint("Esc ends  p pauses")
    desk.press("\x1b")
    desk.until_hint("ends after this point")
    desk.keys.on_end(scan)

    assert scan.told == ["stop by Esc"]
    assert desk.kept == []
    assert desk.keys.hint() == ""


def test_an_arrow_key_is_no_esc(desk: Desk) -> None:
    scan = FakeScan()
    desk.keys.on_prepared(scan)
    desk.press("\x1b[Ax")
    desk.until_hint("Esc ends  p pauses  typed: x")
    desk.keys.on_end(scan)

    assert scan.told == []
    assert desk.kept == ["\x1b[A", "x"]


@pytest.mark.parametrize("key", ["p", " "])
def test_p_and_blank_let_it_wait_and_go_on(key: str, desk: Desk) -> None:
    scan = FakeScan()
    desk.keys.on_prepared(scan)
    desk.press(key)
    desk.until_hint("p goes on")
    desk.press(key)
    desk.until_hint("Esc ends  p pauses")
    desk.keys.on_end(scan)

    assert scan.told == ["pause", "resume"]


def test_a_line_typed_ahead_is_kept_with_its_blanks_and_shown(desk: Desk) -> None:
    scan = FakeScan()
    desk.keys.on_prepared(scan)
    desk.press("umv samp 3µ\x7f\r")
    desk.until_hint("Esc ends  p pauses  typed: umv samp 3⏎")
    desk.press("p")
    desk.until_hint("p goes on  typed: umv samp 3⏎")
    desk.keys.on_end(scan)

    assert scan.told == ["pause"]
    assert "".join(desk.kept) == "umv samp 3µ\x7f\n"


def test_what_was_typed_before_the_scan_is_kept_too(desk: Desk) -> None:
    scan = FakeScan()
    desk.press("plot()\n")
    desk.keys.on_prepared(scan)
    desk.until_hint("Esc ends  p pauses  typed: plot()⏎")
    desk.keys.on_end(scan)

    assert scan.told == []
    assert "".join(desk.kept) == "plot()\n"


def test_the_terminal_is_as_before_afterwards(desk: Desk) -> None:
    scan, before = FakeScan(), desk.flags()
    desk.keys.on_prepared(scan)
    assert desk.flags() == 0
    desk.keys.on_end(scan)

    assert desk.flags() == before != 0


def test_who_left_the_scan_has_the_keyboard_again(desk: Desk) -> None:
    scan, before = FakeScan(), desk.flags()
    desk.keys.on_prepared(scan)
    desk.keys.leave()
    desk.keys.on_end(scan)

    assert desk.flags() == before
    assert desk.keys.hint() == ""


def test_a_question_in_the_scan_has_the_keyboard_meanwhile(desk: Desk) -> None:
    scan, before = FakeScan(), desk.flags()
    desk.keys.on_prepared(scan)
    desk.press("p")
    desk.until_hint("p goes on")
    with desk.keys.lent():
        assert desk.flags() == before
        assert desk.keys.hint() == ""
        desk.press("yes\n")
        assert os.read(desk.screen, 10) == b"yes\n"
    desk.until_hint("p goes on")
    desk.press("p")
    desk.until_hint("Esc ends  p pauses")
    desk.keys.on_end(scan)

    assert scan.told == ["pause", "resume"]


def test_after_a_question_a_scan_that_has_ended_takes_no_keys(desk: Desk) -> None:
    scan = FakeScan()
    desk.keys.on_prepared(scan)
    with desk.keys.lent():
        scan.state = State.ABORTED

    assert desk.keys.hint() == ""


def test_a_scan_beside_takes_no_keys(desk: Desk) -> None:
    before = desk.flags()
    desk.keys.on_prepared(FakeScan(beside=True))

    assert desk.flags() == before
    assert desk.keys.hint() == ""


def test_without_a_terminal_there_are_no_keys(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_keys, "our_terminal", lambda: None)
    desk.keys.on_prepared(FakeScan())

    assert desk.keys.hint() == ""
