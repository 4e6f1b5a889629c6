"""A pipeline answers in time what it adds to a scan, or that this is not known yet; a scan asks until it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ronda.devices.analysis_pipeline.describing import Describing
from ronda.framework.errors import BadValue
from ronda.framework.scan import derived
from ronda.framework.scan.stopped import ScanStopped
from ronda.framework.stream import Channel, Description, Device

RESULT = [Device("beam", [Channel("beam_x")])]


def test_the_answer_comes_when_it_is_known_and_is_found_once() -> None:
    describing, ready, calls = Describing(), threading.Event(), []

    def work() -> list[Device]:
        calls.append(1)
        assert ready.wait(150)
        return RESULT

    assert describing.ask("a scan", work, 0.01) is None
    assert describing.ask("a scan", work, 0.01) is None
    ready.set()
    assert describing.ask("a scan", work, 150) == RESULT
    assert len(calls) == 1


def test_what_the_work_raises_is_raised() -> None:
    def work() -> list[Device]:
        raise BadValue("beam: no frames")

    with pytest.raises(BadValue, match="beam: no frames"):
        Describing().ask("a scan", work, 150)


class Slow:
    """A pipeline that is ready when it has been asked some times."""

    state, status, name = "ON", "", "beam"

    def __init__(self, times: int) -> None:
        self.times = times

    def command(self, *_: object) -> str:
        self.times -= 1
        if self.times > 0:
            return json.dumps({"not_yet": "beam makes its stages ready"})
        return json.dumps({"devices": [one.plain() for one in RESULT]})


class Place:
    """A beamline with one pipeline."""

    def __init__(self, pipeline: Slow) -> None:
        self.pipelines = lambda: [pipeline]

    def each(self, actions: Sequence[Callable[[], None]]) -> None:
        for action in actions:
            action()


def opened(times: int, *told: Any) -> Description:
    return derived.with_results(Place(Slow(times)), Description("test()", []), *told)  # type: ignore[arg-type]


def test_a_scan_asks_again_and_says_for_what_it_waits() -> None:
    said: list[str] = []
    description = opened(3, said.append)
    assert [one.name for one in description.devices] == ["beam"]
    assert said == ["beam makes its stages ready", ""]


def test_it_does_not_ask_for_ever_and_not_after_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise ScanStopped("stopped by a test")

    with pytest.raises(ScanStopped, match="stopped by a test"):
        opened(3, lambda _: None, stop)
    monkeypatch.setattr(derived, "READY_LIMIT", 0.0)
    description = opened(3)
    assert not description.devices
    assert description.attributes["remarks"] == [
        "beam computes nothing: it makes its stages ready since 0 s; a later scan will have its results"
    ]
