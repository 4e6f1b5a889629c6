"""`ronda scans`: what is told of the scans in memory."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def scanned(demo: Any, ronda: Any) -> str:
    """A scan was done; its number."""
    printed = ronda("shell", demo.folder, "-c", "loopscan(3, 0.05, diode, title='three points')").stdout
    found = re.search(r"scan (\d+) saved: ", printed)
    assert found, printed
    return found[1]


def test_scans_are_listed_with_state_points_title_and_file(scanned: str, demo: Any, ronda: Any) -> None:
    lines = ronda("scans", "--beamline", demo.folder).stdout.splitlines()

    assert lines[0].split() == ["number", "state", "started", "points", "title", "file"]
    number, state, _, _, points, *rest = lines[-1].split()
    assert (number, state, points) == (scanned, "COMPLETED", "3/3")
    assert rest[:2] == ["three", "points"]
    assert Path(rest[2]).exists()


def test_a_scan_that_is_not_saved_has_no_file(scanned: str, demo: Any, ronda: Any) -> None:
    ronda("shell", demo.folder, "-c", "loopscan(2, 0.05, diode, save=False)")

    assert ronda("scans", "list", "-n", "1", "--beamline", demo.folder).stdout.splitlines()[-1].endswith(" -")


def test_one_scan_is_shown_with_all_that_is_known(scanned: str, demo: Any, ronda: Any) -> None:
    shown = ronda("scans", "show", scanned, "--beamline", demo.folder).stdout

    assert re.search(r"^ +title +three points$", shown, re.MULTILINE)
    assert re.search(r"^ +command +loopscan\(3, 0\.05, diode\)$", shown, re.MULTILINE)
    assert re.search(r"^ +state +COMPLETED$", shown, re.MULTILINE)
    assert re.search(r"^ +points +3 of 3$", shown, re.MULTILINE)
    assert re.search(r"^ +ct1 +diode$", shown, re.MULTILINE)


def test_a_scan_that_is_not_there_is_told(scanned: str, demo: Any, ronda: Any) -> None:
    assert ronda("scans", "show", "9999", "--beamline", demo.folder, code=1).stdout == (
        "ronda: scan 9999: is not in memory; list the scans that are, or open its file\n"
    )


def test_scans_are_followed_as_they_happen(demo: Any, ronda: Any, wait_for: Callable[..., Any], tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [Path(sys.executable).parent / "ronda", "scans", "follow", "--beamline", demo.folder], stdout=output
        )
        try:
            wait_for(lambda: "number" in log.read_text(), 150, "the heading")
            ronda("shell", demo.folder, "-c", "loopscan(2, 0.05, diode, title='followed', save=False)")
            wait_for(lambda: "COMPLETED" in log.read_text(), 150, "the end of the scan")
        finally:
            process.terminate()
            process.wait(150)
    states = [line.split()[1] for line in log.read_text().splitlines()[1:]]
    assert states == ["RUNNING", "COMPLETED"]
