"""What is done before and after a scan, on real devices."""

from __future__ import annotations

import pytest

from ronda.framework.errors import NotReady
from ronda.framework.scan.guard import stop_devices

BEFORE = [{"write": "samz/Velocity", "value": 1.5, "until": "samz/Velocity", "equals": 1.5}]
AFTER = [{"write": "samz/Velocity", "value": 2.0}]


@pytest.fixture
def configured(beamline, monkeypatch):
    """`configured("ct1", before_scan=…)`: as if it stood in the YAML of that device."""

    def configure(name, **keys):
        known = beamline.configurations
        monkeypatch.setattr(beamline, "configurations", {**known, name: {**known[name], **keys}})

    yield configure
    beamline["samz"].velocity = 2.0


@pytest.mark.parametrize("name", ["samx", "mc1", "ct1"])
def test_those_of_axis_controller_and_card_run_around_a_scan(name, configured, scans, recorder, beamline):
    configured(name, before_scan=BEFORE, after_scan=AFTER)
    seen = []
    recorder.at(1, lambda: seen.append(beamline["samz"].velocity))
    scans.ascan("samx", 0.0, 0.02, 2, 0.01, "i0", save=False)

    assert seen == [1.5]
    assert beamline["samz"].velocity == 2.0


def test_one_that_fails_lets_the_scan_not_begin(configured, scans, beamline):
    configured("ct1", before_scan=[{"until": "samz/Velocity", "above": 99, "timeout": 0.1}], after_scan=AFTER)
    beamline["samz"].velocity = 1.0
    where = beamline["samx"].position
    with pytest.raises(
        NotReady, match=r"ascan.*before the scan failed: samz/Velocity is 1\.0 after 0\.1 s, and should be abo"
    ):
        scans.ascan("samx", 1.0, 2.0, 2, 0.01, "i0", save=False)

    assert scans.last.number == 0
    assert beamline["samx"].position == where
    assert beamline["samz"].velocity == 2.0, "what must be done afterwards was done"


def test_they_run_after_a_scan_that_was_interrupted(configured, scans, recorder, beamline):
    configured("samx", before_scan=BEFORE, after_scan=AFTER)

    def interrupt():
        raise KeyboardInterrupt

    recorder.at(1, interrupt)
    with pytest.raises(KeyboardInterrupt):
        scans.ascan("samx", 0.0, 0.02, 2, 0.01, "i0", save=False)
    assert scans.last.state == "ABORTED"
    assert beamline["samz"].velocity == 2.0


def test_others_can_run_them_if_its_owner_dies(configured, scans, beamline):
    configured("samx", before_scan=BEFORE, after_scan=AFTER)
    scan = scans.ascan("samx", 0.0, 0.02, 2, 0.01, "i0", save=False)
    beamline["samz"].velocity = 1.0

    assert stop_devices(beamline.stream.scan(scan.identifier), beamline.tango_host) == []
    assert beamline["samz"].velocity == 2.0
