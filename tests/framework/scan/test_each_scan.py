"""Each scan function on the demo beamline: where it measures, and what becomes of the axes."""

import threading

import h5py
import numpy as np
import pytest

from ronda.framework.errors import BadValue, OutOfRange
from ronda.framework.scan.stopped import ScanStopped


def table(recorder, *names):
    return np.array([[values[name] for name in names] for _, values in recorder.points])


def setpoints(beamline, *names):
    return [beamline[name].setpoint for name in names]


def test_sct_is_a_scan_of_one_point(scans, recorder):
    scan = scans.sct(0.02, "i0", save=False)

    assert (scan.state, scan.points_done, scan.plan.command) == ("COMPLETED", 1, "sct(0.02, i0)")


def test_axes_of_an_a2scan_and_an_anscan_move_together(scans, recorder):
    scan = scans.a2scan("samy", 0, 0.1, "samz", 0.1, 0, 2, 0.01, "i0", save=False)
    assert table(recorder, "samy", "samz") == pytest.approx(np.array([[0, 0.1], [0.05, 0.05], [0.1, 0]]), abs=1e-3)
    assert scan.plan.command == "a2scan(samy, 0, 0.1, samz, 0.1, 0, 2, 0.01, i0)"

    recorder.points.clear()
    scan = scans.anscan([("samy", 0, 0.1), ("samz", 0.1, 0)], 2, 0.01, "i0", save=False)
    assert table(recorder, "samy", "samz") == pytest.approx(np.array([[0, 0.1], [0.05, 0.05], [0.1, 0]]), abs=1e-3)
    assert scan.plan.command == "anscan([(samy, 0, 0.1), (samz, 0.1, 0)], 2, 0.01, i0)"


@pytest.mark.parametrize("number", [3, 4, 5])
def test_scans_of_many_axes_take_their_arguments_in_a_row(scans, recorder, beamline, number):
    names = ["samx", "samy", "samz", "rot", "pitch2"][:number]
    moves = [word for name in names for word in (name, 0.1, 0.2)]
    getattr(scans, f"a{number}scan")(*moves, 1, 0.01, "i0", save=False)
    assert table(recorder, *names) == pytest.approx(np.array([[0.1] * number, [0.2] * number]), abs=1e-3)

    recorder.points.clear()
    before = setpoints(beamline, *names)
    moves = [word for name in names for word in (name, -0.1, 0.1)]
    getattr(scans, f"d{number}scan")(*moves, 1, 0.01, "i0", save=False)
    assert table(recorder, *names) == pytest.approx(np.add([before] * 2, [[-0.1], [0.1]]), abs=2e-3)
    assert setpoints(beamline, *names) == before


def test_relative_scans_of_two_axes_go_back(scans, recorder, beamline):
    before = setpoints(beamline, "samy", "samz")
    scans.d2scan("samy", 0, 0.1, "samz", 0.1, 0, 1, 0.01, "i0", save=False)
    scans.dnscan([("samy", 0, 0.1), ("samz", 0.1, 0)], 1, 0.01, "i0", save=False)

    assert table(recorder, "samy", "samz") == pytest.approx(
        np.add(before, [[0, 0.1], [0.1, 0], [0, 0.1], [0.1, 0]]), abs=2e-3
    )
    assert setpoints(beamline, "samy", "samz") == before


def test_the_real_axes_of_a_pseudo_axis_return_to_what_they_were_told(scans, beamline):
    for name, position in (("s1u", 2.7183), ("s1d", 3.1416)):
        beamline[name].move(position)
    scans.dscan("s1vg", -0.1, 0.1, 2, 0.01, "i0", save=False)

    assert [beamline[name].target for name in ("s1u", "s1d")] == [2.7183, 3.1416]
    for name in ("s1u", "s1d"):
        beamline[name].move(3.0)


def test_they_return_also_after_an_error(scans, beamline, recorder):
    before = setpoints(beamline, "samy")
    recorder.at(0, lambda: scans.last.stop("a test"))
    with pytest.raises(ScanStopped, match="stopped by a test"):
        scans.dscan("samy", -0.2, 0.2, 50, 0.01, "i0", save=False)

    assert setpoints(beamline, "samy") == before


def test_lookupscan_pointscan_and_logscan_go_where_their_lists_say(scans, recorder):
    scan = scans.lookupscan([("samy", [0, 0.1, 0.05]), ("samz", [0, 0, 0.1])], 0.01, "i0", save=False)
    assert scan.plan.command == "lookupscan([(samy, [0.0, 0.1, 0.05]), (samz, [0.0, 0.0, 0.1])], 0.01, i0)"
    scans.pointscan("samy", np.array([0.1, 0.3, 0.2]), 0.01, "i0", save=False)
    scans.logscan("samy", 0.1, 0.4, 2, 0.01, "i0", save=False)

    assert table(recorder, "samy")[:, 0] == pytest.approx([0, 0.1, 0.05, 0.1, 0.3, 0.2, 0.1, 0.2, 0.4], abs=1e-3)


def test_the_first_axis_of_a_mesh_is_the_fast_one_and_its_file_has_an_image(scans, recorder):
    silx = pytest.importorskip("silx.io.nxdata")
    scan = scans.amesh("samy", 0, 0.2, 2, "samz", 0.1, 0.2, 1, 0.01, "i0", "diode", backnforth=True)

    assert scan.plan.command == "amesh(samy, 0, 0.2, 2, samz, 0.1, 0.2, 1, 0.01, i0, diode, backnforth=True)"
    fast, slow = [0, 0.1, 0.2], [0.1, 0.2]
    there = [(y, slow[0]) for y in fast] + [(y, slow[1]) for y in reversed(fast)]
    assert table(recorder, "samy", "samz") == pytest.approx(np.array(there), abs=1e-3)
    with h5py.File(scan.wait_for_file(60).path) as file:
        plot = silx.get_default(file)
        assert plot.is_image
        assert [axis[()] for axis in plot.axes] == [pytest.approx(slow), pytest.approx(fast)]
        counted = table(recorder, "i0")[:, 0].reshape(2, 3)
        counted[1] = counted[1, ::-1]
        assert plot.signal[()].tolist() == counted.tolist()


def test_a_mesh_that_is_aborted_half_way_still_has_its_image(scans, recorder):
    silx = pytest.importorskip("silx.io.nxdata")
    recorder.at(3, lambda: scans.last.abort("a test"))
    with pytest.raises(ScanStopped, match="aborted by a test"):
        scans.amesh("samy", 0, 0.2, 2, "samz", 0.1, 0.2, 1, 0.01, "i0", "diode", backnforth=True)

    counted = [values["i0"] for _, values in recorder.points]
    assert len(counted) == 4
    with h5py.File(scans.last.wait_for_file(60).path) as file:
        plot = silx.get_default(file)
        assert plot.is_image
        assert plot.signal.shape == (2, 3)
        image = plot.signal[()]
    assert image[0].tolist() == counted[:3]
    assert image[1, 2] == counted[3]
    assert np.isnan(image[1, 0])


def test_a_relative_mesh_and_relative_spirals_lie_around_the_axes_and_go_back(scans, recorder, beamline):
    beamline["samy"].move(1.0)
    beamline["samz"].move(-1.0)
    scan = scans.dmesh("samy", -0.1, 0.1, 1, "samz", -0.1, 0.1, 1, 0.01, "i0", save=False)
    scans.rel_spiral("samy", 0.2, "samz", 0.2, 0.1, 4, 0.01, "i0", save=False)
    scans.rel_spiral_fermat("samy", 0.2, "samz", 0.2, 0.05, 1, 0.01, "i0", save=False)

    assert np.abs(table(recorder, "samy", "samz") - [1, -1]).max() < 0.101
    assert beamline.stream.scan(scan.identifier).description.attributes["grid"]["positions"] == [
        [pytest.approx(-1.1), pytest.approx(-0.9)],
        [pytest.approx(0.9), pytest.approx(1.1)],
    ]
    assert setpoints(beamline, "samy", "samz") == [1.0, -1.0]
    for name in ("samy", "samz"):
        beamline[name].move(0.0)


def test_spirals_lie_around_their_centre(scans, recorder):
    scans.spiral("samy", 0.5, 0.2, "samz", 0.1, 0.2, 0.1, 4, 0.01, "i0", save=False)
    assert table(recorder, "samy", "samz") == pytest.approx(
        np.array([[0.5, 0.1], [0.6, 0.1], [0.5, 0.2], [0.4, 0.1], [0.5, 0.0]]), abs=1e-3
    )
    recorder.points.clear()
    scans.spiral_fermat("samy", 0.5, 0.2, "samz", 0.1, 0.2, 0.05, 1, 0.01, "i0", save=False)
    radii = np.hypot(*(table(recorder, "samy", "samz") - [0.5, 0.1]).T)
    assert radii[:3] == pytest.approx([0, 0.05, 0.05 * 2**0.5], abs=1e-3)


def test_each_point_may_have_its_exposure_time(scans, recorder, beamline, simulators):
    times = [0.01, 0.03, 0.02]
    scan = scans.ascan("samy", 0, 0.1, 2, times, "i0", save=False)

    truth = simulators(do="truth")["instruments"]["counters"]["rates"]["i0"]
    assert table(recorder, "i0")[:, 0] == pytest.approx(truth * np.array(times), rel=0.2)
    assert beamline.stream.scan(scan.identifier).read("exposure_time", 0, 3).tolist() == times
    with pytest.raises(OutOfRange, match=r"ct1: cannot count for 1e-06 s"):
        scans.loopscan(2, [0.01, 1e-6], "i0", save=False)


def test_a_scan_waits_between_points_and_after_motion(scans, recorder):
    scans.ascan("samy", 0, 0.01, 2, 0.01, "i0", save=False, sleep_time=0.2, stab_time=0.1)

    assert np.diff(table(recorder, "elapsed_time")[:, 0]).min() >= 0.3


def test_a_timescan_goes_on_until_it_is_stopped(scans, recorder, beamline):
    recorder.at(3, lambda: scans.last.stop("a test"))
    with pytest.raises(ScanStopped):
        scans.timescan(0.01, "i0", save=False)

    stream = beamline.stream.scan(scans.last.identifier)
    assert (stream.state, stream.record().points) == ("ABORTED", None)
    assert stream["measurement/i0"].shape[0] >= 4
    counted = scans.timescan(0.01, "i0", npoints=2, sleep_time=0.01, save=False)
    assert (counted.points_done, counted.plan.command) == (2, "timescan(0.01, i0, npoints=2, sleep_time=0.01)")


def test_an_axis_rocks_while_others_are_scanned_and_goes_back(scans, recorder, beamline, wait_for):
    rot, there = beamline["rot"], []
    before = rot.setpoint
    recorder.at(0, lambda: wait_for(lambda: abs(rot.position - before) > 0.2 and there.append(1) is None, 150, "rocks"))
    with scans.rockit("rot", 2.0):
        scans.ascan("samy", 0, 0.1, 2, 0.01, "i0", save=False)

    assert there
    assert (rot.setpoint, rot.state) == (before, "ON")
    with pytest.raises(ValueError, match="mine"), scans.rockit("rot", 2.0):
        raise ValueError("mine")
    assert (rot.setpoint, rot.state) == (before, "ON")


def test_rocking_beyond_the_limits_is_refused(scans, beamline):
    before = beamline["samz"].position
    with pytest.raises(OutOfRange, match="samz: cannot move to"), scans.rockit("samz", 50):
        raise AssertionError("it began")
    assert beamline["samz"].position == before


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda s: s.a3scan("samx", 0, 1, 2, 0.1, "i0"), "a3scan: takes axis, start, stop of each of the 3 axes"),
        (lambda s: s.a2scan("samx", 0, 1, "samx", 0, 1, 2, 0.1, "i0"), "a2scan: samx is given twice"),
        (lambda s: s.anscan([("samx", 0)], 2, 0.1, "i0"), "anscan: each axis needs its start and stop"),
        (lambda s: s.anscan("samx", 2, 0.1, "i0"), r"anscan: the first argument should be a list such as \[\(samy"),
        (lambda s: s.lookupscan([("samx", [0, 1]), ("samy", [0])], 0.1, "i0"), "samy has 1 positions and samx 2"),
        (lambda s: s.lookupscan("samx", 0.1, "i0"), "lookupscan: the first argument should be a list such as"),
        (lambda s: s.pointscan("samx", [], 0.1, "i0"), "the positions of samx should be a list of numbers in mm"),
        (lambda s: s.pointscan("samx", [0, "a"], 0.1, "i0"), "each position of samx should be a finite number in mm"),
        (lambda s: s.amesh("samx", 0, 1, 0, "samy", 0, 1, 2, 0.1, "i0"), "the number of intervals of samx should be"),
        (lambda s: s.amesh("samx", 0, 1, 9999, "samy", 0, 1, 9999, 0.1, "i0"), "a lattice of 100000000 points"),
        (lambda s: s.spiral("samx", 0, 1, "samy", 0, 1, 0, 4, 0.1, "i0"), "spiral: dr should be above 0 mm, not 0"),
        (lambda s: s.loopscan(3, [0.1, 0.2], "i0"), "2 exposure times are given for 3 points"),
        (lambda s: s.timescan([0.1], "i0"), "timescan: give one exposure time, for nobody knows how many"),
        (lambda s: s.loopscan(3, 0.1, "i0", sleep_time=-1), "sleep_time should be a number of seconds, 0 or more"),
        (lambda s: s.loopscan(3, 0.1, "i0", sleep=1), "loopscan: does not know the keyword sleep=; there are title="),
        (lambda s: s.rockit("samx", 0), "rockit: the total move should be above 0 mm, not 0"),
    ],
)
def test_arguments_that_mean_nothing_are_refused_before_anything_happens(scans, recorder, call, complaint):
    with pytest.raises(BadValue, match=complaint):
        call(scans)
    assert recorder.ended == []


def test_a_scan_may_be_stopped_from_another_thread(scans, recorder):
    recorder.at(0, lambda: threading.Thread(target=scans.last.stop, args=("another thread",)).start())
    with pytest.raises(ScanStopped, match="stopped by another thread"):
        scans.timescan(0.01, "i0", save=False)


def test_an_absorption_spectrum_has_its_regions_and_follows_nxxas(scans, recorder, beamline):
    regions = [(-6, 0, 3, 0.01), (1.0, 2.0, 0.5, 0.02, "k", 1)]
    before = beamline["energy"].position
    scan = scans.xas_scan(
        "energy", 8.979, regions, incoming="i0", transmitted="diode", sample="Cu foil", element="Cu", edge="K"
    )
    beamline["energy"].move(before)

    energies = np.append(8.979 + np.array([-6, -3, 0]) / 1000, 8.979 + 3.80998e-3 * np.array([1, 1.5, 2]) ** 2)
    assert table(recorder, "energy")[:, 0] == pytest.approx(energies, abs=2e-5)
    assert scan["exposure_time"].tolist() == [0.01, 0.01, 0.01, 0.02, 0.03, 0.04]
    assert scan["k"][2:] == pytest.approx([0, 1, 1.5, 2], abs=1e-3)
    with h5py.File(scan.wait_for_file(60).path) as file:
        entry = file[file.attrs["default"]]
        assert entry["definition"][()] == b"NXxas"
        assert entry["energy"][()] == pytest.approx(energies, abs=2e-5)
        assert entry["edge/name"][()] == b"K"
        assert "exposure_time" in entry["measurement"]
    with pytest.raises(BadValue, match="a file after NXxas needs incoming="):
        scans.xas_scan("energy", 8.979, regions, transmitted="diode")
    with pytest.raises(BadValue, match="samx is in mm; the energy should be an axis in keV or eV"):
        scans.xas_scan("samx", 8.979, regions, "i0")
