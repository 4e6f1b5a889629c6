"""The file of a dataset, which links to its scans."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import h5py
import pytest

from ronda.framework.nexus.dataset import add_link, read_links


def link(folder, scan, entry):
    add_link(folder / "dataset.h5", folder / scan, f"/{entry}", entry, root=folder, lock=folder / "lock")


@pytest.fixture
def folder(tmp_path):
    """A folder with the files of three scans."""
    for number in (1, 2, 10):
        with h5py.File(tmp_path / f"scan_{number}.h5", "w") as file:
            file[f"{number}.1/title"] = f"scan {number}"
            file[f"{number}.1/measurement/x"] = h5py.SoftLink(f"/{number}.1/title")
    return tmp_path


def test_scans_are_found_through_the_dataset(folder):
    for number in (1, 2, 10):
        link(folder, f"scan_{number}.h5", f"{number}.1")
    with h5py.File(folder / "dataset.h5") as file:
        assert sorted(file) == ["1.1", "10.1", "2.1"]
        assert file.attrs["default"] == "10.1"
        assert file["2.1/measurement/x"][()] == b"scan 2"


def test_linking_again_changes_nothing(folder):
    for _ in range(2):
        link(folder, "scan_1.h5", "1.1")
    assert read_links(folder / "dataset.h5") == {"1.1": ("scan_1.h5", "/1.1")}


def test_another_scan_of_the_same_number_gets_a_name_of_its_own(folder):
    link(folder, "scan_1.h5", "1.1")
    link(folder, "scan_1_id.h5", "1.1")
    assert read_links(folder / "dataset.h5")["1.1_scan_1_id"] == ("scan_1_id.h5", "/1.1")


def test_an_open_viewer_neither_hinders_nor_is_disturbed(folder):
    link(folder, "scan_1.h5", "1.1")
    with h5py.File(folder / "dataset.h5", locking=False) as viewer:  # in one process HDF5 wants all to agree on this
        link(folder, "scan_2.h5", "2.1")
        assert list(viewer) == ["1.1"]
        assert viewer["1.1/title"][()] == b"scan 1"
    assert sorted(read_links(folder / "dataset.h5")) == ["1.1", "2.1"]


def test_links_added_at_the_same_time_are_all_there(folder):
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda n: link(folder, f"scan_{n}.h5", f"{n}.1"), range(40)):
            pass
    assert len(read_links(folder / "dataset.h5")) == 40


def test_what_holds_more_than_links_is_never_replaced(folder):
    with h5py.File(folder / "dataset.h5", "w") as file:
        file["precious"] = 1
    (folder / "dataset_links.h5").write_text("neither is this")
    link(folder, "scan_1.h5", "1.1")
    with h5py.File(folder / "dataset.h5") as file:
        assert list(file) == ["precious"]
    assert (folder / "dataset_links.h5").read_text() == "neither is this"
    assert read_links(folder / "dataset_links_links.h5") == {"1.1": ("scan_1.h5", "/1.1")}


def test_a_link_that_leads_out_of_the_data_root_is_dropped(folder):
    with h5py.File(folder / "dataset.h5", "w") as file:
        file["2.1"] = h5py.ExternalLink("scan_2.h5", "/2.1")
        file["outside"] = h5py.ExternalLink("../../etc/passwd", "/")
        file["absolute"] = h5py.ExternalLink("/etc/passwd", "/")
    link(folder, "scan_1.h5", "1.1")
    assert sorted(read_links(folder / "dataset.h5")) == ["1.1", "2.1"]


def test_a_file_in_which_nothing_changes_stays(folder):
    link(folder, "scan_1.h5", "1.1")
    before = (folder / "dataset.h5").stat()
    link(folder, "scan_1.h5", "1.1")
    assert (folder / "dataset.h5").stat().st_ino == before.st_ino
