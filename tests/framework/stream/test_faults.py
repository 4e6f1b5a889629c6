"""Faults: Redis, publishers and connections die, and every point is there exactly once.

The publishers are processes of their own. The values they publish are computed from the index, and a ledger counts
what a consumer that must not lose receives.
"""

import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import redis

from ronda.framework.errors import CommunicationFailed
from ronda.framework.stream import Batch, Channel, Description, Device, Hole, ScanGone, State, keys

PUBLISHER = """
import sys, time
from pathlib import Path
from ronda.framework.errors import CommunicationFailed
from ronda.framework.stream import Batch, Stream
url, scan, device, enough, batch, pause = sys.argv[1:]
stream = Stream.connect(url, wait=30)
publisher = stream.scan(scan).publisher(device, batch=Batch(points=int(batch), age=0.05) if int(batch) else None, wait=None)
while not Path(enough).exists():
    i = publisher.index
    publisher.publish({device + "_x": i * 0.5, device + "_n": [i, i + 1]}, index=i, time=i)
    time.sleep(float(pause))
publisher.seal(publisher.index)
stream.close()
"""


class Ledger:
    """A consumer that must not lose: notes each point, checks its values, acknowledges."""

    def __init__(self, scan, wait_for) -> None:
        self._wait_for = wait_for
        self.points: dict[str, list[int]] = {device.name: [] for device in scan.description.devices}
        self._scan = scan
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def wait_for_more(self, count: int) -> None:
        """Wait until each device has so many points more than now."""
        wanted = {device: len(points) + count for device, points in self.points.items()}
        self._wait_for(
            lambda: self._error or all(len(self.points[device]) >= wanted[device] for device in wanted),
            60,
            f"{count} points more of each device",
        )
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """Wait until all devices have ended."""
        self._thread.join(60)
        assert not self._thread.is_alive(), {device: len(points) for device, points in self.points.items()}
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            cursor = self._scan.follow()
            while not cursor.exhausted:
                for block in cursor.read():
                    assert np.array_equal(block.data[f"{block.device}_x"], np.array(block.indices) * 0.5)
                    assert np.array_equal(block.data[f"{block.device}_n"][:, 1], np.array(block.indices) + 1)
                    assert np.array_equal(block.times, block.indices)
                    self.points[block.device] += block.indices
                    self._scan.acknowledge("writer", cursor.positions)
        except BaseException as error:  # noqa: BLE001 - raised again in the test
            self._error = error


@pytest.fixture
def description():
    return Description(
        "chaos()",
        [Device(name, [Channel(f"{name}_x"), Channel(f"{name}_n", "<i8", (2,))]) for name in ("step", "fast")],
        ["writer"],
    )


class Publishers:
    """Publishers as processes: each goes on until `finish`, so that a fault finds it at work however slow the machine is."""

    def __init__(self, folder: Path) -> None:
        self._enough = folder / "enough"
        self._started: list[subprocess.Popen[bytes]] = []
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, url: str, scan, device: str, batch: int = 0, pause: float = 0.001) -> None:
        """Start the publisher of a device, or its successor."""
        arguments = [url, scan.identifier, device, str(self._enough), str(batch), str(pause)]
        self._running[device] = subprocess.Popen([sys.executable, "-c", PUBLISHER, *arguments])
        self._started.append(self._running[device])

    def signal(self, device: str, number: int) -> None:
        """Send a signal to the one that runs."""
        assert self._running[device].poll() is None, f"the publisher of {device} has ended"
        self._running[device].send_signal(number)

    def finish(self) -> None:
        """Let them seal their devices and end."""
        self._enough.touch()
        assert {device: process.wait(150) for device, process in self._running.items()} == dict.fromkeys(
            self._running, 0
        )

    def remove(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()


@pytest.fixture
def publishers(tmp_path):
    started = Publishers(tmp_path)
    yield started
    started.remove()


def all_points(scan) -> dict[str, list[int]]:
    """What a ledger must hold: each index of each device once."""
    return {device.name: list(range(scan.extent(device.name).length)) for device in scan.description.devices}


def log_of(server) -> Path:
    """The file to which Redis appends."""
    found = [*Path(server.folder).glob("appendonlydir/*.incr.aof"), *Path(server.folder).glob("appendonly.aof")]
    assert len(found) == 1, found
    return found[0]


def lose_the_tail(server, size: int) -> None:
    """As a power cut does: Redis dies, and the end of its log never reached the disk."""
    server.kill()
    log = log_of(server)
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - size)
    server.start()


@pytest.mark.parametrize("fault", ["kill", "stop", "cut"])
def test_every_point_is_there_once_whatever_happens_to_redis(
    fault, own_redis, connect, description, publishers, wait_for
):
    url = own_redis.url + "?socket_timeout=0.3"
    stream = connect(url)
    stream.configure(comfort=0)
    scan = stream.open_scan(description)
    ledger = Ledger(scan, wait_for)
    publishers.start(url, scan, "step")
    publishers.start(url, scan, "fast", batch=100, pause=0.0001)
    for _ in range(4):
        ledger.wait_for_more(100)
        if fault == "kill":
            own_redis.kill()
            own_redis.start()
        elif fault == "stop":
            own_redis.signal(signal.SIGSTOP)
            time.sleep(0.5)  # longer than the socket's time-out: the fault itself takes this time
            own_redis.signal(signal.SIGCONT)
        else:
            with own_redis.client() as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    publishers.finish()
    ledger.finish()
    assert ledger.points == all_points(scan)
    assert scan.acknowledged("writer") == {device: len(points) for device, points in ledger.points.items()}


def test_killed_publishers_go_on_where_they_were(own_redis, connect, description, publishers, wait_for):
    scan = connect(own_redis.url).open_scan(description)
    ledger = Ledger(scan, wait_for)
    how = {"step": {}, "fast": {"batch": 50}}
    for device in how:
        publishers.start(own_redis.url, scan, device, **how[device])
    for fault in (signal.SIGKILL, signal.SIGSTOP, signal.SIGKILL):
        ledger.wait_for_more(100)
        for device in how:
            publishers.signal(device, fault)
            publishers.start(own_redis.url, scan, device, **how[device])
    ledger.wait_for_more(100)
    publishers.finish()
    ledger.finish()
    assert ledger.points == all_points(scan)


@pytest.mark.parametrize("seed", range(3))
def test_chaos(seed, own_redis, connect, description, publishers, wait_for):
    dice = random.Random(seed)
    url = own_redis.url + "?socket_timeout=0.3"
    stream = connect(url)
    stream.configure(limit=100_000, comfort=20_000)
    scan = stream.open_scan(description, lease_seconds=5)
    scan.set_state(State.RUNNING)
    ledger = Ledger(scan, wait_for)
    how = {"step": {}, "fast": {"batch": 100, "pause": 0.0001}}
    for device in how:
        publishers.start(url, scan, device, **how[device])
    for _ in range(8):
        fault = dice.choice(["kill redis", "stop redis", "cut", "kill publisher", "stop publisher"])
        device = dice.choice(["step", "fast"])
        if fault == "kill redis":
            own_redis.kill()
            own_redis.start()
        elif fault == "stop redis":
            own_redis.signal(signal.SIGSTOP)
            time.sleep(0.4)
            own_redis.signal(signal.SIGCONT)
        elif fault == "cut":
            with own_redis.client() as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        else:
            publishers.signal(device, signal.SIGSTOP if fault == "stop publisher" else signal.SIGKILL)
            publishers.start(url, scan, device, **how[device])
        ledger.wait_for_more(1)
    publishers.finish()
    ledger.finish()
    assert ledger.points == all_points(scan)
    scan.set_state(State.COMPLETED)


@pytest.mark.parametrize("batch", [None, Batch(points=10, age=60)])
def test_silent_publisher_restores_what_redis_lost(batch, own_redis, connect, one_channel, wait_for):
    stream = connect(own_redis.url)
    scan = stream.open_scan(one_channel())
    publisher = scan.publisher("dev", batch=batch)
    for i in range(100):
        publisher.publish({"x": i})
    lose_the_tail(own_redis, 2000)
    assert scan.extent("dev").length < 100
    wait_for(lambda: scan.extent("dev").length == 100)
    assert scan.read("x", 0, 100).tolist() == list(range(100))


def test_publisher_that_goes_on_restores_what_redis_lost(own_redis, connect, one_channel):
    stream = connect(own_redis.url)
    scan = stream.open_scan(one_channel())
    publisher = scan.publisher("dev")
    for i in range(100):
        publisher.publish({"x": i})
    reader = scan.follow()
    seen = []
    while len(seen) < 100:
        seen += [i for block in reader.read(5) for i in block.indices]
    lose_the_tail(own_redis, 2000)
    publisher.publish({"x": 100})
    assert scan.read("x", 0, 101).tolist() == list(range(101))
    assert [list(block.indices) for block in reader.read(5)] == [[100]]


def test_lost_seal_is_restored(own_redis, connect, one_channel, wait_for):
    stream = connect(own_redis.url)
    scan = stream.open_scan(one_channel())
    publisher = scan.publisher("dev")
    publisher.publish({"x": 0})
    publisher.seal()
    lose_the_tail(own_redis, 50)
    assert scan.extent("dev").end is None
    wait_for(lambda: scan.extent("dev").end is not None)
    assert scan.extent("dev").length == 1


def test_rewritten_log_keeps_all_that_matters(own_redis, connect, describe, wait_for):
    stream = connect(own_redis.url)
    stream.configure(comfort=0)
    scan = stream.open_scan(describe("writer"))
    counter, spectra = scan.publisher("ct1"), scan.publisher("mca")
    for i in range(5):
        counter.publish({"i0": i, "diode": i})
        spectra.publish({"spectrum": np.full(16, i)})
    counter.seal()
    scan.acknowledge("writer", {"ct1": 5, "mca": 5})
    with own_redis.client() as client:
        client.bgrewriteaof()
        wait_for(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
        wait_for(lambda: not client.info("persistence")["aof_rewrite_scheduled"])
    own_redis.kill()
    own_redis.start()
    assert scan.extent("ct1")[:3] == (5, 5, 0)
    assert scan.extent("mca")[:3] == (5, 5, 0)
    with own_redis.client() as client, pytest.raises(redis.ResponseError, match="last possible ID"):
        client.xadd(keys.blocks(scan.identifier, "ct1"), {"x": 1}, id="6-0")
    with own_redis.client() as client, pytest.raises(redis.ResponseError, match="equal or smaller"):
        client.xadd(keys.blocks(scan.identifier, "mca"), {"x": 1}, id="5-0")
    spectra.publish({"spectrum": np.full(16, 5)})
    assert scan.extent("mca").length == 6


def test_what_redis_and_its_publisher_lost_together_is_measured_anew(own_redis, connect, one_channel):
    scan = connect(own_redis.url).open_scan(one_channel())
    publisher = connect(own_redis.url).scan(scan.identifier).publisher("dev")
    for i in range(100):
        publisher.publish({"x": i})
    reader = scan.follow()
    seen = []
    while len(seen) < 100:
        seen += [i for block in reader.read(60) for i in block.indices]
    lose_the_tail(own_redis, 2000)
    length = scan.extent("dev").length
    assert length < 100
    successor = connect(own_redis.url).scan(scan.identifier).publisher("dev")
    assert successor.index == length
    for i in range(length, 110):
        successor.publish({"x": -i})
    assert scan.read("x", 0, 110).tolist() == [*range(length), *range(-length, -110, -1)]
    assert next(i for block in reader.read(60) for i in block.indices) == 100  # what it has read it keeps


def test_publisher_goes_on_after_redis_was_halted_for_longer_than_its_patience(own_redis, connect, one_channel, halt):
    stream = connect(own_redis.url + "?socket_timeout=0.2", patience=0.5)
    scan = stream.open_scan(one_channel())
    publisher = scan.publisher("dev")
    publisher.publish({"x": 0})
    halt(own_redis.process.pid)
    with pytest.raises(CommunicationFailed, match=r"gives no answer since 0\.5 s"):
        publisher.publish({"x": 1})
    own_redis.signal(signal.SIGCONT)
    while publisher.index < 10:
        with suppress(CommunicationFailed):  # a machine that is busy may be as slow as one that is halted
            publisher.publish({"x": publisher.index})
    publisher.seal(10)
    assert scan.read("x", 0, 10).tolist() == list(range(10))


def test_full_disk_of_the_log_is_waited_for(redis_server_with, connect, one_channel, tmp_path, wait_for):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], check=False).returncode:
        pytest.skip("this user may not mount the small file system that is to be filled (root may)")
    try:
        server = redis_server_with("--dir", str(disk))
        scan = connect(server.url, patience=120).open_scan(one_channel())
        publisher = scan.publisher("dev")
        publisher.publish({"x": 0})
        with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while filler.write(bytes(1 << 16)):
                pass
        thread = threading.Thread(target=lambda: [publisher.publish({"x": i}) for i in range(1, 3000)])
        thread.start()
        with server.client() as client:
            wait_for(lambda: client.info("persistence")["aof_last_write_status"] == "err", what="the log is full")
        assert publisher.index < 3000
        (disk / "filler").unlink()
        thread.join(120)
        assert scan.read("x", 0, 3000).tolist() == list(range(3000))
        server.kill()
        server.start()
        assert scan.extent("dev").length == 3000
        server.kill()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_loss_beyond_what_is_kept_is_published_as_a_failure(own_redis, connect, one_channel, monkeypatch):
    monkeypatch.setattr("ronda.framework.stream.sending.KEEP_SECONDS", 0.0)
    stream = connect(own_redis.url)
    scan = stream.open_scan(one_channel())
    publisher = scan.publisher("dev")
    for i in range(100):
        publisher.publish({"x": i})
    lose_the_tail(own_redis, 2000)
    length = scan.extent("dev").length
    with pytest.raises(Hole, match=rf"dev: Redis has lost the points {length} to 99 of scan .*; take the scan again"):
        publisher.publish({"x": 100})
    end = scan.extent("dev").end
    assert (end.kind, end.length) == ("failed", length)
    assert f"Redis has lost the points {length} to 99" in end.sentence


def test_redis_that_lost_everything_is_recognised(redis_server_with, connect, one_channel):
    server = redis_server_with("--appendonly", "no")
    stream = connect(server.url)
    scan = stream.open_scan(one_channel())
    publisher, cursor, listener = scan.publisher("dev"), scan.follow(), scan.arm("dev")
    publisher.publish({"x": 0})
    server.kill()
    server.start()
    with pytest.raises(ScanGone, match="Redis has lost its data"):
        publisher.publish({"x": 1})
    with pytest.raises(ScanGone, match="Redis has lost its data"):
        cursor.read(5)
    with pytest.raises(ScanGone):
        listener.wait(60)


def test_publisher_takes_no_more_than_it_can_keep_while_redis_is_away(own_redis, connect, one_channel):
    stream = connect(own_redis.url, patience=0.5)
    scan = stream.open_scan(one_channel())
    publisher = scan.publisher("dev", batch=Batch(points=10, age=60))
    publisher.publish({"x": 0})
    own_redis.kill()

    def publish_until_refused():
        while True:
            publisher.publish({"x": publisher.index})

    for _ in range(2):
        with pytest.raises(Exception, match="gives no answer since"):
            publish_until_refused()
        assert publisher.index == 10
    own_redis.start()
    publisher.publish({"x": 10})
    publisher.seal(11)
    assert scan.read("x", 0, 11).tolist() == list(range(11))


def test_triggers_are_taken_once_while_redis_is_killed(own_redis, connect, one_channel, wait_for):
    scan = connect(own_redis.url).open_scan(one_channel())
    taken: list[int] = []

    def listen(listener):
        for _ in range(300):
            taken.append(listener.wait(60).index)  # noqa: PERF401 - each is seen from outside

    thread = threading.Thread(target=listen, args=(connect(own_redis.url).scan(scan.identifier).arm("dev"),))
    thread.start()
    line = scan.trigger_line()
    for i in range(300):
        if i % 60 == 30:
            # what Redis writes while the disk is busy is late: as in a scan, what matters has been taken before
            wait_for(lambda i=i: len(taken) == i, 60, "all triggers are taken")
            own_redis.kill()
            starting = threading.Timer(0.05, own_redis.start)
            starting.start()
        line.fire(i, expiry=100)
        if i % 60 == 31:
            starting.join()
    thread.join(60)
    assert taken == list(range(300))


def test_accounting_survives_kills(own_redis, connect, one_channel):
    stream = connect(own_redis.url)
    stream.configure(comfort=0, keep=0)
    scan = stream.open_scan(one_channel("writer"))
    publisher = scan.publisher("dev")
    for i in range(50):
        publisher.publish({"x": i})
        if i % 10 == 5:
            scan.acknowledge("writer", {"dev": i})
            own_redis.kill()
            own_redis.start()
    publisher.seal()
    scan.set_state(State.ABORTED)
    scan.done("writer")
    stream.open_scan(one_channel())
    assert stream.memory().used < 10_000
    with own_redis.client() as client:
        assert client.exists(keys.scan(scan.identifier)) == 0
