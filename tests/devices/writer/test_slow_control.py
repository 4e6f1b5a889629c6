"""What a data logger kept during a scan is added to it, after its file is final, and whatever becomes of the logger."""

from __future__ import annotations

import datetime as dt
import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import structlog

from ronda.devices.writer import slow_control
from ronda.devices.writer.kind import WriterParameters
from ronda.devices.writer.slow_control import SlowControl
from ronda.framework.errors import CommunicationFailed, NotFound
from ronda.framework.nexus.checksum import checksum_file
from ronda.framework.nexus.paths import Paths
from ronda.framework.nexus.saving import Progress
from ronda.framework.nexus.slow import slow_file
from tests.devices.data_logger.conftest import values_of
from tests.devices.writer.test_writer import progress


@pytest.fixture
def logger(rig: Any, tmp_path: Path) -> str:
    """A data logger that keeps its own test signal, which rises each second."""
    folder = tmp_path / "archive"
    rules = [{"device": "slowlog", "attributes": ["Stored"]}]
    entry = {"kind": "data_logger", "folder": str(folder), "rules": rules, "test_period": 1.0}
    rig.register("slowlog", {"slowlog": entry})
    rig.start("slowlog")
    return "slowlog"


def test_the_values_over_the_time_of_a_scan_stand_beside_its_file_which_leads_to_them(
    start: Any, stream: Any, scan_of: Any, wait_for: Any, logger: str, tmp_path: Path
) -> None:
    signal_name = f"test/data_logger/{logger}/testsignal"
    wait_for(lambda: len(values_of(tmp_path / "archive", signal_name)) > 1, 150, "it is stored, and rises")
    proxy = start(slow_control=[f"{logger}/TestSignal", f"{logger}/Nothing"], logger=logger)
    scan = scan_of(stream, 4, ended=True)
    told = wait_for(lambda: (now := progress(proxy, scan)).get("state") == "closed" and now, 150, "closed")
    path = Path(told["file"])
    checksum = checksum_file(path).read_text()
    final = path.read_bytes()
    wait_for(slow_file(path).exists, 150, "the archived values are there")
    with h5py.File(path) as file:
        entry = file[f"{scan.number}.1"]
        assert entry["measurement/x"][:].tolist() == [0, 1, 2, 3]
        group = entry["slow_control"]
        log = group[f"{logger}__TestSignal"]
        assert log.attrs["NX_class"] == "NXlog"
        assert len(log["time"]) == len(log["value"]) >= 1
        assert log["time"].attrs["units"] == "s"
        assert "Nothing" in group["message"].asstr()[()]
        assert len(group[f"{logger}__Nothing/value"]) == 0
    with h5py.File(slow_file(path)) as file:
        assert file[f"{scan.number}.slow/scan/measurement/x"][:].tolist() == [0, 1, 2, 3]
    assert path.read_bytes() == final
    assert checksum_file(path).read_text() == checksum


def test_a_writer_that_was_killed_goes_on_with_what_is_still_to_be_added(
    start: Any, stream: Any, scan_of: Any, wait_for: Any, rig: Any, data: Path, logger: str
) -> None:
    rig.servers["slowlog"].end(signal.SIGKILL)  # so that nothing is added before the writer is killed
    proxy = start(slow_control=[f"{logger}/TestSignal"], logger=logger)
    scan = scan_of(stream, 4, ended=True)
    told = wait_for(lambda: (now := progress(proxy, scan)).get("state") == "closed" and now, 150, "closed")
    wait_for(lambda: list((data / ".writer").glob("slow-*.json")), 150, "it is noted")
    rig.servers["writer"].end(signal.SIGKILL)
    rig.start("slowlog")
    start(slow_control=[f"{logger}/TestSignal"], logger=logger)
    path = Path(told["file"])
    wait_for(slow_file(path).exists, 150, "the archived values are there")
    wait_for(lambda: not list((data / ".writer").glob("slow-*.json")), 150, "nothing is left to do")


class Answering:
    """Stands for a data logger."""

    failure: Exception | None = None
    history_of: dict[str, Any] = {"time": [], "value": [], "breaks": []}  # noqa: RUF012 - tests replace it
    before: dict[str, Any] = {"known": True, "value": 1.5, "time": 0.0, "reason": ""}  # noqa: RUF012 - as above

    def __init__(self, *_: Any) -> None:
        pass

    def value_at(self, names: list[str], time: float) -> list[dict[str, Any]]:
        if self.failure is not None:
            raise self.failure
        return [self.before]

    def history(self, *_: Any) -> dict[str, Any]:
        return self.history_of


@pytest.fixture
def adding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_for: Any) -> Any:
    """`adding()` lets a scan of 10 s that ended an hour ago be added to; returns the group of the added file."""
    monkeypatch.setattr(slow_control, "DataLogger", Answering)
    monkeypatch.setattr(slow_control, "RETRY", 0.01)
    begin = dt.datetime.fromtimestamp(time.time() - 3600, dt.UTC)
    scan = tmp_path / "scan_0007.h5"
    with h5py.File(scan, "w") as file:
        entry = file.create_group("7.1")
        entry["scan_number"], entry["entry_identifier"], entry["title"] = 7, "abc", "a scan"
        entry["start_time"], entry["end_time"] = begin.isoformat(), (begin + dt.timedelta(seconds=10)).isoformat()
    made: list[SlowControl] = []

    def add() -> dict[str, Any]:
        one = SlowControl("w1", Paths(tmp_path), ["oven/Input"], "logger", structlog.get_logger())
        made.append(one)
        one.closed(Progress("abc", 7, str(scan)))
        one.start()
        wait_for(slow_file(scan).exists, 150, "it is added")
        with h5py.File(slow_file(scan)) as file:
            group = file["7.slow/slow_control"]
            found: dict[str, Any] = {"message": group["message"].asstr()[()], "begin": begin.timestamp()}
            if "oven__Input" in group:
                log = group["oven__Input"]
                found |= {"time": log["time"][:], "value": log["value"][:], "log": log["message"].asstr()[()]}
            return found

    yield add
    for one in made:
        one.end()
    for thread in threading.enumerate():
        if thread.name.endswith("slow control"):
            thread.join(60)


def test_the_value_at_the_beginning_comes_first_and_marks_are_told(
    adding: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = time.time() - 3600
    monkeypatch.setattr(Answering, "before", {"known": True, "value": 1.5, "time": begin - 20, "reason": ""})
    breaks = [{"time": begin + 5, "kind": "gap", "text": "its server died"}]
    history = {"time": [begin + 2, begin + 7], "value": [2.5, None], "breaks": breaks}
    monkeypatch.setattr(Answering, "history_of", history)
    found = adding()
    assert np.array_equal(found["value"], [1.5, 2.5, np.nan], equal_nan=True)
    assert found["time"] == pytest.approx([-20, 2, 7], abs=30)
    assert found["log"] == "gap its server died"
    assert found["message"] == "oven/Input: gap its server died"


def test_a_logger_that_is_missing_is_told_in_the_file(
    adding: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answering, "failure", CommunicationFailed("logger: its server does not answer"))
    assert adding()["message"] == "what was archived is not known: logger: its server does not answer"


def test_an_attribute_that_was_never_stored_is_told_and_hinders_no_other(
    adding: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answering, "failure", NotFound("nothing was ever stored of oven/Input"))
    found = adding()
    assert found["message"] == "oven/Input: nothing was ever stored of oven/Input"
    assert len(found["value"]) == 0


def test_a_text_that_no_file_takes_keeps_no_later_scan_waiting(
    adding: Callable[[], dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_for: Any
) -> None:
    """HDF5 has no NUL in a text. The scan with it is looked at first."""
    spoilt, note = tmp_path / "first" / "scan_0006.h5", tmp_path / ".writer" / "slow-0.json"
    spoilt.parent.mkdir()
    note.parent.mkdir()
    with h5py.File(spoilt, "w") as file:
        entry = file.create_group("6.1")
        entry["scan_number"], entry["entry_identifier"], entry["title"] = 6, "aaa", "a scan"
        entry["start_time"] = entry["end_time"] = "2026-01-01T00:00:00+00:00"
    note.write_text(json.dumps({"file": str(spoilt)}))
    whole = slow_control.write_slow

    def write(scan: Path, about: Any, found: Any, message: str) -> Path:
        return whole(scan, about, found, "a text\0with a NUL" if scan == spoilt else message)

    monkeypatch.setattr(slow_control, "write_slow", write)
    assert adding()["message"] == ""
    assert note.exists()
    assert not slow_file(spoilt).exists()


def test_an_attribute_that_is_given_twice_is_added_once(
    adding: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = SlowControl.__init__

    def twice(one: SlowControl, name: str, paths: Paths, attributes: list[str], *more: Any) -> None:
        made(one, name, paths, attributes * 2, *more)

    monkeypatch.setattr(SlowControl, "__init__", twice)
    assert adding()["value"].tolist() == [1.5]


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"slow_control": ["oven/Input"]}, "slow_control needs logger"),
        ({"slow_control": ["oven"], "logger": "logger"}, "must be DEVICE/ATTRIBUTE"),
        ({"slow_control": ["oven/*"], "logger": "logger"}, "must be DEVICE/ATTRIBUTE"),
    ],
)
def test_keys_that_make_no_sense_are_refused(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        WriterParameters.model_validate({"kind": "writer", **keys})


def test_what_is_left_to_do_is_json(tmp_path: Path) -> None:
    one = SlowControl("w1", Paths(tmp_path), ["oven/Input"], "logger", structlog.get_logger())
    one.closed(Progress("a/b", 7, "/data/scan_0007.h5"))
    (note,) = (tmp_path / ".writer").glob("slow-*.json")
    assert json.loads(note.read_text()) == {"file": "/data/scan_0007.h5"}
