"""What a page asks about curves."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from ronda.framework.errors import BadValue, NotFound
from ronda.framework.scan.analysis.curve import Curve
from ronda.framework.stream import Channel, Description, Device, Record
from ronda.framework.stream.blocks import Block
from ronda.shell.view.asked import figures, overlaid
from ronda.shell.view.shown_scan import ShownScan

X = np.linspace(-2, 2, 41)
Y = 1000 * np.exp(-(X**2)) + 10
SPOILT = 12


def scan() -> ShownScan:
    own = Device("scan", [Channel("samx", unit="mm"), Channel("valid", "|u1"), Channel("scan_point", "<i4")])
    card = Device("ct", [Channel("diode"), Channel("i0")])
    record = Record("id", 7, "RUNNING", "", "ascan()", "ascan()", "anna", "", "", "", datetime.now(UTC), None, 41)
    shown = ShownScan(record, Description("ascan()", devices=[own, card], title="ascan()"))
    valid = (np.arange(41) != SPOILT).astype(np.uint8)
    shown.put(Block("scan", 0, 41, {"samx": X, "valid": valid, "scan_point": np.arange(41)}, X))
    diode = np.where(np.arange(41) == SPOILT, 1e9, Y)
    shown.put(Block("ct", 0, 41, {"diode": diode, "i0": np.full(41, 2.0)}, X))
    return shown


GOOD = np.arange(41) != SPOILT


def test_spoilt_points_are_no_part_of_a_curve() -> None:
    found = figures(scan(), {"x": "samx", "y": "diode"})["figures"]
    curve = Curve.of(X[GOOD], Y[GOOD])
    assert {name: found[name] for name in ("cen", "fwhm", "com", "peak", "half")} == {
        name: getattr(curve, name) for name in ("cen", "fwhm", "com", "peak", "half")
    }
    assert found["crossings"] == curve.crossings


def test_figures_are_of_what_is_drawn() -> None:
    plain = figures(scan(), {"x": "samx", "y": "diode"})["figures"]
    divided = figures(scan(), {"x": "samx", "y": "diode", "divide_by": "i0"})["figures"]
    assert divided["half"] == plain["half"] / 2
    assert divided["cen"] == pytest.approx(plain["cen"])
    slope = figures(scan(), {"x": "samx", "y": "diode", "derivative": True})["figures"]
    assert slope["peak"] == pytest.approx(-1 / np.sqrt(2), abs=0.1)  # where a Gaussian is steepest
    assert slope["trough"] == pytest.approx(1 / np.sqrt(2), abs=0.1)


def test_another_scan_comes_with_the_channels_that_it_has() -> None:
    header, arrays = overlaid(scan(), {"channels": ["samx", "diode", "unheard_of", "diode"]})
    assert header["number_of_scan"] == 7
    assert header["over"] is False
    assert [name for name, _ in arrays] == ["samx", "diode"]
    np.testing.assert_array_equal(arrays[1][1], Y[GOOD])


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(NotFound, match="no channel 'nothing' of numbers"):
        figures(scan(), {"x": "samx", "y": "nothing"})
    with pytest.raises(BadValue, match="at most 8 channels"):
        overlaid(scan(), {"channels": ["samx"] * 9})
