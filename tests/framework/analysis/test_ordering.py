"""Outputs that order a scan to stop do so once, when they are 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from ronda.framework.analysis import Input, Output, Points, Setting, Stage
from ronda.framework.analysis.ordering import Ordering
from ronda.framework.analysis.pipeline import Pipeline, Prepared, Step
from ronda.framework.analysis.runner import Runner
from ronda.framework.analysis.stage import ORDER
from ronda.framework.errors import BadValue
from ronda.framework.stream.blocks import Block
from ronda.framework.stream.description import EACH_POINT, Channel, Description, Device
from tests.framework.analysis.running import no_frames


class Enough(Stage):
    """Orders as soon as a number is above 5; raises for negative ones."""

    word = "stop"
    inputs = (Input("value", dimensions=0),)

    def prepare(self, setting: Setting) -> Sequence[Output]:
        return [Output("enough", "|u1", attributes={ORDER: self.word})]

    def process(self, points: Points) -> Mapping[str, Any]:
        if (points.data["value"] < 0).any():
            raise ValueError("negative")
        return {"enough": (points.data["value"] > 5).astype(np.uint8)}


class Dance(Enough):
    word = "dance"


def prepared(stage: str) -> Prepared:
    device = Device("a", [Channel("value")], {EACH_POINT: True})
    return Pipeline("p", [Step(f"{__name__}:{stage}")]).prepare(Description("t", [device]))


def test_an_output_orders_once() -> None:
    ready = prepared("Enough")
    runner, ordering = Runner(ready, no_frames), Ordering(ready)
    given = []
    # where a stage raised stands 255, which is no order
    for first, values in enumerate([[1.0], [-1.0], [2.0], [7.0], [8.0]]):
        block = Block("a", first, 1, {"value": np.array(values)}, np.array([float(first)]))
        given.append([order for found in runner.feed(block) for order in ordering.of(found)])
    assert given == [[], [], [], [("stop", "p (p_enough at point 3)")], []]


def test_another_word_is_refused() -> None:
    with pytest.raises(BadValue, match="p: p_enough orders 'dance'; a scan takes pause, resume, stop, abort"):
        Ordering(prepared("Dance"))
