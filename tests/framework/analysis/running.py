"""Running a ready stage over a made scan, offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ronda.framework.analysis.pipeline import Pipeline, Step
from ronda.framework.analysis.runner import Runner
from ronda.framework.stream.blocks import Block
from ronda.framework.stream.description import EACH_POINT, Channel, Description, Device

START = 1000.0


def channel(name: str, values: Any, unit: str = "", **attributes: Any) -> Channel:
    """The channel of an array of points."""
    array = np.asarray(values)
    return Channel(name, array.dtype.str, array.shape[1:], unit, attributes=attributes)


def run(
    steps: Sequence[Step],
    data: Mapping[str, Any],
    channels: Mapping[str, Channel] | None = None,
    *,
    cuts: Sequence[int] = (),
    step_scan: bool = True,
) -> dict[str, Any]:
    """All results by channel (pipeline `p`), with `problems`, and `attributes` of channels.

    Args:
        steps: of the pipeline.
        data: by channel the values of all points.
        channels: those that need attributes or a unit.
        cuts: where blocks end.
        step_scan: whether the points are those of a scan.
    """
    arrays = {name: np.asarray(values) for name, values in data.items()}
    known = {name: (channels or {}).get(name) or channel(name, values) for name, values in arrays.items()}
    count = len(next(iter(arrays.values())))
    device = Device("source", list(known.values()), {EACH_POINT: True} if step_scan else {})
    prepared = Pipeline("p", steps).prepare(Description("test", [device]))
    runner = Runner(prepared, no_frames)
    found = []
    edges = [0, *cuts, count]
    for start, stop in pairwise(edges):
        part = {name: values[start:stop] for name, values in arrays.items()}
        for values in part.values():
            values.flags.writeable = False
        found += list(runner.feed(Block("source", start, stop - start, part, START + np.arange(start, stop))))
    found += list(runner.finish())
    results: dict[str, Any] = {"problems": [problem for each in found for problem in each.problems]}
    for name in {name for each in found for name in each.data}:
        results[name] = np.concatenate([each.data[name] for each in found if name in each.data])
    results["channels"] = {one.name: one for each in prepared.devices for one in each.channels}
    return results


def no_frames(_channel: Channel, _references: Any) -> Any:
    raise AssertionError("there are no references here")
