"""Points of a source whose messages come when a test says so."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ronda.devices.beam_synchronous import flow
from ronda.devices.beam_synchronous.contract import BeamSynchronous, BeamSynchronousParameters, Message
from ronda.framework.errors import CommunicationFailed, HardwareFault, RondaError

ENTRY = {"kind": "beam_synchronous", "driver": "any", "channels": {"energy": {"channel": "e"}}, "patience": 2}


class Told(BeamSynchronous):
    """Gives what a test puts into it."""

    def __init__(self) -> None:
        super().__init__("pcam", None)
        self.coming: queue.Queue[Message | RondaError] = queue.Queue()

    def receive(self, timeout: float) -> Message | None:
        try:
            found = self.coming.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(found, RondaError):
            raise found
        return found


class Kept:
    """Stands for the recorder."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, int, bool]] = []

    def take(self, message: Message, values: Any, point: int, *, late: bool) -> None:
        self.taken.append((message.pulse, point, late))


@pytest.fixture
def source() -> Iterator[tuple[Told, flow.Flow, list[RondaError]]]:
    driver, failures = Told(), list[RondaError]()
    made = flow.Flow("pcam", driver, BeamSynchronousParameters.model_validate(ENTRY), failures.append)
    yield driver, made, failures
    made.end()


def test_a_point_has_the_pulses_that_were_stamped_in_it_and_ends_with_the_one_behind_it(source: Any) -> None:
    driver, made, _ = source
    kept: Any = Kept()
    made.record(kept)
    window = made.open(7, 60.0)
    for pulse, when in [(1, -0.5), (2, 0.0), (3, 30.0), (5, 50.0), (6, 60.0)]:
        driver.coming.put(Message(pulse, window.begin + when, {"energy": float(pulse)}))
    assert made.wait(window, lambda: False)
    numbers = window.numbers(["energy"])
    assert (numbers["count"], numbers["missing"], numbers["first"], numbers["last"]) == (3, 1, 2, 5)
    assert numbers["energy"] == pytest.approx(10 / 3)
    driver.coming.put(Message(4, window.begin + 40.0, {"energy": 4.0}))  # its place is past, but not its point
    deadline = time.monotonic() + 60
    while len(kept.taken) < 4 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert kept.taken == [(2, 7, False), (3, 7, False), (5, 7, False), (4, 7, True)]
    assert window.numbers(["energy"]) == numbers


def test_a_source_that_falls_silent_makes_who_waits_fail(source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, made, _ = source
    monkeypatch.setattr(flow, "SILENCE_LIMIT", 0.3)
    with pytest.raises(HardwareFault, match=r"pcam: no message has come for 0\.\d s; see whether the source sends"):
        made.wait(made.open(0, 1000.0), lambda: False)


def test_who_waits_hears_why_nothing_comes_any_more_and_may_give_up(source: Any) -> None:
    driver, made, failures = source
    window = made.open(0, 1000.0)
    given_up = threading.Event()
    given_up.set()
    assert not made.wait(window, given_up.is_set)
    driver.coming.put(CommunicationFailed("pcam: sends rubbish"))
    with pytest.raises(CommunicationFailed, match="pcam: sends rubbish"):
        made.wait(window, lambda: False)
    assert [str(one) for one in failures] == ["pcam: sends rubbish"]
