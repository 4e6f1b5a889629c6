"""Where the time of a scan went: told while it runs, and in its file."""

import h5py
import pytest

from ronda.framework.scan.durations import Durations
from ronda.framework.scan.virtual_axes import move_time


def test_motion_exposure_and_the_rest_are_told_apart(scans, beamline):
    beamline["samx"].move(0.0)
    scan = scans.ascan("samx", 0.0, 2.0, 2, 0.1, "i0")
    spent = scan.durations
    assert spent.exposure == pytest.approx(0.3)
    assert spent.motion >= 2 * move_time(1.0, 2.0, 0.1) - 0.01
    assert spent.readout >= 0
    assert spent.waiting == 0
    assert spent.exposure + spent.dead <= scan.took
    with h5py.File(scan.wait_for_file(60).path) as file:
        told = file[f"{scan.number}.1/instrument/durations"]
        assert told["motion"][0] == pytest.approx(spent.motion)
        assert told["exposure"].attrs["units"] == "s"
        assert set(told) == {"motion", "setup", "exposure", "readout", "waiting", "epoch"}


def test_a_pause_is_waiting(scans, recorder):
    scan = scans.loopscan(2, 0.01, "i0", save=False, run=False)
    recorder.at(0, scan.pause)
    recorder.on_waiting = lambda scan, sentence: scan.resume()
    scan.run()
    assert scan.durations.waiting > 0


def test_they_are_told_in_words():
    assert str(Durations(motion=1.2345, exposure=10)) == "motion 1.23 s, exposure 10 s"
