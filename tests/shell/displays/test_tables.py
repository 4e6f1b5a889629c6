"""Tables of positions, counts and points, as they stand in a terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from ronda.framework.scan.standard import Counted
from ronda.shell.displays.columns import aligned, folded, number_text
from ronda.shell.displays.counts import counts_table
from ronda.shell.displays.positions import Place, positions_table
from ronda.shell.displays.scan_table import Field, ScanTable

SAMX = Place("samx", "mm", 4, 1.5, -1.5)
DEAD = Place("samz", "mm", 4, None, None)
ROT = Place("rot", "deg", 2, 12345.678, 0.0)


def printed(width: int, fields: list[Field], rows: list[list[float | None]], points: int | None) -> list[str]:
    output = io.StringIO()
    table = ScanTable(Console(file=output, width=width), fields, points)
    table.open()
    for row in rows:
        table.add(row)
    table.close()
    return output.getvalue().splitlines()


def test_positions_stand_below_name_and_unit_with_aligned_decimals() -> None:
    assert positions_table([SAMX, DEAD, ROT], 80).splitlines() == [
        "      samx[mm]  samz[mm]  rot[deg]",
        "----  --------  --------  --------",
        "user    1.5000      !ERR  12345.68",
        "dial   -1.5000      !ERR      0.00",
    ]


def test_a_narrow_terminal_gets_several_blocks() -> None:
    lines = positions_table([SAMX, DEAD, ROT], 24).splitlines()

    assert max(map(len, lines)) <= 24
    assert [line for line in lines if "[" in line] == ["      samx[mm]  samz[mm]", "      rot[deg]"]
    assert len([line for line in lines if line.startswith("user")]) == 2


def test_a_beamline_without_axes_says_so() -> None:
    assert positions_table([], 80) == "there are no axes"


def test_decimals_of_numbers_below_each_other_are_aligned() -> None:
    assert aligned(["50059", "0.0123", "-1.5", "1e+15"]) == ["50059     ", "    0.0123", "   -1.5   ", "1e+15     "]


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(3.0, None, "3"), (0.123456789, None, "0.123457"), (1e15, None, "1e+15"), (2.0, 3, "2.000"), (7, None, "7")],
)
def test_numbers_are_whole_or_short(value: float, digits: int | None, text: str) -> None:
    assert number_text(value, digits) == text


@pytest.mark.parametrize(("value", "text"), [(float("nan"), "nan"), (float("inf"), "inf")])
def test_what_is_no_finite_number_is_shown_too(value: float, text: str) -> None:
    assert number_text(value) == text


def test_counts_stand_beside_counts_per_second() -> None:
    counted = Counted(0.5, {"i0": 1000.0, "temp": 295.25}, {"i0": 2000.0}, {"i0": "count", "temp": "K"})

    assert [line.split() for line in counts_table(counted).splitlines()] == [
        ["counted", "for", "0.5", "s"],
        ["i0", "=", "1000", "count", "2000", "count/s"],
        ["temp", "=", "295.25", "K"],
    ]


def test_each_point_of_a_scan_is_a_row() -> None:
    lines = printed(80, [Field("samy", "mm", 4), Field("diode", "count")], [[0.5, 3.0], [1.0, None]], 2)

    assert lines == [
        "#   samy[mm]  diode[count]",
        "0     0.5000             3",
        "1     1.0000             -",
    ]


def test_columns_that_do_not_fit_are_counted() -> None:
    fields = [Field(f"roi{number}", "count") for number in range(10)]
    lines = printed(60, fields, [[float(number) for number in range(10)]], 5)

    assert lines[0].endswith("(+7 more)")
    assert max(map(len, lines)) <= 60


def test_points_that_come_fast_are_all_shown() -> None:
    lines = printed(80, [Field("diode")], [[float(number)] for number in range(500)], 500)

    assert [int(line.split()[1]) for line in lines[1:]] == list(range(500))


def test_a_scan_without_a_known_end_has_a_table_too() -> None:
    assert len(printed(80, [Field("diode")], [[1.0]] * 3, None)) == 4


def test_long_lines_go_on_below_their_text() -> None:
    text = "tweak(axis, step)\n  Move an axis by the arrow keys.\n.position   where it is now, in its unit"
    assert folded(text, 24).splitlines() == [
        "tweak(axis, step)",
        "  Move an axis by the",
        "  arrow keys.",
        ".position   where it is",
        "            now, in its",
        "            unit",
    ]
    assert folded(text, 80) == text


def test_a_name_that_fills_half_the_line_has_the_rest_at_the_left() -> None:
    assert folded("a.long.name.of.something  is said about it", 30) == "a.long.name.of.something  is\nsaid about it"


RESULTS = [Field("beam_x", "pixel"), Field("beam_y", "pixel")]


def following(width: int = 80, *, terminal: bool = False, counters: int = 1) -> tuple[io.StringIO, ScanTable]:
    output = io.StringIO()
    console = Console(file=output, width=width, height=30, force_terminal=terminal)
    fields = [Field("samy", "mm", 4), *(Field(f"roi{number}", "count") for number in range(counters))]
    table = ScanTable(console, fields, 20, results=RESULTS)
    table.open()
    return output, table


def test_a_row_is_printed_when_its_results_are_there_and_rows_stay_in_order() -> None:
    output, table = following()
    table.fill(0, {"beam_x": 1.5})  # a pipeline may be faster than the scan
    for number in range(3):
        table.add([0.5, 7.0], number)
    table.fill(1, {"beam_x": 3.5, "beam_y": None})
    assert output.getvalue().splitlines() == [" #   samy[mm]  roi0[count]  beam_x[pixel]  beam_y[pixel]"]
    table.fill(0, {"beam_y": 2.5})
    table._write()
    assert [line.split() for line in output.getvalue().splitlines()[1:]] == [
        ["0", "0.5000", "7", "1.5", "2.5"],
        ["1", "0.5000", "7", "3.5", "-"],
    ]
    assert table.waits
    table.close()
    assert output.getvalue().splitlines()[-1].split() == ["2", "0.5000", "7", "-", "-"]


def test_results_are_told_apart_by_entry_where_points_were_measured_again() -> None:
    output, table = following()
    table.add([0.5, 7.0], 0, 4)
    table.fill(0, {"beam_x": 0.0, "beam_y": 0.0})  # of a point that was spoilt
    table.fill(4, {"beam_x": 1.0, "beam_y": 2.0})
    table.close()
    assert [line.split() for line in output.getvalue().splitlines()[1:]] == [["0", "0.5000", "7", "1", "2"]]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_results_have_half_of_the_width_at_most_and_no_line_is_too_long(width: int) -> None:
    output, table = following(width, counters=12)
    for number in range(20):
        table.add([0.5] * 13, number)
        table.fill(number, {"beam_x": 1.0, "beam_y": 2.0})
    table.close()
    lines = output.getvalue().splitlines()
    assert len(lines) == 21
    assert max(map(len, lines)) <= width
    assert "roi0" in lines[0]
    assert ("beam_x" in lines[0]) == (width > 40)
    assert "more)" in lines[0]


def test_a_terminal_shows_rows_that_wait_and_some_do_without() -> None:
    output, table = following(terminal=True)
    for number in range(12):
        table.add([0.5, float(number)], number)
    table._write()
    shown = output.getvalue()
    assert "…" in shown
    done = re.findall(r"(\d+) +0\.5000 +\d+ +- +-", shown)
    assert done == ["0", "1", "2", "3"]  # the other eight wait
    table.close()
