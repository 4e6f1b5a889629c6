"""The parts of the acquisition chain that a user replaces: how often, how long, by whom triggered, with which settings."""

from __future__ import annotations

from typing import ClassVar

import h5py
import hdf5plugin  # noqa: F401 - reads compressed frames
import numpy as np
import pytest

from ronda.devices.participation import Participation
from ronda.framework.clients.counter import Counter, calculated, sampling
from ronda.framework.clients.part import Part, part
from ronda.framework.errors import BadValue, NotFound
from ronda.framework.scan.chain import lasting, linked, merged, seconds
from ronda.framework.scan.orders import Order
from ronda.framework.scan.plan import Plan
from ronda.framework.scan.sources import Source
from ronda.framework.scan.stopped import ScanStopped
from ronda.framework.stream.description import Channel, Description, Device, State


def source(name: str, *parts: Part | None, device: Part | None = None) -> Source:
    counters = tuple(Counter(f"{name}{i}", name, f"{name}{i}", "", None, part=one) for i, one in enumerate(parts))
    return Source(name, None, counters, part=device or Part())


def same(name: str) -> str:
    return name


def told_of(scan, device) -> dict[str, object]:
    """What its group in the file says that a device is set to."""
    return {name: told["value"] for name, told in scan.stream.description.device(device).attributes["settings"].items()}


def measured_at(values) -> list[int]:
    return np.flatnonzero(np.isfinite(values)).tolist()


# -- on the demo beamline


def test_a_device_is_read_at_every_nth_point_and_its_file_has_nothing_between(scans, recorder):
    scan = scans.ascan("samy", 0, 0.1, 6, 0.01, "i0", part("cam_beam_sum", every=3), part("cam", every=3))

    assert scan.plan.command == "ascan(samy, 0, 0.1, 6, 0.01, i0, part(cam, every=3))"
    assert [index for index, values in recorder.points if values["cam_beam_sum"] > 0] == [0, 3, 6]
    assert measured_at(scan["cam_beam_sum"]) == [0, 3, 6]
    assert measured_at(scan["i0"]) == list(range(7))
    with h5py.File(scan.wait_for_file(60).path) as file:
        entry = file[f"{scan.number}.1"]
        assert entry["end_reason"][()] == b"COMPLETED"
        assert measured_at(entry["measurement/cam_beam_sum"][()]) == [0, 3, 6]
        assert measured_at(entry["measurement/i0"][()]) == list(range(7))
        assert entry["instrument/cam_beam_sum/every"][()] == 3
        frames = entry["measurement/cam"]
        nothing = np.iinfo(frames.dtype).max
        assert [bool((frame == nothing).all()) for frame in frames] == [False, True, True] * 2 + [False]


def test_counters_of_one_sampling_server_are_read_each_as_often_as_it_is_told(scans):
    slow = part(sampling("samx/Velocity", name="slow"), every=2)
    scan = scans.loopscan(5, 0.01, slow, sampling("samx/Velocity", name="quick"), save=False)

    assert measured_at(scan["slow"]) == [0, 2, 4]
    assert measured_at(scan["quick"]) == [0, 1, 2, 3, 4]


def test_what_is_calculated_from_a_point_that_was_not_measured_is_no_number_either(scans):
    ratio = calculated("diode / i0", name="ratio")
    scan = scans.loopscan(4, 0.01, part("i0", every=2), part("diode", every=1), ratio, save=False)

    assert measured_at(scan["diode"]) == [0, 1, 2, 3]
    assert measured_at(scan["ratio"]) == [0, 2]
    assert scan["ratio"][::2] == pytest.approx(scan["diode"][::2] / scan["i0"][::2])


def test_a_peak_is_found_among_the_points_that_were_measured(scans, beamline):
    scan = scans.pointscan("samx", [0, 0.1, 0.2, 0.3, 0.4], 0.01, part(sampling("samx/Position"), every=2), save=False)

    assert scan.peak("Position") == pytest.approx(0.4, abs=2e-3)
    beamline["samx"].move(0.0)


def test_a_detector_may_have_an_exposure_time_of_its_own(scans):
    scan = scans.loopscan(2, [0.01, 0.02], "i0", part("mca", time=0.05), save=False)

    assert scan["mca_real_time"] == pytest.approx([0.05, 0.05], abs=0.01)
    assert told_of(scan, "mca")["count_time"] == 0.05
    assert scan["exposure_time"].tolist() == [0.01, 0.02]
    assert scan.durations.exposure == pytest.approx(0.1, abs=1e-3)


def test_a_detector_triggered_by_another_one_measures_after_it_and_only_when_it_does(scans):
    scan = scans.loopscan(4, 0.02, "i0", part("cam_intensity", every=2), part("mca_fe", trigger="cam"), save=False)

    tree = scan.stream.tree()
    camera, analyser = tree["instrument/cam/epoch"][:], tree["instrument/mca/epoch"][:]
    assert measured_at(scan["mca_fe"]) == measured_at(scan["cam_intensity"]) == [0, 2]
    assert (analyser[::2] >= camera[::2] + 0.02).all()
    assert told_of(scan, "mca")["trigger"] == "cam"
    assert scan.durations.exposure == pytest.approx(2 * 0.04 + 2 * 0.02, abs=1e-3)


def test_settings_hold_for_the_scan_and_are_put_back(scans, recorder, beamline):
    analyser = beamline["mca"]
    seen = []
    recorder.at(0, lambda: seen.append(analyser.preset))
    scan = scans.loopscan(2, 0.02, part(analyser, preset="live"), save=False)

    assert scan.plan.command == 'loopscan(2, 0.02, part(mca, preset="live"))'
    assert seen == ["live"]
    assert analyser.preset == "real"
    assert told_of(scan, "mca")["preset"] == "live"
    assert scan["mca_live_time"] == pytest.approx([0.02, 0.02], rel=1e-2)
    recorder.at(0, lambda: scans.last.abort("a test"))
    with pytest.raises(ScanStopped, match="aborted by a test"):
        scans.loopscan(5, 0.01, part("mca", preset="live"), save=False)
    assert analyser.preset == "real"


def test_the_guard_puts_settings_back_if_the_program_dies(scans, recorder, beamline):
    told = []
    recorder.at(0, lambda: told.extend(scans.last.stream.description.attributes["after_scan"]))
    scans.loopscan(1, 0.01, part("mca", preset="live"), save=False)

    assert told == [{"write": f"{beamline['mca'].remote.device}/Preset", "value": "real"}]


def test_a_group_says_in_its_chain_how_it_is_measured(scans, beamline, recorder):
    group = beamline["MG1"]
    try:
        group.set_chain("diode", every=2)
        scan = scans.loopscan(3, 0.01, group, save=False)
        assert group.chain == {"diode": {"every": 2}}
        assert group.diff()["chain"][1] == {"diode": {"every": 2}}
        assert scan.plan.command == "loopscan(3, 0.01, i0, part(diode, every=2))"
        assert measured_at(scan["diode"]) == [0, 2]
        assert measured_at(scan["i0"]) == [0, 1, 2]
        assert "diode  ct1  count  enabled, every=2" in group.__info__()
        assert measured_at(scans.loopscan(3, 0.01, group, part("diode", every=3), save=False)["diode"]) == [0]
        assert set(scans.ct(0.01, group).values) == {"i0", "diode"}
        with pytest.raises(BadValue, match="MG1: cam is none of its counters and devices, which are i0, ct1, diode"):
            group.set_chain("cam", every=2)
    finally:
        group.set_chain("diode")
    assert group.chain == {}


def test_the_rehearsal_counts_the_points_at_which_slow_devices_measure(scans):
    told = []
    with scans.dryrun(told.append) as plan:
        scans.loopscan(10, 0.1, "i0", part("mca", every=5, time=1.0), save=False)
    assert plan.estimates[0].exposure == pytest.approx(8 * 0.1 + 2 * 1.0)


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        (lambda: [part("i0", every=0)], "part: every should be a whole number of at least 1, not 0"),
        (lambda: [part("i0", time=-1)], "part: time should be an exposure time in s above 0, not -1"),
        (lambda: [part("cam", trigger=3)], "part: trigger should be a device such as cam, or its name, not 3"),
        (lambda: [part("cam", binning=[1])], r"part: binning should be a number, text, or true or false, not \[1\]"),
        (lambda: [part("i0", time=1), part("diode", time=2)], "ct1: its counters share one gate .* times: 1.0 and 2.0"),
        (
            lambda: ["i0", part("mca", trigger="cam")],
            "mca: is to be triggered by cam, which this scan does not measure",
        ),
        (
            lambda: [part("mca", trigger="cam"), part("cam", trigger="mca")],
            "is triggered by .*: a circle never begins; let the scan trigger one of them",
        ),
        (
            lambda: [part("cam_peak", every=4), part("mca_fe", every=3, trigger="cam")],
            "mca_fe: every=3, but cam triggers it, which measures every 4 points; give a multiple of 4",
        ),
        (
            lambda: [part("i0", every=2), part("i0", every=3)],
            r"i0 is given twice, with another part\(…\) each time",
        ),
        (lambda: ["i0", "diode", part("absorbance", time=1)], r"calculator: calculates from other counters; a part\("),
    ],
)
def test_parts_that_do_not_go_together_are_refused_before_anything_moves(scans, recorder, what, complaint):
    with pytest.raises(BadValue, match=complaint):
        scans.ascan("samy", 0, 0.1, 2, 0.01, *what(), save=False)
    assert recorder.prepared == 0


def test_a_setting_that_a_detector_does_not_have_is_refused_with_those_that_it_has(scans, recorder):
    with pytest.raises(NotFound, match=r"cam: has no setting 'gain' that a scan can change; there are: .*Binning"):
        scans.loopscan(1, 0.01, part("cam", gain=2), save=False)
    with pytest.raises(BadValue, match="ct: counts once, with all devices for the same time"):
        scans.ct(0.01, part("i0", every=2))
    assert scans.last.state == State.FAILED
    assert recorder.prepared == 0


# -- a device of ours, whose triggers come by hand


class Own:
    """A device that measures the index of the entry."""

    configuration: ClassVar[dict[str, str]] = {}

    def __init__(self, label: str) -> None:
        self.label = label

    def measure(self, order: Order, index: int) -> dict[str, float]:
        return {self.label: float(index)}

    def break_off(self) -> None:
        pass

    def scan_left(self) -> None:
        pass


def test_a_point_that_is_measured_again_counts_once_for_a_device_that_measures_seldom(beamline):
    channel = Channel("own", attributes={"every": 2})
    scan = beamline.stream.open_scan(Description("by hand", [Device("own", [channel])]))
    taking = Participation(Own("own"), scan, Order(scan.identifier, 0.01, 5))
    taking.start()
    for index, point in enumerate([0, 1, 1, 2, 2]):
        scan.trigger_line().fire(index, point=point)
    taking._thread.join(60)

    assert scan.read("own", 0, 5).tolist() == pytest.approx([0.0, np.nan, np.nan, 3.0, 4.0], nan_ok=True)
    scan.set_state(State.ABORTED)


def test_a_device_whose_trigger_fails_fails_with_it_and_says_so(beamline):
    devices = [Device("first", [Channel("first")]), Device("second", [Channel("second")], {"trigger": "first"})]
    scan = beamline.stream.open_scan(Description("by hand", devices))
    taking = Participation(Own("second"), scan, Order(scan.identifier, 0.01, 2))
    taking.start()
    master = scan.publisher("first")
    for index in range(2):
        scan.trigger_line().fire(index)
    master.publish({"first": 0.0})
    master.fail("first: lost its mind")
    taking._thread.join(60)

    end = scan.extent("second").end
    assert (end.kind, end.length) == ("failed", 1)
    assert end.sentence == "second: first, which triggers it, will never measure point 1: first: lost its mind"
    scan.set_state(State.ABORTED)


# -- without a beamline


def test_what_the_parts_of_one_device_say_is_put_together():
    counters = source("cam", Part(every=2, time=0.5), Part(settings=(("binning", 2),)), None).counters
    assert merged("cam", counters) == Part(1, 0.5, "", (("binning", 2),))


def test_a_point_takes_as_long_as_the_devices_one_after_the_other():
    chain = linked(
        [
            source("quick", None),
            source("slow", Part(every=4), device=Part(time=2.0)),
            source("last", None, device=Part(time=1.0, trigger="slow")),
        ],
        same,
    )
    assert [seconds(chain, 0.5, point) for point in range(5)] == [3.0, 0.5, 0.5, 0.5, 3.0]
    plan = Plan("x", "", 0.7, (), 2, exposures=(0.5, 0.7))
    assert [lasting(chain, plan)(point) for point in range(2)] == [3.0, 0.7]
    assert [lasting(chain[:1], plan)(point) for point in range(2)] == [0.5, 0.7]
