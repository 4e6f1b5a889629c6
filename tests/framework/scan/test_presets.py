"""What users have done around scans, their devices and their points; a fast shutter among it."""

import pytest

from ronda.framework.errors import NotAllowed, NotReady
from ronda.framework.scan.presets import DevicePreset, PointPreset, ScanPreset
from ronda.framework.scan.shutter_preset import ShutterPreset


class Told(ScanPreset):
    def __init__(self, story, name="scan"):
        self._story, self._name = story, name

    def prepare(self, scan):
        self._story.append(f"prepare {self._name} {scan.state}")

    def start(self, scan):
        self._story.append(f"start {self._name}")

    def stop(self, scan):
        self._story.append(f"stop {self._name}")


class ToldDevice(DevicePreset):
    def __init__(self, story, *devices):
        super().__init__(*devices)
        self._story = story

    def prepare(self, scan, device):
        self._story.append(f"prepare {device.name}")

    def start(self, scan, device):
        self._story.append(f"start {device.name}")

    def stop(self, scan, device):
        self._story.append(f"stop {device.name}")


class ToldPoint(PointPreset):
    def __init__(self, story, fail_at=None):
        self._story, self._fail_at = story, fail_at

    def prepare(self, scan, index):
        self._story.append(f"prepare {index}")

    def start(self, scan, index):
        if index == self._fail_at:
            raise NotReady("the pump is off")
        self._story.append(f"start {index}")

    def stop(self, scan, index):
        self._story.append(f"stop {index}")


def test_they_are_called_in_order_and_undone_in_the_reverse_one(scans):
    story = []
    scan = scans.loopscan(2, 0.01, "i0", save=False, run=False)
    for preset in (Told(story, "one"), ToldDevice(story, "ct1"), ToldDevice(story, "cam"), ToldPoint(story)):
        scan.add_preset(preset)
    scan.add_preset(Told(story, "two"))
    scan.run()
    assert story == [
        *("prepare one PREPARING", "prepare two PREPARING", "prepare ct1", "start ct1", "start one", "start two"),
        *("prepare 0", "start 0", "stop 0", "prepare 1", "start 1", "stop 1"),
        *("stop ct1", "stop two", "stop one"),
    ]


def test_one_that_fails_ends_the_scan_in_order_and_all_that_began_are_undone(scans, beamline):
    story = []
    scans.add_preset(Told(story))
    scans.add_preset(ToldPoint(story, fail_at=1))
    with pytest.raises(NotReady, match="the pump is off"):
        scans.loopscan(3, 0.01, "i0", save=False)
    assert story[-4:] == ["stop 0", "prepare 1", "stop 1", "stop scan"]
    assert scans.last.state == "FAILED"
    assert scans.last.stream.record().sentence == "the pump is off"
    assert beamline["ct1"].state == "ON"


def test_a_scan_that_has_begun_takes_no_more(scans):
    scan = scans.loopscan(1, 0.01, "i0", save=False)
    with pytest.raises(NotReady, match="it takes no more presets"):
        scan.add_preset(Told([]))


@pytest.fixture
def fsh(beamline):
    """The fast shutter, closed at first and put back after."""
    shutter = beamline["fsh"]
    was_open = shutter.is_open
    shutter.close()
    yield shutter
    if was_open:
        shutter.open()


@pytest.mark.parametrize("per", ["scan", "point"])
def test_a_fast_shutter_is_open_while_points_are_measured_and_put_back_after(scans, beamline, fsh, per):
    seen = []

    class Look(PointPreset):
        def start(self, scan, index):
            seen.append(fsh.is_open)

        def stop(self, scan, index):  # before the shutter's: the reverse order
            seen.append(fsh.is_open)

    scan = scans.loopscan(2, 0.01, "diode", save=False, run=False)
    scan.add_preset(ShutterPreset(fsh, per=per))
    scan.add_preset(Look())
    scan.run()
    assert seen == [True] * 4
    assert not fsh.is_open
    told = scan.stream.description.attributes["after_scan"]
    assert told == [{"write": "demo/shutter/fsh/Position", "value": "closed"}]


def test_a_shutter_that_was_open_is_open_again_after_a_scan_that_failed(scans, fsh):
    fsh.open()
    scan = scans.loopscan(2, 0.01, "diode", save=False, run=False)
    scan.add_preset(ShutterPreset(fsh, per="point"))
    scan.add_preset(ToldPoint([], fail_at=1))
    with pytest.raises(NotReady):
        scan.run()
    assert fsh.is_open


def test_a_safety_shutter_is_refused(beamline):
    with pytest.raises(NotAllowed, match="shutter: is a safety shutter, which no scan moves"):
        ShutterPreset(beamline["shutter"])
