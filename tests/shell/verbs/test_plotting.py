"""The commands that show scans."""

from __future__ import annotations

import re

import numpy as np
import pytest
from rich.console import Console

from ronda.framework.errors import BadValue
from ronda.framework.scan.analysis.contents import Contents
from ronda.framework.scan.analysis.results import Results
from ronda.shell.prompt.execution import told
from ronda.shell.verbs.peaks import PeakCommands
from ronda.shell.verbs.plotting import PlotCommands, Selection

X = np.linspace(0, 1, 41)


class Scan(Results):
    """A scan with a peak of the diode at 0.25 and one of i0 at 0.75."""

    title = "ascan(samx, 0, 1, 40, 0.1)"

    def __init__(self, number, folder):
        self.number = number
        self.file = str(folder / f"scan_{number:04d}.h5")
        self.columns = {"samx": X, "diode": peak(0.25), "i0": peak(0.75)}

    def contents(self):
        return Contents({"samx": "mm"}, {"diode": "count", "i0": "count"}, area=False)

    def channels(self):
        return list(self.columns)

    def read(self, name):
        return self.columns[name]

    @property
    def label(self):
        return f"scan {self.number}"


class Scans(list):
    """Stands for the history."""

    def newest(self):
        return self[-1]

    def number(self, number):
        return next(scan for scan in self if scan.number == number)


def peak(place):
    return 1000 * np.exp(-((X - place) ** 2) / 0.01)


@pytest.fixture
def scans(tmp_path):
    return Scans([Scan(11, tmp_path), Scan(12, tmp_path)])


@pytest.fixture
def selection():
    return Selection()


@pytest.fixture
def console(output):
    return Console(file=output, width=80)


@pytest.fixture
def commands(scans, selection, console):
    return PlotCommands(scans, selection, console)


def test_the_newest_scan_is_plotted_with_its_first_counter_and_where_its_peak_is(commands, output):
    commands.plot()
    lines = output.getvalue().splitlines()
    assert lines[:2] == ["scan 12  ascan(samx, 0, 1, 40, 0.1)", "diode [count]"]
    assert lines[-1].startswith("peak 1000 at 0.25, cen 0.25, fwhm 0.1")


def test_counters_and_scans_may_be_chosen(commands, output, scans):
    commands.plot("i0", "diode", scan=11)
    lines = output.getvalue().splitlines()
    assert lines[0].startswith("scan 11 ")
    assert [line for line in lines if line.endswith("[count]")] == ["i0 [count]", "diode [count]"]
    commands.plot(scan=-2)
    commands.plot(11)
    commands.plot(scans[0], "i0")
    assert output.getvalue().count("scan 11 ") == 4


def test_what_is_selected_counts_for_plots_and_peaks_of_scans_that_have_it(
    commands, output, scans, selection, console, capsys
):
    peaks = PeakCommands(scans, console, selection=selection)
    commands.plotselect("cam_x", "i0")
    commands.plot()
    assert "i0 [count]" in output.getvalue()
    assert peaks.cen() == pytest.approx(0.75, abs=0.01)
    assert peaks.cen("diode") == pytest.approx(0.25, abs=0.01)
    assert re.fullmatch(r"0\.2\d{1,5}", told(peaks.cen("diode")))  # as the prompt shows it

    commands.plotselect(None)
    assert peaks.cen() == pytest.approx(0.25, abs=0.01)
    assert output.getvalue().splitlines()[-2] == "looked at: the first counter of each scan"


def test_plotselect_alone_tells_what_is_looked_at(commands, output):
    commands.plotselect("i0")
    commands.plotselect()
    assert output.getvalue() == "looked at: i0\n" * 2


def test_a_picture_lies_beside_the_file_of_the_scan_or_where_it_is_wanted(commands, output, tmp_path):
    commands.png()
    commands.png(11, str(tmp_path / "edge"), "i0")

    assert (tmp_path / "scan_0012.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "edge.png").read_bytes().startswith(b"\x89PNG")
    assert f"scan 11 drawn: {tmp_path / 'edge.png'}" in output.getvalue()


@pytest.mark.parametrize(
    ("command", "arguments", "sentence"),
    [
        ("plot", {"scan": 1.5}, "plot: takes the number of a scan, -1 for the newest, a scan or a path, not 1.5"),
        ("png", {"path": 3}, 'png: the path is a text such as "edge.png", not 3'),
    ],
)
def test_nonsense_is_refused(command, arguments, sentence, commands):
    with pytest.raises(BadValue, match=sentence):
        getattr(commands, command)(**arguments)
    with pytest.raises(BadValue, match="plotselect: takes counters or their names, not 3"):
        commands.plotselect(3)
    with pytest.raises(BadValue, match="scan 12: nosuch is not a counter of this scan; there are diode, i0"):
        commands.plot("nosuch")
