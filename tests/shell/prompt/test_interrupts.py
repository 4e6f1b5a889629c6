"""Ctrl-C pressed once, twice and three times: what ends, what is stopped, and what is left."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gevent
import gevent.event
import pytest

from ronda.framework.errors import CommunicationFailed, NotAllowed
from ronda.shell.prompt.begun import begun_here, belong_to, watch
from ronda.shell.prompt.interrupts import Interrupts


class FakeAxis:
    """An axis that moves until it is stopped, or its stop is only heard while `deaf` is not set."""

    def __init__(self, name: str, beamline: Any) -> None:
        self.name = name
        self.target = 0.0
        self.moves = self.deaf = False
        self.asked = gevent.event.Event()
        self._beamline = beamline

    def start(self, target: float) -> None:
        self._beamline.begins(self, target)
        self.target, self.moves = target, True

    def is_moving(self) -> bool:
        return self.moves

    def is_at(self, position: float, target: float) -> bool:
        return position == target

    def halt(self) -> str:
        self.asked.set()
        while self.deaf:
            gevent.sleep(0.001)
        self.moves = False
        self._beamline.rests(self)
        return f"{self.name} stopped at 1.0 mm"


class Seat:
    """Where commands run, and Ctrl-C is pressed."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.again = ""
        self.interrupts = Interrupts(self.told.append, lambda: self.again, lambda: ["scan 3 still comes to rest"])
        beamline: Any = SimpleNamespace()
        watch(beamline)
        self.samx, self.samy = FakeAxis("samx", beamline), FakeAxis("samy", beamline)

    def run(self, action: Callable[[], None]) -> list[str] | None:
        """Run a command; the notes of its interruption, None if it was not interrupted."""
        error = self.interrupts.run(action)
        if error is None:
            return None
        assert isinstance(error, KeyboardInterrupt), repr(error)
        return getattr(error, "__notes__", [])


@pytest.fixture(autouse=True)
def handler() -> Any:
    """Afterwards the handler is as it was before, by Interrupts itself."""
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before


@pytest.fixture
def seat() -> Seat:
    return Seat()


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def press_when(condition: Callable[[], object], times: int = 1) -> gevent.Greenlet:
    """Press as soon as something is so, each press when the one before was seen."""

    def wait() -> None:
        while not condition():
            gevent.sleep(0.001)
        for _ in range(times):
            press()
            gevent.sleep(0.01)

    greenlet = gevent.Greenlet(wait)
    belong_to(greenlet, None)
    greenlet.start()
    return greenlet


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        gevent.sleep(0.001)


def test_what_the_command_began_is_stopped_and_told(seat: Seat) -> None:
    seat.samy.moves = True  # by somebody else

    def command() -> None:
        seat.samx.start(5)
        press()

    assert seat.run(command) == ["samx stopped at 1.0 mm"]
    assert not seat.samx.moves
    assert seat.samy.moves


def test_also_what_one_of_its_greenlets_began(seat: Seat) -> None:
    def command() -> None:
        gevent.spawn(lambda: gevent.spawn(seat.samx.start, 5).join()).join()
        press_when(lambda: True)
        gevent.sleep(60)

    assert seat.run(command) == ["samx stopped at 1.0 mm"]


def test_a_press_while_an_object_is_deleted_is_not_lost(seat: Seat) -> None:
    class Deleted:
        def __del__(self) -> None:
            press()

    def command() -> None:
        seat.samx.start(5)
        Deleted()
        while True:
            pass

    assert seat.run(command) == ["samx stopped at 1.0 mm"]


def test_an_axis_that_somebody_sent_elsewhere_meanwhile_is_let_be(seat: Seat) -> None:
    def command() -> None:
        seat.samx.start(5)
        seat.samx.target = 7
        press()

    assert seat.run(command) == []
    assert seat.samx.moves


def test_what_goes_on_beside_or_was_begun_before_is_let_be(seat: Seat) -> None:
    def beside() -> None:
        greenlet = gevent.Greenlet(seat.samy.start, 5)
        belong_to(greenlet, None)
        greenlet.start()
        greenlet.join()
        seat.samx.start(5)

    assert seat.run(beside) is None
    assert seat.run(press) == []
    assert seat.samx.moves
    assert seat.samy.moves


def test_a_command_that_does_not_mind_is_stopped_all_the_same(seat: Seat) -> None:
    def command() -> None:
        seat.samx.start(5)
        try:
            press()
        except KeyboardInterrupt:
            return

    assert seat.run(command) == ["samx stopped at 1.0 mm"]


def test_an_error_that_stopping_causes_is_its_cause(seat: Seat) -> None:
    def command() -> None:
        try:
            press()
        except KeyboardInterrupt:
            raise CommunicationFailed("samx: does not answer") from None

    error = seat.interrupts.run(command)

    assert isinstance(error, KeyboardInterrupt)
    assert str(error.__cause__) == "samx: does not answer"


def test_the_second_press_ends_a_clean_up_too(seat: Seat) -> None:
    done: list[str] = []

    def command() -> None:
        try:
            press()
        finally:
            press()
            done.append("cleaned up")

    assert seat.run(command) == []
    assert done == []


def test_the_second_press_lets_scans_come_to_rest_where_they_are(seat: Seat) -> None:
    done: list[str] = []

    def command() -> None:
        try:
            press()
        finally:
            seat.again = "samy does not go back"
            press()
            until(lambda: seat.told)
            done.append("cleaned up")

    assert seat.run(command) == []
    assert done == ["cleaned up"]
    assert seat.told == ["samy does not go back"]


def test_the_second_press_does_not_disturb_stopping(seat: Seat) -> None:
    seat.samx.deaf = True

    def command() -> None:
        seat.samx.start(5)
        press()

    def hear() -> None:
        until(lambda: seat.told)
        seat.samx.deaf = False

    press_when(seat.samx.asked.is_set)
    gevent.spawn(hear)

    assert seat.run(command) == ["samx stopped at 1.0 mm"]
    assert seat.told == ["stopping; a third Ctrl-C returns at once and leaves the rest as it is"]


def test_the_third_press_comes_back_and_says_what_is_left(seat: Seat) -> None:
    seat.samx.deaf = True

    def command() -> None:
        seat.samx.start(5)
        press()

    pressing = press_when(seat.samx.asked.is_set, times=2)

    assert seat.run(command) == ["left as it is: samx still moves; scan 3 still comes to rest"]
    pressing.join()
    seat.samx.deaf = False
    until(lambda: not seat.samx.moves)  # stopping goes on all the same


def test_a_command_that_was_left_begins_nothing_any_more(seat: Seat) -> None:
    refused: list[NotAllowed] = []

    def command() -> None:
        for _ in range(3):
            with contextlib.suppress(BaseException):
                gevent.sleep(60)
        try:
            seat.samx.start(5)
        except NotAllowed as error:
            refused.append(error)

    press_when(lambda: True, times=3)

    assert seat.run(command) == ["left as it is: scan 3 still comes to rest"]
    until(lambda: refused)
    assert "samx: the command that would move it was left with Ctrl-C" in str(refused)
    assert not seat.samx.moves


def test_even_a_command_that_never_lets_go_is_left(seat: Seat) -> None:
    passed = gevent.event.Event()

    def command() -> None:
        while True:
            try:
                while True:
                    press()
            except BaseException:  # noqa: BLE001
                pass

    assert seat.run(command) == ["left as it is: scan 3 still comes to rest"]
    gevent.spawn(passed.set)
    assert passed.wait(60), "the rest of the program goes on"


def test_a_command_belongs_to_nothing_afterwards(seat: Seat) -> None:
    seen: list[Any] = []

    assert seat.run(lambda: seen.append(begun_here())) is None
    assert seen != [None]
    assert begun_here() is None


def test_a_signal_between_commands_does_nothing(seat: Seat) -> None:
    with seat.interrupts.between():
        press()
        assert seat.run(lambda: None) is None
        press()


@pytest.mark.parametrize("wait", [gevent.sleep, time.sleep])
def test_a_press_reaches_a_command_that_waits(wait: Callable[[float], None], seat: Seat) -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: press())

    def command() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        wait(60)

    try:
        assert seat.run(command) == []
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_command_for_which_nothing_can_ever_happen_waits_for_ctrl_c(seat: Seat) -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: press())

    def command() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        gevent.event.Event().wait()

    try:
        assert seat.run(command) == []
    finally:
        signal.signal(signal.SIGALRM, before)
