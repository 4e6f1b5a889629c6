"""Scans that choose their points, on the demo beamline: what they find, and how they end when they find nothing."""

import pytest

from ronda.framework.clients.counter import sampling
from ronda.framework.errors import BadValue, NotFound, NotReady, OutOfRange
from ronda.framework.scan.awaited import Awaited
from ronda.framework.scan.choice import Found
from ronda.framework.scan.points import Points
from ronda.framework.scan.presets import PointPreset
from ronda.framework.scan.stopped import ScanStopped
from ronda.framework.scan.suspenders import Suspender


@pytest.fixture
def place(beamline):
    """`place(samy=10)` moves axes, which are back where they were sent afterwards."""
    before: dict[str, float] = {}

    def move(**targets):
        for name, target in targets.items():
            before.setdefault(name, beamline[name].setpoint)
            beamline[name].move(target)

    yield move
    for name, position in reversed(before.items()):
        beamline[name].move(position)


def back(beamline, name, position):
    return beamline[name].setpoint == pytest.approx(position, abs=1e-3)


def test_align_finds_the_centre_of_a_slit_and_stays_there(scans, recorder, beamline, place):
    place(samy=-3.6, s1vg=0.4, s1vo=0.0)
    scan = scans.align("s1vo", "diode", 3, 0.05)

    # an error of 0.001 mm by the fit, with the 0.3 % of noise that change slowly
    assert scan.found.place["s1vo"] == pytest.approx(0.12, abs=0.02)
    assert beamline["s1vo"].position == pytest.approx(scan.found.place["s1vo"], abs=1e-3)
    assert scan.plan.command == "align(s1vo, diode, 3, 0.05)"
    assert (scan.state, scan.sentence) == ("COMPLETED", scan.found.sentence)
    assert scan.stream.record().sentence.startswith("s1vo: the peak of diode is at 0.1")
    measured = [values["diode"] for _, values in recorder.points]
    assert scan.points_done == len(measured) > 20
    assert scan["diode"].tolist() == measured
    assert scan.wait_for_file(150).closed


def test_autofocus_finds_the_focus_of_the_beam_viewer(scans, beamline, place):
    place(camf=-0.3)
    scan = scans.autofocus("camf", "cam_fwhm_y", 3, 0.01, lowest=True, save=False)

    assert scan.found.place["camf"] == pytest.approx(0.35, abs=0.06)
    assert scan.found.details["cam_fwhm_y"] == pytest.approx(20, abs=0.5)
    assert beamline["camf"].position == pytest.approx(scan.found.place["camf"], abs=1e-3)


def test_align_finds_the_edge_of_the_copper_foil(scans, place):
    place(samy=4.5, energy=8.98)
    scan = scans.align("energy", "diode", 0.1, 0.02, save=False)

    assert scan.found.place["energy"] == pytest.approx(8.9822, abs=0.0015)
    assert "energy: the edge of diode is at 8.98" in scan.found.sentence


def test_it_goes_back_and_says_why_if_nothing_is_found(scans, beamline, place):
    place(samx=0.25)
    with pytest.raises(NotReady, match=r"there is no signal, all values are .*, at 65 points from 0\.1500 to 0\.3500"):
        scans.align("samx", sampling("rot/Position", name="still"), 0.2, 0.005, save=False)

    assert scans.last.state == "FAILED"
    assert scans.last.found is None
    assert back(beamline, "samx", 0.25)


def test_it_goes_back_too_if_it_fails_after_something_was_found(scans, beamline, place, monkeypatch):
    def fail(points, limit):
        monkeypatch.undo()
        raise ScanStopped("stopped by a test")

    monkeypatch.setattr(Points, "wait_for_seals", fail)
    place(samx=0.1)
    with pytest.raises(ScanStopped, match="stopped by a test"):
        choose(scans, climb([(0.2,), (0.4,), (0.3,)])[0])

    assert (scans.last.state, scans.last.points_done, scans.last.found) == ("ABORTED", 3, None)
    assert back(beamline, "samx", 0.1)


@pytest.mark.parametrize("order", ["stop", "abort", "Ctrl-C"])
def test_it_stops_when_told_and_goes_back(scans, recorder, beamline, place, order):
    def interrupt():
        raise KeyboardInterrupt

    place(samx=0.25)
    recorder.at(4, interrupt if order == "Ctrl-C" else lambda: getattr(scans.last, order)("a test"))
    with pytest.raises(KeyboardInterrupt if order == "Ctrl-C" else ScanStopped):
        scans.align("samx", "i0", 1, 0.005, save=False)

    assert (scans.last.state, scans.last.points_done, scans.last.found) == ("ABORTED", 5, None)
    assert back(beamline, "samx", 0.25)


def test_a_point_that_was_whole_when_the_scan_was_stopped_counts(scans, recorder, beamline, place, monkeypatch):
    collect = Points.collect

    def stopped(points, index, *rest):
        values = collect(points, index, *rest)
        if index == 2:
            raise ScanStopped("stopped by a test")
        return values

    monkeypatch.setattr(Points, "collect", stopped)
    place(samx=0.1)
    with pytest.raises(ScanStopped, match="stopped by a test"):
        scans.ascan("samx", 0.1, 0.5, 9, 0.005, "i0", save=False)
    assert len(recorder.points) == 2
    assert scans.last.points_done == len(scans.last["i0"]) == len(scans.last["samx"]) == 3


def climb(points):
    """Gives points one after the other, and keeps what it is told."""
    told = []

    def decide():
        for point in points:
            values = yield point
            told.append(values)
        return points[-1]

    return decide, told


def choose(scans, decide, most=10, **options):
    options = {"save": False, **options}
    return scans.choose(
        "mine", ["samx"], 0.005, ["i0"], options, axes=["samx"], bounds=[(0.0, 0.5)], most=most, decide=decide
    )


def test_a_generator_is_told_what_was_measured_at_its_point(scans, recorder, beamline, place):
    place(samx=0.1)
    decide, told = climb([(0.2,), (0.4,), (0.3,)])
    scan = choose(scans, decide)

    assert [values["i0"] for values in told] == scan["i0"].tolist()
    assert [values["samx"] for values in told] == pytest.approx([0.2, 0.4, 0.3], abs=1e-3)
    assert scan.found == Found({"samx": 0.3})
    assert back(beamline, "samx", 0.3)


def test_results_of_its_point_are_told_too_and_those_that_nobody_computes_refused(scans, beamline, place, monkeypatch):
    monkeypatch.setattr(Awaited.collect, "__defaults__", (150.0,))
    place(samx=0.1)
    decide, told = climb([(0.2,), (0.4,)])
    scan = scans.choose(
        "mine",
        [],
        0.005,
        ["i0"],
        {"save": False},
        axes=["samx"],
        bounds=[(0, 1)],
        most=5,
        decide=decide,
        results=["i0"],
    )
    assert [values["i0"] for values in told] == scan["i0"].tolist()
    with pytest.raises(NotFound, match="nobody: is no result of this scan"):
        scans.choose(
            "mine", [], 0.005, ["i0"], {}, axes=["samx"], bounds=[(0, 1)], most=5, decide=decide, results=["nobody"]
        )
    assert back(beamline, "samx", 0.4)


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        ((0.7,), OutOfRange, r"has chosen samx = 0\.7000 mm, which is outside of \[0\.0000, 0\.5000\] mm"),
        ((0.1, 0.2), BadValue, r"has chosen \(0\.1, 0\.2\), which should be a finite position for each of samx"),
        ((float("nan"),), BadValue, r"has chosen \(nan,\), which should be a finite position"),
        ("no", BadValue, "has chosen 'no', which should be"),
    ],
)
def test_a_point_that_is_not_allowed_ends_the_scan_where_it_began(scans, beamline, place, wrong, error, sentence):
    place(samx=0.1)
    with pytest.raises(error, match=sentence):
        choose(scans, climb([(0.2,), wrong])[0])
    assert (scans.last.state, scans.last.points_done) == ("FAILED", 1)
    assert back(beamline, "samx", 0.1)


def test_no_more_points_are_measured_than_allowed(scans, beamline, place):
    place(samx=0.1)
    with pytest.raises(NotReady, match="is not done after 3 points, and may not measure more"):
        choose(scans, climb([(0.1 * n,) for n in range(5)])[0], most=3)
    assert scans.last.points_done == 3
    assert back(beamline, "samx", 0.1)


def test_bounds_are_checked_before_anything_moves(scans, recorder):
    with pytest.raises(OutOfRange, match="samx"):
        scans.choose(
            "mine", [], 0.005, ["i0"], {}, axes=["samx"], bounds=[(0.0, 50.0)], most=3, decide=climb([(0.0,)])[0]
        )
    assert recorder.points == []
    with pytest.raises(BadValue, match=r"rot has no limits; say where to look, as in width=1 \(deg around it\)"):
        scans.align("rot", "i0")
    with pytest.raises(BadValue, match="should be one counter of numbers"):
        scans.align("samx", "cam")
    with pytest.raises(BadValue, match="give the width for each of the 2 axes"):
        scans.optimise(["samx", "samy"], "i0", [1, 2, 3])


def test_a_dry_run_tells_the_bounds_and_the_highest_number_of_points(scans, beamline, place):
    place(s1vg=0.4, s1vo=0.5)
    told = []
    with scans.dryrun(told.append) as plan:
        scan = scans.align("s1vo", "diode", 2, 0.1)
    assert scan.identifier == ""
    assert "at most 144 points" in told[0]
    low, high, _ = plan.estimates[0].ranges["s1u"]
    assert (low, high) == pytest.approx((-0.3, 1.7), abs=0.01)
    assert plan.estimates[0].exposure == pytest.approx(14.4)


class LightUp(PointPreset):
    """Switches the lamp on right before the second point is triggered, once; off when that point is over."""

    def __init__(self, lamp):
        self._lamp, self._left = lamp, 1

    def start(self, scan, index):
        if index == 1 and self._left:
            self._left = 0
            self._lamp.write("Lamp", True)

    def stop(self, scan, index):
        self._lamp.write("Lamp", False)


def test_nothing_is_decided_by_a_point_that_was_spoilt(scans, beamline, place):
    place(samx=0.1)
    beamline["digital"].write("Lamp", False)
    scans.add_suspender(Suspender("dark", "digital/Lamp", equals=False, reason="the lamp is on", repeat=False))
    decide, told = climb([(0.2,), (0.4,), (0.3,)])
    scan = choose(scans, decide, run=False)
    scan.add_preset(LightUp(beamline["digital"]))
    scan.run()

    assert (scan.points_done, scan.spoiled) == (3, 1)
    assert scan.stream.read("valid", 0, 4).tolist() == [1, 0, 1, 1]
    assert scan.stream.read("scan_point", 0, 4).tolist() == [0, 1, 1, 2]
    assert told[1]["i0"] == scan.stream.read("i0", 2, 3).tolist()[0]
