"""A loop of ours at work, with an input and an output that the test holds in its hands."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import structlog

from ronda.devices.regulation.contract import Reading
from ronda.devices.regulation.endpoints import Endpoints
from ronda.devices.regulation.live import LivePublisher
from ronda.devices.regulation.loop_parameters import SoftLoopParameters
from ronda.devices.regulation.loop_state import LoopState
from ronda.devices.regulation.soft_loop_runner import LoopRunner
from ronda.framework.errors import HardwareFault
from tests.devices.conftest import wait_until

LIMIT = 60.0


class Source:
    """An input of 5.0, which may be held up while it is measured."""

    def __init__(self) -> None:
        self.fault = ""
        self.entered, self.may_go = threading.Event(), threading.Event()
        self.may_go.set()

    def measure(self) -> Reading:
        if not self.may_go.is_set():
            self.entered.set()  # held up, not only passing
            assert self.may_go.wait(LIMIT)
        return Reading(5.0, self.fault)


class Sink:
    """An output from 0 to 100 that starts at 40."""

    def __init__(self) -> None:
        self.at, self.broken = 40.0, False
        self.released: list[str] = []

    def limits(self) -> tuple[float, float]:
        return 0.0, 100.0

    def safe_value(self) -> float:
        return 0.0

    def take_over(self, loop: str) -> float:
        return self.at

    def feed(self, loop: str, value: float) -> float:
        if self.broken:
            raise HardwareFault("the wire is broken")
        self.at = value
        return value

    def release(self, loop: str, how: str) -> None:
        self.released.append(how)


class User:
    """Stands for the loop's device."""

    label = "temp"
    log = structlog.get_logger()

    def __init__(self, **keys: Any) -> None:
        self.keys = SoftLoopParameters(
            kind="regulation_loop", input="in", output="out", sampling_frequency=50.0, kp=0.0, ki=1.0, **keys
        )
        self.now = LoopState()
        self.noted: Mapping[str, Any] = {}

    def took(self, now: LoopState) -> None:
        self.now = now

    def note(self, noted: Mapping[str, Any]) -> None:
        self.noted = noted


class Bench:
    """A loop with its ends."""

    def __init__(self, noted: Mapping[str, Any], **keys: Any) -> None:
        self.source, self.sink, self.user = Source(), Sink(), User(**keys)
        ends = Endpoints("regulation")
        ends.add_input("in", self.source)
        ends.add_output("out", self.sink)
        self.runner = LoopRunner(self.user, ends, LivePublisher("live"), noted)
        self.runner.start()


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes loops; each is ended."""
    monkeypatch.delenv("RONDA_REDIS_URL", raising=False)
    made: list[Bench] = []

    def make(noted: Mapping[str, Any] | None = None, **keys: Any) -> Bench:
        made.append(Bench(noted or {}, **keys))
        return made[-1]

    yield make
    for each in made:
        each.source.may_go.set()
        each.runner.close()


def test_it_begins_where_the_output_is(bench: Any) -> None:
    loop = bench()
    loop.runner.go(5.0)
    wait_until(lambda: loop.runner.pace.cycles > 3, "some cycles")
    assert loop.sink.at == pytest.approx(40.0)
    assert loop.user.noted == {"regulating": True, "setpoint": 5.0}


def test_switched_off_while_the_input_is_measured_it_is_off_without_a_fault(bench: Any) -> None:
    loop = bench()
    loop.runner.go(6.0)
    loop.source.may_go.clear()
    assert loop.source.entered.wait(LIMIT)
    off = threading.Thread(target=loop.runner.cut)
    off.start()
    wait_until(lambda: not loop.runner.regulator.regulating, "it is told")
    loop.source.may_go.set()
    off.join(LIMIT)
    assert (loop.user.now.regulating, loop.user.now.fault, loop.user.now.doing) == (False, "", "")
    assert loop.sink.released == ["off"]


def test_an_input_that_fails_for_too_long_switches_it_off_and_it_says_why(bench: Any) -> None:
    loop = bench(on_failure={"input": "off", "tolerate": 0.0})
    loop.runner.go(6.0)
    loop.source.fault = "sensor open"
    wait_until(lambda: loop.user.now.fault == "off: sensor open", "it is told")
    assert not loop.user.now.regulating
    assert loop.sink.released == ["off"]
    assert loop.user.noted["regulating"] is False


def test_an_output_that_is_lost_is_told_and_fed_again_from_where_it_was(bench: Any) -> None:
    loop = bench(on_failure={"output": "hold"})
    loop.runner.go(6.0)
    wait_until(lambda: loop.sink.at > 40.0, "the output rises")
    loop.sink.broken = True
    wait_until(lambda: "its output does not take values: the wire is broken" in loop.user.now.fault, "it is told")
    cycles = loop.runner.pace.cycles
    wait_until(lambda: loop.runner.pace.cycles > cycles + 30, "it goes on trying")
    wait_until(lambda: loop.runner.regulator.parts.integral - loop.sink.at < 0.3, "the integral does not run away")
    loop.sink.broken = False
    wait_until(lambda: not loop.user.now.fault, "it is well again")


@pytest.mark.parametrize("resume", [True, False])
def test_after_a_restart_it_resumes_only_if_told_to(bench: Any, resume: bool) -> None:
    loop = bench({"regulating": True, "setpoint": 7.0}, resume=resume)
    wait_until(lambda: loop.user.now.regulating or loop.user.now.fault, "it has looked")
    assert loop.user.now.regulating is resume
    if resume:
        assert loop.user.now.setpoint == 7.0
    else:
        assert loop.user.now.fault == "off: its server ended while it regulated; Start goes on"
