"""Benchmark of live analysis: `python -m tests.bench.analysis [--frames 200] [--size 1024]`.

1-Mpixel frames of 16 bit, each with a fresh random pattern, through the ring and a pipeline whose stage looks at one pixel: what is timed is
what the pipeline adds to a kernel. Then the same stage with a sum over the frame by numpy. Points come one at a time, at a pace.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ronda.framework.analysis import Input, Output, stage
from ronda.framework.analysis.live.analysis import Analysis
from ronda.framework.analysis.live.options import DaskPlace, Options
from ronda.framework.analysis.pipeline import Pipeline, Step
from ronda.framework.analysis.runner import Runner
from ronda.framework.stream import Block, Channel, Description, Device, Stream
from ronda.framework.stream.description import EACH_POINT
from tests.framework.analysis.dask_cluster import DaskCluster
from tests.framework.stream.conftest import RedisServer, wait_until

HERE = "tests.bench.analysis"


@stage(outputs=[Output("pixel")], inputs=[Input("frame", dimensions=2)])
def one_pixel(frame: Any) -> float:
    """Next to nothing: what is left is the pipeline."""
    return float(frame[3, 5])


@stage(outputs=[Output("total")], inputs=[Input("frame", dimensions=2)])
def total(frame: Any) -> int:
    """The sum."""
    return int(frame.sum(dtype=np.int64))


def overhead(size: int, frames: int) -> list[float]:
    """Milliseconds of processor time for each frame in the runner, beyond the stage."""
    description = described(size)
    runner = Runner(Pipeline("b", [Step(f"{HERE}:one_pixel")]).prepare(description), lambda *_: ({}, {}))
    found = []
    random = np.random.default_rng(2)
    for index in range(frames):
        frame = random.integers(0, 4096, (1, size, size), dtype="<u2")
        began = time.process_time()
        results = list(runner.feed(Block("cam", index, 1, {"frame": frame}, np.zeros(1))))
        found.append(1e3 * (time.process_time() - began))
        assert results[0].data["b_pixel"][0] == frame[0, 3, 5]
    return found


def described(size: int) -> Description:
    channels = [Channel("frame", "<u2", (size, size), storage="reference")]
    return Description("bench", [Device("cam", channels, {EACH_POINT: True})])


def latency(
    url: str, name: str, size: int, frames: int, workers: int = 1, dask: DaskPlace | None = None
) -> tuple[list[float], float]:
    """Milliseconds from the publishing of a point (its frame copied into the ring) until its result can be read; and
    those of processor time that a point took in this process, the pipeline's, its publisher's and its reader's."""
    options = Options(workers=workers, dask=dask)
    analysis = Analysis(lambda: Stream.connect(url), Pipeline(name, [Step(f"{HERE}:{name}")]), options)
    analysis.start()
    found: list[float] = []
    busy = 0.0
    with Stream.connect(url) as stream, stream.frame_store() as store:
        wait_until(lambda: analysis.connected)
        description = described(size)
        scan = stream.open_scan(replace(description, devices=[*description.devices, *analysis.describe(description)]))
        scan.set_state("RUNNING")
        ring = store.ring("cam", frame_bytes=2 * size * size)
        publisher = scan.publisher("cam", ring=ring)
        cursor = scan.follow([channel.name for channel in scan.description.device(name).channels])
        random = np.random.default_rng(1)
        for _ in range(frames + 20):
            frame = random.integers(0, 4096, (size, size), dtype="<u2")
            began, used = time.perf_counter(), time.process_time()
            publisher.publish({"frame": frame})
            while not cursor.read(timeout=10.0):
                pass
            found.append(1e3 * (time.perf_counter() - began))
            busy += 1e3 * (time.process_time() - used)
        publisher.seal()
        scan.set_state("COMPLETED")
    analysis.close()
    return found[20:], busy / len(found)


def told(what: str, values: list[float], busy: float | None = None) -> None:
    values = sorted(values)
    line = f"{what:58s} median {statistics.median(values):7.3f} ms   95 % {values[int(0.95 * len(values))]:7.3f} ms"
    print(line if busy is None else f"{line}   processor {busy:.3f} ms")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--size", type=int, default=1024)
    arguments = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {tempfile.gettempdir()}, {Path.cwd().name}")
    told("pipeline beyond the stage, processor time (limit 1 ms)", overhead(arguments.size, arguments.frames))
    server = RedisServer("--appendfsync", "everysec")
    try:
        server.start()
        os.environ["RONDA_REDIS_URL"] = server.url
        for name in ("one_pixel", "total"):
            found = latency(server.url, name, arguments.size, arguments.frames, 1)
            told(f"point to result on the stream, {name} (limit 10 ms)", *found)
        told("the same, total, by 2 workers", *latency(server.url, "total", arguments.size, arguments.frames, 2))
        with tempfile.TemporaryDirectory() as folder:
            cluster = DaskCluster(Path(folder))
            try:
                cluster.start_scheduler()
                for _ in range(2):
                    cluster.start_worker()
                found = latency(server.url, "total", arguments.size, arguments.frames, dask=cluster.place)
                told("the same, total, by 2 workers of Dask", *found)
            finally:
                cluster.end()
    finally:
        server.remove()


if __name__ == "__main__":
    main()
