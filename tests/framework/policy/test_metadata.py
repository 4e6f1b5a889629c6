"""What users add to scans: which values there may be, and where they are kept."""

from __future__ import annotations

import json
import math

import numpy as np
import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.framework.errors import BadValue
from ronda.framework.policy.metadata import checked, shown


@pytest.mark.parametrize(
    ("given", "kept", "told"),
    [
        ("me", "me", "me"),
        (True, True, "True"),
        (7, 7, "7"),
        (np.float32(0.5), 0.5, "0.5"),
        ([1, 2.5], [1, 2.5], "1, 2.5"),
        (("a", "b"), ["a", "b"], "a, b"),
        (np.arange(3), [0, 1, 2], "0, 1, 2"),
        ((293, "K"), {"value": 293, "unit": "K"}, "293 K"),
        (([1.0, 2.0], "mm"), {"value": [1.0, 2.0], "unit": "mm"}, "1.0, 2.0 mm"),
        (pint.UnitRegistry().Quantity(1.5, "mm"), {"value": 1.5, "unit": "mm"}, "1.5 mm"),
    ],
)
def test_plain_values_are_taken_with_their_units(given, kept, told):
    assert checked("add_metadata", {"key": given}) == {"key": kept}
    assert shown(kept) == told


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        [],
        [[1, 2]],
        object(),
        math.nan,
        math.inf,
        [1.0, math.nan],
        [1, "a"],
        [True, 1],
        1j,
        (math.nan, "K"),
        (True, "K"),
    ],
)
def test_other_values_are_refused(value):
    with pytest.raises(BadValue, match=r"ascan: key (cannot be|with a unit should be)"):
        checked("ascan", {"key": value})


@pytest.mark.parametrize("name", ["", "1a", "a b", "a/b", "a.b", "_a", "ä", "x" * 65, 5])
def test_names_that_cannot_stand_in_a_file_are_refused(name):
    with pytest.raises(BadValue, match="cannot be the name of metadata; it begins with a letter"):
        checked("ascan", {name: 1})


def test_what_is_no_mapping_is_refused():
    with pytest.raises(BadValue, match="ascan: metadata should be names with values such as"):
        checked("ascan", "temperature")


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.integers(), st.lists, max_leaves=4))
def test_what_is_taken_can_be_kept(value):
    try:
        kept = checked("ascan", {"key": value})
    except BadValue:
        return
    assert json.loads(json.dumps(kept, allow_nan=False)) == kept


def test_they_are_kept_for_the_session_until_removed(policy):
    policy.add_metadata({"operator": "me", "temperature": (293, "K")})
    policy.add_metadata({"operator": "you"})
    assert policy.metadata() == {"operator": "you", "temperature": {"value": 293, "unit": "K"}}
    policy.remove_metadata("operator", "unknown")
    assert list(policy.metadata()) == ["temperature"]
    assert policy.belonging().metadata == policy.metadata()


def test_nothing_is_kept_if_one_is_refused(policy):
    with pytest.raises(BadValue):
        policy.add_metadata({"operator": "me", "bad": None})
    assert policy.metadata() == {}
