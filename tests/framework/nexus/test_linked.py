"""Virtual datasets over detectors' files: any order of references shows each frame at its index."""

from __future__ import annotations

import re

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ronda.framework.nexus.linked import LinkedFrames
from ronda.framework.stream import Channel, FrameReference

SHAPE = (3, 4)
CHANNEL = Channel("image", "<u2", SHAPE, storage="reference", attributes={"store": "file"})


def frame(file: int, place: int) -> np.ndarray:
    return np.arange(12, dtype="<u2").reshape(SHAPE) + 100 * place + 1000 * file


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    for file in range(2):
        with h5py.File(folder / f"{file}.h5", "w") as made:
            made["d"] = np.stack([frame(file, place) for place in range(9)])
    return folder


@given(
    pieces=st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 8), st.integers(1, 4)).filter(
            lambda piece: piece[1] + piece[2] <= 9
        ),
        min_size=1,
        max_size=12,
    ),
    resumed=st.integers(0, 12),
    repeated=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_each_frame_stands_at_its_index(root, pieces, resumed, repeated):
    path = root / "shown.h5"
    path.unlink(missing_ok=True)
    linked = LinkedFrames(path, CHANNEL, {"units": "count"}, 65535, [root])
    linked.write()
    expected: list[np.ndarray] = []
    for number, (file, first, count) in enumerate(pieces):
        if number == resumed:
            linked.write()
            linked = LinkedFrames(path, CHANNEL, {"units": "count"}, 65535, [root])
        references = [FrameReference("file", f"{file}.h5", first, count, "d")]
        for _ in range(1 + repeated):
            assert linked.add(len(expected), references) == []
        expected += [frame(file, place) for place in range(first, first + count)]
    linked.write()
    with h5py.File(path) as file:
        assert np.array_equal(file["data"][:], np.stack(expected))
    assert linked.absent(patient=True) == []


def test_frames_that_were_refused_hold_the_fill_value(root):
    path = root / "shown.h5"
    path.unlink(missing_ok=True)
    linked = LinkedFrames(path, CHANNEL, {}, 65535, [root])
    assert linked.add(0, [FrameReference("file", "0.h5", 0, 2, "d")]) == []
    ((first, stop, why),) = linked.add(2, [FrameReference("ring", "r", 0, 3)])
    assert (first, stop) == (2, 5)
    assert why == "channel image: its frames are said to be in files, but one is in a ring"
    linked.add(5, [FrameReference("file", "1.h5", 8, 1, "d")])
    linked.write()
    with h5py.File(path) as file:
        shown = file["data"][:]
    assert np.array_equal(shown[[0, 1, 5]], np.stack([frame(0, 0), frame(0, 1), frame(1, 8)]))
    assert (shown[2:5] == 65535).all()


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        (FrameReference("file", "0.h5", 0, 2, "nothing"), "has no dataset nothing"),
        (FrameReference("file", "wide.h5", 0, 2, "d"), r"holds frames of \(9, 9\) float64, .* says \(3, 4\) uint16"),
    ],
)
def test_a_dataset_of_other_frames_is_told(root, reference, why):
    with h5py.File(root / "wide.h5", "w") as made:
        made["d"] = np.zeros((5, 9, 9))
    (root / "shown.h5").unlink(missing_ok=True)
    linked = LinkedFrames(root / "shown.h5", CHANNEL, {}, 65535, [root])
    linked.add(0, [reference])
    ((first, stop, told),) = linked.absent(patient=True)
    assert (first, stop) == (0, 2)
    assert re.search(why, told), told
