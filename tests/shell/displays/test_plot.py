"""Plots of characters, and pictures in files."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from ronda.framework.errors import BadValue, NotReady
from ronda.framework.scan.analysis.points import Column, Points
from ronda.shell.displays.picture import _lattice, save_picture
from ronda.shell.displays.plot import area_plot, curve_plot


def column(values, name="samx", unit="mm"):
    return Column(name, unit, np.asarray(values, float))


X = column(np.linspace(-1, 1, 41))
PEAK = column(np.rint(100 * np.exp(-((X.values - 0.5) ** 2) / 0.02)), "diode", "count")


def drawn(plot):
    """The lines between the title and the line below them, without the marks."""
    _, *lines, _, _ = plot.splitlines()
    return [line.partition("|")[2] for line in lines]


@pytest.mark.parametrize("plain", [True, False])
def test_the_peak_of_a_curve_is_drawn_where_it_is(plain):
    plot = curve_plot(X, PEAK, 80, 20, plain=plain)
    top = drawn(plot)[0]
    first, last = len(top) - len(top.lstrip()), len(top) - 1
    width = 80 - len("100 |")

    assert 0.70 < (first + last) / 2 / width < 0.80, "at 0.5 of -1 to 1"
    assert plot.splitlines()[0] == "diode [count]"
    assert plot.splitlines()[1].startswith("100 |")
    assert plot.splitlines()[-1].split() == ["-1", "samx", "[mm]", "1"]


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_plots_fit_the_width_that_they_are_given(plain, width):
    y = column(np.tile([0, 1], 21)[:41], "samy")
    assert max(map(len, curve_plot(X, PEAK, width, 20, plain=plain).splitlines())) <= width
    assert max(map(len, area_plot(X, y, PEAK, width, 20, plain=plain).splitlines()[1:])) <= width


def test_a_plain_plot_has_no_characters_but_ascii():
    assert curve_plot(X, PEAK, 80, 20, plain=True).isascii()
    assert area_plot(X, X, PEAK, 80, 20, plain=True).isascii()


def test_points_that_are_no_numbers_break_the_line():
    values = column([1, 1, np.nan, 1, 1], "diode")
    lines = drawn(curve_plot(column(range(5)), values, 45, 8, plain=True))
    (line,) = [line for line in lines if line.strip()]

    assert line.strip().split("*")[0] == ""
    assert " " in line.strip(), "nothing joins the points on both sides of the gap"


def test_a_scan_without_points_says_so():
    nothing = column([], "diode")
    assert curve_plot(column([]), nothing, 80, 20) == "diode has no points yet"
    assert area_plot(column([]), column([]), nothing, 80, 20) == "diode has no points yet"


def test_one_point_is_a_dot():
    assert "".join(drawn(curve_plot(column([3]), column([7], "i0"), 80, 20, plain=True))).count("*") == 1


def test_the_highest_value_of_a_lattice_has_the_darkest_shade_where_it_is():
    x, y = np.meshgrid(np.arange(4) + 0.0005, np.arange(3))
    value = np.zeros((3, 4))
    value[2, 1] = 9
    plot = area_plot(column(x.ravel()), column(y.ravel(), "samy"), column(value.ravel(), "diode"), 60, 20)
    lines = drawn(plot)

    assert lines == ["···███······", "············", "············"]
    assert plot.splitlines()[0] == "diode [mm]: · 0 to █ 9; upwards samy [mm]"


def test_places_of_an_axis_are_the_same_within_its_noise():
    assert column([0.0, 1.001, 2.0, 1.0, -0.002]).places().tolist() == [0, 1, 2, 1, 0]
    assert column([5.0, 5.0]).places().tolist() == [0, 0]


def test_a_lattice_in_the_making_is_one_and_a_spiral_is_none():
    x, y = (each.ravel()[:10] for each in np.meshgrid(np.arange(4), np.arange(3)))
    positions, rows, values = _lattice(column(x), column(y), column(np.arange(10)))
    assert positions.tolist() == [0, 1, 2, 3]
    assert rows.tolist() == [0, 1, 2]
    assert np.isnan(values[2, 2:]).all()

    angle = np.linspace(0, 30, 60)
    assert _lattice(column(angle * np.cos(angle)), column(angle * np.sin(angle)), column(angle)) is None


@pytest.mark.parametrize("axes", [(X,), (X, column(X.values**2, "samy"))])
def test_a_picture_is_drawn_into_a_file(axes, tmp_path):
    file = tmp_path / "scan.png"
    save_picture(Points("scan 7  ascan(samx, $1, 2_3)", axes, (PEAK, PEAK)), file)

    content = file.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = (int.from_bytes(content[place : place + 4], "big") for place in (16, 20))
    assert (width, height) == (960, 960)


def test_a_picture_of_nothing_or_into_nowhere_is_refused(tmp_path):
    empty = column([])
    with pytest.raises(BadValue, match="png: scan 7: has no points yet"):
        save_picture(Points("scan 7", (empty,), (empty,)), tmp_path / "scan.png")
    with pytest.raises(BadValue, match=r"png: .*nowhere/scan.png cannot be written: No such file or directory"):
        save_picture(Points("scan 7", (X,), (PEAK,)), tmp_path / "nowhere" / "scan.png")


def test_without_matplotlib_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(NotReady, match=r"pip install 'ronda\[plot\]'"):
        save_picture(Points("scan 7", (X,), (PEAK,)), tmp_path / "scan.png")
