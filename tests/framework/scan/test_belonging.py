"""Scans of a proposal: their numbers, folders and files, from the shell's words to the disk."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from ronda.framework.clients.counter import sampling
from ronda.framework.errors import BadValue
from ronda.framework.nexus.definitions.nxxas import xas
from ronda.framework.policy.policy import DataPolicy
from ronda.framework.scan.standard import Scans


@pytest.fixture
def policy(beamline):
    """The data policy of the session in which `scans` scans; ended at the end."""
    made = DataPolicy(beamline, "tests")
    made.newproposal("hg123", "20261126")
    yield made
    made.endproposal()


@pytest.fixture
def dataset(policy, request):
    """A dataset of this test alone."""
    policy.newsample("Cu_foil", "6 µm")
    return policy.newdataset(request.node.name[:60].strip("_")).dataset


def entry(scan):
    path = scan.wait_for_file(60).path
    return path, h5py.File(path)[f"{scan.number}.1"]


def test_its_file_lies_where_esrf_would_have_it_and_says_where_it_belongs(scans, dataset):
    scan = scans.loopscan(2, 0.01, "i0")
    path, saved = entry(scan)
    parts = Path(path).parts[-7:]
    assert parts == ("hg123", "demo", "20261126", "RAW_DATA", "Cu_foil", f"Cu_foil_{dataset}", "scan_0001.h5")
    assert {name: saved[name][()].decode() for name in ("proposal_id", "proposal_session", "dataset_name")} == {
        "proposal_id": "hg123",
        "proposal_session": "20261126",
        "dataset_name": dataset,
    }
    assert saved["experiment_identifier"][()] == b"hg123"
    assert saved["collection_identifier"][()] == b"Cu_foil"
    assert saved["entry_identifier"][()].decode() == scan.identifier
    assert saved["sample/name"][()] == b"Cu_foil"
    assert saved["user/name"][()] == b"somebody"


def test_the_files_of_dataset_and_proposal_lead_to_it(scans, dataset):
    path = Path(entry(scans.loopscan(1, 0.01, "i0"))[0])
    with h5py.File(path.parent / f"Cu_foil_{dataset}.h5") as links:
        assert links["1.1/measurement/i0"].shape == (1,)
    with h5py.File(path.parents[2] / "hg123_demo.h5") as links:
        assert links[f"Cu_foil_{dataset}/1.1/measurement/i0"].shape == (1,)


def test_another_session_counts_on_in_the_same_dataset(scans, dataset, beamline):
    other = DataPolicy(beamline, "others")
    other.newproposal("hg123", "20261126")
    try:
        other.newcollection("Cu_foil")
        other.newdataset(dataset, append=True)
        numbers = [one.loopscan(1, 0.01, "i0", save=False).number for one in (scans, Scans(beamline, "others"), scans)]
    finally:
        other.endproposal()
    assert numbers == [1, 2, 3]


def test_an_ended_dataset_is_followed_by_the_next_number(scans, policy):
    policy.newsample("numbered")
    first = scans.loopscan(1, 0.01, "i0")
    policy.enddataset()
    second = scans.loopscan(1, 0.01, "i0")
    assert (first.number, second.number) == (1, 1)
    assert (first.stream.description.dataset, second.stream.description.dataset) == ("0001", "0002")
    assert first.wait_for_file(60).path != second.wait_for_file(60).path


def test_after_the_proposal_files_lie_where_they_did(scans, policy):
    policy.endproposal()
    scan = scans.loopscan(1, 0.01, "i0")
    path = Path(scan.wait_for_file(60).path)
    assert (path.parent.name, path.name) == ("tests", f"scan_{scan.number:04d}.h5")


def test_what_the_user_adds_stands_in_the_file_with_units(scans, policy, dataset):
    policy.add_metadata({"operator": "me", "temperature": (293, "K"), "technique": "fluorescence"})
    saved = entry(scans.loopscan(1, 0.01, "i0", metadata={"operator": "you", "marks": ["a", "b"], "at": [1.5, 2.5]}))[1]
    meta = saved["scan_meta"]
    assert meta.attrs["NX_class"] == "NXcollection"
    assert (meta["operator"][()], meta["temperature"][()], meta["temperature"].attrs["units"]) == (b"you", 293, "K")
    assert (meta["marks"][:].tolist(), meta["at"][:].tolist()) == ([b"a", b"b"], [1.5, 2.5])
    assert saved["technique"][()] == b"fluorescence"
    assert saved["sample/description"][()].decode() == "6 µm"


def test_metadata_that_cannot_be_written_are_refused_before_the_scan(scans, recorder):
    with pytest.raises(BadValue, match="loopscan: bad cannot be None; give text"):
        scans.loopscan(1, 0.01, "i0", metadata={"bad": None})
    assert recorder.ended == []


def test_the_technique_is_that_of_the_definition_unless_told(scans, beamline):
    energy = sampling("samx/Position", name="energy", unit="keV")
    declared = xas(energy, "i0", transmitted="diode", sample="Cu foil")
    scan = scans.loopscan(1, 0.01, energy, "i0", "diode", definition=declared, save=False)
    assert scan.stream.description.attributes["technique"] == "XAS"
