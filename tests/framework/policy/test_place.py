"""Names of proposals, samples, collections and datasets."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.framework.errors import BadValue
from ronda.framework.nexus.paths import Paths
from ronda.framework.policy.place import Place, candidates, require_name
from ronda.framework.stream import Description


@pytest.mark.parametrize("name", ["hg123", "Cu_foil", "a", "2", "BaTiO3-x0.5", "Fe3+", "0001"])
def test_plain_names_are_taken(name):
    assert require_name("newsample", "sample", name) == name


@pytest.mark.parametrize(("number", "name"), [(1, "0001"), (0, "0000"), (12345, "12345")])
def test_a_number_becomes_a_name_of_four_digits(number, name):
    assert require_name("newdataset", "dataset", number) == name


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", "a/b", "..", "a..b", ".a", "a.", "a_", "-a", "ä", "a\n", "x" * 65, None, True, 1.5, -1, ["a"]],
)
def test_other_names_are_refused(name):
    with pytest.raises(BadValue, match=r"newsample: .* cannot be the name of a sample, because folders and files"):
        require_name("newsample", "sample", name)


@given(st.text(min_size=1, max_size=70), st.text(st.sampled_from("aB9_.-+"), min_size=1, max_size=6))
def test_what_is_taken_stays_what_it_is_in_a_path(tmp_path_factory, anything, plain):
    root = tmp_path_factory.getbasetemp()
    for name in (anything, plain):
        try:
            require_name("newdataset", "dataset", name)
        except BadValue:
            continue
        told = Description("x", [], proposal=name, proposal_session=name, collection=name, dataset=name)
        parts = Paths(root).dataset_folder(told).relative_to(root.resolve()).parts
        assert parts == (name, name, "RAW_DATA", name, f"{name}_{name}")


def test_a_dataset_that_exists_is_followed_by_numbered_ones():
    assert list(islice(candidates("edge"), 3)) == ["edge", "edge_0002", "edge_0003"]
    assert list(islice(candidates(""), 3)) == ["0001", "0002", "0003"]


def test_a_place_is_kept_and_found_again():
    place = Place("hg123", "20261126", "Cu", "Cu", "6 µm", "0001")
    assert Place.from_state({**place.to_state(), "unknown": 1}) == place
    assert Place.from_state({}) == Place()
