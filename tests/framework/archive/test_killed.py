"""Whoever is killed while it stores or compacts has lost and doubled nothing that it had said was stored."""

import contextlib
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ronda.framework.archive import compaction, parquet, rollup
from ronda.framework.archive.buffer import Buffer
from ronda.framework.archive.questions import Archive
from ronda.framework.archive.record import Event
from ronda.framework.archive.store import Store

NOW = 1_795_000_000.0

WRITER = """
import sys, threading
from pathlib import Path
from ronda.framework.archive.record import Event
from ronda.framework.archive.store import Store

store, first = Store(Path(sys.argv[1])), int(sys.argv[2])

def compact():
    while True:
        store.compact(now=1795000000.0)

threading.Thread(target=compact, daemon=True).start()
while True:
    last = first + 50
    store.append([Event("a/b/c/serial", 1795000000.0 + n * 0.001, 1795000000.0 + n * 0.001, n) for n in range(first, last)])
    print(last, flush=True)
    first = last
"""


def stored_serials(folder):
    """Serial numbers as questions find them, in files and in the buffer."""
    with Archive(folder) as archive:
        return archive.history("a/b/c/serial", NOW - 10, NOW + 1e6).value.tolist()


def test_a_writer_killed_again_and_again_has_stored_each_serial_number_once(tmp_path):
    chance, first = random.Random(9), 0
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path, str(first)], stdout=subprocess.PIPE, text=True
        )
        said = [int(writer.stdout.readline()) for _ in range(chance.randint(1, 60))]
        writer.send_signal(signal.SIGKILL)
        said += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
        assert writer.wait() == -signal.SIGKILL
        writer.stdout.close()
        found = stored_serials(tmp_path)
        assert found == list(range(len(found)))
        assert len(found) in (said[-1], said[-1] + 50)  # killed after it was stored, before it was said
        first = len(found)
    with Store(tmp_path) as store:
        store.compact(now=NOW)
        assert store.check() == []
        assert store.buffered == 0
    files = str(tmp_path / "events" / "*" / "*.parquet")
    plain = duckdb.execute("SELECT integer FROM read_parquet(?) ORDER BY 1", [files]).fetchall()
    assert plain == [(serial,) for serial in range(first)]


class Killed(BaseException):
    """Stands for the end of the process."""


class Places:
    """Counts the places at which something reaches the disk; before one of them the end comes."""

    def __init__(self, monkeypatch, last):
        self.count, self.last = 0, last
        for owner, name in (
            (parquet.Path, "rename"),
            (parquet.Path, "unlink"),
            (Buffer, "add_files"),
            (Buffer, "doubt"),
            (Buffer, "trust"),
            (Buffer, "forget_compacted"),
            (parquet, "sync"),
        ):
            self._watch(monkeypatch, owner, name)

    def _watch(self, monkeypatch, owner, name):
        original = getattr(owner, name)

        def watched(*args, **kwargs):
            self._step()
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, watched)

    def _step(self):
        self.count += 1
        if self.count >= self.last:
            raise Killed


def test_a_compaction_that_ends_anywhere_loses_and_doubles_nothing(tmp_path, monkeypatch):
    """Each place in turn: it compacts, merges, and rolls up two days, and dies there."""
    monkeypatch.setattr(compaction, "STEP", 60)
    monkeypatch.setattr(rollup, "LEVELS", {"hour": 3600})  # those of minutes are made in the same way
    later = NOW + 10 * 86400
    with Store(tmp_path / "full") as store:
        store.append([Event("a/b/c/serial", NOW + n * 900.0, NOW + n * 900.0, n) for n in range(100)])
    for place in range(1, 400):
        folder = Path(shutil.copytree(tmp_path / "full", tmp_path / str(place)))
        with monkeypatch.context() as patch, Store(folder) as store:
            places = Places(patch, place)
            with contextlib.suppress(Killed):
                store.compact(now=later)
        assert stored_serials(folder) == list(range(100))
        if place % 7 == 0 or places.count < place:
            _and_goes_on(folder, later)
        if places.count < place:
            return
    pytest.fail("the compaction has no end")


def _and_goes_on(folder: Path, later):
    with Store(folder) as store:
        store.compact(now=later)
        assert store.check() == []
    assert stored_serials(folder) == list(range(100))
    files = sorted(folder.glob("*/*/*"))
    assert not [file for file in files if file.name.startswith(".")]
    plain = duckdb.execute("SELECT integer FROM read_parquet(?) ORDER BY 1", [str(folder / "events/*/*.parquet")])
    assert plain.fetchall() == [(serial,) for serial in range(100)]
