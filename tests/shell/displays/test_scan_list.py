"""The list of scans and the story of one, on a terminal and where a program reads them."""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone

import pytest
from rich.console import Console

from ronda.framework.scan.saving import SavedFile
from ronda.framework.stream import Channel, Description, Device, Record, State
from ronda.shell.displays.scan_list import ScanList, story

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone(timedelta(hours=1)))


def record(number: int = 7, state: str = State.COMPLETED, title: str = "a title", points: int | None = 101) -> Record:
    ended = START + timedelta(seconds=12.34) if state in State.ENDED else None
    return Record(
        f"id{number}",
        number,
        state,
        "",
        "ascan(samy, 0, 1, 100, 0.1)",
        title,
        "ann",
        "hc1",
        "",
        "",
        START,
        ended,
        points,
    )


def printed(width: int, *lines: tuple[Record, int, str], terminal: bool = True) -> list[str]:
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=terminal, color_system=None, highlight=False)
    scans = ScanList(console)
    scans.open()
    for line in lines:
        scans.add(*line)
    return output.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_on_a_terminal_each_scan_takes_one_row_and_a_folder_is_named_once(width: int) -> None:
    title = "a title that is much longer than what a line has room for, whatever the width of the terminal is, and more"
    lines = printed(
        width,
        (record(7, title=title), 101, "/data/hc1/Cu foil/scan_0007.h5"),
        (record(8), 3, "/data/hc1/Cu foil/scan_0008.h5"),
        (record(9, State.RUNNING, points=None), 3, "(no file yet)"),
        (record(10), 3, "/data/hc1/Ni/scan_0010.h5"),
    )
    assert [line.split()[0] for line in lines] == ["number", "in", "7", "8", "9", "in", "10"]
    assert lines[1] == "in /data/hc1/Cu foil"
    assert max(map(len, lines)) <= width
    assert lines[2].endswith("…  scan_0007.h5")
    assert "3/?" in lines[4]
    assert len({line.index("scan_00") for line in lines if "scan_00" in line}) == 1, "files stand below each other"


def test_a_program_gets_whole_titles_and_whole_paths() -> None:
    title = "a title of many words " * 5
    lines = printed(80, (record(title=title), 101, "/data/scan_0007.h5"), terminal=False)
    assert len(lines) == 2
    assert title in lines[1]
    assert lines[1].endswith("  /data/scan_0007.h5")


def test_a_title_of_several_lines_is_one_row() -> None:
    assert len(printed(80, (record(title="one\ntwo"), 1, "-"))) == 2


def description(**others: object) -> Description:
    return Description("ascan(samy)", [Device("ct1", [Channel("i0"), Channel("diode")])], ("writer",), **others)  # type: ignore[arg-type]


def test_a_story_tells_what_is_known_and_leaves_out_what_is_not() -> None:
    told = story(
        record(), description(attributes={"definition": {"name": "NXxas"}}), 101, SavedFile("/nowhere.h5", True)
    )
    pairs = dict(line.split(maxsplit=1) for line in told.splitlines() if not line.strip().startswith("saved by"))
    assert pairs["points"] == "101 of 101"
    assert pairs["ended"].endswith("after 12.3 s")
    assert pairs["follows"] == "NXxas"
    assert pairs["file"] == "/nowhere.h5"
    assert pairs["trouble"] == "that file is not there, or not seen from this host"
    assert pairs["ct1"] == "i0, diode"
    assert "sample" not in pairs


def test_long_values_go_on_below_themselves() -> None:
    told = story(record(title="many words " * 20), description(), 1, SavedFile("/data/" + "x" * 100, False), 80)
    lines = told.splitlines()
    start = lines[2].index("many")
    assert lines[3][:start] == " " * start
    assert lines[3][start:].startswith(("many", "words"))
    assert any(line.endswith("x" * 100) for line in lines), "a path is never broken"
