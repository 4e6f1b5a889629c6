"""Pipelines are asked all at once what they add to a scan; who hangs holds up no other, and is named."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ronda.framework.analysis.live.analysis import Analysis
from ronda.framework.analysis.live.options import Options
from ronda.framework.analysis.pipeline import Pipeline, Step
from ronda.framework.errors import TimedOut
from ronda.framework.nexus import words
from ronda.framework.scan.derived import with_results
from ronda.framework.stream.description import EACH_POINT, Channel, Description, Device, read_description

HERE = "tests.framework.analysis.example_stages"


class Answering:
    """A pipeline's device, as far as a scan that is opened asks it."""

    state, status = "ON", ""

    def __init__(self, name: str, value: str, before: Callable[[], None] = lambda: None) -> None:
        self.name = name
        pipeline = Pipeline(name, [Step(f"{HERE}:RunningMean", inputs={"value": value})])
        self._analysis = Analysis(lambda: pytest.fail("it is not to connect"), pipeline, Options())
        self._before = before

    def command(self, _: str, text: str) -> str:
        self._before()
        told = json.loads(text)
        description = read_description(told["heading"], told["devices"], told["consumers"])
        return json.dumps({"devices": [one.plain() for one in self._analysis.describe(description)]})


class Asked:
    """A beamline with pipelines, in a program that can do several things at once."""

    def __init__(self, *pipelines: Any) -> None:
        self._pipelines = pipelines

    def pipelines(self) -> Sequence[Any]:
        return self._pipelines

    def each(self, actions: Sequence[Callable[[], None]]) -> None:
        with ThreadPoolExecutor(len(actions)) as pool:
            list(pool.map(lambda action: action(), actions))


DESCRIPTION = Description("test", [Device("counter", [Channel("number")], {EACH_POINT: True})])


def test_all_are_asked_at_once_and_those_that_hang_are_named() -> None:
    other = threading.Event()

    def hang() -> None:
        assert other.wait(100), "the others were not asked meanwhile"
        raise TimedOut("hung: does not answer")

    first = Answering("first", "number", other.set)
    second = Answering("second", "first_mean")  # takes what another one gives
    absent = Answering("absent", "nobody_measures_this")
    found = with_results(Asked(Answering("hung", "number", hang), second, absent, first), DESCRIPTION)  # type: ignore[arg-type]
    assert [one.name for one in found.devices] == ["counter", "first", "first.events", "second", "second.events"]
    assert found.attributes[words.REMARKS] == ["hung computes nothing: hung: does not answer"]


def test_one_that_is_not_at_work_says_why() -> None:
    broken = Answering("broken", "number")
    broken.state, broken.status = "FAULT", "broken: the stage 'x' cannot be imported"
    found = with_results(Asked(broken), DESCRIPTION)  # type: ignore[arg-type]
    assert found.devices == DESCRIPTION.devices
    assert found.attributes[words.REMARKS] == ["broken computes nothing: broken: the stage 'x' cannot be imported"]
