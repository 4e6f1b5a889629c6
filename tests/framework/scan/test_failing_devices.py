"""A device that fails ends the scan, is left out, or tries again, as its YAML says."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from ronda.devices.participation import Participation
from ronda.framework.clients.counter import sampling
from ronda.framework.errors import HardwareFault, RondaError
from ronda.framework.scan.orders import Order
from ronda.framework.scan.points import Points
from ronda.framework.stream.answers import DeviceFailed
from ronda.framework.stream.description import Channel, Description, Device, State


@pytest.fixture
def skipped(beamline, monkeypatch):
    """The card may be left out."""
    known = beamline.configurations["ct1"]
    monkeypatch.setitem(beamline.configurations, "ct1", {**known, "on_failure": "skip"})


def test_a_scan_goes_on_without_a_device_that_may_be_skipped(scans, recorder, beamline, skipped):
    recorder.at(1, lambda: beamline["ct1"].command("Stop"))
    scan = scans.loopscan(5, 0.05, "i0", sampling("samx/Velocity"), save=False)

    assert (scan.state, scan.points_done) == ("COMPLETED", 5)
    assert scan.sentence.startswith("ct1 is left out from point 2 on: ct1: was stopped by a client")
    assert scan.stream.record().sentence == scan.sentence
    assert scan.sentence in recorder.waiting
    assert [set(values) - {"elapsed_time"} for _, values in recorder.points[2:]] == [{"Velocity"}] * 3
    shown = scan.stream["measurement"]
    assert np.isfinite(shown["Velocity"][:]).tolist() == [True] * 5
    assert np.isfinite(shown["i0"][:]).tolist() == [True, True, False, False, False]
    assert scans.loopscan(1, 0.01, "i0", save=False).state == "COMPLETED"


def test_the_last_device_of_a_scan_cannot_be_skipped(scans, recorder, beamline, skipped):
    recorder.at(1, lambda: beamline["ct1"].command("Stop"))
    with pytest.raises(RondaError, match="ct1: was stopped by a client"):
        scans.loopscan(5, 0.05, "i0", save=False)
    assert scans.last.state == "FAILED"


class Faulty:
    """A device that fails a number of times at its second point."""

    def __init__(self, policy, failures):
        self.label = "faulty"
        self.configuration = {"on_failure": policy}
        self.prepared = 0
        self.left = threading.Event()
        self._failures = failures

    def prepare_points(self, order, channels):
        self.prepared += 1

    def measure(self, order, index):
        if index == 1 and self._failures:
            self._failures -= 1
            raise HardwareFault("faulty: lost its mind")
        return {"value": float(index)}

    def break_off(self):
        pass

    def scan_left(self):
        self.left.set()


def take_part(beamline, device):
    """Let it measure three points of a scan; returns the scan."""
    scan = beamline.stream.open_scan(Description("by hand", [Device("faulty", [Channel("value")])]))
    part = Participation(device, scan, Order(scan.identifier, 0.01, 3))
    part.start()
    for index in range(3):
        scan.trigger_line().fire(index)
    assert device.left.wait(60)
    part._thread.join(60)
    scan.set_state(State.ABORTED)
    return scan


def test_a_device_that_tries_again_loses_no_point(beamline):
    device = Faulty("retry", failures=2)
    scan = take_part(beamline, device)
    assert scan.read("value", 0, 3).tolist() == [0.0, 1.0, 2.0]
    assert scan.extent("faulty").end.kind == "sealed"
    assert device.prepared == 2


def test_one_that_does_not_try_again_fails_at_once(beamline):
    scan = take_part(beamline, Faulty("fatal", failures=1))
    end = scan.extent("faulty").end
    assert (end.kind, end.length, end.sentence) == ("failed", 1, "faulty: lost its mind")


def test_one_that_never_comes_right_fails_when_its_time_is_over(beamline, monkeypatch):
    monkeypatch.setattr("ronda.devices.participation.RETRY_LIMIT", 0.5)
    scan = take_part(beamline, Faulty("retry", failures=1000))
    assert scan.extent("faulty").end.kind == "failed"


class Late(Faulty):
    """A device that has something left to save behind its last point, and cannot."""

    def scan_left(self):
        super().scan_left()
        raise HardwareFault("faulty: its last samples could not be saved")


def test_one_that_fails_behind_its_last_point_has_failed_and_the_scan_with_it(beamline):
    scan = take_part(beamline, Late("fatal", failures=0))
    end = scan.extent("faulty").end
    assert (end.kind, end.length) == ("failed", 3)
    counter = SimpleNamespace(name="value", number=True)
    source = SimpleNamespace(
        name="faulty", counters=[counter], skipped=False, wired=True, part=SimpleNamespace(trigger="")
    )
    points = Points(scan, [source], 0.01, lambda: None, lambda _: None)
    with pytest.raises(DeviceFailed, match="its last samples could not be saved"):
        points.wait_for_seals(30)
