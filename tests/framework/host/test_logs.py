"""Log files of processes."""

from pathlib import Path

import pytest

from ronda.framework.host import logs
from ronda.framework.host.logs import last_lines, rotate


def test_the_last_lines_are_given_without_reading_all(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("".join(f"line {number}\n" for number in range(100_000)) + "\n")
    assert last_lines(log, 2) == ["line 99998", "line 99999"]
    assert last_lines(log, 0) == []
    assert last_lines(tmp_path / "none.log", 5) == []


def test_bytes_that_are_no_text_are_shown_as_such(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"before\n\xff\xfe after\n")
    assert last_lines(log, 1) == ["\ufffd\ufffd after"]


def test_a_large_log_is_emptied_under_the_process_that_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LARGEST", 5)
    log = tmp_path / "x.log"
    with log.open("a") as writer:
        print("many words", file=writer, flush=True)
        rotate(log)
        print("new", file=writer, flush=True)
        rotate(log)
    assert (tmp_path / "x.log.1").read_text() == "many words\n"
    assert log.read_text() == "new\n"
