"""Sub-scans: slow devices measured by a timer of their own beside a scan, in an entry of their own."""

from __future__ import annotations

from dataclasses import replace

import h5py
import hdf5plugin  # noqa: F401 - reads compressed frames
import numpy as np
import pytest

from ronda.framework.clients.counter import Counter, calculated, sampling
from ronda.framework.clients.part import Part, part
from ronda.framework.errors import BadValue, NotReady, RondaError
from ronda.framework.nexus.opening import open_scan
from ronda.framework.scan.analysis.past import FileScan
from ronda.framework.scan.chain import linked
from ronda.framework.scan.sources import Source
from ronda.framework.scan.stopped import ScanStopped
from ronda.framework.stream.description import State

SLOW = "mca_fe"


@pytest.fixture
def until(wait_for):
    """Waits for a condition of a scan that runs beside."""
    return lambda condition: wait_for(condition, 150, "the scan has not come so far")


def beside(scan, number: int = 2) -> int:
    """How many triggers of a sub-scan are in the stream."""
    return scan.stream.extent(f"scan.{number}").length


@pytest.fixture
def no_analysis(beamline):
    """Lets no pipeline take part in scans with spectra."""
    beamline["elements"].active = False
    yield
    beamline["elements"].active = True


def test_a_slow_device_is_measured_by_a_timer_of_its_own_and_stands_in_an_entry_of_its_own(scans, until, no_analysis):
    scan = scans.timescan(0.01, "i0", part("mca", period=0.1, time=0.05), run=False).start()
    until(lambda: scan.stream is not None and len(scan[SLOW]) >= 3)
    assert len(open_scan(scan.identifier, scans.beamline.stream).file[f"{scan.number}.2/measurement/mca"]) >= 3
    scan.stop("a test")
    with pytest.raises(ScanStopped):
        scan.result(60)

    n = scan.number
    count = beside(scan)
    assert len(scan[SLOW]) == len(scan["elapsed_time_2"]) == count
    assert len(scan["i0"]) == scan.stream.extent("scan").length != count
    assert (np.diff(scan["elapsed_time_2"]) > 0).all()
    assert count <= scan.took / 0.1 + 1
    path = scan.wait_for_file(60).path
    with h5py.File(path) as file:
        assert sorted(file) == [f"{n}.1", f"{n}.2"]
        assert file.attrs["default"] == f"{n}.1"
        main, own = file[f"{n}.1"], file[f"{n}.2"]
        assert SLOW not in main["measurement"]
        assert "i0" not in own["measurement"]
        assert own["measurement/mca"].shape == (count, *file[f"{n}.2/measurement/mca"].shape[1:])
        assert own["measurement"][SLOW][()] == pytest.approx(scan[SLOW], nan_ok=True)
        assert own["instrument/scan.2/period"][()] == 0.1
        assert own["instrument/mca/count_time"][()] == 0.05
        for name in ("end_reason", "end_time", "entry_identifier", "end_message"):
            assert own[name][()] == main[name][()] != b""
        plot = own[own.attrs["default"]]
        assert plot.attrs["axes"].tolist() == ["elapsed_time_2"]
    with h5py.File(f"{path.rpartition('/')[0]}/dataset.h5") as dataset:
        assert {f"{n}.1", f"{n}.2"} <= set(dataset)
        assert dataset.attrs["default"] == f"{n}.1"
        assert len(dataset[f"{n}.2/measurement"][SLOW]) == count
    saved = FileScan(path)
    assert saved[SLOW] == pytest.approx(scan[SLOW], nan_ok=True)
    assert saved.contents() == replace(scan.contents(), spectra={})  # which files do not tell


def test_points_of_a_step_scan_and_of_its_subscan_lie_on_one_time_line(scans, beamline):
    velocity = part(sampling("samx/Velocity", name="slow"), period=0.05)
    scan = scans.loopscan(400, 0.01, "i0", velocity, save=False)  # long enough for two of the slow ones

    assert scan.state == State.COMPLETED
    assert len(scan["i0"]) == 400
    assert len(scan["slow"]) == beside(scan) >= 2
    tree = scan.stream.tree()
    main, own = tree["instrument/scan/epoch"][:], tree["instrument/scan.2/epoch"][:]
    assert own[0] == pytest.approx(main[0], abs=60)
    assert own[-1] <= main[-1] + 30
    assert beamline.stream.scan(scan.identifier).description.subscans == 2


def test_two_periods_make_two_subscans_and_a_device_that_one_triggers_follows_it(scans):
    camera = part("cam_intensity", period=0.1, time=0.02)
    follower = part("mca_fe", trigger="cam", time=0.02)
    quick = part(sampling("samx/Velocity", name="quick"), period=0.05)
    scan = scans.loopscan(40, 0.01, "i0", camera, follower, quick, save=False)

    described = scan.stream.description
    assert [described.device(name).subscan for name in ("ct1", "cam", "mca")] == [1, 2, 2]
    assert described.channel("quick")[0].subscan == 3
    assert len(scan["cam_intensity"]) == len(scan["mca_fe"]) == beside(scan, 2)
    assert len(scan["quick"]) == beside(scan, 3)
    assert len(scan["i0"]) == 40
    epoch = scan.stream.tree()["instrument"]
    assert (epoch["mca/epoch"][:] >= epoch["cam/epoch"][:] + 0.02).all()


def test_what_is_calculated_from_a_subscan_belongs_to_it(scans):
    twice = calculated("mca_fe * 2", name="twice")
    scan = scans.loopscan(30, 0.01, "i0", part("mca_fe", period=0.05, time=0.02), twice, save=False)
    assert scan["twice"] == pytest.approx(2 * scan["mca_fe"])
    assert len(scan["twice"]) == beside(scan)


def test_a_sweep_with_hardware_triggers_has_a_subscan_too(scans):
    temperature = part(sampling("samx/Velocity", name="slow"), period=0.25)
    scan = scans.fscan("samy", 0.1, 0.01, 20, 0.2, "i0", temperature, save=False)
    assert "hardware triggers" in scan.plan.continuous.why
    assert len(scan["i0"]) == 20
    assert len(scan["slow"]) == beside(scan) >= 2


def test_a_counter_of_a_subscan_is_looked_at_over_its_own_time(scans):
    scan = scans.ascan("samy", 0, 0.1, 20, 0.01, "i0", part(sampling("samx/Position"), period=0.03), save=False)

    points = scan.points("Position")
    assert [column.name for column in points.axes] == ["elapsed_time_2"]
    assert scan.contents().axes == {"samy": "mm"}
    assert next(iter(scan.contents().counters)) == "i0"
    with pytest.raises(BadValue, match="Position is measured by a timer, not where axes stand; look at it over time"):
        scan.curve("Position", "samy")
    with pytest.raises(
        BadValue, match="not measured at the same times: i0 over the scan, Position over elapsed_time_2"
    ):
        scan.points("i0", "Position")
    with pytest.raises(NotReady, match=r"Position is measured by a timer, .* there is nowhere to go"):
        scan.goto_peak("Position")


def test_a_paused_scan_lets_its_subscan_wait(scans, until):
    scan = scans.timescan(0.01, "i0", part("mca_fe", period=0.05, time=0.02), run=False, save=False).start()
    try:
        until(lambda: scan.stream is not None and beside(scan) >= 2)
        scan.pause("a test")
        until(lambda: scan.state == State.PAUSED)
        resting = []

        def rests() -> bool:  # the point in hand may still come
            resting.append(beside(scan))
            return len(resting) > 20 and len(set(resting[-20:])) == 1

        until(rests)
        scan.resume()
        until(lambda: beside(scan) > resting[-1] + 1)
        assert scan.subscans[0].missed == 0 or scan.remarks
    finally:
        scan.stop()
        scan.wait(60)


@pytest.mark.parametrize("word", ["stop", "abort"])
def test_a_scan_that_is_ended_early_ends_its_subscan(scans, until, beamline, word):
    scan = scans.timescan(0.01, "i0", part("cam_intensity", period=0.1, time=0.05), run=False).start()
    until(lambda: scan.stream is not None and beside(scan) >= 1)
    getattr(scan, word)("a test")
    with pytest.raises(ScanStopped):
        scan.result(60)

    assert not scan.subscans[0].runs
    assert beamline["cam"].state == "ON"
    with h5py.File(scan.wait_for_file(60).path) as file:
        own = file[f"{scan.number}.2"]
        assert own["end_reason"][()] == b"ABORTED"
        assert {len(own["measurement"][name]) for name in own["measurement"]} == {beside(scan)}


def test_a_slow_device_that_fails_lets_the_scan_fail_soon_and_its_points_are_kept(scans, beamline, until):
    scan = scans.timescan(0.01, "i0", part("cam_intensity", period=0.05, time=0.02), run=False).start()
    until(lambda: scan.stream is not None and beside(scan) >= 3)  # the last one may be measured yet
    beamline["cam"].command("Stop")
    with pytest.raises(RondaError, match="cam"):
        scan.result(60)

    assert scan.state == State.FAILED
    assert "cam" in scan.sentence
    with h5py.File(scan.wait_for_file(60).path) as file:
        own = file[f"{scan.number}.2"]
        assert own["end_reason"][()] == b"FAILED"
        assert len(own["measurement/cam_intensity"]) >= 2
    assert scans.loopscan(3, 0.01, "i0", part("cam_intensity", period=0.05, time=0.02)).state == State.COMPLETED


def test_a_slow_device_that_may_be_skipped_is_left_out(scans, beamline, until, monkeypatch):
    monkeypatch.setitem(beamline.configurations["cam"], "on_failure", "skip")
    scan = scans.timescan(0.01, "i0", part("cam_intensity", period=0.05, time=0.02), run=False, save=False).start()
    until(lambda: scan.stream is not None and beside(scan) >= 2)
    beamline["cam"].command("Stop")
    until(lambda: bool(scan.subscans[0].without))
    reached = scan.points_done
    until(lambda: scan.points_done > reached + 5)
    scan.stop()
    assert scan.wait(60)
    assert "cam is left out" in scan.sentence


def test_a_killed_scan_program_leaves_no_slow_device_measuring(scans, beamline, until):
    """What a host agent does for it is to ask each device of the description."""
    from ronda.framework.scan.guard import stop_devices

    scan = scans.timescan(0.01, "i0", part("cam_intensity", period=0.05, time=0.02), run=False, save=False).start()
    until(lambda: scan.stream is not None and beside(scan) >= 1)
    assert stop_devices(scan.stream, beamline.tango_host, beamline.make_proxy) == []
    with pytest.raises(RondaError):
        scan.result(60)
    assert beamline["cam"].state == "ON"


def test_triggers_that_come_while_a_device_still_measures_are_left_out_and_told(scans, until):
    scan = scans.timescan(0.01, "i0", part("cam_intensity", period=0.02, time=0.02), run=False, save=False).start()
    until(lambda: scan.subscans and scan.subscans[0].missed > 0)  # no camera is read out in no time
    scan.stop()
    assert scan.wait(60)
    assert any("sub-scan 2: its devices were not done in time" in remark for remark in scan.remarks)


def test_a_group_says_in_its_chain_that_a_device_has_a_timer(scans, beamline):
    group = beamline["MG1"]
    try:
        group.set_chain("diode", period=0.2)
        assert group.chain == {"diode": {"period": 0.2}}
        with pytest.raises(BadValue, match=r"ct1: its counters share one gate and are to be measured .*each 0.2 s"):
            scans.loopscan(3, 0.01, group, save=False)
        group.set_chain("diode")
        group.set_chain("ct1", period=0.2, time=0.05)
        scan = scans.loopscan(5, 0.01, group, part("cam_intensity"), save=False)
        assert scan.stream.description.device("ct1").subscan == 2
    finally:
        group.set_chain("diode")
        group.set_chain("ct1")


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        (lambda: [part("i0", period=0)], "part: period should be a time in s above 0, not 0"),
        (lambda: [part("i0", period=1, every=2)], "part: every=2 and period=1: the timer of a sub-scan triggers it"),
        (lambda: [part("i0", period=1, trigger="cam")], "part: trigger=cam and period=1: the timer of a sub-scan"),
        (lambda: [part("i0", period=1, time=2)], "part: time=2 s does not fit into period=1 s"),
        (
            lambda: ["i0", part("cam", period=0.01)],
            r"cam: measuring takes 0\.02 s, which does not fit into period=0\.01 s",
        ),
        (
            lambda: [part("i0", period=1)],
            "each counter has a timer of its own .* give one that the scan itself measures",
        ),
        (lambda: ["i0", part("diode", period=1)], "ct1: its counters share one gate .*at each point and each 1 s"),
        (
            lambda: ["i0", part("mca_fe", period=1), calculated("i0 / mca_fe", name="mixed")],
            "calculates mixed from counters that are not all measured by the same timer",
        ),
    ],
)
def test_timers_that_cannot_be_are_refused_before_anything_moves(scans, recorder, what, complaint):
    with pytest.raises(BadValue, match=complaint):
        scans.ascan("samy", 0, 0.1, 2, 0.02, *what(), save=False)
    assert recorder.prepared == 0


def test_a_rehearsal_counts_the_data_of_a_subscan_by_its_period(scans):
    with scans.dryrun(lambda _: None) as plan:
        scans.loopscan(10, 1.0, "i0", save=False)
        scans.loopscan(10, 1.0, "i0", part("mca", period=5, time=1), save=False)
        scans.loopscan(10, 1.0, "i0", "mca", save=False)
    alone, beside_it, each = plan.estimates
    assert beside_it.exposure == alone.exposure == pytest.approx(10)
    assert (beside_it.size - alone.size) * 10 == pytest.approx((each.size - alone.size) * 3)


# -- without a beamline


def test_devices_are_numbered_by_their_timers_in_the_order_in_which_they_are_given():
    def source(name: str, **keywords: object) -> Source:
        return Source(name, None, (Counter(f"{name}1", name, "1", "", None),), part=Part(**keywords))

    chain = linked(
        [
            source("a"),
            source("b", period=2.0),
            source("c", trigger="b"),
            source("d", period=1.0),
            source("e", period=2.0),
        ],
        lambda name: name,
    )
    assert [(one.name, one.subscan) for one in chain] == [("a", 1), ("b", 2), ("c", 2), ("d", 3), ("e", 2)]
