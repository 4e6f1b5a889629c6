"""Scans along a trajectory on the demo beamline: where points lie, what is marked, how they end, why one is refused."""

import contextlib

import h5py
import numpy as np
import pytest

from ronda.framework.errors import BadValue, HardwareFault, NotAllowed, OutOfRange
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.presets import PointPreset
from ronda.framework.scan.standard import Scans
from ronda.framework.stream.description import State
from tests.framework.scan.test_faults import when

RESOLUTION = 1 / 2000  # mm for one step
POINTS, TIME = 100, 0.01
BOUNDS = ["samy", "samy_start", "samy_end", "samz", "samz_start", "samz_end"]


@pytest.fixture
def home(beamline):
    """Leaves the axes where they were."""
    yield
    for name in ("samy", "samz"):
        beamline[name].move(0.0)


def circle(turned, radius=0.2):
    """Positions of samy and samz on a circle, after parts of its turn."""
    angle = 2 * np.pi * np.asarray(turned)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


ROWS = circle(np.linspace(0, 1, 41))


def turn(scans, *counters, **keywords):
    return scans.ftrajectory(["samy", "samz"], ROWS, POINTS, TIME, *(counters or ("i0",)), **keywords)


def lies_on_the_circle(scan, passes=1, room=RESOLUTION):
    edges = circle(np.arange(POINTS + 1) / POINTS)
    starts = np.concatenate([(edges[::-1] if back % 2 else edges)[:-1] for back in range(passes)])
    ends = np.concatenate([(edges[::-1] if back % 2 else edges)[1:] for back in range(passes)])
    count = len(scan["samy"])
    for place, name in enumerate(("samy", "samz")):
        assert scan[f"{name}_start"] == pytest.approx(starts[:count, place], abs=room)
        assert scan[f"{name}_end"] == pytest.approx(ends[:count, place], abs=room)
        assert scan[name] == pytest.approx((starts + ends)[:count, place] / 2, abs=room)


class Left(Observer):
    """How many positions of the other axes are kept at the end of a scan."""

    def on_end(self, scan):
        self.positions = [len(one) for one in scan._measuring._others.values()]


def test_two_axes_go_round_a_circle_and_back_and_both_passes_are_in_one_saved_file(scans, recorder, home):
    left = Left()
    scans.observers.append(left)
    scan = turn(scans, "ct1", passes=2)

    assert scan.state == State.COMPLETED
    assert scan.remarks == []
    assert recorder.points[-1][0] == 2 * POINTS - 1
    lies_on_the_circle(scan, passes=2)
    assert left.positions == [1]  # the last trigger: nothing piles up
    assert scan["valid"].all()
    assert scan["exposure_time"] == pytest.approx(np.full(2 * POINTS, TIME))
    assert scan["ct1_emitted"].tolist() == scan["ct1_received"].tolist()
    with h5py.File(scan.wait_for_file().path) as file:
        entry = file[f"{scan.number}.1"]
        assert {len(entry[f"measurement/{name}"]) for name in [*BOUNDS, "i0", "diode", "valid"]} == {2 * POINTS}
        assert entry["measurement/samy_trigger_bounds"][:].sum() == 2 * (POINTS + 1)
        assert len(entry["measurement/samz_trigger_time"]) == 2 * (POINTS + 1)
        assert b"hardware triggers of samy" in entry["triggers"][()]
        assert entry["plotselect"].attrs["axes"].tolist() == ["samy", "samz"]


@pytest.mark.parametrize("direction", [1, -1], ids=["up", "down"])
def test_a_trajectory_and_an_ascan_of_the_pinhole_agree(scans, home, direction):
    first, last = (-0.31, 0.59)[::direction]
    rows = [[first + (last - first) * part, 0.0] for part in (0, 0.2, 0.5, 1)]
    swept = scans.ftrajectory(["samy", "samz"], rows, 45, 0.02, "i0", "diode", times=[0, 0.18, 0.45, 0.9], save=False)

    some = slice(2, None, 5)
    edges = first + (last - first) * np.arange(46) / 45
    assert swept["samy_start"] == pytest.approx(edges[:-1], abs=RESOLUTION)
    begin, end = swept["samy"][some][[0, -1]]
    before = 5 * (last - first) / 45  # one point more, so that the play is taken up
    stepped = scans.ascan("samy", begin - before, end, 9, 0.02, "i0", "diode", save=False)
    assert stepped["samy"][1:] == pytest.approx(swept["samy"][some], abs=3 * RESOLUTION)
    for counter in ("i0", "diode"):
        one, other = swept[counter][some], stepped[counter][1:]
        sigma = np.sqrt(one + other + 1 + 2 * (0.004 * other) ** 2)  # as in the test of fscan
        assert (np.abs(one - other) < 7 * sigma).all()


def test_triggers_that_go_astray_are_found_and_only_their_points_are_marked(scans, home, simulators):
    line, wrong = {"do": "triggers", "line": "motion:2"}, set()
    for attempt in range(5):  # chance, or a slow machine, may let none go astray: each sweep takes longer
        time = TIME * (1 + 4 * attempt)
        before = simulators(**line)
        scan = scans.ftrajectory(["samy", "samz"], ROWS, POINTS, time, "i0", save=False, run=False)
        disturbing = when(
            lambda scan=scan: (
                scan.state in State.ENDED
                or (scan.stream is not None and scan.stream.extent("samy_triggers").length >= 5)
            ),
            lambda time=time: simulators(**line, dropped=0.08, doubled=0.08, delayed=0.08, by=0.4 * time),
        )
        try:
            scan.run()
        finally:
            disturbing.join(60)
            simulators(**line, dropped=0.0)
        after = simulators(**line)
        dropped, doubled, delayed = (
            {n - before["emitted"] - 5 for n in after[fate] if n not in before[fate]}
            for fate in ("dropped", "doubled", "delayed")
        )
        wrong = {point for n in dropped | delayed for point in (n - 1, n)} | doubled
        wrong = {point for point in wrong if 0 <= point < POINTS}
        if wrong:
            break
    assert wrong
    assert set(np.flatnonzero(scan["valid"] == 0).tolist()) == wrong
    assert scan["ct1_missing"].tolist() == [len(dropped)]
    assert scan["ct1_late"].tolist() == [len(delayed)]
    lies_on_the_circle(scan)  # not one is shifted
    assert any("triggers emitted" in remark and "marked in valid" in remark for remark in scan.remarks)


def test_a_pause_lets_the_pass_end_and_nothing_is_lost(beamline, recorder, home):
    class Pause(PointPreset):
        def start(self, scan, index):
            if index == 0:  # the first pass is about to begin
                scan.pause("a test")

    scans = Scans(beamline, "tests", "somebody", [recorder])
    scan = turn(scans, passes=2, save=False, run=False)
    scan.add_preset(Pause())
    when(lambda: scan.state == "PAUSED", lambda: scan.resume("a test"))
    scan.run()

    assert "paused by a test" in recorder.waiting
    assert scan.state == State.COMPLETED
    lies_on_the_circle(scan, passes=2)
    assert scan["valid"].all()


def test_stopped_in_the_middle_all_axes_brake_and_all_channels_are_equally_long(beamline, home):
    class Interrupt(Observer):
        def on_point(self, scan, index, values):
            if index > 10:
                raise KeyboardInterrupt

    scans = Scans(beamline, "tests", "somebody", [Interrupt()])
    with contextlib.suppress(KeyboardInterrupt):
        scans.ftrajectory(["samy", "samz"], [[0, 0], [9, 9]], 3000, 0.01, "i0", "diode")
    scan = scans.last

    assert scan.state == State.ABORTED
    for name in ("samy", "samz"):
        assert beamline[name].state == "ON"
        assert beamline[name].position < 8.0
    assert beamline["samy"].position == pytest.approx(beamline["samz"].position, abs=0.3)
    with h5py.File(scan.wait_for_file().path) as file:
        found = file[f"{scan.number}.1/measurement"]
        lengths = {len(found[name]) for name in [*BOUNDS, "i0", "diode", "valid", "ct1_valid"]}
        assert len(lengths) == 1
        assert 10 < lengths.pop() < 3000
        assert all(np.isfinite(found[name][:]).all() for name in BOUNDS)
    again = turn(Scans(beamline), save=False)
    assert (again.state, len(again["i0"])) == (State.COMPLETED, POINTS)


@pytest.mark.parametrize("fails", [False, True], ids=["stopped", "fails"])
def test_one_axis_that_is_stopped_or_fails_ends_it_for_all(beamline, home, simulators, fails):
    class End(Observer):
        def on_point(self, scan, index, values):
            if fails:
                simulators(do="fault", instrument="motion", axis=3)
            else:
                beamline["samz"].stop()

    try:
        with pytest.raises(HardwareFault, match=r"sam[yz]"):
            Scans(beamline, observers=[End()]).ftrajectory(
                ["samy", "samz"], [[0, 0], [9, 9]], 3000, 0.01, "i0", save=False
            )
        wait = [beamline[name] for name in ("samy", "samz")]
        assert all(axis.state != "MOVING" and axis.position < 8.0 for axis in wait)
    finally:
        beamline["samz"].enable()


def test_with_software_triggers_positions_are_those_that_the_axes_tell(scans, home):
    scan = scans.ftrajectory(["samy", "samz"], ROWS, 20, 0.1, "i0", triggers="software", save=False)

    good = scan["valid"] != 0  # those that came late, on a machine that was busy, lie where they lie
    assert np.hypot(scan["samy"], scan["samz"])[good] == pytest.approx(np.full(good.sum(), 0.2), abs=0.05)
    assert len(scan["i0"]) == 20


def test_a_computed_axis_goes_where_it_is_sent_by_the_axes_below(scans, beamline):
    first = beamline["energy"].position
    scan = scans.ftrajectory(["energy"], [[8.95], [8.98], [9.0], [9.05]], 50, 0.02, "i0", save=False)
    beamline["energy"].move(first)

    assert scan["energy_start"][0] == pytest.approx(8.95, abs=1e-4)
    assert scan["energy_end"][-1] == pytest.approx(9.05, abs=1e-4)
    assert (np.diff(scan["energy"]) > 0).all()
    assert (np.diff(scan["bragg"]) < 0).all()
    assert scan["energy_end"][:-1] == pytest.approx(scan["energy_start"][1:])
    assert scan.plan.continuous.hardware


def test_a_function_of_the_time_is_followed(scans, home):
    def swing(moment):
        return [0.1 * np.sin(2 * np.pi * moment)]

    scan = scans.ftrajectory(["samy"], swing, POINTS, TIME, "i0", save=False)

    moments = TIME * np.arange(POINTS)
    assert scan["samy_start"] == pytest.approx(0.1 * np.sin(2 * np.pi * moments), abs=RESOLUTION)
    assert "ftrajectory([samy], swing, 100, 0.01, i0)" in scan.plan.command


def test_the_velocity_is_the_same_everywhere_if_times_go_by_the_way(scans, home):
    rows = [[0, 0], [0.05, 0], [0.3, 0], [0.31, 0], [0.5, 0]]
    scan = scans.ftrajectory(["samy", "samz"], rows, POINTS, TIME, "i0", times="way", save=False)
    assert np.diff(scan["samy_start"]) == pytest.approx(np.full(POINTS - 1, 0.005), abs=2 * RESOLUTION)


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "says"),
    [
        (
            (["samy", "samz"], [[0, 0], [30, 0]], 100, 1),
            {},
            OutOfRange,
            r"samy would move between .* outside limits \[-5",
        ),
        (
            (["samy", "samz"], [[0, 0], [5, 0]], 100, 0.0005),
            {},
            OutOfRange,
            "samy would need 100 mm/s, and moves at 50 mm/s at most; let the trajectory take 2 times as long",
        ),
        (
            (["samy"], [[0], [1], [0], [1], [0]], 100, 0.004),
            {},
            OutOfRange,
            r"samy would need an acceleration of .* mm/s\^2, and has 20 mm/s\^2; let the trajectory take .* times as long",
        ),
        (
            (["samy", "s1u"], [[0, 0], [1, 1]], 10, 1),
            {},
            NotAllowed,
            "samy, s1u are not all axes of one motor controller",
        ),
        ((["samy", "samy"], [[0, 0], [1, 1]], 10, 1), {}, BadValue, "samy"),
        (("samy", [[0], [1]], 10, 1), {}, BadValue, r"axes should be a list of one or more, as in \[samy, samz\]"),
        (
            (["samy"], [[0, 1], [1, 1]], 10, 1),
            {},
            BadValue,
            r"a row such as \[0\] for samy; these have the shape \(2, 2\)",
        ),
        ((["samy"], [[0]], 10, 1), {}, BadValue, "has from 2 to 10000 positions, not 1"),
        ((["samy"], [[0], [np.nan]], 10, 1), {}, BadValue, "row 1 is no place"),
        ((["samy"], [[0], ["a"]], 10, 1), {}, BadValue, "each position should be a row"),
        ((["samy"], [[0], [1]], 10, 1), {"times": [0, 5]}, BadValue, "from 0 to 5 s, and all points from 0 to 10 s"),
        ((["samy"], [[0], [1]], 10, 1), {"times": [0, -1]}, BadValue, "should be 2 rising numbers"),
        (
            (["samy", "rot"], [[0, 0], [1, 1]], 10, 1),
            {"times": "way"},
            BadValue,
            "there is no way in deg and mm at once",
        ),
        ((["samy"], [[0], [1]], 10, 1), {"passes": 0}, BadValue, "number of passes should be a whole number"),
        ((["energy"], [[1.0], [9.0]], 10, 1), {}, OutOfRange, "energy"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason_before_anything_moves(
    scans, beamline, arguments, keywords, error, says
):
    before = {name: beamline[name].position for name in ("samy", "samz", "bragg")}
    with pytest.raises(error, match=says):
        scans.ftrajectory(*arguments, "i0", save=False, **keywords)
    assert {name: beamline[name].position for name in before} == before


def test_a_dry_run_checks_and_times_it(scans, beamline):
    before = beamline["samy"].position
    told = []
    with scans.dryrun(told.append) as dry:
        turn(scans, passes=2)
        with pytest.raises(OutOfRange):
            scans.ftrajectory(["samy"], [[0], [30]], 100, 1, "i0")
    (estimate,) = dry.estimates
    assert (estimate.points, estimate.exposure) == (2 * POINTS, pytest.approx(2.0))
    assert estimate.size >= 2 * POINTS * 8 * len([*BOUNDS, "i0", "valid", "elapsed_time"])
    assert estimate.ranges["samy"][:2] == pytest.approx((-0.2, 0.2), abs=0.01)
    assert estimate.ranges["samz"][:2] == pytest.approx((-0.2, 0.2), abs=0.01)
    assert beamline["samy"].position == before
