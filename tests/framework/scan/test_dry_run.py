"""Dry runs: nothing moves, everything is checked, and the time is about right; and disks that are nearly full."""

import random

import pytest

from ronda.framework.errors import NotAllowed, NotReady, OutOfRange
from ronda.framework.scan import room
from ronda.framework.scan.durations import Durations
from ronda.framework.scan.pace import Pace
from ronda.framework.scan.standard import Scans
from ronda.framework.scan.virtual_axes import Moving, move_time


@pytest.fixture
def quiet():
    """Takes what dry runs tell."""
    return []


def test_nothing_moves_and_the_plan_is_told(scans, beamline, quiet):
    before = beamline["samx"].position
    with scans.dryrun(quiet.append) as plan:
        scan = scans.ascan("samx", -1, 1, 100, 0.1, "diode", save=False)
    (estimate,) = plan.estimates
    assert scan.identifier == ""
    assert beamline["samx"].position == before
    assert estimate.points == 101
    assert estimate.exposure == pytest.approx(10.1)
    assert estimate.motion > 100 * move_time(0.02, 2.0, 0.1)
    assert estimate.ranges["samx"] == (-1.0, 1.0, "mm")
    assert estimate.size > 101 * 16
    assert quiet == [str(estimate)]
    assert quiet[0].startswith(f"ascan(samx, -1, 1, 100, 0.1, diode): {estimate.duration:.3g} s; 101 points")


def test_a_script_goes_on_from_where_it_would_stand(scans, beamline, quiet):
    samx = beamline["samx"]
    samx.move(0.0)
    with scans.dryrun(quiet.append) as plan:
        plan.move("mv(samx, 4)", [(samx, 4.0)])
        scans.dscan(samx, -0.5, 0.5, 2, 0.1, "diode", save=False)
    assert plan.estimates[0].motion == pytest.approx(move_time(4.0, 2.0, 0.1), abs=0.2)
    assert plan.estimates[1].ranges["samx"] == (3.5, 4.5, "mm")
    assert quiet[-1].startswith(f"together {plan.duration:.3g} s")
    assert samx.position == pytest.approx(0.0, abs=0.01)


def test_the_real_axes_below_a_computed_one_are_checked_and_told(scans, beamline, quiet):
    with scans.dryrun(quiet.append) as plan:
        scans.ascan("s1vg", 5.0, 7.0, 2, 0.1, "diode", save=False)
    told = plan.estimates[0].ranges
    assert set(told) == {"s1u", "s1d"}
    offset = beamline["s1vo"].position
    assert told["s1u"][:2] == pytest.approx((2.5 + offset, 3.5 + offset), abs=0.01)
    with pytest.raises(OutOfRange, match="s1u"), scans.dryrun(quiet.append):
        scans.ascan("s1vg", 5.0, 11.0, 2, 0.1, "diode", save=False)


def test_a_target_outside_limits_is_refused_as_the_scan_would_be(scans, quiet):
    with pytest.raises(OutOfRange, match="samx: cannot move to 20"), scans.dryrun(quiet.append):
        scans.ascan("samx", 0, 20, 2, 0.1, "diode", save=False)


def test_a_sweep_faster_than_the_axis_can_is_refused_as_the_scan_would_be(scans, beamline, quiet):
    too_fast = r"samy: 10 mm in 0\.02 s takes 500 mm/s, but it moves at 50 mm/s at most"
    with pytest.raises(OutOfRange, match=too_fast), scans.dryrun(quiet.append):
        scans.fscan("samy", 0, 10, 5, 0.02, "diode", save=False)
    with pytest.raises(OutOfRange, match=r"Velocity cannot be set to 60\.0 mm/s, .* at most 50\.0 mm/s"):
        beamline["samy"].velocity = 60.0  # so a step scan always moves within the range


def test_axes_do_not_move_by_other_means_either_and_move_again_after(scans, beamline, quiet):
    samx = beamline["samx"]
    with pytest.raises(NotAllowed, match="samx: does not move in a dry run"), scans.dryrun(quiet.append):
        samx.move(1.0)
    samx.move(0.5)
    assert samx.position == pytest.approx(0.5, abs=0.01)


def test_one_dry_run_at_a_time(scans, quiet):
    with scans.dryrun(quiet.append), pytest.raises(NotReady, match="there is a dry run already"):
        scans.dryrun(quiet.append)


def drawn(draw, scans):
    """A scan at random, of some seconds; call it to run it."""
    start, way = draw.uniform(-4, 1), draw.choice([-1, 1]) * draw.uniform(1, 2)
    number, time = draw.randint(2, 5), draw.uniform(0.1, 0.2)
    side = draw.uniform(0.2, 0.5)
    return draw.choice(
        [
            lambda: scans.ascan("samx", start, start + way, number, time, "diode", save=False),
            lambda: scans.a2scan("samx", start, start + way, "samz", 0, side, number, time, "diode", save=False),
            lambda: scans.dscan("samx", -way / 2, way / 2, number, time, "diode", save=False),
            lambda: scans.amesh("samx", start, start + side, number, "samz", 0, 0.1, 1, time, "diode", save=False),
            lambda: scans.loopscan(3 * number, time, "diode", save=False),
        ]
    )


def test_the_estimate_is_within_15_percent_of_scans_drawn_at_random(scans, beamline, recorder, quiet, simulators):
    draw = random.Random(1)
    moved: set[tuple[float, float]] = set()

    def look():
        """Note the latest motions, by the clock of the instruments, which no busy computer makes slower."""
        for axis in simulators(do="truth")["instruments"]["motion"]["axes"].values():
            moved.add((axis["started"], axis["ends"]))

    recorder.on_point = lambda *_: look()
    ratios = []
    while not any(0.85 < ratio < 1.15 for ratio in ratios[1:]):  # one tells how long things take on this machine
        scan = drawn(draw, scans)
        with scans.dryrun(quiet.append) as plan:
            scan()
        (estimate,) = plan.estimates
        look()
        before, took = set(moved), scan().took
        look()
        told = f"{estimate}; took {took} s"
        assert estimate.motion == pytest.approx(busy(moved - before), rel=0.01, abs=0.01), told
        assert estimate.motion + estimate.exposure < took * 1.001, told
        ratios.append(estimate.duration / took)
        assert len(ratios) < 30, ratios  # whatever else the computer did meanwhile
    beamline["samz"].move(0.0)


def busy(motions):
    """Seconds in which any of the axes moved."""
    total, until = 0.0, 0.0
    for started, ends in sorted(motions):
        total += max(ends - max(started, until), 0.0)
        until = max(until, ends)
    return total


def test_a_scan_that_the_computer_kept_waiting_does_not_spoil_the_estimates():
    pace = Pace()
    for whole in (1.0, 9.0, 1.1, 1.05):
        pace.learn(Durations(motion=0.3, setup=0.01, exposure=0.5, readout=0.02), 10, 10, 0.2, whole)
    assert pace.scan.value == pytest.approx(0.22)
    assert pace.motion.value == pytest.approx(0.01)
    assert pace.point.value == pytest.approx(0.003)


def test_backlash_takes_a_second_motion():
    forward = Moving(0.0, 2.0, 0.1, 0.02).go(1.0)
    back = Moving(1.0, 2.0, 0.1, 0.02).go(0.0)
    assert forward == pytest.approx(move_time(1.0, 2.0, 0.1))
    assert back == pytest.approx(move_time(1.02, 2.0, 0.1) + move_time(0.02, 2.0, 0.1))


def test_a_scan_that_does_not_fit_onto_the_disk_is_refused_before_it_starts(beamline, monkeypatch, quiet):
    scans = Scans(beamline, "full")
    assert room.free_space(beamline) > 0
    monkeypatch.setattr("ronda.framework.scan.room.free_space", lambda _: 1_500_000)
    monkeypatch.setattr("ronda.framework.scan.dry_run.free_space", lambda _: 1_500_000)
    known = len(beamline.stream.scans(session="full"))
    sentence = r"loopscan\(3, 0.01, i0\): would not fit onto the disk: it may take 2 MB, and the writer may use 1.5 MB"
    with pytest.raises(NotReady, match=sentence):
        scans.loopscan(3, 0.01, "i0")
    assert len(beamline.stream.scans(session="full")) == known
    with pytest.raises(NotReady, match="WHICH DOES NOT FIT"), scans.dryrun(quiet.append):
        scans.loopscan(3, 0.01, "i0")
    assert scans.loopscan(3, 0.01, "i0", save=False).state == "COMPLETED"
