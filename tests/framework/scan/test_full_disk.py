"""A real disk that is nearly full: a scan that does not fit is refused before it starts, one that fits is saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ronda.framework.errors import NotReady
from ronda.framework.scan.standard import Scans
from tests.framework.scan.conftest import Victim
from tests.system.chaos.conftest import SmallDisk

MEGABYTES = 40


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    made = SmallDisk(tmp_path / "disk", MEGABYTES)
    if not made.mounted:
        pytest.skip("a small file system can only be mounted by root, and not in each container")
    yield made
    made.remove()


@pytest.fixture
def on_small_disk(bring_up, demo_folder: Path, disk: SmallDisk) -> Iterator[Victim]:
    """The demo, whose writer saves on a disk of 40 MB and leaves nothing free."""
    file = demo_folder / "writer.yml"
    text = file.read_text().replace('"${RONDA_DATA:-data}"', f"{disk.folder}\n        minimum_free: 0")
    assert str(disk.folder) in text
    file.write_text(text)
    made = Victim(bring_up(demo_folder))
    yield made
    made.beamline.close()
    disk.free()


def test_a_scan_that_does_not_fit_is_refused_before_anything_moves(
    on_small_disk: Victim, disk: SmallDisk, wait_for
) -> None:
    beamline = on_small_disk.beamline
    scans = Scans(beamline, "full")
    before = beamline["samx"].position

    # 20 frames of 1024 x 1024 pixels are more than 40 MB
    with pytest.raises(NotReady, match=r"ascan\(samx, 1, 2, 19, .*: would not fit onto the disk: it may take [4-9]\d"):
        scans.ascan("samx", 1, 2, 19, 0.01, "cam")
    assert beamline["samx"].position == before
    assert beamline.stream.scans(session="full") == []

    assert scans.ascan("samx", 0, 0.1, 1, 0.01, "i0").wait_for_file(60).closed
    (writer,) = beamline.devices("NexusWriter")
    wait_for(lambda: "waiting for scans" in writer.status, 60, "the writer has nothing to do")
    disk.fill()
    with pytest.raises(NotReady, match=r"loopscan\(2, 0.01, i0\): would not fit onto the disk"):
        scans.loopscan(2, 0.01, "i0")
    assert len(beamline.stream.scans(session="full")) == 1

    disk.free()
    assert scans.loopscan(2, 0.01, "i0").wait_for_file(60).closed
