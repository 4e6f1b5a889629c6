"""A link connects by itself, tells what is wrong, and never lets a Tango call wait without end."""

from __future__ import annotations

import math
import re
import threading
import time

import pytest

from ronda.devices.driver import Driver
from ronda.devices.link import Link
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.errors import (
    CommunicationFailed,
    HardwareFault,
    NotReady,
    RondaError,
    TimedOut,
)


class Scripted(Driver):
    """A driver that does what a test says."""

    def __init__(self) -> None:
        super().__init__("mc1", DeviceParameters(kind="motor"))
        self.connections = 0
        self.disconnections = 0
        self.refusal: Exception | None = None
        self.longest = math.inf

    def bound(self) -> float:
        return self.longest

    def connect(self) -> None:
        self.connections += 1
        if self.refusal is not None:
            raise self.refusal

    def disconnect(self) -> None:
        self.disconnections += 1


class User:
    """Notes what the link tells."""

    def __init__(self) -> None:
        self.errors: list[RondaError] = []
        self.told = threading.Event()
        self.ready = threading.Event()
        self.poll_error: Exception | None = None
        self.polls = 0
        self.stopped = False

    def connected(self) -> None:
        pass

    def poll(self) -> float:
        self.polls += 1
        if self.poll_error is not None:
            raise self.poll_error
        self.ready.set()
        return 60.0

    def lost(self, error: RondaError) -> None:
        self.errors.append(error)
        self.told.set()

    def halt(self) -> None:
        self.stopped = True

    def at_rest(self) -> bool:
        return self.stopped


@pytest.fixture
def made():
    driver, user = Scripted(), User()
    link = Link(driver, user)
    yield driver, user, link
    link.close(2.0)


@pytest.fixture
def linked(made):
    driver, user, link = made
    link.start()
    assert user.ready.wait(60)
    return driver, user, link


@pytest.fixture
def hanging(linked):
    """A link whose driver is in a call that does not return."""
    driver, user, link = linked
    release, inside = threading.Event(), threading.Event()
    link.submit(lambda: (inside.set(), release.wait(120)))
    assert inside.wait(60)
    yield driver, user, link, release
    release.set()


def wait_until(condition, limit=150.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_it_connects_and_runs_calls(linked):
    _, _, link = linked
    assert link.run("samx", "move", lambda: 42) == 42


def test_it_tries_again_until_the_instrument_is_there(made):
    driver, user, link = made
    driver.refusal = CommunicationFailed("cannot connect to mc1: Connection refused")
    link.start()
    assert user.told.wait(60)
    with pytest.raises(CommunicationFailed, match="samx: cannot move: cannot connect to mc1: Connection refused"):
        link.run("samx", "move", lambda: None)
    driver.refusal = None
    assert user.ready.wait(60)
    assert link.run("samx", "move", lambda: "moved") == "moved"


@pytest.mark.parametrize(
    ("failure", "expected", "sentence"),
    [
        (CommunicationFailed("mc1 closed the connection"), CommunicationFailed, "mc1 closed the connection"),
        (TimedOut("mc1 did not answer"), TimedOut, "mc1 did not answer"),
        (ConnectionResetError(104, "Connection reset by peer"), CommunicationFailed, "mc1: Connection reset by peer"),
        (TimeoutError("timed out"), TimedOut, "mc1: no answer in time"),
        (ValueError("invalid literal"), RondaError, r"mc1: its driver failed \(ValueError: invalid literal\); see the"),
    ],
)
def test_what_says_that_the_other_side_is_out_of_step_makes_a_new_connection(linked, failure, expected, sentence):
    driver, user, link = linked

    def fail() -> None:
        raise failure

    with pytest.raises(expected, match=sentence):
        link.run("samx", "move", fail, limit=60)  # a traceback takes a busy machine seconds
    assert driver.disconnections == 1
    wait_until(lambda: driver.connections == 2 and link.error is None)
    assert type(user.errors[0]) is expected


def test_a_refusal_by_the_hardware_leaves_the_connection(linked):
    driver, user, link = linked

    def refuse() -> None:
        raise HardwareFault("mc1 refuses MOVE: power is off")

    with pytest.raises(HardwareFault, match="samx: cannot move: mc1 refuses MOVE: power is off"):
        link.run("samx", "move", refuse)
    assert driver.disconnections == 0
    assert user.errors == []


def test_a_poll_that_loses_the_instrument_connects_again(linked):
    driver, user, link = linked
    user.poll_error = CommunicationFailed("mc1 closed the connection")
    link.poll_within(0.0)
    assert user.told.wait(60)
    user.poll_error = None
    wait_until(lambda: link.error is None)
    assert driver.connections >= 2


def test_a_call_behind_one_that_hangs_is_given_up_and_never_done(hanging):
    _, _, link, release = hanging
    done: list[int] = []
    begun = time.monotonic()
    with pytest.raises(TimedOut, match=r"samx: cannot move: mc1 (has not answered for|is busy).*nothing was done"):
        link.run("samx", "move", lambda: done.append(1), limit=0.3)
    assert time.monotonic() - begun < 60
    release.set()
    link.run("samx", "look", lambda: None)
    assert done == []


def test_time_that_the_driver_was_silent_already_counts(hanging, monkeypatch):
    _, _, link, _ = hanging
    monkeypatch.setattr(link, "busy_for", lambda: 100.0)
    begun = time.monotonic()
    with pytest.raises(TimedOut, match=r"samx: cannot move: mc1 has not answered for 100\.0 s; nothing was done"):
        link.run("samx", "move", lambda: None, limit=90.0)
    assert time.monotonic() - begun < 60


def test_a_call_that_has_begun_but_does_not_end_says_that_it_may_still_happen(linked):
    _, _, link = linked
    release = threading.Event()
    with pytest.raises(TimedOut, match=r"mc1 did not answer within 0\.2 s whether it could move; it may still happen"):
        link.run("samx", "move", lambda: release.wait(120), limit=0.2)
    release.set()


def test_a_stop_is_delivered_as_soon_as_the_driver_answers_again(hanging):
    _, _, link, release = hanging
    wait_until(lambda: link.busy_for() > 0.6)
    order: list[str] = []
    link.submit(lambda: order.append("move"))
    begun = time.monotonic()
    with pytest.raises(TimedOut, match=r"samx: cannot stop yet: mc1 has not answered for .* s; it will as soon as mc1"):
        link.run_first("samx", "stop", lambda: order.append("stop"))
    assert time.monotonic() - begun < 60
    release.set()
    wait_until(lambda: len(order) == 2)
    assert order == ["stop", "move"]


def test_a_stop_that_finds_no_connection_is_the_first_thing_after_it_is_back(linked):
    driver, user, link = linked
    driver.refusal = CommunicationFailed("cannot connect to mc1")
    order: list[str] = []

    def lose() -> None:
        raise CommunicationFailed("mc1 closed the connection")

    with pytest.raises(CommunicationFailed):
        link.run("samx", "move", lose)
    with pytest.raises(CommunicationFailed, match=r"samx: cannot stop yet: .*; it will as soon as mc1 answers"):
        link.run_first("samx", "stop", lambda: order.append("stop"))
    user.connected = lambda: order.append("configured")
    driver.refusal = None
    wait_until(lambda: link.error is None)
    assert order == ["stop", "configured"]


def test_a_stop_behind_a_call_that_breaks_the_link_is_not_lost(linked):
    driver, _, link = linked
    release, inside = threading.Event(), threading.Event()
    stopped: list[int] = []

    def lose() -> None:
        inside.set()
        release.wait(120)
        raise TimedOut("mc1 did not answer")

    link.submit(lose)
    assert inside.wait(60)
    driver.refusal = CommunicationFailed("cannot connect to mc1")
    with pytest.raises(TimedOut, match="it will as soon as mc1 answers"):
        link.run_first("samx", "stop", lambda: stopped.append(1))
    release.set()
    wait_until(lambda: link.error is not None)
    assert stopped == []
    driver.refusal = None
    wait_until(lambda: link.error is None)
    assert stopped == [1]


def test_a_hang_is_told_once_and_forgotten_when_it_is_over(hanging, monkeypatch):
    monkeypatch.setattr("ronda.devices.link.HANG_LIMIT", 0.1)
    _, user, link, release = hanging
    wait_until(lambda: link.busy_for() > 0.1)
    link.check()
    link.check()
    (told,) = map(str, user.errors)
    assert re.fullmatch(r"mc1 has not answered for \d+\.\d s", told)
    release.set()
    link.run("samx", "look", lambda: None)
    link.check()
    assert len(user.errors) == 1


def test_closing_with_a_call_that_hangs_tells_nothing_afterwards(hanging):
    driver, user, link, release = hanging
    link.close(0.1)
    with pytest.raises(CommunicationFailed, match="its connection is being closed"):
        link.run("samx", "move", lambda: None)
    release.set()
    time.sleep(0.05)
    assert user.errors == []
    assert driver.disconnections == 0


def test_before_the_first_attempt_it_is_connecting(made):
    _, _, link = made
    assert isinstance(link.error, NotReady)
    assert str(link.error) == "mc1: connecting"


def in_thread_of(link: Link) -> threading.Thread:
    """The thread in which the link makes a call that nobody else holds up."""
    wait_until(lambda: link.busy_for() == 0.0)
    return link.run("samx", "move", threading.current_thread)


def test_a_driver_that_knows_its_longest_wait_is_called_in_the_thread_of_who_needs_it(linked):
    driver, _, link = linked
    assert in_thread_of(link) is not threading.current_thread()
    driver.longest = 0.5
    wait_until(lambda: in_thread_of(link) is threading.current_thread())


def test_a_driver_that_may_wait_longer_than_its_caller_is_called_by_the_worker(linked):
    driver, _, link = linked
    driver.longest = 1.1  # two of these are more than the 2 s of the caller
    assert in_thread_of(link) is not threading.current_thread()


def test_a_refusal_reads_the_same_in_the_thread_of_who_asked(linked):
    driver, _, link = linked
    driver.longest = 0.5

    def refuse() -> None:
        raise HardwareFault("mc1 refuses MOVE: too far")

    with pytest.raises(HardwareFault, match=r"^samx: cannot move: mc1 refuses MOVE: too far$"):
        link.run("samx", "move", refuse)
    assert link.error is None


def test_a_connection_that_breaks_in_the_thread_of_who_asked_is_made_anew(linked):
    driver, _, link = linked
    driver.longest = 0.5
    connections = driver.connections

    def lose() -> None:
        raise ConnectionResetError(104, "Connection reset by peer")

    with pytest.raises(CommunicationFailed, match=r"^samx: cannot move: mc1: Connection reset by peer$"):
        link.run("samx", "move", lose)
    wait_until(lambda: link.error is None and driver.connections > connections)


def test_a_stop_comes_next_after_a_call_in_the_thread_of_who_asked(linked):
    driver, _, link = linked
    driver.longest = 0.5
    order: list[str] = []
    inside, release = threading.Event(), threading.Event()

    def move() -> None:
        inside.set()
        release.wait(60)
        order.append("move")

    mover = threading.Thread(target=lambda: link.run("samx", "move", move))
    mover.start()
    assert inside.wait(60)
    later = link.submit(lambda: order.append("later"))
    with pytest.raises(TimedOut, match="samx: cannot stop yet"):
        link.run_first("samx", "stop", lambda: order.append("stop"))
    release.set()
    mover.join(60)
    later.result(60)
    assert order == ["move", "stop", "later"]


def test_what_is_prepared_in_a_call_is_no_hang_of_the_instrument(linked, monkeypatch):
    monkeypatch.setattr("ronda.devices.link.HANG_LIMIT", 1e-9)  # whatever the instrument takes is a hang
    _, user, link = linked

    def call() -> None:
        with link.preparing():
            link.check()
            assert (link.busy_for(), user.errors) == (0.0, [])
        wait_until(lambda: link.check() or user.errors)

    link.submit(call).result(60)
    assert len(user.errors) == 1
