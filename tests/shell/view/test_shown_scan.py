"""A scan for the page: whatever comes when, each viewer has all of it in the end."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.framework.errors import NotFound
from ronda.framework.stream import Channel, Description, Device, Record
from ronda.framework.stream.blocks import Block
from ronda.framework.stream.frames.reader import FrameReader
from ronda.shell.view.growing import Growing
from ronda.shell.view.messages import decode
from ronda.shell.view.shown_scan import MOST_POINTS, MemoryFull, ShownScan

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def scan() -> ShownScan:
    devices = [
        Device("scan", [Channel("samx", unit="mm", attributes={"role": "positioner"})]),
        Device("ct", [Channel("diode", "<i4"), Channel("sample", "|S8"), Channel("mca", "<u8", (5,))]),
    ]
    record = Record("id", 1, "RUNNING", "", "ascan()", "ascan()", "anna", "", "", "", NOW, None, 10)
    return ShownScan(
        record, Description("ascan()", devices=devices, title="ascan()", attributes={"plot": {"signals": ["diode"]}})
    )


def block(device: str, first: int, count: int) -> Block:
    points = np.arange(first, first + count)
    data = (
        {"samx": points * 0.5}
        if device == "scan"
        else {"diode": points * 3, "sample": points.astype("S8"), "mca": np.repeat(points, 5).reshape(-1, 5)}
    )
    return Block(device, first, count, data, points + 0.25)


@given(st.lists(st.tuples(st.sampled_from(["scan", "ct"]), st.integers(1, 700), st.booleans()), max_size=12))
def test_a_viewer_that_looks_now_and_then_has_every_point_once(steps: list[tuple[str, int, bool]]) -> None:
    shown, lengths = scan(), {"scan": 0, "ct": 0}
    columns: dict[str, Growing] = {}
    sent: dict[str, int] = {}
    for device, count, looks in [*steps, ("scan", 1, True), ("ct", 1, True)]:
        shown.put(block(device, lengths[device], count))
        lengths[device] += count
        if looks:
            message, sent = shown.points(sent)
            assert message is not None
            header, arrays = decode(message)
            for (name, values), first in zip(arrays.items(), header["firsts"], strict=True):
                assert columns.setdefault(name, Growing()).length == first
                columns[name].put(first, values)
    assert sent == lengths
    assert sorted(columns) == ["ct epoch", "diode", "samx", "scan epoch"]
    np.testing.assert_array_equal(columns["diode"].part(0, lengths["ct"]), np.arange(lengths["ct"]) * 3)
    np.testing.assert_array_equal(columns["samx"].part(0, lengths["scan"]), np.arange(lengths["scan"]) * 0.5)


def test_a_long_scan_comes_in_pieces_and_a_very_long_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, sent, pieces = scan(), {}, 0
    shown.put(block("ct", 0, 2 * MOST_POINTS + 1))
    while True:
        message, sent = shown.points(sent)
        if message is None:
            break
        pieces += 1
        assert max(one.size for one in decode(message)[1].values()) <= MOST_POINTS
    assert (pieces, sent["ct"]) == (3, 2 * MOST_POINTS + 1)
    monkeypatch.setattr("ronda.shell.view.shown_scan.LARGEST", 1000)
    with pytest.raises(MemoryFull, match="scan 1: is too large for the live view after 40001 points; see its file"):
        shown.put(block("ct", 2 * MOST_POINTS + 1, 1))


def test_viewers_that_have_the_same_get_the_same_bytes() -> None:
    shown = scan()
    shown.put(block("ct", 0, 5))
    one, _ = shown.points({})
    two, _ = shown.points({})
    assert one is two
    shown.put(block("ct", 5, 5))
    late, _ = shown.points({})
    assert late is not one
    assert shown.points({"ct": 10})[0] is None


def test_only_the_latest_of_an_array_is_kept_and_sent_once() -> None:
    shown, frames = scan(), FrameReader([])
    assert shown.latest("mca", -1, frames) == (None, -1)
    shown.put(block("ct", 0, 3))
    message, index = shown.latest("mca", -1, frames)
    assert message is not None
    header, arrays = decode(message)
    assert (header["index"], index) == (2, 2)
    assert arrays["mca"].dtype == np.float64  # browsers have no integers of 64 bits
    assert arrays["mca"].tolist() == [2.0] * 5
    assert shown.latest("mca", 2, frames) == (None, 2)
    assert shown.latest("mca", -1, frames)[0] is message


def test_text_is_not_drawn_and_what_does_not_exist_is_told() -> None:
    shown = scan()
    assert [one["name"] for one in shown.heading()["channels"]] == ["samx", "diode", "mca"]
    with pytest.raises(NotFound, match="scan 1: has no channel 'sample' of numbers"):
        shown.column("sample")


@given(st.lists(st.integers(0, 300), max_size=8))
def test_points_that_memory_has_lost_are_unknown(gaps: list[int]) -> None:
    growing, expected = Growing(), np.empty(0)
    for gap in gaps:
        expected = np.concatenate([expected, np.full(gap, np.nan), [7.0]])
        growing.put(len(expected) - 1, np.array([7.0]))
    np.testing.assert_array_equal(growing.part(0, growing.length), expected)
