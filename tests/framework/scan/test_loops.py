"""Scans and programs with a regulation loop: they wait while it is out of band, and are told when it cannot regulate."""

from __future__ import annotations

import json
import socket

import pytest

from ronda.framework.errors import HardwareFault
from ronda.framework.scan.presets import PointPreset
from ronda.framework.scan.suspenders import Suspender
from tests.framework.scan.test_control import Running


@pytest.fixture
def temp(beamline, wait_for):
    """The oven's loop, which regulates a little above where the oven is; off and as it was afterwards."""
    loop = beamline["temp"]
    wait_for(lambda: loop.state != "UNKNOWN", 60, "the oven is connected")
    kept = loop.deadband, loop.deadband_time
    loop.deadband, loop.deadband_time = 2.0, 0.2
    loop.setpoint = round(loop.input) + 2  # it heats faster than it cools
    assert loop.wait(150)
    yield loop
    loop.deadband, loop.deadband_time = kept
    loop.off()


class Disturb(PointPreset):
    """Lets the loop leave its band during a point."""

    def __init__(self, loop, index, wait_for):
        self._loop, self._index, self._wait_for = loop, index, wait_for

    def start(self, scan, index):
        if index == self._index:
            self._index = None
            self._loop.setpoint += 33  # so far that it takes a while
            self._wait_for(lambda: not self._loop.in_deadband, 60, "the loop is out of band")


def test_a_scan_waits_while_a_loop_is_out_of_band(scans, temp, wait_for):
    scans.add_suspender(
        Suspender("band", "temp/IsInDeadband", equals=True, reason="the oven is not there yet", settle=0.1)
    )
    scan = scans.loopscan(3, 0.01, "i0", save=False, run=False)
    scan.add_preset(Disturb(temp, 1, wait_for))
    running = Running(scan)
    wait_for(lambda: scan.state == "PAUSED", 150, "the scan waits")
    assert "the oven is not there yet (temp/IsInDeadband is False and should be True)" in scan.sentence

    temp.setpoint = temp.input
    running.end()
    assert running.error is None
    assert (scan.state, scan.points_done) == ("COMPLETED", 3)
    assert scan.spoiled >= 1  # heat on its way may take it out of band once more
    assert temp.is_regulating


def test_who_waits_for_a_loop_whose_sensor_breaks_is_told_and_it_goes_on_when_it_is_mended(demo, temp, wait_for):
    port = json.loads((demo.folder / ".ronda" / "local" / "ports.json").read_text())["simulators' control"]

    def oven(fault):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            asked = {"do": "fault", "instrument": "oven", "axis": 1, "fault": fault}
            connection.sendall(json.dumps(asked).encode() + b"\n")
            assert json.loads(connection.makefile().readline())["ok"]

    temp.deadband_time = 60.0  # it has not arrived when the sensor breaks
    temp.setpoint += 1.5
    oven("sensor")
    try:
        with pytest.raises(HardwareFault, match="temp: its input oven_sensor has a fault: sensor open; the output"):
            temp.wait(150)
    finally:
        oven("repair")
    wait_for(lambda: temp.state != "ALARM", 150, "it regulates again")
    assert temp.is_regulating
