"""Rings: what is written is read, and what was overwritten is never taken for something else."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ronda.framework.errors import BadValue, ServiceFailed
from ronda.framework.stream import FrameLost
from ronda.framework.stream.frames import folder, ring
from ronda.framework.stream.frames.folder import claimed, find_ring, ring_folder, rings
from ronda.framework.stream.frames.ring import FrameRing, RingView

LENGTH = 5000
SLOT = 8192


@pytest.fixture(autouse=True)
def shared(tmp_path, monkeypatch):
    """A shared memory of its own for each test."""
    monkeypatch.setattr(folder, "SHARED_MEMORY", tmp_path)


def frame(number: int) -> np.ndarray:
    return np.full(LENGTH, number % 251, "u1")


def make(slots: int, name: str = "cam") -> FrameRing:
    return FrameRing("unix:///s", name, LENGTH, slots * SLOT)


def read(view: RingView, sequence: int) -> np.ndarray:
    into = np.empty(LENGTH, "u1")
    view.copy(sequence, into)
    return into


@given(slots=st.integers(2, 7), count=st.integers(0, 30))
@settings(max_examples=30, deadline=None)
def test_the_last_frames_are_there_and_the_others_are_lost(tmp_path_factory, slots, count):
    owner = make(slots)
    view = RingView(owner.path)
    for number in range(count):
        assert owner.write(frame(number), "scan", number) == number
    for number in range(count + slots):
        if count - slots <= number < count:
            assert np.array_equal(read(view, number), frame(number))
            assert view.still(number)
        else:
            with pytest.raises(FrameLost, match="was overwritten" if number < count else "was never there"):
                read(view, number)
    assert view.newest() == ({"scan": count - 1} if count else {})
    view.close()
    owner.close(remove=True)


def test_a_frame_that_is_overwritten_while_it_is_read_is_lost():
    owner = make(2)
    view = RingView(owner.path)
    owner.write(frame(1), "scan", 0)
    seen = view.look(0, LENGTH).data
    assert view.still(0)
    owner.write(frame(2), "scan", 1)
    assert view.still(0)
    owner.write(frame(3), "scan", 2)
    assert seen[0] == 3, "the array is the slot itself"
    assert not view.still(0)
    owner.close(remove=True)


def test_readers_never_see_a_mixture_however_fast_the_ring_turns():
    owner = make(2)
    view = RingView(owner.path)
    stop = threading.Event()
    wrong, found = [], []

    def follow() -> None:
        number = 0
        while not stop.is_set():
            try:
                pixels = read(view, number)
            except FrameLost:
                number = max(owner.next - 1, 0)
                continue
            found.append(number)
            if not np.array_equal(pixels, frame(number)):
                wrong.append(number)
            number += 1

    readers = [threading.Thread(target=follow) for _ in range(2)]
    for reader in readers:
        reader.start()
    number = 0
    while len(found) < 300 or number < 3000:
        owner.write(frame(number), "scan", number)
        number += 1
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    owner.close(remove=True)


def test_a_frame_of_another_length_is_not_what_was_asked_for():
    owner = make(2)
    owner.write(frame(1)[:100], "scan", 0)
    with pytest.raises(FrameLost, match="has 100 bytes, not 5000"):
        read(RingView(owner.path), 0)
    owner.close(remove=True)


def test_a_ring_for_one_frame_is_refused():
    with pytest.raises(BadValue, match=r"cam: a ring of 8.19 kB holds 1 frames of 5 kB; give it memory for two"):
        make(1)


def test_memory_that_is_not_there_is_said_before_anything_is_written(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ring.os, "posix_fallocate", full)
    with pytest.raises(ServiceFailed, match=r"cam: the host's shared memory has no room .*make the ring smaller"):
        make(3)
    assert list(ring_folder().iterdir()) == []


def test_a_folder_that_others_may_enter_is_refused(tmp_path):
    shared = tmp_path / f"ronda-{os.getuid()}"
    shared.mkdir(mode=0o755)
    with pytest.raises(ServiceFailed, match=r"is not a folder of this user that others cannot enter .*remove it"):
        make(2)
    shared.rmdir()
    shared.symlink_to(tmp_path.parent)
    with pytest.raises(ServiceFailed, match="is not a folder of this user"):
        make(2)
    assert find_ring("0" * 12 + "-cam-" + "0" * 32) is None


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a", "0" * 12 + "-../x-" + "0" * 32])
def test_a_name_that_is_none_leads_nowhere(name):
    make(2).close(remove=False)
    assert find_ring(name) is None


def test_a_file_that_is_no_ring_is_refused():
    path = ring_folder(make=True) / ("0" * 12 + "-cam-" + "0" * 32)
    path.write_bytes(b"x" * 5000)
    with pytest.raises(ServiceFailed, match="is no ring of frames that this version reads"):
        RingView(path)


def test_two_rings_of_a_device_are_two_and_private():
    first, second = make(2), make(2)
    assert first.name != second.name
    assert set(rings("unix:///s")) == {first.path, second.path}
    assert rings("unix:///other") == []
    assert first.path.stat().st_mode & 0o777 == 0o600
    assert ring_folder().stat().st_mode & 0o777 == 0o700
    for one in (first, second):
        one.close(remove=True)
    assert rings("unix:///s") == []


def test_a_ring_is_claimed_only_when_its_owner_is_dead(tmp_path):
    code = f"""
import sys
from pathlib import Path
from ronda.framework.stream.frames import folder, ring
folder.SHARED_MEMORY = Path({str(tmp_path)!r})
owner = ring.FrameRing("unix:///s", "cam", {LENGTH}, {4 * SLOT})
owner.write(ring.np.full({LENGTH}, 7, "u1"), "scan", 3)
print(owner.path, flush=True)
sys.stdin.read()
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    path = folder.Path(child.stdout.readline().strip())
    with claimed(path) as ownerless:
        assert not ownerless
    child.kill()
    child.communicate()
    with claimed(path) as ownerless:
        assert ownerless
        with claimed(path) as again:
            assert not again, "one claims it at a time"
    assert np.array_equal(read(RingView(path), 0), frame(7)), "the frames outlive their owner"
