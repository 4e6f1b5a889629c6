"""Counters that a beamline's own Python functions calculate."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from ronda.devices.calculated.functions import Function
from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import BadValue, ConfigurationError, RondaError
from ronda.framework.scan.standard import Scans

FILE = '''"""What this beamline calculates."""
import math

def transmission(i0, diode):
    return diode / i0 if i0 > 0 else math.nan

def rate(i0, count_time):
    return i0 / count_time

def broken(i0):
    return 1 / 0

def wordy(i0):
    return "much"
'''

COUNTERS = """
          transmission: {function: "corrections:transmission", inputs: [i0, diode], description: What comes through}
          i0_rate: {function: "corrections:rate", inputs: [i0, count_time], unit: 1/s}
          percent: {formula: 100 * transmission}
          failing: {function: "corrections:broken", inputs: [i0]}
          missing: {function: "corrections:nowhere", inputs: [i0]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "corrections.py").write_text(FILE)
    return tmp_path


def test_it_is_called_with_its_inputs_in_their_order(folder: Path) -> None:
    function = Function(folder, "corrections:transmission", ["i0", "diode"])

    assert function.names == {"i0", "diode"}
    assert function({"diode": 3.0, "i0": 4.0, "other": 1.0}) == 0.75
    assert math.isnan(function({"diode": 3.0, "i0": 0.0}))


@pytest.mark.parametrize(
    ("path", "inputs", "sentence"),
    [
        ("nothing:f", ["i0"], "nothing:f: there is no file .*nothing.py"),
        ("corrections:g", ["i0"], "has no function g; it has transmission, rate, broken, wordy"),
        ("corrections:rate", ["i0"], r"corrections:rate\(i0, count_time\) does not take 1 values \(i0\): missing"),
        ("wrong:f", ["i0"], r"wrong:f: the file cannot be loaded: SyntaxError: .* \(wrong.py, line 2\)"),
        ("failing:f", ["i0"], r"failing:f: the file cannot be loaded: KeyError: 'x' \(failing.py, line 3\)"),
    ],
)
def test_what_cannot_be_loaded_says_why(folder: Path, path: str, inputs: list[str], sentence: str) -> None:
    (folder / "wrong.py").write_text("\ndef f(:\n")
    (folder / "failing.py").write_text("\n\nf = {}['x']\n")
    with pytest.raises(ConfigurationError, match=sentence):
        Function(folder, path, inputs)


def test_what_fails_says_with_which_values_and_where(folder: Path) -> None:
    sentence = r"corrections:broken failed with i0=2: ZeroDivisionError: .* \(corrections.py, line 11\)"
    with pytest.raises(BadValue, match=sentence):
        Function(folder, "corrections:broken", ["i0"])({"i0": 2.0})
    with pytest.raises(BadValue, match="corrections:wordy gave 'much' with i0=2; it should return a number"):
        Function(folder, "corrections:wordy", ["i0"])({"i0": 2.0})


def test_from_yaml_to_the_file(demo_folder: Path, bring_up: Callable[[Path], Any]) -> None:
    (demo_folder / "corrections.py").write_text(FILE)
    file = demo_folder / "counters.yml"
    line = "          absorbance: {formula: log(i0 / diode), description: What the sample absorbs}\n"
    assert line in file.read_text()
    file.write_text(file.read_text().replace(line, line + COUNTERS))
    exports = bring_up(demo_folder).exports
    url = exports["RONDA_REDIS_URL"].strip("'")
    beamline = Beamline.connect(exports["TANGO_HOST"], url, exports["RONDA_BEAMLINE"], os.environ)
    scans = Scans(beamline, "functions")
    try:
        scan = scans.loopscan(4, 0.02, "percent", "i0_rate")
        saved = scan.wait_for_file(60)
        assert saved.closed
        with h5py.File(saved.path) as opened:
            measured = {name: data[()] for name, data in opened[f"{scan.number}.1/measurement"].items()}
        assert measured["transmission"] == pytest.approx(measured["diode"] / measured["i0"])
        assert measured["percent"] == pytest.approx(100 * measured["transmission"])
        assert measured["i0_rate"] == pytest.approx(measured["i0"] / 0.02)
        assert scan.units["i0_rate"] == "1/s"

        counted = scans.ct(0.02, "percent", "i0_rate").values
        assert counted["percent"] == pytest.approx(100 * counted["diode"] / counted["i0"])
        assert counted["i0_rate"] == pytest.approx(counted["i0"] / 0.02)

        with pytest.raises(RondaError, match="calculator: cannot calculate failing: corrections:broken failed with"):
            scans.loopscan(2, 0.02, "failing", save=False)
        with pytest.raises(RondaError, match=r"calculator: cannot calculate missing: .* has no function nowhere"):
            scans.loopscan(2, 0.02, "missing", save=False)
        assert "has no function nowhere" in beamline["calculator"].remote.status()
        assert scans.loopscan(1, 0.02, "percent", save=False).state == "COMPLETED"
    finally:
        beamline.close()
