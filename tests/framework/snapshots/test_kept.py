"""The folder of snapshots: whole files, whatever happens."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ronda.framework.errors import BadValue, NotAllowed, NotFound, ServiceFailed
from ronda.framework.snapshots.kept import FOLDER, KeptSnapshots
from tests.framework.snapshots.test_record import EVENING

WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from ronda.framework.snapshots.kept import KeptSnapshots
from tests.framework.snapshots.test_record import EVENING

kept = KeptSnapshots(Path(sys.argv[1]))
for number in range(1_000_000):
    kept.save(replace(EVENING, name="again", note=str(number) * 10_000), replace=True)
    print(number, flush=True)
"""


def test_what_was_saved_is_found_by_its_name(tmp_path: Path) -> None:
    KeptSnapshots(tmp_path).save(EVENING)
    kept = KeptSnapshots(tmp_path)
    assert kept.names() == ["evening"]
    assert kept.load("evening") == EVENING


def test_a_name_that_is_taken_is_refused_or_replaced(tmp_path: Path) -> None:
    kept = KeptSnapshots(tmp_path)
    kept.save(EVENING)
    with pytest.raises(NotAllowed, match="there is a snapshot evening already"):
        kept.save(replace(EVENING, note="other"))
    assert kept.load("evening").note == "before"
    kept.save(replace(EVENING, note="other"), replace=True)
    assert kept.load("evening").note == "other"


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    kept = KeptSnapshots(tmp_path / "store")
    (tmp_path / "outside.json").write_text("{}")
    for name in ("../../outside", "/etc/passwd"):
        with pytest.raises(BadValue, match="a plain word"):
            kept.load(name)
        with pytest.raises(BadValue, match="a plain word"):
            kept.save(replace(EVENING, name=name))


def test_a_snapshot_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    kept = KeptSnapshots(tmp_path)
    with pytest.raises(NotFound, match="no snapshot morning; none is kept"):
        kept.load("morning")
    kept.save(EVENING)
    with pytest.raises(NotFound, match="no snapshot morning; there are evening"):
        kept.load("morning")


def test_a_spoilt_file_is_told(tmp_path: Path) -> None:
    kept = KeptSnapshots(tmp_path)
    kept.save(EVENING)
    (tmp_path / FOLDER / "evening.json").write_text('{"version": 1')
    with pytest.raises(ServiceFailed, match=r"evening\.json is no snapshot"):
        kept.load("evening")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / FOLDER).touch()
    with pytest.raises(ServiceFailed, match="the snapshot evening cannot be written"):
        KeptSnapshots(tmp_path).save(EVENING)


def test_who_is_killed_while_saving_leaves_a_whole_snapshot(tmp_path: Path) -> None:
    kept = KeptSnapshots(tmp_path)
    for lines in (1, 2, 5, 3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.read().split("\n")[:-1]
        assert writer.wait() == -signal.SIGKILL
        writer.stdout.close()
        assert kept.names() == ["again"]
        number = int(kept.load("again").note[: len(said[-1].strip())])
        assert number in (int(said[-1]), int(said[-1]) + 1)
