"""Chaos: step scans and free-running acquisitions while everything dies, halts, loses its connection or its disk.

At the end every point that anybody was told of is in its file, once, with its value, or the scan is FAILED and says
which points are missing. The schedule follows from a seed; RONDA_CHAOS_SEED gives another one, and
RONDA_CHAOS_ROUNDS makes it longer (20 rounds otherwise).
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - images are compressed with what it brings
import numpy as np
import pytest

from ronda.framework.nexus.checksum import checksum_file, intact
from ronda.framework.nexus.words import CONSUMER
from ronda.framework.stream import Channel, Description, Device, Scan, State, Stream

ROUNDS = int(os.environ.get("RONDA_CHAOS_ROUNDS", "20"))

pytestmark = pytest.mark.timeout(600 + 10 * ROUNDS)

_specification = importlib.util.spec_from_file_location("publisher", Path(__file__).with_name("publisher.py"))
publisher = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(publisher)

FREE = {"free": [Channel("x"), Channel("n", "<i8", (2,))], "camera": [Channel("image", "<u2", (64, 64))]}


class FreeScan:
    """A free-running acquisition: a scan of two devices, each with a publisher and its ledger."""

    def __init__(self, stream: Stream, program: Callable[..., Any], url: str, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        devices = [Device(name, channels) for name, channels in FREE.items()]
        self.scan: Scan = stream.open_scan(
            Description("free()", devices, (CONSUMER,), session="chaos"), lease_seconds=5
        )
        self.scan.set_state(State.RUNNING)
        self._start = lambda device: program(
            "publisher", url, self.scan.identifier, device, folder / device, folder / "end"
        )
        self.publishers: dict[str, subprocess.Popen[str]] = {}
        for device in FREE:
            self.start(device)

    def start(self, device: str) -> None:
        """Start the publisher of a device, or its successor."""
        self.publishers[device] = self._start(device)

    def at_work(self) -> bool:
        """Whether each device has published."""
        return all(any(line.startswith("has") for line in self.ledger(device)) for device in FREE)

    def finish(self, how: str) -> None:
        """Let the publishers seal, or stop the scan under them."""
        if how == State.COMPLETED:
            (self.folder / "end").touch()
            for device, process in self.publishers.items():
                process.wait(120)
                assert " " in self.ledger(device)[-1]
            failed = [line for device in FREE for line in self.ledger(device)[-1:] if line.startswith("error")]
            self.scan.set_state(State.FAILED if failed else State.COMPLETED, "; ".join(failed))
        else:
            self.scan.set_state(how, "by chance")
            (self.folder / "end").touch()
            for process in self.publishers.values():
                process.wait(120)

    def ledger(self, device: str) -> list[str]:
        """The lines of a device's ledger."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / device).read_text().splitlines()
        return []


class Chaos:
    """Does harm at random."""

    def __init__(self, seed: str, beamline: Any, own_redis: Any, proxy: Any, disk: Any, owner: Any) -> None:
        self.dice = random.Random(seed)
        self.free: FreeScan | None = None
        self.owner = owner
        self.done: list[str] = []
        self._beamline, self._redis, self._proxy, self._disk = beamline, own_redis, proxy, disk

    def round(self) -> None:
        """One to two kinds of harm at once, and a pause."""
        kinds = [
            *["kill writer", "halt writer", "kill both writers"],
            *["kill redis", "kill redis", "halt redis"],
            *["kill publisher", "kill publisher", "halt publisher"],
            *["cut", "cut within", "hold"],
            *["fill", "kill counters", "halt counters", "kill owner", "halt owner"],
        ]
        # each kind once: Redis killed twice at the same time would come back twice, on the same log
        chosen = list(dict.fromkeys(self.dice.sample(kinds, 2 if self.dice.random() < 0.4 else 1)))
        self.done.append(" + ".join(chosen))
        threads = [threading.Thread(target=self._do, args=(kind, random.Random(self.dice.random()))) for kind in chosen]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(self.dice.uniform(0.1, 1.0))

    def _do(self, kind: str, dice: random.Random) -> None:
        verb, _, what = kind.partition(" ")
        if kind == "cut":
            self._proxy.cut()
        elif kind == "cut within":
            self._proxy.cut_within(dice.randrange(0, 300))
        elif kind == "hold":
            self._proxy.hold(dice.uniform(0.1, 2.0))
        elif kind == "fill":
            self._disk.fill()
            time.sleep(dice.uniform(0.5, 3.0))
            self._disk.free()
        elif kind == "kill redis":
            self._redis.kill()
            time.sleep(dice.choice([0.0, 0.0, 1.0]))
            self._redis.start()
        elif kind == "halt redis":
            self._redis.halt(dice.choice([0.1, 1.0, 6.0]))
        elif what == "publisher":
            self._harm_publisher(verb, dice)
        elif what == "owner":
            self._harm(verb, self.owner().pid, dice)
        else:
            for name in {"both writers": ["writer", "spare_writer"]}.get(what, [what]):
                chosen = dice.choice(["writer", "spare_writer"]) if name == "writer" and what == "writer" else name
                self._harm(verb, self._pid(chosen), dice)

    def _harm(self, verb: str, pid: int, dice: random.Random) -> None:
        if not pid:
            return  # it is being started
        with contextlib.suppress(ProcessLookupError):
            if verb == "kill":
                os.kill(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGSTOP)
                time.sleep(dice.uniform(0.1, 3.0))  # the agent kills what is halted for 4 s
                os.kill(pid, signal.SIGCONT)

    def _harm_publisher(self, verb: str, dice: random.Random) -> None:
        assert self.free is not None
        device = dice.choice(list(FREE))
        old = self.free.publishers[device]
        if verb == "halt":
            old.send_signal(signal.SIGSTOP)
            time.sleep(dice.uniform(0.1, 2.0))
            if dice.random() < 0.5:
                old.send_signal(signal.SIGCONT)
                return  # it goes on as if nothing had been
        else:
            old.kill()
        self.free.start(device)
        old.send_signal(signal.SIGCONT)  # while its successor is there

    def _pid(self, name: str) -> int:
        from ronda.framework.host.process import marked

        return next((i.pid for _, n, i in marked(self._beamline.folder / ".ronda" / "local") if n == name), 0)


def test_nothing_is_lost_whatever_happens(
    beamline: Any, own_redis: Any, proxy: Any, disk: Any, program: Any, tmp_path: Path, wait_for: Any
) -> None:
    seed = os.environ.get("RONDA_CHAOS_SEED", "1")
    print(f"RONDA_CHAOS_SEED={seed}")
    end = tmp_path / "end"
    watcher = program("watcher", disk.folder, end)
    exports = {**beamline.exports, "RONDA_REDIS_URL": proxy.url}
    books: list[Path] = []
    owners: list[Any] = []

    def owner() -> Any:
        """Who runs step scans; another one if the last was killed."""
        if not owners or owners[-1].poll() is not None:
            books.append(tmp_path / f"owner-{len(books)}")
            owners.append(program("owner", f"{seed}-{len(books)}", books[-1], end, **exports))
        return owners[-1]

    stream = Stream.connect(proxy.url)
    chaos = Chaos(seed, beamline, own_redis, proxy, disk, owner)
    free: list[FreeScan] = []
    begun = time.monotonic()
    owner()
    wait_for(lambda: books[0].exists() and '"index"' in books[0].read_text(), 150, "the first point of a step scan")
    for number in range(ROUNDS):
        owner()
        if number % 6 == 0:
            if free:
                free[-1].finish(chaos.dice.choice([State.COMPLETED, State.COMPLETED, State.ABORTED]))
            free.append(FreeScan(stream, program, proxy.url, tmp_path / f"free-{number}"))
            chaos.free = free[-1]
            wait_for(free[-1].at_work, 150, "the publishers publish")
        chaos.round()
    print("\n".join(chaos.done))
    print(f"{ROUNDS} rounds in {time.monotonic() - begun:.0f} s")
    free[-1].finish(State.COMPLETED)
    end.touch()
    for process in owners:
        process.wait(120)
    wait_for(lambda: not stream.scans(state=State.LIVE), 150, "scans without an owner are ended")
    wait_for(lambda: not [lag for lag in stream.behind() if lag.consumer == CONSUMER], 120, "all files are closed")

    faults: list[str] = []
    files = {}
    for path in disk.folder.glob("**/scan_*.h5"):
        with h5py.File(path, locking=False) as file:
            files[file[file.attrs["default"]]["entry_identifier"][()].decode()] = path
    checked: Counter[str] = Counter()
    for one in free:
        for device in FREE:
            print(
                device, *(line for line in one.ledger(device) if line.startswith(("start", "error", "end"))), sep="; "
            )
        faults += check_free(one, files, checked)
    for book in books:
        faults += check_steps(book, files, checked)
    told = json.loads(watcher.communicate(timeout=60)[0])
    print(dict(checked), {key: value if isinstance(value, int) else len(value) for key, value in told.items()})
    faults += told["failures"] + told["wrong"]
    assert not faults, "\n".join(faults)
    assert told["opens"] > 100
    assert checked["points of step scans"] > 0
    assert checked["points of camera"] > 0
    stream.close()


def check_free(one: FreeScan, files: dict[str, Path], checked: Counter[str]) -> list[str]:
    """Compare the ledgers of a free-running scan with its file."""
    identifier = one.scan.identifier
    path = files.get(identifier)
    if path is None:
        return [f"free-running scan {identifier} has no file"]
    faults = check_closed(path)
    for device, channels in FREE.items():
        tries: dict[int, set[int]] = {}  # by index, who published it
        confirmed: dict[int, int] = {}
        last: dict[tuple[int, int], int] = {}
        for line in one.ledger(device):
            word, who, *rest = line.split()
            if word == "try":
                for index in range(int(rest[0]), int(rest[0]) + int(rest[1])):
                    tries.setdefault(index, set()).add(int(who))
                    last[int(who), index] = 1
            elif word in ("has", "end"):
                for index in range(int(rest[0])):
                    if (int(who), index) in last:
                        confirmed[index] = int(who)
        with h5py.File(path, locking=False) as file:
            entry = file[file.attrs["default"]]
            positions = entry["writer/positions"]
            length = dict(zip(positions.attrs["devices"], map(int, positions[:]), strict=True))[device]
            found = {channel.name: entry[f"measurement/{channel.name}"][:length] for channel in channels}
            message = entry["end_message"][()].decode()
            epoch = entry[f"instrument/{device}/epoch"][:length]
        checked[f"points of {device}"] += len(confirmed)
        if len(confirmed) > length:
            faults.append(
                f"{path.name}: {device} has {length} points, {len(confirmed)} were confirmed; it says: {message}"
            )
        for name, values in found.items():
            if len(values) != length:
                faults.append(f"{path.name}: {name} has {len(values)} points, {length} are noted")
        if not np.array_equal(epoch, 1.7e9 + np.arange(length)):
            faults.append(f"{path.name}: the times of {device} are wrong")
        for index in range(length):
            allowed = {confirmed[index]} if index in confirmed else tries.get(index, set())
            if not any(
                all(np.array_equal(found[name][index], value[0]) for name, value in made.items())
                for made in (publisher.points(device, who, np.array([index])) for who in allowed)
            ):
                faults.append(f"{path.name}: point {index} of {device} is none of those of {sorted(allowed)}")
                break
    return faults


def check_steps(book: Path, files: dict[str, Path], checked: Counter[str]) -> list[str]:
    """Compare the ledger of an owner with the files of its scans."""
    scans: dict[str, dict[str, Any]] = {}
    for line in book.read_text().splitlines() if book.exists() else []:
        entry = json.loads(line)
        if "scan" in entry:
            known = scans.setdefault(entry["scan"], {"points": {}, "state": "", "wanted": None})
            if "index" in entry:
                known["points"][entry["index"]] = entry["values"]
            known["state"] = entry.get("state", known["state"])
            known["wanted"] = entry.get("points", known["wanted"])
    faults = []
    for identifier, known in scans.items():
        path = files.get(identifier)
        if path is None:
            faults.append(f"step scan {identifier} has no file")
            continue
        faults += check_closed(path)
        with h5py.File(path, locking=False) as file:
            entry = file[file.attrs["default"]]
            reason = entry["end_reason"][()].decode()
            found = {name: entry[f"measurement/{name}"][:] for name in entry["measurement"]}
        checked[f"step scans {reason}"] += 1
        checked["points of step scans"] += len(known["points"])
        for index, values in known["points"].items():
            for name, value in values.items():
                if len(found[name]) <= index or found[name][index] != value:
                    faults.append(f"{path.name}: {name} of point {index} was told to be {value}, the file has another")
        if reason != (known["state"] or State.FAILED):
            faults.append(f"{path.name}: says {reason}, its owner was told {known['state'] or 'nothing'}")
        lengths = {name: len(values) for name, values in found.items()}
        if reason == State.COMPLETED and set(lengths.values()) != {known["wanted"]}:
            faults.append(f"{path.name}: is COMPLETED with {lengths} points")
    return faults


def check_closed(path: Path) -> list[str]:
    """Whether a file is final and says how its scan ended."""
    if not checksum_file(path).exists() or not intact(path):
        return [f"{path.name}: is not closed with its checksum"]
    with h5py.File(path, locking=False) as file:
        entry = file[file.attrs["default"]]
        if entry["end_reason"][()].decode() not in State.ENDED:
            return [f"{path.name}: does not say how it ended"]
    return []
