"""The index of the chunks of a file: it need not be split while somebody reads it."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from ronda.framework.nexus.chunk_index import DEFAULT, LARGEST, MOST_BYTES, half_part, index_bytes
from ronda.framework.nexus.file import ScanFile
from ronda.framework.stream.description import Channel, Description, Device

SHAPE = (64, 80)


def description(points: int | None, channels: int = 1, *, frames: bool = True) -> Description:
    numbers = [Channel(f"c{number}") for number in range(channels)]
    images = [Channel("frame", "<u2", shape=SHAPE, storage="reference")] if frames else []
    return Description("loopscan", [Device("cam", [*images, *numbers])], points=points)


@pytest.mark.parametrize("points", [1, 64, 65, 1000, LARGEST])
def test_one_part_holds_all_frames_of_a_scan(points: int) -> None:
    assert 2 * half_part(description(points)) >= points


def test_files_without_frames_are_as_hdf5_makes_them() -> None:
    assert half_part(description(100_000, frames=False)) == DEFAULT
    assert index_bytes(description(100_000, frames=False)) == 0


def test_the_index_of_many_channels_takes_a_bounded_part_of_the_file() -> None:
    assert index_bytes(description(None, channels=5000)) <= MOST_BYTES


def parts(path: Path) -> list[int]:
    """Where the parts of the indices stand: version 1 B-trees of type 1, raw data chunks."""
    content = path.read_bytes()
    return [found.start() for found in re.finditer(b"TREE\x01", content)]


def test_every_part_of_an_index_has_its_place_before_the_file_has_its_name(tmp_path: Path) -> None:
    path = tmp_path / "scan.h5"
    points = 200
    file = ScanFile.create(path, "id", 1, description(points))
    before = parts(path)
    assert len(before) >= 4  # of the frames, the numbers, the times, and what is lost

    for index in range(points):
        data = {"frame": np.ones((1, *SHAPE), "<u2"), "c0": np.zeros(1)}
        file.write("cam", index, data, np.zeros(1))
    file.lose("cam", "c0", 3, 5)
    file.flush({"cam": points})
    assert parts(path) == before
    file.abandon()


def test_frames_are_found_in_files_with_a_large_index_and_the_closed_file_has_no_slack(tmp_path: Path) -> None:
    points = 300
    path = tmp_path / "scan.h5"
    file = ScanFile.create(path, "id", 1, description(points))
    frames = np.arange(points, dtype="<u2")[:, None, None] + np.zeros(SHAPE, "<u2")
    file.write("cam", 0, {"frame": frames, "c0": np.arange(points, dtype=float)}, np.arange(points, dtype=float))
    file.flush({"cam": points})
    with h5py.File(path, locking=False) as live:
        assert (live[live.attrs["default"]]["measurement/frame"][:] == frames).all()
    file.close("now", "COMPLETED", "")
    with h5py.File(path) as closed:
        assert (closed[closed.attrs["default"]]["measurement/frame"][::7] == frames[::7]).all()
    assert path.stat().st_size < 3 << 20  # 3 MB of frames are compressed to nearly nothing
