"""Scans that wait while something is not as it should be, and measure again what it has spoilt."""

import pytest

from ronda.framework.clients.counter import calculated
from ronda.framework.errors import BadValue
from ronda.framework.scan.presets import PointPreset
from ronda.framework.scan.suspenders import Suspender, configured
from tests.framework.scan.test_control import Running


class LightUp(PointPreset):
    """Switches the lamp on right before a point is triggered."""

    def __init__(self, beamline, index):
        self._digital = beamline["digital"]
        self._index = index

    def start(self, scan, index):
        if index == self._index:
            self._index = None
            self._digital.write("Lamp", True)


@pytest.fixture
def dark(beamline):
    """A suspender that lets scans go on while the lamp is off; it is off before and after."""
    beamline["digital"].write("Lamp", False)
    yield Suspender("dark", "digital/Lamp", equals=False, reason="the lamp is on", settle=0.1)
    beamline["digital"].write("Lamp", False)


def entries(scan, channel):
    return scan.stream.read(channel, 0, scan.stream.extent("scan").length).tolist()


def test_a_scan_waits_says_why_and_measures_the_spoilt_point_again(scans, recorder, beamline, dark, wait_for):
    scans.add_suspender(dark)
    beamline["samx"].move(0.0)
    scan = scans.ascan("samx", 0, 0.3, 3, 0.01, "i0", save=False, run=False)
    scan.add_preset(LightUp(beamline, 1))
    running = Running(scan)
    wait_for(lambda: scan.state == "PAUSED", 150, "the scan waits")
    assert "the lamp is on (digital/Lamp is True and should be False)" in scan.sentence
    assert "point 1 is measured again then" in scan.sentence
    assert scan.stream.record().sentence == scan.sentence

    beamline["digital"].write("Lamp", False)
    running.end()
    assert running.error is None
    assert (scan.state, scan.points_done, scan.spoiled) == ("COMPLETED", 4, 1)
    assert [index for index, _ in recorder.points] == [0, 1, 2, 3]
    assert entries(scan, "scan_point") == [0, 1, 1, 2, 3]
    assert entries(scan, "valid") == [1, 0, 1, 1, 1]
    assert entries(scan, "samx") == pytest.approx([0, 0.1, 0.1, 0.2, 0.3], abs=0.01)
    assert scan.stream.extent("ct1").length == 5
    assert recorder.waiting[-1] == ""


def test_a_point_measured_again_has_its_own_exposure_time_again(scans, beamline, dark, wait_for):
    scans.add_suspender(dark)
    told = calculated("count_time + 0 * i0", name="told")  # what the devices themselves take the exposure time for
    scan = scans.loopscan(4, [0.01, 0.03, 0.02, 0.05], told, save=False, run=False)
    scan.add_preset(LightUp(beamline, 1))
    running = Running(scan)
    wait_for(lambda: scan.state == "PAUSED", 150, "the scan waits")
    assert "point 1 is measured again then" in scan.sentence

    beamline["digital"].write("Lamp", False)
    running.end()
    assert running.error is None
    assert (scan.state, scan.points_done) == ("COMPLETED", 4)
    assert entries(scan, "scan_point") == [0, 1, 1, 2, 3]
    assert entries(scan, "valid") == [1, 0, 1, 1, 1]
    assert entries(scan, "exposure_time") == [0.01, 0.03, 0.03, 0.02, 0.05]
    assert entries(scan, "told") == pytest.approx([0.01, 0.03, 0.03, 0.02, 0.05])


def test_a_point_is_only_marked_where_dose_matters(scans, beamline, dark, wait_for):
    dark.repeat = False
    scans.add_suspender(dark)
    scan = scans.loopscan(3, 0.01, "i0", save=False, run=False)
    scan.add_preset(LightUp(beamline, 1))
    running = Running(scan)
    wait_for(lambda: scan.state == "PAUSED", 150, "the scan waits")
    assert "measured again" not in scan.sentence
    beamline["digital"].write("Lamp", False)
    running.end()
    assert (scan.state, scan.points_done) == ("COMPLETED", 3)
    assert entries(scan, "scan_point") == [0, 1, 2]
    assert entries(scan, "valid") == [1, 0, 1]


def test_a_device_that_does_not_answer_lets_a_scan_wait(scans, wait_for):
    scans.add_suspender(Suspender("gone", "no/such/device/Value", above=1.0))
    scan = scans.loopscan(1, 0.01, "i0", save=False, run=False)
    running = Running(scan)
    wait_for(lambda: scan.state == "PAUSED", 150, "the scan waits")
    assert "no/such/device/Value cannot be read" in scan.sentence
    scan.stop("ada")
    running.end()
    assert (scan.state, scan.points_done) == ("ABORTED", 0)


def test_those_of_the_yaml_files_are_known(beamline):
    known = configured(beamline, "")
    assert known["beam"] == Suspender("beam", "machine/Beam", True, reason="no beam", settle=2.0, active=False)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (150.0, ""),
        (20.5, "low (ring/Current is 20.5 and should be above 100)"),
        (None, "is None"),
        (float("nan"), "nan"),
    ],
)
def test_a_value_out_of_band_is_told_with_the_band(value, why):
    assert why in Suspender("current", "ring/Current", above=100, reason="low").wrong(value) or not why


def test_one_without_a_condition_is_refused():
    with pytest.raises(BadValue, match="suspender empty: give equals, above or below"):
        Suspender("empty", "ring/Current")
