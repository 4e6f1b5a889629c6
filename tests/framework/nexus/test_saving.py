"""Scans on their way from the stream into their files: started late, stopped, killed, shared, out of room."""

from __future__ import annotations

import errno
import json
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from ronda.framework.nexus import saving
from ronda.framework.nexus.checksum import checksum_file, intact
from ronda.framework.nexus.file import ScanFile, identity
from ronda.framework.nexus.structure import CLOSED
from ronda.framework.nexus.writer import Writer
from ronda.framework.stream import Channel, Description, Device, State
from ronda.framework.stream.pointed import MARK


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """What is on the disk: HDF5 would share a file that the writer in this process has open."""
    with tempfile.TemporaryDirectory() as folder, h5py.File(shutil.copy(path, folder)) as file:
        yield file


def closed(path: Path) -> bool:
    return checksum_file(path).exists()


def flushed(path: Path, points: int) -> bool:
    """Whether a reader finds so many points of each device."""
    if not path.exists():
        return False
    try:
        with opened(path) as file:
            return bool((file[f"{file.attrs['default']}/writer/positions"][:] >= points).all())
    except OSError:
        return False  # it was copied in the middle of a flush


def expect_points(path: Path, stop: int) -> None:
    """Each point of the scan that `publish` makes is in the file once, and nothing else."""
    index = np.arange(stop)
    with opened(path) as file:
        entry = file[file.attrs["default"]]
        assert np.array_equal(entry["measurement/samx"][:], index * 0.1)
        assert np.array_equal(entry["measurement/i0"][:], index + 0.5)
        assert np.array_equal(entry["measurement/diode"][:], index * 2)
        assert np.array_equal(entry["measurement/spectrum"][:], index[:, None] + np.arange(16))
        assert np.array_equal(entry["instrument/ct1/epoch"][:], 1.7e9 + index)


def test_a_scan_is_saved_and_its_closed_file_is_final(stream, paths, start_writer, describe, publish, wait_for):
    start_writer()
    scan = stream.open_scan(describe(20))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 20, seal=True)
    scan.set_state(State.COMPLETED)
    path = paths.root / "scan_0001.h5"
    wait_for(lambda: closed(path), "the file is closed")
    expect_points(path, 20)
    assert intact(path)
    assert identity(path) == (scan.identifier, CLOSED)
    with opened(path) as file:
        assert file["1.1/end_reason"][()] == b"COMPLETED"
        assert file["1.1/end_time"][()].decode() == scan.record().ended.isoformat()
    wait_for(lambda: not scan.behind(), "memory may let the scan go")


def test_what_was_marked_before_the_end_is_in_the_file(stream, paths, start_writer, describe, publish, wait_for):
    start_writer()
    scan = stream.open_scan(describe(3))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 3, seal=True)
    where = {"channel": "mca", "index": 2, "pixel": [7], "values": {"mca": 9.0}}
    stream.pointer().add(MARK, scan.identifier, scan.number, "live view", note="ein Riß", **where)
    stream.pointer().add(MARK, "another", 9, "live view", note="not here")
    scan.set_state(State.COMPLETED)
    path = paths.root / "scan_0001.h5"
    wait_for(lambda: closed(path), "the file is closed")
    with opened(path) as file:
        (mark,) = json.loads(file["1.1/marks"][()])
        assert file["1.1/end_reason"][()] == b"COMPLETED"
    assert mark.pop("time") == pytest.approx(time.time(), abs=3600)
    assert mark == {**where, "who": "live view", "note": "ein Riß", "positions": {}}
    assert intact(path)


def test_the_file_can_be_read_from_its_first_moment(stream, paths, start_writer, describe, wait_for):
    start_writer()
    stream.open_scan(describe(20))
    path = paths.root / "scan_0001.h5"
    wait_for(path.exists, "the file is there")
    with opened(path) as file:
        assert file["1.1/measurement/i0"].shape == (0,)
        assert file["1.1/measurement/spectrum"].shape == (0, 16)
        assert file["1.1/end_reason"][()] == b""


def test_nothing_is_acknowledged_before_it_is_in_the_file(stream, paths, start_writer, describe, publish, wait_for):
    start_writer()
    scan = stream.open_scan(describe(20))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 7)
    wait_for(lambda: scan.acknowledged("writer")["ct1"] == 7, "the points are acknowledged")
    assert flushed(paths.root / "scan_0001.h5", 7)


def test_scans_that_nobody_wants_saved_are_not_saved(stream, paths, start_writer, describe, publish, wait_for):
    writer = start_writer()
    unsaved = stream.open_scan(describe(3, consumers=()))
    unsaved.set_state(State.RUNNING)
    saved = stream.open_scan(describe(3))
    saved.set_state(State.RUNNING)
    publish(saved, 0, 3, seal=True)
    saved.set_state(State.COMPLETED)
    wait_for(lambda: closed(paths.root / "scan_0002.h5"), "the second scan is saved")
    assert not (paths.root / "scan_0001.h5").exists()
    wait_for(lambda: writer.status().open_files == 0, "no file is open")


def test_a_writer_that_starts_late_catches_up(stream, paths, start_writer, describe, publish, wait_for):
    ended = stream.open_scan(describe(50))
    ended.set_state(State.RUNNING)
    publish(ended, 0, 50, seal=True)
    ended.set_state(State.COMPLETED)
    running = stream.open_scan(describe())
    running.set_state(State.RUNNING)
    publish(running, 0, 30)
    start_writer()
    first, second = (paths.root / f"scan_000{number}.h5" for number in (1, 2))
    wait_for(lambda: closed(first) and flushed(second, 30), "both are in their files")
    publish(running, 30, 40, seal=True)
    running.set_state(State.COMPLETED)
    wait_for(lambda: closed(second), "the second one is closed")
    expect_points(first, 50)
    expect_points(second, 40)


def test_a_killed_writer_goes_on_without_a_missing_or_doubled_point(
    stream, paths, writer_process, describe, publish, wait_for
):
    scan = stream.open_scan(describe(600))
    scan.set_state(State.RUNNING)
    path = paths.root / "scan_0001.h5"
    for round_ in range(3):
        process = writer_process()
        publish(scan, 200 * round_, 200 * round_ + 90)
        wait_for(lambda at=200 * round_ + 90: flushed(path, at), "flushed")
        publish(scan, 200 * round_ + 90, 200 * round_ + 200)
        process.kill()  # whatever it is doing
        process.wait()
        assert flushed(path, 200 * round_ + 90)
    writer_process()
    publish(scan, 600, 600, seal=True)
    scan.set_state(State.COMPLETED)
    wait_for(lambda: closed(path), "the file is closed")
    expect_points(path, 600)


def test_a_writer_killed_after_the_last_point_still_closes_the_file(
    stream, paths, writer_process, describe, publish, wait_for
):
    scan = stream.open_scan(describe(10))
    scan.set_state(State.RUNNING)
    process = writer_process()
    path = paths.root / "scan_0001.h5"
    publish(scan, 0, 10)
    wait_for(lambda: flushed(path, 10), "flushed")
    process.kill()
    process.wait()
    publish(scan, 10, 10, seal=True)
    scan.set_state(State.ABORTED, "by the user")
    writer_process()
    wait_for(lambda: closed(path), "the file is closed")
    expect_points(path, 10)
    with opened(path) as file:
        assert file["1.1/end_reason"][()] == b"ABORTED"
        assert file["1.1/end_message"][()] == b"by the user"


@pytest.mark.parametrize(
    "step",
    [
        *[
            "saving.add_link 1",
            "Scan.write_note 1",
            "Scan.acknowledge 1",
            "Saving._finish 1",
            "saving.write_checksum 1",
        ],
        *["saving.sync_folder 1", "saving.add_link 2", "Scan.write_note 2", "Scan.done 1"],
    ],
)
def test_a_writer_killed_between_two_steps_is_followed_by_one_that_ends_them(
    stream, paths, writer_process, describe, publish, wait_for, step
):
    scan = stream.open_scan(describe(10))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 10, seal=True)
    scan.set_state(State.COMPLETED)
    assert writer_process(step).wait(150) == -signal.SIGKILL
    path = paths.root / "scan_0001.h5"
    with opened(path) as file:
        reached = file["1.1/writer/positions"][:].min()
        assert np.array_equal(file["1.1/measurement/i0"][:reached], np.arange(reached) + 0.5)
    writer_process()
    wait_for(lambda: not scan.behind(), "memory may let the scan go")
    expect_points(path, 10)
    assert intact(path)
    assert not list(paths.root.glob("*.part"))


def test_a_writer_ends_a_scan_whose_owner_died_if_nobody_else_does(
    stream, paths, start_writer, describe, publish, wait_for, monkeypatch
):
    monkeypatch.setattr("ronda.framework.nexus.writer.ORPHAN_PATIENCE", 0.5)
    start_writer()
    scan = stream.open_scan(describe(20), lease_seconds=0.3)
    scan.set_state(State.RUNNING)
    publish(scan, 0, 4)
    scan.lease.stop()  # as if its process had died
    path = paths.root / "scan_0001.h5"
    wait_for(lambda: closed(path), "closed")
    expect_points(path, 4)
    with opened(path) as file:
        assert file["1.1/end_reason"][()] == b"FAILED"
        assert file["1.1/end_message"][()] == b"scan 1: the program that ran it died; the writer closed it"


def test_a_scan_that_redis_has_lost_is_closed_with_what_was_read(
    shared_redis, stream, paths, start_writer, describe, publish, wait_for
):
    start_writer()
    scan = stream.open_scan(describe(20))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 7)
    path = paths.root / "scan_0001.h5"
    wait_for(lambda: flushed(path, 7), "flushed")
    shared_redis.empty()
    wait_for(lambda: closed(path), "closed")
    expect_points(path, 7)
    with opened(path) as file:
        assert file["1.1/end_reason"][()] == b"FAILED"
        assert b"the stream has lost the scan" in file["1.1/end_message"][()]


def test_a_half_built_file_is_built_anew(stream, paths, start_writer, describe, publish, wait_for):
    paths.root.mkdir()
    (paths.root / "scan_0001.h5.part").write_bytes(b"left by a crash")
    scan = stream.open_scan(describe(5))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 5, seal=True)
    scan.set_state(State.COMPLETED)
    start_writer()
    wait_for(lambda: closed(paths.root / "scan_0001.h5"), "closed")
    expect_points(paths.root / "scan_0001.h5", 5)
    assert not list(paths.root.glob("*.part"))


def test_the_file_of_another_scan_is_never_touched(stream, paths, start_writer, describe, publish, wait_for):
    paths.root.mkdir()
    (paths.root / "scan_0001.h5").write_bytes(b"precious")
    scan = stream.open_scan(describe(5))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 5, seal=True)
    scan.set_state(State.COMPLETED)
    start_writer()
    path = paths.root / f"scan_0001_{scan.identifier}.h5"
    wait_for(lambda: closed(path), "closed")
    expect_points(path, 5)
    assert (paths.root / "scan_0001.h5").read_bytes() == b"precious"


def test_two_writers_share_the_scans_and_one_takes_over_from_the_other(
    stream, paths, writer_process, describe, publish, wait_for
):
    first = writer_process()
    scans = [stream.open_scan(describe(20)) for _ in range(6)]
    files = [paths.root / f"scan_{scan.number:04d}.h5" for scan in scans]
    for scan in scans[:3]:
        scan.set_state(State.RUNNING)
        publish(scan, 0, 10)
    wait_for(lambda: all(flushed(file, 10) for file in files[:3]), "the first writer writes")
    writer_process()
    first.kill()
    first.wait()
    for scan in scans[3:]:
        scan.set_state(State.RUNNING)
        publish(scan, 0, 10)
    for scan in scans:
        publish(scan, 10, 20, seal=True)
        scan.set_state(State.COMPLETED)
    wait_for(lambda: all(closed(file) for file in files), "all files are closed")
    for file in files:
        expect_points(file, 20)


def test_a_scan_whose_owner_died_is_closed_as_failed(stream, paths, start_writer, describe, publish, wait_for):
    start_writer()
    scan = stream.open_scan(describe(20))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 4)
    scan.set_state(State.FAILED, "the program that ran it died")  # as the host agent does
    path = paths.root / "scan_0001.h5"
    wait_for(lambda: closed(path), "closed")
    expect_points(path, 4)
    with opened(path) as file:
        assert file["1.1/end_reason"][()] == b"FAILED"
        assert file["1.1/end_message"][()] == b"the program that ran it died"


def test_points_that_memory_has_lost_make_the_file_failed_with_their_range(
    stream, paths, start_writer, describe, publish, wait_for
):
    scan = stream.open_scan(describe(400, consumers=("writer", "other")))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 200)
    scan.make_optional("writer", "operator")
    limit = stream.memory().used
    stream.configure(limit=8 * limit, comfort=limit // 4)
    scan.acknowledge("other", {"samx": 200, "ct1": 200, "mca": 200})
    publish(scan, 200, 400, seal=True)
    scan.set_state(State.COMPLETED)
    first = scan.extent("mca").first
    assert first == 200
    start_writer()._launch(scan, paths_lock(paths))  # it is not waited for any more, but somebody wants it
    path = paths.root / "scan_0001.h5"
    wait_for(lambda: closed(path), "closed")
    with opened(path) as file:
        assert file["1.1/end_reason"][()] == b"FAILED"
        assert "mca: points 0 to 199 are lost" in file["1.1/end_message"][()].decode()
        assert file["1.1/measurement/spectrum"].shape == (400, 16)
        assert (file["1.1/measurement/spectrum"][:200] == np.iinfo("u4").max).all()


def paths_lock(paths):
    lock = paths.lock("test")
    lock.parent.mkdir(parents=True, exist_ok=True)
    return lock.open("a")


def test_a_paused_writer_leaves_the_data_in_memory(stream, start_writer, describe, publish, wait_for):
    writer = start_writer()
    scan = stream.open_scan(describe(20))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 5)
    wait_for(lambda: scan.acknowledged("writer")["ct1"] == 5, "written")
    writer.pause()
    wait_for(lambda: '"paused"' in writer.status().progress, "paused")
    publish(scan, 5, 20, seal=True)
    scan.set_state(State.COMPLETED)
    wait_for(lambda: writer.status().lag_bytes > 0, "it is behind")
    assert writer.status().state == "paused"
    assert scan.acknowledged("writer")["ct1"] == 5
    writer.resume()
    wait_for(lambda: not scan.behind(), "it has caught up")


def test_flush_brings_what_was_published_into_the_file(
    stream, paths, start_writer, describe, publish, wait_for, monkeypatch
):
    monkeypatch.setattr("ronda.framework.nexus.saving.FLUSH_PERIOD", 600.0)  # it does not come by itself
    writer = start_writer()
    scan = stream.open_scan(describe(20))
    scan.set_state(State.RUNNING)
    path = paths.root / "scan_0001.h5"
    wait_for(path.exists, "the file is there")
    for stop in range(1, 6):
        publish(scan, stop - 1, stop)
        wait_for(lambda at=stop: writer.flush() or flushed(path, at), "flushed")


@pytest.fixture
def small_files():
    """Lets a test bound the size of all files of this process, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def bound(size: int | None) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before[0] if size is None else size, before[1]))

    yield bound
    bound(None)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_holds_the_data_in_memory_until_there_is_room(stream, paths, start_writer, wait_for, small_files):
    writer: Writer = start_writer()
    channels = [Channel("x", shape=(1000,))]
    scan = stream.open_scan(Description("test()", [Device("dev", channels)], ("writer",)))
    scan.set_state(State.RUNNING)
    publisher = scan.publisher("dev", wait=None)
    path = paths.root / "scan_0001.h5"
    wait_for(path.exists, "the file is there")
    small_files(path.stat().st_size + 1_000_000)
    frames = np.arange(4_000_000, dtype=float).reshape(4000, 1000)  # 32 MB
    publisher.publish_block({"x": frames})
    status = wait_for(lambda: (now := writer.status()).state == "held" and now, "it is held")
    assert "the disk has no room for" in status.sentence
    assert "nothing is lost, the data waits in memory: free some space" in status.sentence
    before = scan.acknowledged("writer")["dev"]
    assert before < 4000
    small_files(None)
    publisher.seal()
    scan.set_state(State.COMPLETED)
    wait_for(lambda: closed(path), "closed")
    with opened(path) as file:
        import hdf5plugin  # noqa: F401 - large points are compressed

        assert np.array_equal(file["1.1/measurement/x"][:], frames)
    wait_for(lambda: writer.status().state == "idle", "it is idle")
    assert "no room" in writer.status().last_error


def test_a_file_is_opened_once_however_often_its_link_cannot_be_written(
    stream, paths, start_writer, describe, publish, wait_for, monkeypatch
):
    made, tries = [], []
    create, link = ScanFile.create, saving.add_link

    def count(*arguments, **options):
        made.append(create(*arguments, **options))
        return made[-1]

    def fail_twice(*arguments, **options):
        tries.append(1)
        if len(tries) <= 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        link(*arguments, **options)

    monkeypatch.setattr(ScanFile, "create", count)
    monkeypatch.setattr(ScanFile, "resume", count)  # must not be called: HDF5 would have the file open twice
    monkeypatch.setattr(saving, "add_link", fail_twice)
    start_writer()
    scan = stream.open_scan(describe(5))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 5, seal=True)
    scan.set_state(State.COMPLETED)
    wait_for(lambda: closed(paths.root / "scan_0001.h5"), "closed")
    expect_points(paths.root / "scan_0001.h5", 5)
    assert len(tries) >= 3
    assert len(made) == 1


def test_a_disk_that_must_keep_more_free_is_not_written_to(stream, paths, start_writer, describe, wait_for):
    writer = start_writer(minimum_free=1 << 60)
    stream.open_scan(describe(5))
    wait_for(lambda: writer.status().state == "held", "it is held")
    assert "must stay so" in writer.status().sentence
    assert not list(paths.root.glob("*.h5*"))


def test_a_data_root_that_cannot_be_written_is_told_and_tried_again(
    stream, paths, start_writer, describe, publish, wait_for
):
    paths.root.write_text("a file where a folder should be")
    writer = start_writer()
    scan = stream.open_scan(describe(5))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 5, seal=True)
    scan.set_state(State.COMPLETED)
    status = wait_for(lambda: (now := writer.status()).state == "unreachable" and now, "it says so")
    assert f"the data root {paths.root} cannot be written" in status.sentence
    paths.root.unlink()
    wait_for(lambda: closed(paths.root / "scan_0001.h5"), "closed")
    expect_points(paths.root / "scan_0001.h5", 5)


def test_a_writer_goes_on_when_redis_comes_back(shared_redis, stream, paths, start_writer, describe, publish, wait_for):
    start_writer()
    scan = stream.open_scan(describe(20))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 10)
    wait_for(lambda: flushed(paths.root / "scan_0001.h5", 10), "flushed")
    shared_redis.kill()
    shared_redis.start()
    publish(scan, 10, 20, seal=True)
    scan.set_state(State.COMPLETED)
    wait_for(lambda: closed(paths.root / "scan_0001.h5"), "closed")
    expect_points(paths.root / "scan_0001.h5", 20)
