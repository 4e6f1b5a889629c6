"""Pausing, resuming, stopping and aborting a scan: from its program, and from any other client over the stream."""

import threading

import pytest

from ronda.framework.errors import BadValue, RondaError
from ronda.framework.scan.stopped import ScanStopped
from ronda.framework.stream.answers import ScanOver


class Running:
    """A scan in a thread of its own; what it raised is kept."""

    def __init__(self, scan):
        self.scan = scan
        self.error = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        import tango

        with tango.EnsureOmniThread():
            try:
                self.scan.run()
            except RondaError as error:
                self.error = error

    def end(self):
        self._thread.join(120)
        assert not self._thread.is_alive()


def test_a_pause_ends_the_point_in_hand_and_no_point_is_lost_or_doubled(scans, recorder, wait_for):
    scan = scans.loopscan(6, 0.02, "i0", save=False, run=False)
    recorder.at(2, lambda: scan.pause("ada"))
    running = Running(scan)
    wait_for(lambda: scan.state == "PAUSED", 150, "the scan is paused")
    assert scan.stream.record().state == "PAUSED"
    assert scan.stream.record().sentence == scan.sentence == "paused by ada"
    assert scan.points_done == 3
    assert scan.stream.extent("ct1").length == 3

    scan.resume()
    running.end()
    assert running.error is None
    assert (scan.state, scan.sentence) == ("COMPLETED", "")
    assert [index for index, _ in recorder.points] == list(range(6))
    assert scan.stream.extent("ct1").length == 6
    assert recorder.waiting == ["paused by ada", ""]


def test_any_client_of_the_stream_pauses_and_resumes(scans, recorder, beamline, wait_for):
    scan = scans.loopscan(5, 0.02, "i0", save=False, run=False)
    recorder.at(1, lambda: beamline.stream.scan(scan.identifier).order("pause", "a panel"))
    running = Running(scan)
    wait_for(lambda: scan.state == "PAUSED", 150, "the scan is paused")
    assert scan.sentence == "paused by a panel"
    beamline.stream.scan(scan.identifier).order("resume")
    running.end()
    assert (scan.state, scan.points_done) == ("COMPLETED", 5)


def test_a_stop_lets_the_point_in_hand_end(scans, recorder, beamline, wait_for):
    scan = scans.loopscan(100, 0.5, "i0", save=False, run=False)
    running = Running(scan)
    wait_for(lambda: "measuring" in beamline["ct1"].read("ScanStatus"), 150, "a point is being measured")
    scan.stop("ada")
    running.end()
    assert isinstance(running.error, ScanStopped)
    assert scan.state == "ABORTED"
    assert scan.points_done == scan.stream.extent("ct1").length >= 1
    assert scan.points_done < 100


def test_an_abort_from_another_client_breaks_a_long_exposure_off(scans, beamline, wait_for):
    scan = scans.loopscan(1, 1000.0, "i0", save=False, run=False)
    running = Running(scan)
    wait_for(lambda: "measuring" in beamline["ct1"].read("ScanStatus"), 150, "the point is being measured")
    beamline.stream.scan(scan.identifier).order("abort", "a panel")
    running.end()
    assert str(running.error) == f"scan {scan.number}: aborted by a panel"
    assert (scan.state, scan.points_done) == ("ABORTED", 0)
    assert beamline["ct1"].state == "ON"


@pytest.mark.parametrize("order", ["stop", "abort"])
def test_a_paused_scan_can_be_ended(scans, recorder, wait_for, order):
    scan = scans.loopscan(5, 0.02, "i0", save=False, run=False)
    recorder.at(0, scan.pause)
    running = Running(scan)
    wait_for(lambda: scan.state == "PAUSED", 150, "the scan is paused")
    getattr(scan, order)()
    running.end()
    assert (scan.state, scan.points_done) == ("ABORTED", 1)


def test_a_scan_that_has_ended_takes_no_orders(scans):
    scan = scans.loopscan(1, 0.01, "i0", save=False)
    with pytest.raises(ScanOver, match=f"scan {scan.number}: has ended, it cannot take the order pause"):
        scan.stream.order("pause")


def test_an_order_that_does_not_exist_is_refused(scans):
    scan = scans.loopscan(1, 0.01, "i0", save=False)
    with pytest.raises(BadValue, match="'halt' is no order; give pause, resume, stop, abort"):
        scan.stream.order("halt")
