"""Running pipelines over blocks: what is computed, what happens when a stage raises, and that blocks do not matter."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ronda.framework.analysis.aligning import LOST, RAISED
from ronda.framework.analysis.pipeline import NotMeasured, Pipeline, Step
from ronda.framework.analysis.runner import Runner
from ronda.framework.errors import BadValue, ConfigurationError
from ronda.framework.stream.blocks import Block
from ronda.framework.stream.description import EACH_POINT, Channel, Description, Device

HERE = "tests.framework.analysis.example_stages"
POINTS = 23


def described(*, apart: bool = False) -> Description:
    mark = {} if apart else {EACH_POINT: True}
    first = Device("first", [Channel("image", "<u2", (8, 6)), Channel("diode", unit="count")], mark)
    return Description("test", [first, Device("second", [Channel("ring", unit="mA")], mark)])


def values() -> dict[str, Any]:
    random = np.random.default_rng(1)
    return {
        "image": random.integers(0, 500, (POINTS, 8, 6)).astype("<u2"),
        "diode": random.normal(2, 3, POINTS),
        "ring": random.random(POINTS),
    }


def blocks(description: Description, data: dict[str, Any], cuts: dict[str, Sequence[int]]) -> list[Block]:
    """Blocks of each device, cut there; those of the first device come first."""
    found = []
    for device in description.devices:
        edges = [0, *sorted(set(cuts.get(device.name, ()))), POINTS]
        for start, stop in pairwise(edges):
            if stop > start:
                part = {channel.name: data[channel.name][start:stop] for channel in device.channels}
                found.append(Block(device.name, start, stop - start, part, 100.0 + np.arange(start, stop)))
    return found


def no_frames(channel: Channel, references: Any) -> Any:
    raise AssertionError("there are no references here")


def run(pipeline: Pipeline, description: Description, given_blocks: Sequence[Block]) -> dict[str, Any]:
    """All results by channel, and the problems."""
    runner = Runner(pipeline.prepare(description), no_frames)
    parts: dict[str, list[Any]] = {}
    lengths: dict[str, int] = {}
    problems = []
    for found in [each for block in given_blocks for each in runner.feed(block)] + list(runner.finish()):
        problems += found.problems
        if found.data:
            assert found.first == lengths.get(found.device, 0)
            lengths[found.device] = found.first + len(found.times)
        for name, array in found.data.items():
            parts.setdefault(name, []).append(array)
    return {**{name: np.concatenate(arrays) for name, arrays in parts.items()}, "problems": problems}


def everything() -> Pipeline:
    return Pipeline(
        "all",
        [
            Step(f"{HERE}:moments", inputs={"frame": "image"}, parameters={"threshold": 100.0}),
            Step(f"{HERE}:Difficult", inputs={"value": "diode"}),
            Step(f"{HERE}:RunningMean", inputs={"value": "total"}),
            Step(f"{HERE}:EveryThird", inputs={"value": "mean"}),
            Step(f"{HERE}:Difficult", "of_sums", inputs={"value": "sum_of_three"}, prefix="late_"),
        ],
    )


def test_outputs_of_one_stage_are_inputs_of_the_next() -> None:
    data = values()
    found = run(everything(), described(), blocks(described(), data, {}))
    totals = np.array([frame[frame > 100].astype(float).sum() for frame in data["image"]])
    assert found["all_total"] == pytest.approx(totals)
    means = np.cumsum(totals) / np.arange(1, POINTS + 1)
    assert found["all_mean"] == pytest.approx(means)
    sums = [means[start : start + 3].sum() for start in range(0, POINTS, 3)]
    assert found["all_sum_of_three"] == pytest.approx(sums)
    assert found["all_late_root"] == pytest.approx(np.sqrt(sums))


def test_a_stage_that_raises_marks_the_point_and_goes_on() -> None:
    data = values()
    found = run(everything(), described(), blocks(described(), data, {}))
    negative = data["diode"] < 0
    assert 0 < negative.sum() < POINTS
    assert np.array_equal(np.isnan(found["all_root"]), negative)
    assert np.all(found["all_whole"][negative] == np.iinfo("i4").min)
    assert np.array_equal(found["all_status"], np.where(negative, RAISED, 0))
    assert [one.first for one in found["problems"]] == list(np.flatnonzero(negative))
    assert "has no root" in found["problems"][0].sentence
    assert found["problems"][0].step == "Difficult"
    assert not np.isnan(found["all_mean"]).any()  # does not need it


cuts = st.lists(st.integers(0, POINTS), max_size=POINTS)


@settings(max_examples=60, deadline=None)
@given(first=cuts, second=cuts, order=st.randoms(use_true_random=False))
def test_results_are_the_same_bits_whatever_the_blocks_are(first: list[int], second: list[int], order: Any) -> None:
    data, description = values(), described()
    pipeline = Pipeline("all", [*everything().steps, Step(f"{HERE}:summed", inputs={"parts": "[dr]i[on][dg]*"})])
    whole = run(pipeline, description, blocks(description, data, {}))
    cut = blocks(description, data, {"first": first, "second": second})
    queues = {name: [one for one in cut if one.device == name] for name in ("first", "second")}
    mixed = []
    while any(queues.values()):
        mixed.append(queues[order.choice([name for name, queue in queues.items() if queue])].pop(0))
    found = run(pipeline, description, mixed)
    assert found.keys() == whole.keys()
    for name in whole.keys() - {"problems"}:
        assert found[name].tobytes() == whole[name].tobytes(), name
    assert found["problems"] == whole["problems"]


def test_points_that_left_memory_are_marked_and_the_rest_is_computed() -> None:
    data, description = values(), described()
    pipeline = Pipeline("p", [Step(f"{HERE}:moments", inputs={"frame": "image"})])
    runner = Runner(pipeline.prepare(description), no_frames)
    whole = next(block for block in blocks(description, data, {}) if block.device == "first")
    found = [
        *runner.feed(whole.part(0, 5)),
        *runner.skip("first", 9, "it left memory"),
        *runner.feed(whole.part(9, 23)),
    ]
    status = np.concatenate([one.data["p_status"] for one in found])
    assert np.array_equal(np.flatnonzero(status == LOST), np.arange(5, 9))
    assert np.isnan(np.concatenate([one.data["p_total"] for one in found])[5:9]).all()
    assert [one.first for one in found] == [0, 5, 9]


def test_a_parameter_changes_from_the_next_point_on() -> None:
    data, description = values(), described()
    pipeline = Pipeline("p", [Step(f"{HERE}:moments", inputs={"frame": "image"})])
    runner = Runner(pipeline.prepare(description), no_frames)
    whole = next(block for block in blocks(description, data, {}) if block.device == "first")
    before = list(runner.feed(whole.part(0, 7)))
    runner.change("moments", pipeline.checked("moments", {"threshold": 499.0}))
    after = list(runner.feed(whole.part(7, 23)))
    assert before[0].data["p_total"].min() > 0
    assert np.array_equal(after[0].data["p_total"], np.zeros(POINTS - 7))


def test_devices_that_are_not_in_step_come_apart() -> None:
    data, description = values(), described(apart=True)
    joining = Pipeline("j", [Step(f"{HERE}:Apart", inputs={"a": "diode", "b": "ring"})])
    found = run(joining, description, blocks(description, data, {"first": [4], "second": [10]}))
    assert list(found["j_points_of_a"]) == [4, 23, 23, 23]
    assert list(found["j_points_of_b"]) == [0, 0, 10, 23]
    together = Pipeline("t", [Step(f"{HERE}:summed", inputs={"parts": "[dr]i[on][dg]*"})])
    with pytest.raises(BadValue, match=r"t: summed: diode, ring are not measured in step; let a stage join them first"):
        together.prepare(description)


def test_what_does_not_fit_is_refused_with_a_sentence() -> None:
    with pytest.raises(NotMeasured, match=r"p: moments: frame is to be frame, which neither the scan measures nor"):
        Pipeline("p", [Step(f"{HERE}:moments")]).prepare(described())
    with pytest.raises(BadValue, match=r"frame takes points of 2 dimensions, diode has points of shape \(\)"):
        Pipeline("p", [Step(f"{HERE}:moments", inputs={"frame": "diode"})]).prepare(described())
    with pytest.raises(ConfigurationError, match=r"p: moments: threshold: .*number, not 'much'"):
        Pipeline("p", [Step(f"{HERE}:moments", parameters={"threshold": "much"})])
    with pytest.raises(ConfigurationError, match=r"there is no stage 'absent'"):
        Pipeline("p", [Step("absent")])
    twice = [Step(f"{HERE}:Difficult", name, inputs={"value": "diode"}) for name in ("one", "two")]
    with pytest.raises(BadValue, match=r"p: two: gives root, as an earlier stage does; give it another prefix:"):
        Pipeline("p", twice).prepare(described())


def test_the_stream_is_told_what_is_derived() -> None:
    devices = everything().prepare(described()).devices
    assert [device.name for device in devices] == ["all", "all.EveryThird", "all.events"]
    assert devices[0].derived
    assert devices[0].points_of == 1
    assert [channel.name for channel in devices[0].channels] == [
        "all_total", "all_brightest", "all_root", "all_whole", "all_mean", "all_status",
    ]  # fmt: skip
    assert devices[0].attributes["derived"]["stages"][0]["parameters"] == {"threshold": 100.0}
    assert devices[0].attributes["derived"]["channels"] == ["image", "diode"]
