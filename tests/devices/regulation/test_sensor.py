"""What signals of sensors mean, against published tables: NIST's of thermocouples, IEC 60751, and a curve's own points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ronda.devices.regulation.input_parameters import RegulationInputParameters
from ronda.devices.regulation.sensor import Curve, Sensor, platinum, platinum_resistance, thermocouple
from ronda.devices.regulation.sensor_parameters import SensorParameters
from ronda.framework.errors import ConfigurationError, OutOfRange

# NIST Monograph 175, tables of the ITS-90: type, temperature in °C, voltage in mV
NIST = [
    *[("B", 300, 0.431), ("B", 1000, 4.834), ("B", 1800, 13.591)],
    *[("E", -200, -8.825), ("E", 100, 6.319), ("E", 900, 68.787)],
    *[("J", -200, -7.890), ("J", 100, 5.269), ("J", 760, 42.919), ("J", 1100, 63.792)],
    *[("K", -200, -5.891), ("K", 100, 4.096), ("K", 300, 12.209), ("K", 1300, 52.410)],
    *[("N", -200, -3.990), ("N", 100, 2.774), ("N", 1200, 43.846)],
    *[("R", 100, 0.647), ("R", 1000, 10.506), ("R", 1700, 20.222)],
    *[("S", 100, 0.646), ("S", 1000, 9.587), ("S", 1700, 17.947)],
    *[("T", -200, -5.603), ("T", 100, 4.279), ("T", 350, 17.819)],
]

# IEC 60751:2008, table 1: temperature in °C, resistance of a Pt100 in Ω
IEC = [(-200, 18.52), (-100, 60.26), (0, 100.0), (100, 138.51), (200, 175.86), (400, 247.09), (850, 390.48)]

# From Lake Shore's standard curve of the DT-670: voltage in V, temperature in K
CURVE = """Sensor Model:   DT-670-SD-1.4L
Serial Number:  D60STND
Data Format:    2      (Volts/Kelvin)
SetPoint Limit: 325.0      (Kelvin)
Temperature coefficient:  1 (Negative)
Number of Breakpoints:   3

No.   Units      Temperature (K)

  1  0.090681    500.0
  2  0.112553    490.0
  3  0.135480    480.0
"""


@pytest.mark.parametrize(("letter", "temperature", "voltage"), NIST)
def test_thermocouples_are_those_of_the_published_tables(letter: str, temperature: float, voltage: float) -> None:
    lower, upper = thermocouple(letter, voltage - 5.1e-4), thermocouple(letter, voltage + 5.1e-4)
    assert lower < temperature < upper, "the tables are rounded to 1 µV"


def test_the_cold_junction_of_a_thermocouple_counts() -> None:
    # a type K at 100 °C gives 4.096 mV; with its cold junction at 25 °C (1.000 mV) a meter reads the difference
    assert thermocouple("K", 3.096, 25.0) == pytest.approx(100.0, abs=0.03)
    kelvin = Sensor(SensorParameters(thermocouple="K", cold_junction=298.15), "K")
    assert kelvin(3.096) == pytest.approx(373.15, abs=0.03)
    assert kelvin(4.096, 273.15) == pytest.approx(373.15, abs=0.03), "what is measured wins"
    assert Sensor(SensorParameters(thermocouple="K"), "°C")(4.096) == pytest.approx(100.0, abs=0.03)


@pytest.mark.parametrize(("temperature", "resistance"), IEC)
def test_platinum_sensors_are_those_of_the_standard_and_back(temperature: float, resistance: float) -> None:
    exact = platinum_resistance(temperature)
    assert exact == pytest.approx(resistance, abs=0.005)
    assert platinum(exact) == pytest.approx(temperature, abs=1e-6)
    assert platinum(10 * exact, 1000.0) == pytest.approx(temperature, abs=1e-6), "a Pt1000"


def test_a_curve_goes_through_its_points_and_straight_between_them(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "DT-670.340").write_text(CURVE)
    monkeypatch.setenv("RONDA_CONFIG_FOLDER", str(tmp_path))
    diode = Sensor(SensorParameters(curve="DT-670.340"), "K")
    assert [diode(volt) for volt in (0.090681, 0.112553, 0.135480)] == [500.0, 490.0, 480.0]
    assert diode((0.112553 + 0.135480) / 2) == pytest.approx(485.0)
    with pytest.raises(OutOfRange, match=r"1\.2 V is outside the curve DT-670\.340, 0\.090681 V to 0\.13548 V"):
        diode(1.2)


def test_a_curve_of_logarithms_takes_ohms(tmp_path: Path) -> None:
    file = tmp_path / "X1.340"
    file.write_text("Data Format: 4\n\n 1 1.5 300.0\n 2 2.0 100.0\n 3 3.0 10.0\n")
    assert Curve(file)(100.0) == pytest.approx(100.0)
    assert Curve(file)(10.0**2.5) == pytest.approx(55.0)
    with pytest.raises(OutOfRange, match="0 Ω is outside the curve"):
        Curve(file)(0.0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "cannot read the calibration curve .*: No such file"),
        ("1.0 2.0\n", "is no calibration curve in the format .340"),
        (CURVE.replace("Format:    2", "Format:    7"), "is no calibration curve in the format .340"),
        (CURVE.replace("  2  0.112553    490.0\n", ""), "says that it has 3 breakpoints, and has 2"),
        (CURVE.replace("0.112553", "0.090681"), "needs two or more breakpoints .*, none twice"),
    ],
)
def test_a_file_that_is_no_curve_is_told(tmp_path: Path, text: str | None, sentence: str) -> None:
    if text is not None:
        (tmp_path / "x.340").write_text(text)
    with pytest.raises(ConfigurationError, match=sentence):
        Curve(tmp_path / "x.340")


@pytest.mark.parametrize(
    ("sensor", "signal", "sentence"),
    [
        (
            {"thermocouple": "K", "cold_junction": 25},
            80.0,
            r"80 mV is outside the range of a thermocouple of type K with its cold junction at 25 °C, -7.458 mV to",
        ),
        ({"thermocouple": "B"}, 0.1, "0.1 mV is outside the range of a thermocouple of type B"),
        ({"thermocouple": "T", "cold_junction": 900}, 1.0, "a cold junction at 900 °C is outside the range"),
        ({"platinum": 100}, 1e6, r"1e\+06 Ω is outside the range of a platinum sensor of 100 Ω, 18.52 Ω to 390.48 Ω"),
    ],
)
def test_a_signal_that_means_no_temperature_is_told(sensor: dict[str, Any], signal: float, sentence: str) -> None:
    with pytest.raises(OutOfRange, match=sentence):
        Sensor(SensorParameters(**sensor), "°C")(signal)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"sensor": {}}, "give one of thermocouple, platinum and curve, not none"),
        ({"sensor": {"thermocouple": "K", "platinum": 100}}, "not thermocouple and platinum"),
        ({"sensor": {"platinum": 100, "cold_junction": 25}}, "cold_junction belongs to a thermocouple"),
        (
            {"sensor": {"thermocouple": "K", "cold_junction": 25, "cold_junction_from": {"axis": "x"}}},
            "one of cold_junction and cold_junction_from",
        ),
        ({"sensor": {"platinum": 100}, "unit": "mm"}, "a sensor tells a temperature in K, °C, degC, not in mm"),
        ({"sensor": {"platinum": 100}, "table": [(0, 1), (1, 2)]}, "give a table or a sensor, not both"),
    ],
)
def test_what_does_not_fit_together_is_refused(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        RegulationInputParameters(kind="regulation_input", attribute="a/B", **keys)
