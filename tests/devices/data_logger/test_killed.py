"""The logger, the Tango database and the servers are killed at random: what was pushed is stored, or marked as missing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
import tango

from ronda.framework.archive.questions import Archive
from ronda.framework.archive.store import Store
from ronda.framework.errors import RondaError
from tests.devices.conftest import Rig, run_database, wait_until
from tests.devices.data_logger.conftest import Pusher
from tests.ports import free_port

RATE = 100.0

SLACK = 120.0
"""Seconds by which a gap may be longer than the downtime: on a machine of its own it is 1 or 2, which is told, not judged."""

BREAKS = ("gap", "start", "vanish", "appear", "error")


@dataclass
class Scene:
    """Two servers push, a logger listens, a Tango database knows both; each may be killed."""

    folder: Path
    rig: Rig
    database: subprocess.Popen[bytes]
    pushers: dict[str, Pusher]
    down: list[tuple[float, float]] = field(default_factory=list)

    def kill(self, victim: str, pause: float) -> None:
        """Kill one, let it be dead for a while, start it again, and wait until all that is pushed is stored again."""
        begin = time.time()
        if victim == "logger":
            self.rig.servers["log"].end(signal.SIGKILL)
        elif victim == "database":
            self.database.kill()
            self.database.wait()
        else:
            self.pushers[victim].kill()
        time.sleep(pause)  # dead for that long
        if victim == "logger":
            self.rig.start("log")
        elif victim == "database":
            self.database = run_database(self.rig.tango_host, self.folder)
        else:
            self.pushers[victim].again()
            self.pushers[victim].proxy.Run(RATE)
        self.down.append((begin, time.time()))
        self.listened()

    def listened(self) -> None:
        """Wait until what each server pushes from now on comes to be stored."""
        now = time.time()
        for pusher in self.pushers.values():
            names = [f"{pusher.name}/serial{number}" for number in range(10)]
            wait_until(lambda names=names: self._newest(names) > now, "what is pushed is stored")

    def _newest(self, names: list[str]) -> float:
        """The time of that one of some attributes that was heard least of late."""
        try:
            with Archive(self.folder / "archive") as archive:
                return min(one.event.time if one.known else 0.0 for one in archive.value_at(names, time.time() + 60))
        except RondaError:
            return 0.0


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    host = f"127.0.0.1:{free_port()}"
    rig = Rig(host, tmp_path)
    made = Scene(tmp_path, rig, run_database(host, tmp_path), {})
    try:
        for name in ("one", "two"):
            info = tango.DbDevInfo()
            info.name, info._class, info.server = f"test/pusher/{name}", "Pusher", f"Pusher/{name}"
            rig.database().add_device(info)
            (tmp_path / name).touch()
            made.pushers[name] = Pusher.start(host, name, tmp_path / name)
            made.pushers[name].proxy.Run(RATE)
        rules = [{"device": "test/pusher/*", "attributes": ["serial*"], "max_rate": 100_000}]
        rig.register("log", {"logger": {"kind": "data_logger", "folder": str(tmp_path / "archive"), "rules": rules}})
        rig.start("log")
        made.listened()
        yield made
    finally:
        rig.end()
        for pusher in made.pushers.values():
            if pusher.process.poll() is None:
                pusher.kill()
        made.database.kill()
        made.database.wait()


def test_each_serial_number_is_stored_or_lies_in_a_marked_gap_whoever_is_killed(
    scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    seed = int(os.environ.get("RONDA_SEED", "9"))
    chance = random.Random(seed)
    victims = ["logger", "database", "one", "logger", "two", "database"]
    chance.shuffle(victims)
    for victim in victims:
        scene.kill(victim, chance.uniform(0.0, 1.0))
    for pusher in scene.pushers.values():
        pusher.kill()
    scene.rig.servers["log"].end()
    archive = scene.folder / "archive"
    with Store(archive) as store:
        store.compact()
        assert store.check() == []
    rows = duckdb.sql(
        f"SELECT attribute, epoch_us(time) / 1e6, kind, integer FROM '{archive}/events/*/*.parquet' ORDER BY time"
    ).fetchall()
    pushed = {name: pusher.pushed() for name, pusher in scene.pushers.items()}
    excess = [_checked(rows, serials, scene.down) for serials in pushed.values()]
    record_property("longest gap beyond the downtime [s]", max(excess))
    print(f"seed {seed}, {sum(map(len, pushed.values()))} pushed, longest gap beyond the downtime {max(excess):.2f} s")
    with Archive(archive) as ask:
        for name in sorted({one for serials in pushed.values() for one, _ in serials.values()}):
            plain = [value for attribute, _, kind, value in rows if attribute == name and kind == "value"]
            assert ask.history(name, None).value.tolist() == plain


def _checked(
    rows: list[tuple[Any, ...]], pushed: dict[int, tuple[str, float]], down: list[tuple[float, float]]
) -> float:
    """Each is stored or in a marked gap, none invented; returns by how much a gap was longer than the downtime in it."""
    lines: dict[str, list[tuple[float, int | None]]] = defaultdict(list)
    names = {name for name, _ in pushed.values()}
    device = next(iter(names)).rpartition("/")[0]
    for attribute, when, kind, value in rows:
        if kind == "value" and attribute in names:
            lines[attribute].append((when, value))
        elif kind in BREAKS:
            for name in names if attribute in ("*", device) else {attribute} & names:
                lines[name].append((when, None))
    longest, missing = 0.0, 0
    for name, line in lines.items():
        line.sort(key=lambda entry: entry[0])
        stored = [value for _, value in line if value is not None]
        assert set(stored) <= {0, *(serial for serial, (its, _) in pushed.items() if its == name)}
        assert [value for value in dict.fromkeys(stored) if value] == sorted({value for value in stored if value})
        known = set(stored)
        for serial, (its, when) in pushed.items():
            if its != name or serial in known or serial > max(known):
                continue
            missing += 1
            before = [entry for entry in line if entry[0] < when]
            assert not before or before[-1][1] is None, f"{name}: {serial}, pushed at {when}, is missing, not marked"
        begin = None
        for when, value in line:
            if value is None:
                begin = when if begin is None else begin
            elif begin is not None:
                dead = sum(max(0.0, min(when, stop) - max(begin, start)) for start, stop in down)
                longest = max(longest, when - begin - dead)
                begin = None
    assert missing > 0  # they were killed while it pushed
    assert longest <= SLACK, f"a gap was {longest:.1f} s longer than what was dead in it"
    return longest
