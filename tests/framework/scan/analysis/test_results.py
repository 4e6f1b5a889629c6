"""What scans of the demo beamline can be asked: data, peaks, going there, scans beside one another, earlier scans."""

import threading

import numpy as np
import pytest

from ronda.framework.clients.counter import sampling
from ronda.framework.errors import BadValue, Busy, NotFound, NotReady, OutOfRange
from ronda.framework.scan.analysis.past import FileScan, PastScan
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.standard import Scans

PINHOLE = (0.137, -0.082)
"""Where the sample holder has its hole, in mm (y, z); the spot drifts by 0.015."""


@pytest.fixture
def at_pinhole(beamline):
    """The vertical stage lets the beam through the pinhole; afterwards both are at 0 again."""
    beamline["samz"].move(PINHOLE[1])
    yield
    for name in ("samy", "samz"):
        beamline[name].move(0.0)


@pytest.fixture
def profile(scans, at_pinhole):
    """A scan across the pinhole."""
    return scans.dscan("samy", PINHOLE[0] - 0.4, PINHOLE[0] + 0.4, 20, 0.02, "diode", "i0")


def test_data_is_there_by_name_while_the_scan_runs_and_after(scans, recorder, beamline):
    seen = []
    recorder.at(2, lambda: seen.append((len(scans.last["i0"]), scans.last[beamline["samx"]][:3].tolist())))
    scan = scans.ascan("samx", 0, 0.04, 4, 0.01, "i0", save=False)

    assert seen == [(3, pytest.approx([0, 0.01, 0.02]))]
    assert scan["i0"].tolist() == [values["i0"] for _, values in recorder.points]
    assert list(scan.data) == ["samx", "elapsed_time", "i0"]
    assert "i0" in scan.data
    assert "diode" not in scan.data
    assert scan.data["elapsed_time"].shape == (5,)
    with pytest.raises(NotFound, match=r"scan \d+: has no channel nosuch; there are samx, elapsed_time, i0"):
        scan["nosuch"]


def test_the_peak_of_a_scan_is_found_and_gone_to(profile, beamline):
    assert profile.cen() == pytest.approx(PINHOLE[0], abs=0.06)
    assert profile.com("diode") == pytest.approx(PINHOLE[0], abs=0.06)
    assert profile.peak(beamline["diode"], "samy") == pytest.approx(PINHOLE[0], abs=0.13)
    assert profile.fwhm() == pytest.approx(0.3, abs=0.1)
    found = profile.fit("gauss")
    assert abs(found.centre - PINHOLE[0]) < 0.03 + 5 * found.errors["centre"]  # of which 0.015 is drift
    assert found.units == {"centre": "mm", "fwhm": "mm", "height": "count", "offset": "count"}

    for go in (profile.goto_com, profile.goto_peak, profile.goto_trough, profile.goto_cen):
        place = go()
        assert beamline["samy"].position == pytest.approx(place, abs=1e-3)
    assert f"samy stands at {beamline['samy'].position:g} mm; scan {profile.number} went from" in profile.where()


def test_a_file_and_an_earlier_program_tell_the_same(profile, scans, beamline):
    path = profile.wait_for_file(60).path
    others = Scans(beamline, "tests").history

    assert scans.history[-1] is profile
    past, file = others[-1], others[path]
    assert (type(past), type(file)) == (PastScan, FileScan)
    for one in (past, file):
        assert one.contents() == profile.contents()
        assert one["diode"].tolist() == profile["diode"].tolist()
        assert one.cen() == profile.cen()
        assert (one.number, one.state, one.command) == (profile.number, "COMPLETED", profile.plan.command)
    assert others.number(profile.number).identifier == profile.identifier
    assert others[profile.identifier].number == profile.number
    past.goto_cen()
    assert beamline["samy"].position == pytest.approx(profile.cen(), abs=1e-3)
    with pytest.raises(NotReady, match="is read from a file, which cannot move samy"):
        file.goto_cen()
    with pytest.raises(NotFound, match="there is no such file"):
        others["nowhere.h5"]
    with pytest.raises(NotFound, match=r"SCANS\[9999\]: there are \d+ scans in memory"):
        others[9999]


def test_nobody_is_sent_anywhere_without_a_signal_or_by_a_scan_that_moved_nothing(profile, scans, beamline):
    constant = sampling("samy/Velocity", name="constant")  # whether noise looks like a signal, test_curve judges
    flat = scans.dscan("samy", -0.1, 0.1, 4, 0.01, constant, save=False)
    before = beamline["samy"].position
    with pytest.raises(BadValue, match=r"constant over samy: there is no signal, all values are 2"):
        flat.goto_peak()
    with pytest.raises(BadValue, match="samz is not an axis of this scan; there are samy"):
        profile.goto_cen(axis="samz")
    with pytest.raises(BadValue, match="samy is not a counter of this scan; there are diode, i0"):
        profile.cen("samy")
    loop = scans.loopscan(3, 0.01, "i0", save=False)
    with pytest.raises(NotReady, match="moved no axis, so there is nowhere to go"):
        loop.goto_peak()
    assert beamline["samy"].position == before


def test_a_place_beyond_the_limits_is_refused_and_nothing_moves(profile, beamline):
    axis = beamline["samy"]
    limits, before = axis.limits, axis.position
    axis.limits = (limits[0], 0.05)
    try:
        with pytest.raises(OutOfRange, match="samy: cannot move to"):
            profile.goto_cen()
        assert axis.position == before
    finally:
        axis.limits = limits


def test_lineup_goes_to_the_peak_and_without_one_stays_where_it_was(scans, beamline, at_pinhole):
    scan = scans.lineup("samy", PINHOLE[0] - 0.3, PINHOLE[0] + 0.3, 12, 0.02, "diode", save=False)
    assert scan.plan.command.startswith("lineup(samy, ")
    assert beamline["samy"].position == pytest.approx(scan.peak(), abs=1e-3)

    before = beamline["samy"].setpoint
    constant = sampling("samy/Velocity", name="constant")  # of noise, one curve in forty looks like a signal
    with pytest.raises(BadValue, match="there is no signal"):
        scans.lineup("samy", 3.0, 3.2, 12, 0.02, constant, save=False)
    assert beamline["samy"].setpoint == before


def test_all_axes_of_a_scan_go_to_its_peak(scans, beamline, at_pinhole):
    mesh = scans.amesh("samy", -0.2, 0.4, 4, "samz", -0.182, 0.018, 2, 0.02, "diode", save=False)
    place = mesh.goto_peak()

    assert list(place) == ["samy", "samz"]
    assert place["samz"] == pytest.approx(PINHOLE[1], abs=1e-3)
    assert [beamline[name].position for name in place] == pytest.approx(list(place.values()), abs=1e-3)
    assert mesh.com()["samy"] == pytest.approx(PINHOLE[0], abs=0.1)
    with pytest.raises(BadValue, match="the points cover an area, and this is no curve"):
        mesh.cen()
    points = mesh.points()
    assert [column.title for column in (*points.axes, *points.counters)] == ["samy [mm]", "samz [mm]", "diode [count]"]
    assert points.axes[1].places().max() == 2
    assert {len(column.values) for column in (*points.axes, *points.counters)} == {15}
    assert [column.name for column in mesh.points(axis="samz").axes] == ["samz"]

    line = scans.a2scan("samy", -0.2, 0.4, "samz", PINHOLE[1], PINHOLE[1], 8, 0.02, "diode", save=False)
    assert line.cen() == {
        "samy": pytest.approx(PINHOLE[0], abs=0.1),
        "samz": pytest.approx(PINHOLE[1], abs=1e-3),
    }
    assert [column.name for column in line.points("diode").axes] == ["samy"]


def test_scans_run_beside_one_another_if_they_share_no_device(scans, wait_for):
    first = scans.timescan(0.02, "i0", run=False, save=False).start()
    second = scans.ascan("rot", 0, 0.1, 2, 0.02, sampling("samx/Position"), run=False, save=False).start()

    assert second.result(60).state == "COMPLETED"
    wait_for(lambda: first.points_done > 1, 150, "the other measures")
    assert not first.wait(0)
    with pytest.raises(NotReady, match="has run already; make a new one"):
        first.run()
    done = first.durations.exposure
    wait_for(lambda: first.durations.exposure > done, 150, "it goes on, and tells of it")
    shared = scans.loopscan(1, 0.01, "i0", run=False, save=False).start()
    with pytest.raises(Busy, match=r"ct1: cannot join scan .*: it is in scan"):
        shared.result(60)
    first.stop("a test")
    assert first.wait(60)
    assert first.state == "ABORTED"
    assert len(first["i0"]) >= 2
    with pytest.raises(NotReady, match="has begun already; make a new one"):
        first.start()


class Slow(Observer):
    """Is told of the end, and does not come back."""

    def __init__(self):
        self.told, self.free = threading.Event(), threading.Event()

    def on_prepared(self, scan):
        raise ZeroDivisionError("a mistake")

    def on_end(self, scan):
        self.told.set()
        assert self.free.wait(150)


def test_the_result_of_a_scan_beside_is_there_when_all_is_over_and_tells_of_any_error(beamline):
    slow = Slow()
    scan = Scans(beamline, "tests", "somebody", [slow]).loopscan(1, 0.01, "i0", run=False, save=False).start()
    assert slow.told.wait(150)
    assert (scan.state, scan.runs, scan.wait(0)) == ("FAILED", False, False)
    slow.free.set()
    with pytest.raises(ZeroDivisionError, match="a mistake"):
        scan.result(150)


def test_two_scans_never_move_one_axis(scans, recorder, wait_for, beamline):
    first = scans.ascan("s1vg", 6.0, 6.1, 1000, 0.02, sampling("samx/Position"), run=False, save=False).start()
    wait_for(lambda: first.points_done, 150, "it measures")

    with pytest.raises(Busy, match=r"s1u is in use by ascan\(s1vg, 6.0, .*\) of this session"):
        scans.ascan("s1u", 3, 3.1, 2, 0.01, "i0", save=False)
    first.stop("a test")
    assert first.wait(60)
    scans.ascan("s1u", 3, 3.1, 1, 0.01, "i0", save=False)
    for name in ("s1u", "s1d"):
        beamline[name].move(3.0)


def test_positions_of_one_axis_are_taken_in_any_order(scans, at_pinhole):
    places = np.random.default_rng(1).permutation(np.linspace(-0.2, 0.45, 14)).round(3)
    scan = scans.pointscan("samy", places.tolist(), 0.02, "diode", save=False)

    assert scan.cen() == pytest.approx(PINHOLE[0], abs=0.08)
