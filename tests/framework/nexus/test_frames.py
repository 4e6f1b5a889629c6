"""Large frames in scans' files: from rings, from frame servers, from detectors' own files, whatever dies meanwhile."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - frames are compressed
import numpy as np
import pytest

from ronda.framework.nexus import frames as saving_frames
from ronda.framework.nexus import saving, scan_frames
from ronda.framework.nexus.check import check
from ronda.framework.nexus.checksum import checksum_file
from ronda.framework.nexus.opening import open_scan, tree
from ronda.framework.stream import Channel, Description, Device, FrameReference, NoLongerInMemory, Scan, State
from ronda.framework.stream.frames import reader
from ronda.framework.stream.frames.compression import ChunkCompressor
from ronda.framework.stream.frames.folder import rings
from ronda.framework.stream.frames.packed import PackedFrame

SHAPE = (64, 80)
LENGTH = 2 * SHAPE[0] * SHAPE[1]
SLOT = 12288

CAMERA = """
import sys, time
import numpy as np
from ronda.framework.stream import Stream
url, scan, count, slots, pause = sys.argv[1:]
stream = Stream.connect(url)
store = stream.frame_store()
ring = store.ring("cam", 10240, 12288 * int(slots))
publisher = stream.scan(scan).publisher("cam", ring=ring, wait=None)
pixels = np.arange(64 * 80).reshape(64, 80)
print(ring.name, store.host, flush=True)
for index in range(publisher.index, int(count)):
    image = ((index * 977 + pixels) % 65000).astype("<u2")
    publisher.publish({"image": image, "total": index}, time=1.7e9 + index)
    time.sleep(float(pause))
publisher.seal()
print("sealed", flush=True)
sys.stdin.read()
"""


def frames(start: int, stop: int) -> np.ndarray:
    pixels = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE)
    return ((np.arange(start, stop)[:, None, None] * 977 + pixels) % 65000).astype("<u2")


def camera(points: int | None = None, **attributes: Any) -> Description:
    image = Channel("image", "<u2", SHAPE, "count", storage="reference", attributes=attributes)
    return Description("loopscan(10, 0.1)", [Device("cam", [image, Channel("total")])], ("writer",), points=points)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """What is on the disk: HDF5 would share a file that the writer in this process has open."""
    with tempfile.TemporaryDirectory() as folder, h5py.File(shutil.copy(path, folder)) as file:
        yield file


def expect_all(path: Path, count: int) -> None:
    """Each frame is in the file once, at its index, and the scan is complete."""
    with opened(path) as file:
        entry = file[file.attrs["default"]]
        assert entry["end_reason"][()] == b"COMPLETED", entry["end_message"][()]
        assert entry["measurement/image"].shape == (count, *SHAPE)
        assert np.array_equal(entry["measurement/image"][:], frames(0, count))
        assert np.array_equal(entry["measurement/total"][:], np.arange(count))
        assert entry["writer/missing"].shape == (0, 3)
        assert entry["writer/positions"][:].tolist() == [count]


def missing(path: Path) -> dict[str, list[list[int]]]:
    """What the file says is missing, by channel."""
    with opened(path) as file:
        told = file["1.1/writer/missing"]
        names = [str(name) for name in told.attrs["channels"]]
        found: dict[str, list[list[int]]] = {}
        for channel, first, stop in told[:].tolist():
            found.setdefault(names[channel], []).append([first, stop])
        return found


@pytest.fixture
def path(paths) -> Path:
    return paths.root / "scan_0001.h5"


@pytest.fixture(autouse=True)
def clean_memory(url) -> Iterator[None]:
    yield
    for ring in rings(url):
        ring.unlink()


@pytest.fixture
def store(stream):
    with stream.frame_store() as made:
        yield made


@pytest.fixture
def take(store) -> Callable[..., Any]:
    """Publishes frames start ≤ index < stop of a scan from this process."""

    def take(scan: Scan, start: int, stop: int, *, slots: int = 64, seal: bool = False) -> Any:
        publisher = scan.publisher("cam", ring=store.ring("cam", LENGTH, slots * SLOT), wait=None)
        index = np.arange(start, stop)
        publisher.publish_block({"image": frames(start, stop), "total": index}, times=1.7e9 + index, first=start)
        if seal:
            publisher.seal()
        return publisher

    return take


@pytest.fixture
def camera_process(url) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts cameras as processes, which a test may kill: `(scan, count, slots, pause)`."""
    processes: list[subprocess.Popen[str]] = []

    def start(scan: Scan, count: int, slots: int = 64, pause: float = 0.0) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CAMERA, url, scan.identifier, str(count), str(slots), str(pause)]
        processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGCONT)
            process.kill()
        process.communicate()


def test_frames_are_saved_compressed_one_in_a_chunk(stream, start_writer, take, path, wait_for):
    start_writer()
    scan = stream.open_scan(camera(40))
    scan.set_state(State.RUNNING)
    take(scan, 0, 25)
    take(scan, 25, 40, seal=True)
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed")
    expect_all(path, 40)
    with opened(path) as file:
        dataset = file["1.1/instrument/image/data"]
        assert dataset.chunks == (1, *SHAPE)
        assert dataset.attrs["units"] == "count"
        assert list(dataset._filters) == ["32008"]
        assert dataset.id.get_num_chunks() == 40
        assert dataset.fillvalue == 65535
        assert file["1.1/plotselect"].attrs["signal"] == "total"
    assert check(path, stream).faults == []


def test_frames_that_the_detector_has_packed_are_saved_as_they_came(stream, start_writer, store, path, wait_for):
    start_writer()
    scan = stream.open_scan(camera(40))
    scan.set_state(State.RUNNING)
    compressor = ChunkCompressor(LENGTH, 2)
    packed = []
    for image in frames(0, 40):
        into = np.empty(compressor.room, "u1")
        size = compressor.compress(image.reshape(-1).view("u1"), into)
        packed.append(PackedFrame(into[:size].tobytes(), image.dtype, image.shape))
    some = [one if index % 7 else one.unpack() for index, one in enumerate(packed)]
    publisher = scan.publisher("cam", ring=store.ring("cam", LENGTH, 64 * SLOT), wait=None)
    publisher.publish_block({"image": some, "total": np.arange(40)}, times=1.7e9 + np.arange(40))
    publisher.seal()
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed")
    expect_all(path, 40)
    with opened(path) as file:
        stored = [file["1.1/instrument/image/data"].id.read_direct_chunk((index, 0, 0))[1] for index in range(40)]
    assert stored == [one.chunk for one in packed]
    assert check(path, stream).faults == []


@pytest.mark.parametrize("compressor", ["ours", "h5py"])
def test_frames_come_from_the_frame_server_where_the_ring_is_not(
    compressor, stream, start_writer, take, path, wait_for, monkeypatch
):
    monkeypatch.setattr(reader, "find_ring", lambda name: None)
    if compressor == "h5py":
        monkeypatch.setattr("ronda.framework.stream.frames.compression._library", lambda: None)
    start_writer()
    scan = stream.open_scan(camera())
    scan.set_state(State.RUNNING)
    take(scan, 0, 100, slots=16, seal=True)
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed")
    expect_all(path, 100)


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_a_ring_much_smaller_than_the_scan_is_flushed_in_time(
    where, stream, start_writer, take, path, wait_for, monkeypatch
):
    if where == "elsewhere":
        monkeypatch.setattr(reader, "find_ring", lambda name: None)
    start_writer()
    scan = stream.open_scan(camera())
    scan.set_state(State.RUNNING)
    monkeypatch.setattr(saving, "FLUSH_PERIOD", 60.0)  # longer than the test may take
    take(scan, 0, 200, slots=8)
    scan.publisher("cam", wait=None).seal()
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed")
    expect_all(path, 200)


def test_one_user_function_reads_frames_live_and_from_the_file(stream, start_writer, take, path, wait_for):
    def profile(entry: Any) -> list[int]:
        image = entry["measurement/image"]
        return [int(image[i].sum()) for i in range(30)] + image[5:25:5, 3, 7].tolist()

    start_writer()
    scan = stream.open_scan(camera())
    scan.set_state(State.RUNNING)
    take(scan, 0, 30, slots=8)  # only the last 8 are in the ring
    expected = [int(image.sum()) for image in frames(0, 30)] + frames(0, 30)[5:25:5, 3, 7].tolist()
    assert profile(tree(scan)) == expected
    scan.publisher("cam", wait=None).seal()
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed")
    assert profile(open_scan("last", stream)) == expected
    assert profile(open_scan(path)) == expected


def test_a_writer_that_is_killed_again_and_again_loses_and_doubles_no_frame(
    stream, writer_process, camera_process, path, wait_for
):
    scan = stream.open_scan(camera())
    scan.set_state(State.RUNNING)
    process = camera_process(scan, 240, 24, 0.002)
    for position in (20, 120):
        writer = writer_process()
        wait_for(lambda position=position: scan.acknowledged("writer")["cam"] >= position, "frames are saved")
        writer.kill()
        writer.wait()
    writer_process()
    assert process.stdout.readline().split()[0]
    assert process.stdout.readline() == "sealed\n"
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed")
    expect_all(path, 240)


def test_a_camera_that_is_killed_loses_no_frame_that_it_published(
    stream, writer_process, camera_process, path, url, wait_for, halt
):
    writer = writer_process()
    scan = stream.open_scan(camera())
    scan.set_state(State.RUNNING)
    wait_for(path.exists, "the file is there")
    halt(writer.pid)
    first = camera_process(scan, 1000, 32, 0.001)
    wait_for(lambda: scan.extent("cam").length >= 20, "frames are published")
    first.kill()
    first.wait()
    second = camera_process(scan, 120, 32)
    second.stdout.readline()
    wait_for(lambda: scan.extent("cam").length >= 40, "its successor goes on")
    os.kill(writer.pid, signal.SIGCONT)
    assert second.stdout.readline() == "sealed\n"
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed")
    expect_all(path, 120)
    wait_for(lambda: len(rings(url)) == 1, "the dead camera's ring is removed")


def test_whatever_is_killed_each_frame_is_saved_once(
    shared_redis, stream, writer_process, camera_process, path, wait_for
):
    scan = stream.open_scan(camera())
    scan.set_state(State.RUNNING)
    count = 300
    writer, source = writer_process(), camera_process(scan, count, 24, 0.004)
    for number, victim in enumerate(["redis", "camera", "writer", "redis"]):
        goal = min(40 * (number + 1), count)
        wait_for(lambda goal=goal: scan.acknowledged("writer")["cam"] >= goal, f"{goal} frames are saved", 150)
        if victim == "redis":
            shared_redis.kill()
            shared_redis.start()
        elif victim == "writer":
            writer.kill()
            writer.wait()
            writer = writer_process()
        else:
            source.kill()
            source.wait()
            source = camera_process(scan, count, 24, 0.004)
    wait_for(lambda: scan.extent("cam").end is not None, "all frames are published", 150)
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed", 150)
    expect_all(path, count)


def test_a_camera_that_is_stopped_or_cut_off_is_waited_for(
    stream, start_writer, camera_process, path, wait_for, halt, monkeypatch
):
    monkeypatch.setattr(reader, "find_ring", lambda name: None)
    monkeypatch.setattr("ronda.framework.stream.frames.client.ANSWER_SECONDS", 0.3)
    scan = stream.open_scan(camera())
    scan.set_state(State.RUNNING)
    process = camera_process(scan, 40, 64)
    assert process.stdout.readline()
    assert process.stdout.readline() == "sealed\n"
    halt(process.pid)
    writer = start_writer()
    wait_for(lambda: "frame server at" in writer.status().sentence, "the writer tells what it waits for")
    assert writer.status().state == "held"
    assert scan.acknowledged("writer")["cam"] == 0
    os.kill(process.pid, signal.SIGCONT)
    wait_for(lambda: scan.acknowledged("writer")["cam"] == 40, "it goes on")
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed")
    expect_all(path, 40)


def test_a_ring_that_vanished_ends_in_exact_missing_ranges(
    stream, writer_process, start_writer, camera_process, path, url, wait_for, halt, monkeypatch
):
    monkeypatch.setattr(saving_frames, "PATIENCE", 0.5)
    writer = writer_process()
    scan = stream.open_scan(camera())
    scan.set_state(State.RUNNING)
    first = camera_process(scan, 1000, 32, 0.002)
    wait_for(lambda: scan.acknowledged("writer")["cam"] >= 5, "the first frames are saved")
    halt(writer.pid)
    saved = scan.acknowledged("writer")["cam"]
    wait_for(lambda: scan.extent("cam").length >= saved + 10, "frames wait in the ring")
    for process in (first, writer):
        process.kill()
        process.wait()
    for ring in rings(url):
        ring.unlink()  # as when its host starts anew
    gap = scan.extent("cam").length
    second = camera_process(scan, gap + 20, 32)
    assert second.stdout.readline()
    assert second.stdout.readline() == "sealed\n"
    scan.set_state(State.COMPLETED)
    start_writer()
    wait_for(checksum_file(path).exists, "closed")
    saved = missing(path)["image"][0][0]  # it may have written some more before it was stopped
    assert 5 <= saved < gap
    assert missing(path) == {"image": [[saved, gap]]}
    with opened(path) as file:
        image = file["1.1/measurement/image"]
        assert np.array_equal(image[:saved], frames(0, saved))
        assert (image[saved:gap] == 65535).all(), "the fill value, not zeros"
        assert np.array_equal(image[gap:], frames(gap, gap + 20))
        assert np.array_equal(file["1.1/measurement/total"][:], np.arange(gap + 20)), "the other values are there"
        assert file["1.1/end_reason"][()] == b"FAILED"
        message = file["1.1/end_message"][()].decode()
    assert message.startswith(f"image: the frames of points {saved} to {gap - 1} are lost; ")
    assert "connection refused" in message or "no ring" in message
    faults = check(path, stream).faults
    assert f"image: the points {saved} to {gap - 1} are missing in the file, which says so" in faults


def test_points_that_left_memory_are_noted_with_their_frames(stream, start_writer, take, path, wait_for):
    stream.configure(comfort=0)
    scan = stream.open_scan(camera())
    scan.set_state(State.RUNNING)
    scan.make_optional("writer", "an operator")
    publisher = take(scan, 0, 1)
    for index in range(1, 200):
        publisher.publish({"image": frames(index, index + 1)[0], "total": index})
    first = scan.extent("cam").first
    assert first > 0
    start_writer()
    wait_for(path.exists, "it has taken the scan")
    scan.publisher("cam", wait=None).seal()
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed")
    told = missing(path)
    assert told["total"] == told["cam epoch"] == [[0, first]]
    assert told["image"][0][0] == 0
    with opened(path) as file:
        assert file["1.1/end_message"][()].decode().startswith(f"cam: points 0 to {first - 1} are lost")
        lost = told["image"][0][1]
        assert np.array_equal(file["1.1/measurement/image"][lost:], frames(lost, 200))
        assert (file["1.1/measurement/image"][:lost] == 65535).all()


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


def test_a_full_disk_holds_the_frames_in_the_ring_until_there_is_room(
    stream, start_writer, take, path, wait_for, small_files
):
    writer = start_writer()
    scan = stream.open_scan(camera())
    scan.set_state(State.RUNNING)
    publisher = take(scan, 0, 1, slots=400)
    wait_for(lambda: scan.acknowledged("writer")["cam"] == 1, "the file is there")
    small_files(path.stat().st_size + 100_000)
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 65536, (2000, *SHAPE), "<u2")  # 20 MB, more than was reserved, and cannot be compressed
    thread = threading.Thread(target=publisher.publish_block, args=({"image": noise, "total": np.arange(2000)},))
    thread.start()
    status = wait_for(lambda: (now := writer.status()).state == "held" and now, "it is held")
    assert "the disk has no room for" in status.sentence
    wait_for(lambda: scan.extent("cam").length > 400, "the ring is full")
    before = scan.acknowledged("writer")["cam"]
    assert before < 2001
    small_files(None)
    thread.join(60)
    publisher.seal()
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed", 150)
    with opened(path) as file:
        assert file["1.1/end_reason"][()] == b"COMPLETED"
        assert np.array_equal(file["1.1/measurement/image"][1:], noise)
        assert file["1.1/writer/missing"].shape == (0, 3)


def test_a_file_is_made_again_only_while_its_frames_are_there(stream, start_writer, take, path, paths, wait_for):
    writer = start_writer()
    second = paths.root / "scan_0002.h5"
    for count, file in ((100, path), (30, second)):
        scan = stream.open_scan(camera())
        scan.set_state(State.RUNNING)
        take(scan, 0, count, slots=64, seal=True)
        scan.set_state(State.COMPLETED)
        wait_for(checksum_file(file).exists, "closed")
        wait_for(lambda: writer.status().state == "idle", "the writer is done with it")
        file.write_bytes(b"damaged")
    with pytest.raises(NoLongerInMemory, match=r"the first frames of image are gone .*its file cannot be made again"):
        writer.rewrite(1)
    assert writer.rewrite(2) == second
    wait_for(checksum_file(second).exists, "closed")
    expect_all(second, 30)


# -- the detector's own files


@pytest.fixture
def detector(paths) -> Callable[[str, int, int], None]:
    """Writes a detector's file below the data root: `(name, first frame, number of frames)`."""

    def write(name: str, first: int, count: int) -> None:
        file = paths.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(file, "w") as made:
            made.create_dataset("entry/data", data=frames(first, first + count), chunks=(1, *SHAPE))

    return write


def refer(scan: Scan, start: int, references: list[FrameReference]) -> None:
    """Publishes points whose frames are in files."""
    count = sum(reference.count for reference in references)
    index = np.arange(start, start + count)
    publisher = scan.publisher("cam", wait=None)
    publisher.publish_block({"image": references, "total": index}, times=1.7e9 + index, first=start)


def test_a_detectors_files_are_shown_without_copying(stream, start_writer, detector, path, paths, wait_for, tmp_path):
    start_writer()
    scan = stream.open_scan(camera(store="file"))
    scan.set_state(State.RUNNING)
    detector("raw/a.h5", 0, 6)
    refer(scan, 0, [FrameReference("file", "raw/a.h5", 0, 3, "entry/data")])
    refer(scan, 3, [FrameReference("file", "raw/a.h5", 3, 3, "entry/data")])
    wait_for(lambda: scan.acknowledged("writer")["cam"] == 6, "saved")
    with h5py.File(paths.root / "scan_0001_image.h5") as file:
        assert np.array_equal(file["data"][:], frames(0, 6)), "while the scan runs"
    detector("raw/b.h5", 4, 6)
    refer(scan, 6, [FrameReference("file", "raw/b.h5", 2, 4, "entry/data")])
    live = open_scan("last", stream)["measurement/image"]
    wait_for(lambda: scan.acknowledged("writer")["cam"] == 10, "saved")
    assert np.array_equal(live[:], frames(0, 10))
    scan.publisher("cam", wait=None).seal()
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed")
    moved = shutil.move(paths.root, tmp_path / "moved")
    with h5py.File(Path(moved) / path.name) as file:
        entry = file["1.1"]
        assert entry["end_reason"][()] == b"COMPLETED", entry["end_message"][()]
        assert np.array_equal(entry["measurement/image"][:], frames(0, 10))
        assert entry["measurement/image"].attrs["units"] == "count"
        assert isinstance(entry["instrument/image"].get("data", getlink=True), h5py.ExternalLink)
    with h5py.File(Path(moved) / "scan_0001_image.h5") as file:
        assert [source.file_name for source in file["data"].virtual_sources()] == ["raw/a.h5", "raw/b.h5"]
        told = json.loads(file["references"][()])
        assert [(one["address"], one["first"], one["count"]) for one in told.values()] == [
            ("raw/a.h5", 0, 6),
            ("raw/b.h5", 2, 4),
        ]


def test_frames_of_a_detectors_file_may_be_copied(stream, start_writer, detector, path, wait_for):
    start_writer()
    scan = stream.open_scan(camera())
    scan.set_state(State.RUNNING)
    detector("raw/a.h5", 0, 10)
    refer(scan, 0, [FrameReference("file", "raw/a.h5", 0, 10, "entry/data")])
    scan.publisher("cam", wait=None).seal()
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed")
    expect_all(path, 10)


@pytest.mark.parametrize("address", ["../secret.h5", "/etc/secret.h5", "link/secret.h5", "."])
@pytest.mark.parametrize("attributes", [{"store": "file"}, {}])
def test_a_reference_that_leads_out_of_the_data_roots_is_refused(
    attributes, address, stream, start_writer, detector, path, paths, wait_for, tmp_path
):
    (tmp_path / "outside").mkdir()
    paths.root.mkdir()
    (paths.root / "link").symlink_to(tmp_path / "outside")
    with h5py.File(tmp_path / "outside" / "secret.h5", "w") as file:
        file["entry/data"] = frames(0, 3)
    shutil.copy(tmp_path / "outside" / "secret.h5", tmp_path / "secret.h5")
    start_writer()
    scan = stream.open_scan(camera(**attributes))
    scan.set_state(State.RUNNING)
    detector("raw/a.h5", 0, 2)
    refer(scan, 0, [FrameReference("file", "raw/a.h5", 0, 2, "entry/data")])
    refer(scan, 2, [FrameReference("file", address, 0, 3, "entry/data")])
    scan.publisher("cam", wait=None).seal()
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed")
    assert missing(path) == {"image": [[2, 5]]}
    with h5py.File(path) as file:
        assert file["1.1/end_reason"][()] == b"FAILED"
        assert "a detector's file must lie below a data root" in file["1.1/end_message"][()].decode()
        assert np.array_equal(file["1.1/measurement/image"][:2], frames(0, 2))
        assert (file["1.1/measurement/image"][2:] == 65535).all()


def test_a_detectors_file_that_is_too_short_or_never_comes_is_told(
    stream, start_writer, detector, path, wait_for, monkeypatch
):
    monkeypatch.setattr(scan_frames, "DETECTOR_PATIENCE", 0.3)
    start_writer()
    scan = stream.open_scan(camera(store="file"))
    scan.set_state(State.RUNNING)
    detector("raw/a.h5", 0, 4)
    refer(scan, 0, [FrameReference("file", "raw/a.h5", 0, 6, "entry/data")])
    refer(scan, 6, [FrameReference("file", "raw/never.h5", 0, 2, "entry/data")])
    scan.publisher("cam", wait=None).seal()
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed")
    assert missing(path) == {"image": [[4, 8]]}
    with h5py.File(path) as file:
        message = file["1.1/end_message"][()].decode()
        assert message.startswith("image: the frames of points 4 to 7 are lost; ")
        assert "entry/data has only 4 frames" in message


def test_a_writer_that_is_killed_goes_on_with_a_detectors_files(
    stream, writer_process, detector, path, paths, wait_for
):
    first = writer_process()
    scan = stream.open_scan(camera(store="file"))
    scan.set_state(State.RUNNING)
    detector("raw/a.h5", 0, 20)
    refer(scan, 0, [FrameReference("file", "raw/a.h5", 0, 8, "entry/data")])
    wait_for(lambda: scan.acknowledged("writer")["cam"] == 8, "saved")
    first.kill()
    first.wait()
    refer(scan, 8, [FrameReference("file", "raw/a.h5", 8, 12, "entry/data")])
    writer_process()
    scan.publisher("cam", wait=None).seal()
    scan.set_state(State.COMPLETED)
    wait_for(checksum_file(path).exists, "closed")
    with h5py.File(path) as file:
        assert file["1.1/end_reason"][()] == b"COMPLETED", file["1.1/end_message"][()]
        assert np.array_equal(file["1.1/measurement/image"][:], frames(0, 20))


# -- readers


def test_a_stock_reader_never_fails_while_frames_are_written_and_the_file_is_closed(
    stream, writer_process, take, path, wait_for
):
    writer_process()
    opens, failures, wrong = [0], [], []
    for number in range(1, 6):
        scan = stream.open_scan(camera())
        scan.set_state(State.RUNNING)
        file_path = path.with_name(f"scan_{number:04d}.h5")
        wait_for(file_path.exists, "the file is there")
        over = threading.Event()

        def look(file_path: Path = file_path, over: threading.Event = over, number: int = number) -> None:
            while not over.is_set():
                try:
                    with h5py.File(file_path, locking=False) as file:
                        entry = file[f"{number}.1"]
                        count = int(entry["writer/positions"][0])
                        opens[0] += 1
                        if count and not np.array_equal(
                            entry["measurement/image"][count - 1], frames(count - 1, count)[0]
                        ):
                            wrong.append(count)
                except OSError as error:
                    failures.append(str(error))

        thread = threading.Thread(target=look)
        thread.start()
        take(scan, 0, 60, slots=16, seal=True)
        scan.set_state(State.COMPLETED)
        wait_for(checksum_file(file_path).exists, "closed")
        over.set()
        thread.join()
    assert failures == []
    assert wrong == []
    assert opens[0] > 20
