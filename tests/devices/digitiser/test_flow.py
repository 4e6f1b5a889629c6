"""The thread that takes samples: how it ends, whoever saves them, and that no other one begins before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ronda.devices.digitiser import device, flow
from ronda.devices.digitiser.contract import Packet
from ronda.devices.digitiser.device import DigitiserDevice
from ronda.devices.digitiser.flow import Flow
from ronda.devices.digitiser.sums import Unwrapping
from ronda.framework.errors import Busy, HardwareFault, NotReady, RondaError


class Ended:
    """A digitiser that says at once that it has ended."""

    def __init__(self) -> None:
        self.starts = 0

    def start(self) -> None:
        self.starts += 1

    def stop(self) -> None:
        pass

    def receive(self, _timeout: float) -> Packet:
        return Packet(0, np.empty((0, 1), np.int16), np.empty(0), ended=True)


class Held:
    """A recorder that is held back until it is let go; then it fails, if it shall."""

    def __init__(self, failure: RondaError | None = None) -> None:
        self.go = threading.Event()
        self._failure = failure

    def finish(self) -> None:
        assert self.go.wait(60)
        if self._failure is not None:
            raise self._failure


@pytest.fixture
def sampling(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`sampling(recorder)`: what the methods of the device use, in the midst of a scan."""
    monkeypatch.setattr(flow, "END_LIMIT", 0.05)
    monkeypatch.setattr(device, "HELD_LIMIT", 0.05)
    held: list[Held] = []

    def make(recorder: Held) -> SimpleNamespace:
        held.append(recorder)
        driver = Ended()
        link = SimpleNamespace(run=lambda _who, _what, call: call())
        flowing = Flow("adc", driver, 10.0, Unwrapping([], []), 0, [recorder], lambda _: None)  # type: ignore[arg-type]
        return SimpleNamespace(
            label="adc",
            parameters=SimpleNamespace(channels={}, sample_rate=10.0),
            _driver=driver,
            _link=link,
            _flow=flowing,
            _former=None,
            _flow_failed=lambda _: None,
        )

    yield make
    for one in held:
        one.go.set()


def test_samples_that_are_not_saved_in_time_are_told_and_keep_the_next_scan_waiting(
    sampling: Any, wait_for: Any
) -> None:
    adc = sampling(recorder := Held())
    with pytest.raises(NotReady, match="adc: its last samples could not be saved in time"):
        DigitiserDevice._end_flow(adc)
    with pytest.raises(Busy, match="adc: the last samples of the scan before are still being saved"):
        DigitiserDevice._begin_flow(adc, [], [])
    assert adc._driver.starts == 0
    recorder.go.set()
    wait_for(lambda: not adc._former.running, 150, "they are saved")
    DigitiserDevice._begin_flow(adc, [], [])
    assert adc._driver.starts == 1
    DigitiserDevice._end_flow(adc)


def test_why_the_last_samples_were_not_saved_is_told(sampling: Any) -> None:
    adc = sampling(recorder := Held(HardwareFault("adc: nobody saves them")))
    recorder.go.set()
    adc._flow._thread.join(150)
    with pytest.raises(HardwareFault, match="nobody saves them"):
        DigitiserDevice._end_flow(adc)


def test_blocks_count_from_when_the_digitiser_was_started(sampling: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not from when the scan was joined: axes that count with it may take their time to say where they stand."""
    adc = sampling(Held())
    clock = SimpleNamespace(time=lambda: 1000.0 + adc._driver.starts)
    monkeypatch.setattr(device, "time", clock)
    begun: list[float] = []
    recorder = SimpleNamespace(begins=begun.append, finish=lambda: None)
    DigitiserDevice._begin_flow(adc, [], [recorder])  # type: ignore[list-item]
    DigitiserDevice._end_flow(adc)
    assert begun == [1001.0]
