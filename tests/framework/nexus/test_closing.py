"""Closing files: readers that open them meanwhile, and a writer that dies at any step of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from ronda.framework.nexus import closing
from ronda.framework.nexus.file import ScanFile, identity
from ronda.framework.nexus.space import DiskFull, Reserve
from ronda.framework.nexus.structure import CLOSED, WRITING
from ronda.framework.stream import Channel, Description, Device

DESCRIPTION = Description("test()", [Device("dev", [Channel("x")])], ("writer",))

READER = """
import sys, h5py
opens = 0
for path in map(str.strip, sys.stdin):  # the file that is being written
    while True:
        with h5py.File(path) as file:
            entry = file["1.1"]
            reached = int(entry["writer/positions"][0])
            values = entry["measurement/x"][:]
            assert (values[:reached] == range(reached)).all(), values
            opens += 1
            if entry["end_reason"][()]:
                break
    with h5py.File(path) as file:
        assert file["1.1/writer/positions"][0] == 100
    print(opens, flush=True)
"""

DIES = """
import os, signal, sys
from pathlib import Path
import numpy as np
from ronda.framework.nexus import closing, file as scan_file
from ronda.framework.stream import Channel, Description, Device
folder, closing.COPIED_BYTES, closing.OPENING_SECONDS = Path(sys.argv[1]), int(sys.argv[2]), 0
description = Description("test()", [Device("dev", [Channel("x")])], ("writer",))
def close(path, step):
    made = scan_file.ScanFile.create(path, "id", 1, description)
    made.write("dev", 0, {"x": np.arange(100.0)}, np.arange(100.0))
    made.flush({"dev": 100})
    count = 0
    def deadly(function):
        def call(*arguments, **options):
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)
        return call
    for name in ("memfd_create", "dup2", "pread", "pwrite", "sendfile", "ftruncate", "fsync", "fchown", "lseek"):
        setattr(os, name, deadly(getattr(os, name)))
    Path.replace = deadly(Path.replace)
    made.close("then", "COMPLETED", "")
    os._exit(0)
for step in range(1, 100):
    child = os.fork()
    if not child:
        close(folder / f"{step}.h5", step)
    if os.waitpid(child, 0)[1] == 0:
        break
print(step)
"""


def test_a_file_can_be_opened_at_every_moment_of_its_closing(tmp_path):
    reader = subprocess.Popen([sys.executable, "-c", READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    opens = 0
    for number in range(25):
        path = tmp_path / f"{number}.h5"
        made = ScanFile.create(path, "id", 1, DESCRIPTION)
        reader.stdin.write(f"{path}\n")
        reader.stdin.flush()
        made.write("dev", 0, {"x": np.arange(100.0)}, np.arange(100.0))
        made.flush({"dev": 100})
        made.close("then", "COMPLETED", "")
        answer = reader.stdout.readline()
        assert answer, f"the reader failed at {path}"
        opens += int(answer)
    reader.stdin.close()
    assert reader.wait(60) == 0
    reader.stdout.close()
    assert opens > 25


@pytest.mark.parametrize("copied", [closing.COPIED_BYTES, 0], ids=["small", "large"])
def test_a_writer_that_dies_at_any_step_of_closing_leaves_a_whole_file(tmp_path, copied):
    command = [sys.executable, "-c", DIES, tmp_path, str(copied)]
    step = int(subprocess.run(command, stdout=subprocess.PIPE, timeout=150, check=True).stdout)
    states = []
    for path in (tmp_path / f"{n}.h5" for n in range(1, step + 1)):
        with h5py.File(path) as file:
            assert np.array_equal(file["1.1/measurement/x"][:], np.arange(100))
        states.append(identity(path)[1])
        if states[-1] == WRITING:
            made = ScanFile.resume(path, 1, DESCRIPTION)
            assert made.positions == {"dev": 100}
            made.abandon()
    assert step > 5, "it died at several steps"
    assert states[-1] == CLOSED
    assert states == sorted(states, reverse=True), "once closed it stays so"


@pytest.mark.parametrize("copied", [closing.COPIED_BYTES, 0], ids=["small", "large"])
def test_what_was_reserved_and_not_used_is_given_back(tmp_path, monkeypatch, copied):
    monkeypatch.setattr(closing, "COPIED_BYTES", copied)
    monkeypatch.setattr(closing, "OPENING_SECONDS", 0)
    path = tmp_path / "a.h5"
    made = ScanFile.create(path, "id", 1, Description("x", DESCRIPTION.devices, ("writer",), points=100))
    path.chmod(0o640)
    assert path.stat().st_size > 4_000_000
    made.write("dev", 0, {"x": np.arange(100.0)}, np.arange(100.0))
    made.flush({"dev": 100})
    made.close("then", "COMPLETED", "well")
    assert path.stat().st_size < 1_200_000
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]
    with h5py.File(path) as file:
        assert np.array_equal(file["1.1/measurement/x"][:], np.arange(100))
        assert file["1.1/end_message"][()] == b"well"
    with h5py.File(path, "r+") as file:
        file["note"] = "stock programs may add to it"
    with h5py.File(path) as file:
        assert np.array_equal(file["1.1/measurement/x"][:], np.arange(100))


def test_a_file_that_is_left_to_be_resumed_is_whole(tmp_path):
    path: Path = tmp_path / "a.h5"
    made = ScanFile.create(path, "id", 1, DESCRIPTION)
    made.write("dev", 0, {"x": np.arange(100.0)}, np.arange(100.0))
    made.flush({"dev": 100})
    size = path.stat().st_size
    made.abandon()
    assert path.stat().st_size == size
    made = ScanFile.resume(path, 1, DESCRIPTION)
    made.write("dev", 100, {"x": np.arange(100.0, 200.0)}, np.arange(100.0, 200.0))
    made.flush({"dev": 200})
    made.close("then", "COMPLETED", "")
    with h5py.File(path) as file:
        assert np.array_equal(file["1.1/measurement/x"][:], np.arange(200))


def test_a_resumption_for_which_there_is_no_room_leaves_the_file_as_long_as_it_is(tmp_path, monkeypatch):
    path: Path = tmp_path / "a.h5"
    ScanFile.create(path, "id", 1, DESCRIPTION).abandon()
    sizes = []

    def refuse(reserve):
        sizes.append(path.stat().st_size)
        raise DiskFull("the disk is full")

    monkeypatch.setattr(Reserve, "cover", refuse)
    with pytest.raises(DiskFull):
        ScanFile.resume(path, 1, DESCRIPTION)
    assert path.stat().st_size >= sizes[0]
    assert identity(path) == ("id", WRITING)
