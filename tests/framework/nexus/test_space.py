"""Room on the disk: all that HDF5 will write in the next flush has its place there before."""

from __future__ import annotations

import os

import numpy as np

from ronda.framework.nexus.file import ScanFile
from ronda.framework.stream import Channel, Description, Device


def holes(path) -> int:
    """Bytes of a file that have no place on the disk."""
    found = path.stat()
    return found.st_size - 512 * found.st_blocks


def test_a_file_has_no_holes_that_a_full_disk_could_refuse_to_fill(tmp_path):
    devices = [Device("dev", [Channel(f"x{n}") for n in range(50)])]
    path = tmp_path / "a.h5"
    made = ScanFile.create(path, "id", 1, Description("test()", devices, ("writer",)))
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.posix_fallocate(descriptor, 0, 1)  # where this is not possible there is nothing to test
    finally:
        os.close(descriptor)
    assert holes(path) <= 0
    for block in range(20):
        index = np.arange(20_000.0 * block, 20_000.0 * (block + 1))
        made.write("dev", 20_000 * block, {f"x{n}": index for n in range(50)}, index)
        made.flush({"dev": 20_000 * (block + 1)})
        assert holes(path) <= 0
    made.abandon()
