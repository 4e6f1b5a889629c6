"""Continuous scans of the demo beamline: where their points lie, what is marked, how they end, and why one is refused."""

import contextlib
import json
import socket

import h5py
import numpy as np
import pytest

from ronda.framework.errors import BadValue, NotAllowed, OutOfRange
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.opening import OWN
from ronda.framework.scan.presets import PointPreset
from ronda.framework.scan.standard import Scans
from ronda.framework.scan.suspenders import Suspender
from ronda.framework.stream.description import State
from ronda.framework.stream.publisher import Publisher
from tests.framework.scan.test_faults import when

STEP = 0.02
RESOLUTION = 1 / 2000  # mm for one step of samy


@pytest.fixture
def ask(demo):
    """Asks the control port of the simulators."""
    port = json.loads((demo.folder / ".ronda" / "local" / "ports.json").read_text())["simulators' control"]

    def ask(**request):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as control:
            control.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(control.makefile().readline())
        assert answer.pop("ok")
        return answer

    return ask


@pytest.fixture
def home(beamline):
    """Leaves samy where it was, with its velocity."""
    yield
    beamline["samy"].move(0.0)
    assert beamline["samy"].velocity == pytest.approx(2.0)


@pytest.mark.parametrize("direction", [1, -1], ids=["up", "down"])
def test_an_fscan_and_an_ascan_of_the_pinhole_agree(scans, home, direction):
    npoints, middle = 45, 0.14
    start = middle - direction * STEP * npoints / 2
    swept = scans.fscan("samy", start, direction * STEP, npoints, 0.02, "i0", "diode", save=False)

    edges = start + direction * STEP * np.arange(npoints + 1)
    assert swept["samy_start"] == pytest.approx(edges[:-1], abs=RESOLUTION)
    assert swept["samy_end"] == pytest.approx(edges[1:], abs=RESOLUTION)
    assert swept["samy"] == pytest.approx((edges[1:] + edges[:-1]) / 2, abs=RESOLUTION)
    assert swept["exposure_time"] == pytest.approx(np.full(npoints, 0.02), rel=0.05)
    assert swept["valid"].all()
    assert swept["ct1_received"].tolist() == [npoints + 6]

    some = slice(2, None, 5)
    first, last = swept["samy"][some][[0, -1]]
    before = 5 * direction * STEP  # one point more, so that the play is taken up
    stepped = scans.ascan("samy", first - before, last, 9, 0.02, "i0", "diode", save=False)
    assert stepped["samy"][1:] == pytest.approx(swept["samy"][some], abs=3 * RESOLUTION)
    for counter in ("i0", "diode"):
        one, other = swept[counter][some], stepped[counter][1:]
        sigma = np.sqrt(
            one + other + 1 + 2 * (0.004 * other) ** 2
        )  # 0.3 % of the beam's own noise, 0.2 % of the card's
        assert (np.abs(one - other) < 7 * sigma).all()  # of 36 comparisons; the ring current changes meanwhile


def test_a_sweep_there_and_back_has_both_in_one_saved_file(scans, recorder, home):
    scan = scans.fscan("samy", -0.1, 0.01, 20, 0.01, "ct1", backnforth=True)

    there = -0.1 + 0.01 * np.arange(20) + 0.005
    assert scan.state == "COMPLETED"
    assert recorder.points[-1][0] == 39
    with h5py.File(scan.wait_for_file().path) as file:
        entry = file[f"{scan.number}.1"]
        assert entry["measurement/samy"][:] == pytest.approx([*there, *there[::-1]], abs=RESOLUTION)
        assert [len(entry[f"measurement/{name}"]) for name in ("i0", "diode", "valid", "samy_end")] == [40] * 4
        assert entry["measurement/samy_trigger_bounds"][:].sum() == 42
        assert b"hardware triggers of samy" in entry["triggers"][()]
        assert entry["plotselect"].attrs["axes"].tolist() == ["samy"]


def test_an_fmesh_is_saved_as_an_image_and_its_lines_follow_each_other(scans, home, beamline):
    scan = scans.fmesh("samz", -0.1, 0.0, 2, "samy", 0.1, 0.005, 20, 0.005, "diode", backnforth=True)
    beamline["samz"].move(0.0)

    there = 0.1 + 0.005 * np.arange(20) + 0.0025
    assert scan["samy"] == pytest.approx([*there, *there[::-1], *there], abs=RESOLUTION)
    assert scan["samz"] == pytest.approx(np.repeat([-0.1, -0.05, 0.0], 20), abs=RESOLUTION)
    assert scan["valid"].all()
    assert set(scan["ct1_emitted"]) <= {21, 26}  # with those that set the clocks where they must be set anew
    assert scan["ct1_received"].tolist() == scan["ct1_emitted"].tolist()
    with h5py.File(scan.wait_for_file().path) as file:
        image = file[f"{scan.number}.1/plotselect"]
        assert image.attrs["axes"].tolist() == ["samz", "samy"]
        assert image["diode"].shape == (3, 20)
        assert image["diode"][1].tolist() == scan["diode"][20:40][::-1].tolist()


def test_a_pause_lets_the_line_end_and_nothing_is_lost(beamline, recorder, home):
    class Pause(PointPreset):
        def start(self, scan, index):
            if index == 0:  # the first line is about to begin
                scan.pause("a test")

    scans = Scans(beamline, "tests", "somebody", [recorder])
    scan = scans.fscan("samy", 0.0, 0.005, 20, 0.005, "i0", backnforth=True, save=False, run=False)
    scan.add_preset(Pause())
    when(lambda: scan.state == "PAUSED", lambda: scan.resume("a test"))
    scan.run()

    assert "paused by a test" in recorder.waiting
    assert (scan.state, len(scan["i0"])) == ("COMPLETED", 40)
    assert scan["valid"].all()


@pytest.mark.parametrize("repeat", [True, False])
@pytest.mark.parametrize("triggers", ["hardware", "software"])
def test_points_are_marked_that_were_measured_while_a_suspender_said_no(beamline, scans, home, triggers, repeat):
    class LightUp(PointPreset):
        def start(self, scan, index):
            beamline["digital"].write("Lamp", True)

    beamline["digital"].write("Lamp", False)
    scans.add_suspender(
        Suspender("dark", "digital/Lamp", equals=False, reason="the lamp is on", settle=0.1, repeat=repeat)
    )
    scan = scans.fscan("samy", 0.0, 0.01, 10, 0.05, "i0", triggers=triggers, save=False, run=False)
    scan.add_preset(LightUp())
    try:
        scan.run()
    finally:
        beamline["digital"].write("Lamp", False)

    assert (scan.state, len(scan["i0"]), scan.spoiled) == ("COMPLETED", 10, 10)
    assert not scan["valid"].any()


def test_triggers_that_go_astray_are_found_and_only_their_points_are_marked(scans, home, ask):
    npoints, wrong = 300, set()
    for _ in range(5):  # chance, or a slow machine, may let none go astray
        before = ask(do="triggers", line="motion:2")
        scan = scans.fscan("samy", -0.15, 0.001, npoints, 0.005, "i0", "adc_i0", save=False, run=False)
        disturbing = when(
            lambda scan=scan: (
                scan.state in State.ENDED
                or (scan.stream is not None and scan.stream.extent("samy_triggers").length >= 5)
            ),
            lambda: ask(do="triggers", line="motion:2", dropped=0.08, doubled=0.08, delayed=0.08, by=0.002),
        )
        try:
            scan.run()
        finally:
            disturbing.join(60)
            ask(do="triggers", line="motion:2", dropped=0.0)
        after = ask(do="triggers", line="motion:2")
        dropped, doubled, delayed = (
            {n - before["emitted"] - 5 for n in after[fate] if n not in before[fate]}
            for fate in ("dropped", "doubled", "delayed")
        )
        wrong = {point for n in dropped | delayed for point in (n - 1, n)} | doubled
        wrong = {point for point in wrong if 0 <= point < npoints}
        if wrong:
            break
    assert wrong
    for marks in ("valid", "ct1_valid", "adc_valid"):
        assert set(np.flatnonzero(scan[marks] == 0).tolist()) == wrong
    for card in ("ct1", "adc"):
        assert scan[f"{card}_missing"].tolist() == [len(dropped)]
        assert scan[f"{card}_late"].tolist() == [len(delayed)]
    assert len(scan["i0"]) == len(scan["samy"]) == npoints
    assert scan["samy_start"] == pytest.approx(-0.15 + 0.001 * np.arange(npoints), abs=RESOLUTION)
    good = scan["i0"][scan["valid"] != 0]
    assert good == pytest.approx(np.full(len(good), good.mean()), rel=0.2)
    assert any("triggers emitted" in remark and "marked in valid" in remark for remark in scan.remarks)


def test_calculated_counters_follow_the_card(scans, home):
    scan = scans.fscan("samy", 0.0, 0.005, 40, 0.005, "diode", "absorbance", save=False)

    assert scan.plan.continuous.hardware
    with np.errstate(divide="ignore"):
        assert scan["absorbance"] == pytest.approx(np.log(scan["i0"] / scan["diode"]))


def test_stopped_in_the_middle_it_leaves_all_channels_equally_long_and_the_next_one_works(beamline, home):
    class Interrupt(Observer):
        def on_point(self, scan, index, values):
            if index > 20:
                raise KeyboardInterrupt

    scans = Scans(beamline, "tests", "somebody", [Interrupt()])
    with contextlib.suppress(KeyboardInterrupt):
        scans.fscan("samy", 0.0, 0.001, 3000, 0.01, "i0", "diode")
    scan = scans.last

    assert scan.state == "ABORTED"
    assert beamline["samy"].state == "ON"
    assert beamline["samy"].position < 3.0
    assert beamline["ct1"].state == "ON"
    with h5py.File(scan.wait_for_file().path) as file:
        found = file[f"{scan.number}.1/measurement"]
        lengths = {len(found[name]) for name in ("samy", "samy_start", "samy_end", "i0", "diode", "valid", "ct1_valid")}
        assert len(lengths) == 1
        assert 20 < lengths.pop() < 3000
        assert not np.isnan(found["samy"][:]).any()
    again = Scans(beamline).fscan("samy", 0.0, 0.01, 10, 0.01, "i0", save=False)
    assert (again.state, len(again["i0"])) == ("COMPLETED", 10)


@pytest.mark.parametrize("taken", [True, False], ids=["after", "before"])
def test_stopped_while_it_publishes_positions_it_doubles_and_shifts_none(beamline, home, monkeypatch, taken):
    publish, blocks = Publisher.publish_block, []

    def interrupted(self, arrays, **keywords):
        if self.device.name == OWN:
            blocks.append(arrays)
        if len(blocks) == 2 and not taken:
            blocks.append("interrupted")
            raise KeyboardInterrupt
        index = publish(self, arrays, **keywords)
        if len(blocks) == 2:
            blocks.append("interrupted")
            raise KeyboardInterrupt
        return index

    monkeypatch.setattr(Publisher, "publish_block", interrupted)
    scans = Scans(beamline, "tests", "somebody")
    with pytest.raises(KeyboardInterrupt):
        scans.fscan("samy", 0.0, 0.005, 1000, 0.005, "i0", save=False)
    scan = scans.last

    assert scan.state == "ABORTED"
    count = len(scan["i0"])
    assert {len(scan[name]) for name in ("samy", "samy_start", "samy_end", "valid", "ct1_valid")} == {count}
    assert 0 < count == scan.points_done < 1000
    assert scan["samy_start"] == pytest.approx(0.005 * np.arange(count), abs=RESOLUTION)
    assert np.diff(scan["elapsed_time"]) == pytest.approx(scan["exposure_time"][:-1])
    assert scan["valid"].tolist() == scan["ct1_valid"].tolist()


def test_with_software_triggers_positions_are_those_that_the_axis_tells(scans, home):
    scan = scans.fscan("samy", 0.0, 0.01, 12, 0.05, "i0", triggers="software", save=False)
    assert scan.plan.command == 'fscan(samy, 0.0, 0.01, 12, 0.05, i0, triggers="software")'

    good = scan["valid"] != 0  # those that came late, on a machine that was busy, lie where they lie
    assert scan["samy_start"][good] == pytest.approx(0.01 * np.flatnonzero(good), abs=0.15)
    assert (np.diff(scan["samy"]) >= 0).all()
    assert (np.diff(scan["samy"][good]) > 0).all()
    assert (scan["samy_end"][good] > scan["samy_start"][good]).all()
    assert len(scan["i0"]) == 12
    assert scan["i0"] == pytest.approx(np.full(12, scan["i0"].mean()), rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "says"),
    [
        (
            ("samy", 24.9, 0.01, 10, 0.01, "i0"),
            {},
            OutOfRange,
            r"from 24.9 to 25 mm: with 0.055 mm to run up .* 25.055 mm, out",
        ),
        (
            ("samy", 0, 1, 10, 0.001, "i0"),
            {},
            OutOfRange,
            r"takes 1000 mm/s, but .* 50 mm/s at most; .* 0.02 s or longer",
        ),
        (("samy", 0, 0.0001, 10, 0.01, "i0"), {}, OutOfRange, "less than one step of its controller, 0.0005 mm"),
        (("samy", 0, 0.01, 0, 0.01, "i0"), {}, BadValue, "number of points should be a whole number of at least 1"),
        (("energy", 9, 0.001, 10, 0.01, "i0"), {}, NotAllowed, "energy: cannot sweep at constant velocity"),
        (
            ("samy", 0, 0.01, 10, 0.01, "mca_fe"),
            {},
            OutOfRange,
            "mca, which measures mca_fe, takes no hardware triggers",
        ),
        (
            ("s1u", 0, 0.01, 10, 0.05, "i0"),
            {"triggers": "hardware"},
            NotAllowed,
            r"hardware triggers cannot .*: the gate of ct1 is not wired to s1u \(`wiring` in YAML\)",
        ),
        (("samy", 0, 0.01, 10, 0.05, "i0"), {"triggers": "soft"}, BadValue, "should be 'hardware' or 'software', not"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason_before_anything_moves(
    scans, beamline, arguments, keywords, error, says
):
    before = beamline["samy"].position
    with pytest.raises(error, match=says):
        scans.fscan(*arguments, save=False, **keywords)
    assert beamline["samy"].position == before


def test_a_dry_run_checks_and_times_it(scans, beamline):
    before = beamline["samy"].position
    told = []
    with scans.dryrun(told.append) as dry:
        scans.fscan("samy", 0, 0.01, 200, 0.01, "i0", "diode", backnforth=True)
        with pytest.raises(OutOfRange):
            scans.fscan("samy", 24, 0.01, 200, 0.01, "i0")
    (estimate,) = dry.estimates
    assert (estimate.points, estimate.exposure) == (400, pytest.approx(4.0))
    assert estimate.motion > 0.4  # four ramps of 0.1 s
    assert estimate.ranges["samy"][:2] == pytest.approx((-0.055, 2.055))
    assert beamline["samy"].position == before
