"""Foils and the filters that they make together."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ronda.devices.attenuator.filters import Filter, Foil, filter_at, filters_of, nearest_filter
from ronda.devices.attenuator.kind import KIND
from ronda.devices.attenuator.parameters import FoilParameters
from ronda.framework.errors import BadValue, ConfigurationError, OutOfRange

THICKNESSES = (0, 25, 50, 100, 200, 400)


def wheel() -> list[FoilParameters]:
    return [
        FoilParameters(at=60.0 * place, **({"material": "Al", "thickness": thickness} if thickness else {}))
        for place, thickness in enumerate(THICKNESSES)
    ]


@pytest.fixture(scope="module")
def filters() -> list[Filter]:
    return filters_of({"att1": wheel(), "att2": wheel()})


def test_aluminium_absorbs_as_the_tables_say():
    # NIST XCOM: µ/ρ of Al is 26.2 cm²/g at 10 keV and 7.96 cm²/g at 15 keV; density 2.699 g/cm³
    assert Foil("Al", 100).absorption(10.0) == pytest.approx(26.2 * 2.699 * 0.01, rel=0.02)
    assert Foil("Al", 100).absorption(15.0) == pytest.approx(7.96 * 2.699 * 0.01, rel=0.02)
    assert Foil("Al", 100, density=1.0).absorption(10.0) == pytest.approx(26.2 * 0.01, rel=0.02)


def test_filters_are_in_order_and_none_is_twice(filters):
    thick = [sum(foil.thickness for foil in one.foils) for one in filters]
    assert thick == sorted({first + second for first in THICKNESSES for second in THICKNESSES})
    assert [len(one.foils) for one in filters if sum(foil.thickness for foil in one.foils) == 400] == [1]
    assert str(filters[0]) == "none"
    assert str(filters[-1]) == "Al 400 µm + Al 400 µm"


def test_each_filter_is_found_again_by_its_foils(filters):
    for number, one in enumerate(filters):
        assert filter_at(filters, list(reversed(one.foils))) == number


@given(wanted=st.floats(1e-6, 1.0), energy=st.floats(5, 20))
def test_no_filter_is_nearer_to_the_wanted_transmission(filters, wanted, energy):
    number = nearest_filter(filters, wanted, energy)
    missed = [abs(math.log(one.transmission(energy)) - math.log(wanted)) for one in filters]
    assert missed[number] == pytest.approx(min(missed))


@pytest.mark.parametrize("transmission", [0.0, -1.0, 1.5])
def test_a_transmission_that_is_none_is_refused(filters, transmission):
    with pytest.raises(BadValue, match="a transmission is above 0 and at most 1"):
        nearest_filter(filters, transmission, 10.0)


def test_what_the_tables_do_not_know_is_refused():
    with pytest.raises(OutOfRange, match=r"absorption is known from 1 to 800 keV, not at 0\.5 keV"):
        Foil("Al", 10).absorption(0.5)
    with pytest.raises(ConfigurationError, match="the material 'Unobtainium' is not known"):
        Foil("Unobtainium", 10).absorption(10.0)


@pytest.mark.parametrize(
    ("wheel", "why"),
    [
        ([{"at": 0, "material": "Al"}], "a foil has a material and a thickness"),
        ([{"at": 0}, {"at": 0.5}], "are within the tolerance"),
        ([], "has no places"),
    ],
)
def test_a_wrong_entry_is_refused_with_a_sentence(wheel, why):
    entry = {"kind": "attenuator", "energy": 10, "tolerance": 1, "wheels": {"att1": wheel}}
    with pytest.raises(ValidationError, match=why):
        KIND.parameters(None).model_validate(entry)
