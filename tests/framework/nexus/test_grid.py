"""Meshes in files and in memory: laid out where their points lie, also while they run and after they were stopped."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.framework.nexus.checksum import checksum_file
from ronda.framework.nexus.opening import tree
from ronda.framework.stream import Channel, Description, Device, State
from ronda.framework.stream.grid import on_grid

SLOW, FAST = [0.0, 1.0, 2.0], [0.0, 0.1, 0.2, 0.3]
POINTS = [(y, z) for row, z in enumerate(SLOW) for y in (FAST[::-1] if row % 2 else FAST)]


@given(st.integers(1, 8), st.integers(1, 8), st.booleans(), st.data())
def test_each_point_lies_where_it_was_measured(rows, width, backnforth, data):
    there = data.draw(st.integers(0, rows * width))
    places = [
        (row, width - 1 - column if backnforth and row % 2 else column)
        for row in range(rows)
        for column in range(width)
    ]
    grid = on_grid(np.arange(there), (rows, width), backnforth=backnforth)

    assert [grid[place] for place in places[:there]] == list(range(there))
    assert all(np.isnan(grid[place]) for place in places[there:])


@pytest.fixture
def mesh() -> Description:
    return Description(
        "amesh(samy, 0, 0.3, 3, samz, 0, 2, 2, 0.1, diode, backnforth=True)",
        [
            Device("scan", [Channel(name, unit="mm", attributes={"role": "positioner"}) for name in ("samy", "samz")]),
            Device("ct1", [Channel("i0", unit="count"), Channel("diode", unit="count")]),
        ],
        ("writer",),
        points=12,
        attributes={
            "plot": {"signals": ["diode"], "axes": ["samy", "samz"]},
            "grid": {"axes": ["samz", "samy"], "positions": [SLOW, FAST], "backnforth": True},
        },
    )


def measure(scan, start, stop, *, seal=False):
    places = np.array(POINTS[start:stop])
    blocks = {"scan": {"samy": places[:, 0], "samz": places[:, 1]}}
    blocks["ct1"] = {"i0": np.arange(start, stop) * 1.0, "diode": 10.0 * places[:, 0] + places[:, 1]}
    for device, arrays in blocks.items():
        publisher = scan.publisher(device, wait=None)
        publisher.publish_block(arrays, times=1.7e9 + np.arange(start, stop), first=start)
        if seal:
            publisher.seal()


def expected(there):
    wanted = np.full((3, 4), np.nan)
    for y, z in POINTS[:there]:
        wanted[SLOW.index(z), FAST.index(y)] = 10 * y + z
    return wanted


def test_a_mesh_that_was_stopped_reshapes_and_plots(stream, paths, start_writer, wait_for, mesh):
    silx = pytest.importorskip("silx.io.nxdata")
    start_writer()
    scan = stream.open_scan(mesh)
    scan.set_state(State.RUNNING)
    measure(scan, 0, 6, seal=True)
    scan.set_state(State.ABORTED, "stopped")
    path = paths.root / "scan_0001.h5"
    wait_for(lambda: checksum_file(path).exists(), "closed")

    with h5py.File(path) as file:
        plot = silx.get_default(file)
        assert plot.is_valid
        assert plot.is_image
        assert [axis[()].tolist() for axis in plot.axes] == [SLOW, FAST]
        assert plot.signal[()] == pytest.approx(expected(6), nan_ok=True)
        scatter = silx.NXdata(file["1.1/scatter"])
        assert scatter.is_x_y_value_scatter
        assert scatter.signal.shape == (6,)
        assert file["1.1/scan_shape"][()].tolist() == [3, 4]


def test_a_running_mesh_is_laid_out_in_memory_and_in_its_file(stream, paths, start_writer, wait_for, mesh):
    writer = start_writer()
    scan = stream.open_scan(mesh)
    scan.set_state(State.RUNNING)
    for start, stop in ((0, 3), (3, 5), (5, 10)):
        measure(scan, start, stop)
        assert tree(scan)["plotselect/diode"][()] == pytest.approx(expected(stop), nan_ok=True)
    wait_for(lambda: scan.acknowledged("writer")["ct1"] == 10, "written")
    writer.flush()

    with h5py.File(paths.root / "scan_0001.h5", locking=False) as file:
        assert file["1.1/plotselect/diode"][()] == pytest.approx(expected(10), nan_ok=True)
        live = tree(scan)["plotselect/diode"]
        assert (live.shape, live.dtype) == (file["1.1/plotselect/diode"].shape, file["1.1/plotselect/diode"].dtype)
        assert live[1:, 0] == pytest.approx(expected(10)[1:, 0], nan_ok=True)


def test_a_writer_that_died_lays_out_the_rest_when_it_resumes(
    stream, paths, writer_process, start_writer, wait_for, mesh
):
    first = writer_process()
    scan = stream.open_scan(mesh)
    scan.set_state(State.RUNNING)
    measure(scan, 0, 5)
    wait_for(lambda: scan.acknowledged("writer")["ct1"] == 5, "written")
    first.kill()
    first.wait()
    measure(scan, 5, 12, seal=True)
    scan.set_state(State.COMPLETED)
    start_writer()
    path = paths.root / "scan_0001.h5"
    wait_for(lambda: checksum_file(path).exists(), "closed")

    with h5py.File(path) as file:
        assert file["1.1/plotselect/diode"][()] == pytest.approx(expected(12))


def test_points_that_were_measured_again_lie_where_they_belong(stream, paths, start_writer, wait_for, mesh):
    start_writer()
    flags = [Channel("scan_point", "<i4"), Channel("valid", "|u1")]
    own = Device("scan", [*mesh.devices[0].channels, *flags])
    scan = stream.open_scan(replace(mesh, devices=[own, mesh.devices[1]]))
    scan.set_state(State.RUNNING)
    planned, valid = np.array([0, 1, 1, 2, 3, 4, 5, 5]), np.array([1, 0, 1, 1, 1, 0, 0, 1])
    places = np.array(POINTS)[planned]
    values = np.where(valid, 10 * places[:, 0] + places[:, 1], -1.0)
    blocks = {
        "scan": {"samy": places[:, 0], "samz": places[:, 1], "scan_point": planned, "valid": valid},
        "ct1": {"i0": values, "diode": values},
    }
    for device, arrays in blocks.items():
        publisher = scan.publisher(device, wait=None)
        publisher.publish_block(arrays, times=1.7e9 + np.arange(8), first=0)
        publisher.seal()
    wanted = expected(6)
    wanted[1, 3] = np.nan  # point 4 was spoilt, and not measured again
    assert tree(scan)["plotselect/diode"][()] == pytest.approx(wanted, nan_ok=True)
    scan.set_state(State.COMPLETED)
    path = paths.root / "scan_0001.h5"
    wait_for(lambda: checksum_file(path).exists(), "closed")

    with h5py.File(path) as file:
        assert file["1.1/plotselect/diode"][()] == pytest.approx(wanted, nan_ok=True)
