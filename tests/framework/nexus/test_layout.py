"""The tree of a scan's file, as other programs expect it."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from ronda.framework.nexus.file import ScanFile
from ronda.framework.stream import Channel, Description, Device
from ronda.framework.stream.fill import fill_value


@pytest.fixture
def build(tmp_path):
    """Builds the file of a description and opens it."""
    opened = []

    def build(description, number=7):
        path = tmp_path / "scan.h5"
        ScanFile.create(path, "some-id", number, description).close("2026-01-01T00:00:00+01:00", "COMPLETED", "")
        opened.append(h5py.File(path))
        return opened[-1]

    yield build
    for file in opened:
        file.close()


def all_datasets(group):
    found = {}
    group.visititems(lambda name, thing: found.update({name: thing}) if isinstance(thing, h5py.Dataset) else None)
    return found


def test_the_entry_is_named_by_the_scan_and_is_the_default(build, describe):
    file = build(describe())
    assert dict(file.attrs) == {"NX_class": "NXroot", "default": "7.1", "creator": "ronda"}
    entry = file["7.1"]
    assert entry.attrs["NX_class"] == "NXentry"
    assert entry.attrs["default"] == "plotselect"
    assert entry["scan_number"][()] == 7
    assert entry["entry_identifier"][()] == b"some-id"


def test_times_have_a_zone(build, describe):
    entry = build(describe())["7.1"]
    assert entry["start_time"][()].decode()[-6] in "+-"
    assert entry["end_time"][()] == b"2026-01-01T00:00:00+01:00"


def test_detectors_and_positioners_have_groups_of_their_class(build, describe):
    instrument = build(describe())["7.1/instrument"]
    assert instrument.attrs["NX_class"] == "NXinstrument"
    assert instrument["diode"].attrs["NX_class"] == "NXdetector"
    assert instrument["samx"].attrs["NX_class"] == "NXpositioner"
    assert "value" in instrument["samx"]
    assert "data" in instrument["diode"]


def test_every_number_has_units(build, describe):
    datasets = all_datasets(build(describe(attributes={"positioners": {"samy": {"value": 1, "unit": "mm"}}})))
    numbers = {name: dataset for name, dataset in datasets.items() if dataset.dtype.kind in "iuf"}
    assert [name for name, one in numbers.items() if "units" not in one.attrs and "scan_number" not in name] == []
    assert numbers["7.1/instrument/samx/value"].attrs["units"] == "mm"
    assert numbers["7.1/instrument/positioners_start/samy"].attrs["units"] == "mm"


def test_measurement_links_to_data_that_says_its_target(build, describe):
    measurement = build(describe())["7.1/measurement"]
    assert sorted(measurement) == ["diode", "epoch", "i0", "samx", "spectrum"]
    assert measurement["diode"].attrs["target"] == "/7.1/instrument/diode/data"
    assert measurement.get("diode", getlink=True).path == "/7.1/instrument/diode/data"


def test_the_default_plot_is_the_first_detector_against_the_first_positioner(build, describe):
    plot = build(describe())["7.1/plotselect"]
    assert plot.attrs["NX_class"] == "NXdata"
    assert plot.attrs["signal"] == "i0"
    assert list(plot.attrs["axes"]) == ["samx"]
    assert plot["i0"].name == "/7.1/plotselect/i0"


def test_a_scan_chooses_its_plot(build, describe):
    plot = build(describe(attributes={"plot": {"signals": ["diode", "i0"], "axes": []}}))["7.1/plotselect"]
    assert plot.attrs["signal"] == "diode"
    assert list(plot.attrs["auxiliary_signals"]) == ["i0"]
    assert "axes" not in plot.attrs


def test_positions_at_the_end_have_a_group_of_their_own(build):
    end = Device("positioners_end", [Channel("samx at end", unit="mm", attributes={"positioner": "samx"})])
    entry = build(Description("ct(1)", [Device("ct1", [Channel("i0")]), end], ("writer",)))["7.1"]
    assert sorted(entry["instrument/positioners_end"]) == ["epoch", "samx"]
    assert sorted(entry["measurement"]) == ["epoch", "i0"]


def test_names_that_the_layout_needs_itself_give_way(build):
    entry = build(Description("ct(1)", [Device("name", [Channel("positioners")])], ("writer",)))["7.1"]
    assert entry["measurement/positioners"].attrs["target"] == "/7.1/instrument/positioners_/data"


def test_large_points_are_compressed_and_small_ones_are_not(build):
    import hdf5plugin

    channels = [Channel("image", "<u2", (200, 300)), Channel("x")]
    entry = build(Description("ct(1)", [Device("cam", channels)], ("writer",)))["7.1"]
    image = entry["instrument/image/data"]
    assert image.chunks == (1, 200, 300)
    assert image.id.get_create_plist().get_filter(0)[0] == hdf5plugin.Bitshuffle.filter_id
    assert entry["instrument/x/data"].id.get_create_plist().get_nfilters() == 0


@pytest.mark.parametrize(
    ("dtype", "fill"), [("f4", np.nan), ("c16", complex(np.nan, np.nan)), ("i2", -32768), ("u2", 65535)]
)
def test_what_is_not_written_does_not_look_like_data(build, dtype, fill):
    entry = build(Description("ct(1)", [Device("d", [Channel("x", dtype)])], ("writer",)))["7.1"]
    assert np.array_equal(entry["instrument/x/data"].fillvalue, fill, equal_nan=dtype[0] in "fc")
    assert np.array_equal(fill_value(np.dtype(dtype)), fill, equal_nan=dtype[0] in "fc")


@pytest.mark.parametrize("dtype", ["?", "S12", "<c8", ">i4", "u1", "f8"])
def test_every_type_that_can_be_sent_can_be_saved(tmp_path, dtype):
    description = Description("ct(1)", [Device("d", [Channel("x", dtype, (2,))])], ("writer",))
    file = ScanFile.create(tmp_path / "a.h5", "id", 1, description)
    values = np.array([[0, 1], [1, 1]]).astype(description.devices[0].channels[0].numpy_dtype)
    file.write("d", 0, {"x": values}, np.zeros(2))
    file.flush({"d": 2})
    file.close("", "COMPLETED", "")
    with h5py.File(tmp_path / "a.h5") as saved:
        assert np.array_equal(saved["1.1/instrument/x/data"][:], values)
        assert saved["1.1/instrument/x/data"].dtype == values.dtype
