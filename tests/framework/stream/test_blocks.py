"""Blocks: cutting them, and how they stand in Redis."""

import numpy as np
import pytest

from ronda.framework.errors import BadValue
from ronda.framework.stream import Block, Channel, Device, FrameReference, Hole
from ronda.framework.stream.blocks import cut_references, decode_entry, encode_references

CHANNEL = Channel("image", "u2", (8, 8), storage="reference")


def block(first: int, count: int) -> Block:
    values = np.arange(first, first + count)
    return Block("dev", first, count, {"x": values}, values * 1.0, values.astype("u8"))


@pytest.mark.parametrize("every", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("start", [0, 5, 10, 12, 19])
@pytest.mark.parametrize("stop", [10, 11, 15, 20, 99])
def test_part_has_every_nth_point_from_the_start(start, stop, every):
    part = block(10, 10).part(start, stop, every)
    expected = [i for i in range(start, stop, every) if 10 <= i < 20]
    assert list(part.data["x"]) == expected
    assert part.count == len(expected)
    if expected:
        assert list(part.indices) == expected
        assert list(part.times) == expected
        assert list(part.pulses) == expected


def test_references_are_cut_frame_by_frame():
    references = [FrameReference("file", "a.h5", 0, 3, "/data"), FrameReference("file", "b.h5", 10, 3, "/data")]
    assert cut_references(references, range(1, 5)) == [
        FrameReference("file", "a.h5", 1, 2, "/data"),
        FrameReference("file", "b.h5", 10, 2, "/data"),
    ]
    assert [r.first for r in cut_references(references, range(0, 6, 2))] == [0, 2, 11]
    assert cut_references(references, range(4, 4)) == []


def test_references_must_hold_one_frame_for_each_point():
    with pytest.raises(BadValue, match="image: the references hold 2 frames, the block has 3 points"):
        encode_references([FrameReference("ring", "r", 0, 2)], CHANNEL, 3)


def test_entry_that_does_not_follow_the_description_is_a_hole():
    device = Device("dev", [Channel("x")])
    with pytest.raises(Hole, match="dev: entry 3-0 cannot be read"):
        decode_entry(device, b"3-0", [b".count", b"3", b".times", b"\0" * 24, b"x", b"\0" * 8], device.channels)
    with pytest.raises(Hole, match="dev: entry 3-0 cannot be read"):
        decode_entry(device, b"3-0", [b".count", b"3", b".times", b"\0" * 24], device.channels)


@pytest.mark.parametrize(
    "references",
    [
        "[]",
        "{}",
        "3",
        '[{"store": "ring", "address": "r", "first": 0, "count": 2}]',
        '[{"store": "ring", "address": "r", "first": -1, "count": 3}]',
        '[{"store": "ring", "address": "r", "first": 0, "count": 4}, {"store": "ring", "address": "r", "first": 0, "count": -1}]',
        '[{"store": "ring", "address": 7, "first": 0, "count": 3}]',
        '[{"store": "ring", "address": "r", "first": 0.5, "count": 3}]',
        '[{"store": "ring", "place": "r", "first": 0, "count": 3}]',
    ],
)
def test_references_that_are_none_make_a_damaged_entry(references):
    device = Device("dev", [CHANNEL])
    with pytest.raises(Hole, match="dev: entry 3-0 cannot be read"):
        decode_entry(
            device, b"3-0", [b".count", b"3", b".times", b"\0" * 24, b"image", references.encode()], device.channels
        )
