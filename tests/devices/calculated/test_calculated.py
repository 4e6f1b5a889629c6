"""Counters that are worked out from others, in scans of the demo and in `ct`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ronda.devices.calculated.kind import KIND
from ronda.devices.calculated.parameters import CalculatedServerParameters
from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.counter import calculated
from ronda.framework.errors import BadValue, ConfigurationError
from ronda.framework.scan.standard import Scans


@pytest.fixture(scope="module")
def scans(demo: Any) -> Iterator[Scans]:
    import os

    exports = demo.exports
    url = exports["RONDA_REDIS_URL"].strip("'")
    beamline = Beamline.connect(exports["TANGO_HOST"], url, exports["RONDA_BEAMLINE"], os.environ)
    yield Scans(beamline, "calculated")
    beamline.close()


def entry(**counters: dict[str, Any]) -> CalculatedServerParameters:
    return CalculatedServerParameters.model_validate({"kind": "calculated", "counters": counters})


def test_an_entry_becomes_one_device_that_says_what_it_measures() -> None:
    (device,) = KIND.devices("calculator", entry(ratio={"formula": "diode / i0"}))

    assert (device.name, device.family, device.tango_class) == ("calculator", "calculated", "Calculated")
    assert device.counters == ("ratio",)


def test_a_driver_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a server of calculated counters takes no driver; it names formulas"):
        KIND.parameters(object)


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        ("diode /", "is not a formula"),
        ("diode.__class__", "is not allowed"),
        ("2 * pi", "uses no counter"),
        ("open(diode)", "there is no function open"),
    ],
)
def test_what_is_no_formula_over_counters_is_refused(formula: str, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        entry(wrong={"formula": formula})
    with pytest.raises(BadValue, match=sentence):
        calculated(formula, name="wrong")


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({}, "give either 'formula' or 'function'"),
        ({"formula": "i0", "function": "a:b", "inputs": ["i0"]}, "give either 'formula' or 'function'"),
        ({"formula": "i0", "inputs": ["i0"]}, "'inputs' belongs to 'function'"),
        ({"function": "a:b", "inputs": ["count_time"]}, "a function needs 'inputs'"),
        ({"function": "a.b:c", "inputs": ["i0"]}, "should match pattern"),
    ],
)
def test_a_counter_has_either_a_formula_or_a_function_with_inputs(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        entry(wrong=keys)


def test_a_scan_measures_what_it_needs_and_publishes_the_results(scans: Scans) -> None:
    rate = calculated("i0 / count_time", name="rate", unit="1/s")
    scan = scans.loopscan(5, 0.02, "absorbance", rate, save=False)

    read = {name: scan.stream.read(name, 0, 5) for name in ("i0", "diode", "absorbance", "rate")}
    with np.errstate(divide="ignore"):  # behind the sample there may be no count
        expected = np.log(read["i0"] / read["diode"])
    assert read["absorbance"] == pytest.approx(expected)
    assert read["rate"] == pytest.approx(read["i0"] / 0.02)
    assert scan.units["rate"] == "1/s"
    assert 'calculated("i0 / count_time", name="rate")' in scan.plan.command


def test_each_point_of_a_scan_has_its_own_exposure_time_in_the_formula(scans: Scans) -> None:
    scan = scans.loopscan(3, [0.01, 0.02, 0.05], calculated("count_time + 0 * i0", name="time"), save=False)
    assert scan.stream.read("time", 0, 3) == pytest.approx([0.01, 0.02, 0.05])


def test_counting_once_works_them_out_too(scans: Scans) -> None:
    counted = scans.ct(0.02, "absorbance")
    with np.errstate(divide="ignore"):
        expected = np.log(np.divide(counted.values["i0"], counted.values["diode"]))
    assert counted.values["absorbance"] == pytest.approx(float(expected))
    assert "absorbance" not in counted.rates


def test_a_name_that_is_no_counter_is_refused_before_anything_begins(scans: Scans) -> None:
    with pytest.raises(BadValue, match=r"odd is i0 / samx, and samx is not a counter; give some of"):
        scans.loopscan(1, 0.01, calculated("i0 / samx", name="odd"), save=False)


def test_a_formula_may_use_another_one(scans: Scans) -> None:
    double = calculated("2 * absorbance", name="double")
    scan = scans.loopscan(3, 0.02, double, save=False)
    counted = scans.ct(0.02, double)

    assert scan.stream.read("double", 0, 3) == pytest.approx(2 * scan.stream.read("absorbance", 0, 3))
    assert counted.values["double"] == pytest.approx(2 * counted.values["absorbance"])


def test_formulas_in_a_circle_are_refused(scans: Scans) -> None:
    hen, egg = calculated("egg + i0", name="hen"), calculated("hen + i0", name="egg")
    with pytest.raises(BadValue, match=r"(hen uses egg uses hen|egg uses hen uses egg): a circle"):
        scans.loopscan(1, 0.01, hen, egg, save=False)
