"""The calculations that come with Ronda: there and back is the same place, and known places are where they should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ronda.devices.pseudo.drivers.bragg import Bragg
from ronda.devices.pseudo.drivers.formula import Formulas
from ronda.devices.pseudo.drivers.slits import Slits
from ronda.devices.pseudo.drivers.table import Table
from ronda.devices.pseudo.kind import KIND

position = st.floats(-50, 50, allow_nan=False)


def make(driver: Any, pseudo: tuple[str, ...] = (), **keys: Any) -> Any:
    entry = {
        "kind": "pseudo",
        "driver": "any",
        "real": {role: f"real_{role}" for role in driver.real},
        "axes": {f"pseudo_{role}": {"role": role} for role in driver.pseudo or pseudo},
        **keys,
    }
    return driver("calc", KIND.parameters(driver).model_validate(entry))


def there_and_back(calculation: Any, real: dict[str, float]) -> dict[str, float]:
    arrays = {role: np.array([value]) for role, value in real.items()}
    back = calculation.to_real(calculation.to_pseudo(arrays), arrays)
    return {role: float(value[0]) for role, value in back.items()}


@given(position, position)
def test_a_gap_and_its_centre_give_the_blades_back(plus, minus):
    real = {"plus": plus, "minus": minus}
    assert there_and_back(make(Slits), real) == pytest.approx(real, abs=1e-9)


def test_blades_are_positive_outward():
    found = make(Slits).to_pseudo({"plus": np.array([0.6]), "minus": np.array([0.4])})
    assert found["gap"][0] == pytest.approx(1.0)
    assert found["offset"][0] == pytest.approx(0.1)


@given(position, position, position)
def test_height_and_tilts_give_the_legs_back(front, left, right):
    real = {"front": front, "left": left, "right": right}
    assert there_and_back(make(Table, length=800, width=400, centre=300), real) == pytest.approx(real, abs=1e-6)


def test_a_table_lifted_evenly_does_not_tilt():
    found = make(Table, length=800, width=400).to_pseudo({role: np.array([2.0]) for role in Table.real})
    assert {role: float(value[0]) for role, value in found.items()} == {"height": 2.0, "pitch": 0.0, "roll": 0.0}


@given(st.floats(4.5, 20))
def test_an_energy_gives_its_angle_and_back(energy):
    bragg = make(Bragg, d_spacing=3.1356)
    angle = bragg.to_real({"energy": np.array([energy])}, {})
    assert bragg.to_pseudo(angle)["energy"][0] == pytest.approx(energy, rel=1e-12)


def test_the_copper_edge_is_where_the_tables_say():
    angle = make(Bragg, d_spacing=3.1356).to_real({"energy": np.array([8.979])}, {})["angle"][0]
    assert angle == pytest.approx(12.7199, abs=1e-4)


def test_an_energy_that_the_crystal_cannot_reflect_has_no_angle():
    assert np.isnan(make(Bragg, d_spacing=3.1356).to_real({"energy": np.array([1.9, -3.0, 0.0])}, {})["angle"]).all()


def test_formulas_compute_what_they_say():
    theta = make(
        Formulas,
        ("theta", "detune"),
        real={"th": "th", "tth": "tth"},
        to_pseudo={"theta": "th", "detune": "tth - 2 * th"},
        to_real={"th": "theta", "tth": "factor * theta + detune"},
        constants={"factor": 2},
    )
    assert there_and_back(theta, {"th": 5.0, "tth": 10.5}) == {"th": 5.0, "tth": 10.5}


FORMULA = {"real": {"a": "a"}, "to_pseudo": {"p": "2 * a"}, "to_real": {"a": "p / 2"}, "axes": {"p1": {"role": "p"}}}


@pytest.mark.parametrize(
    ("driver", "wrong", "why"),
    [
        (Slits, {"real": {"plus": "s1u"}}, "real gives plus; this calculation needs plus, minus"),
        (Slits, {"real": {"plus": "s1u", "minus": "s1u"}}, "s1u cannot be both plus and minus"),
        (Slits, {"axes": {"g": {"role": "gab"}}}, "role 'gab' is none of this calculation; it has gap, offset"),
        (Slits, {"axes": {"g": {"role": "gap"}, "h": {"role": "gap"}}}, "g and h both have the role gap"),
        (Slits, {"axes": {"g": {"role": "gap", "limits": [1, 1]}}}, "the low limit 1.0 mm must be below"),
        (Formulas, {**FORMULA, "to_real": {"a": "q / 2"}}, "to_real of a: .* uses q, which is not known"),
        (Formulas, {**FORMULA, "to_real": {"b": "p / 2"}}, "give a formula for each of them"),
        (Formulas, {**FORMULA, "to_pseudo": {"p": "open(a)"}}, "there is no function open"),
        (Table, {"length": 100, "width": 10, "centre": 200}, "must lie on the table"),
    ],
)
def test_a_wrong_entry_is_refused_with_a_sentence(driver, wrong, why):
    entry = {
        "kind": "pseudo",
        "driver": "any",
        "real": {role: role for role in driver.real},
        "axes": {f"p_{role}": {"role": role} for role in driver.pseudo},
    }
    with pytest.raises(ValidationError, match=why):
        KIND.parameters(driver).model_validate({**entry, **wrong})
