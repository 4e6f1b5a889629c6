"""The driver of the how-to page works as it stands there."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest
import tango
from ruamel.yaml import YAML

from ronda.devices.motor.contract import MotorController
from ronda.framework.config.kinds import load_driver

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "add-a-motor-driver.md"
BLOCK = re.compile(r"^```(?:python|yaml)\n# file: (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class AcmeHardware:
    """The imaginary controller: 400 steps/s unless told otherwise, and it refuses what lies beyond 10000 steps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.start, self.target, self.begun, self.speed = 0.0, 0.0, 0.0, 400.0

    def position(self) -> float:
        way = min(abs(self.target - self.start), (time.monotonic() - self.begun) * self.speed)
        return self.start + (way if self.target > self.start else -way)

    def answer(self, line: str) -> str:
        with self._lock:
            word, _, *arguments = line.split()
            now = self.position()
            if word == "P?":
                return f"{now:.0f} {'MOVING' if now != self.target else 'STANDING'}"
            if word == "GO" and abs(float(arguments[0])) > 10000:
                return "ERROR too far"
            if word in ("GO", "HALT"):
                self.start, self.begun = now, time.monotonic()
                self.target = float(arguments[0]) if word == "GO" else now
            if word == "SPEED":
                self.speed = min(float(arguments[0]), 2000.0)
            return f"{self.speed}" if word == "SPEED?" else "OK"


@pytest.fixture
def tilt(rig, instrument, tmp_path, monkeypatch):
    files = dict(BLOCK.findall(PAGE.read_text()))
    (tmp_path / "acme.py").write_text(files["acme.py"])
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    hardware = AcmeHardware()
    devices = YAML(typ="safe").load(files["motors.yml"])["servers"]["motors"]["devices"]
    devices["acme1"]["address"] = instrument(hardware.answer).address
    rig.register("howto", devices)
    rig.start("howto")
    yield rig.ready("tilt")
    rig.servers["howto"].end()


def test_the_driver_of_the_page_moves_stops_and_refuses(tilt):
    tilt.Velocity = 0.25
    tilt.Position = -5.0  # takes 20 s
    assert tilt.state() == tango.DevState.MOVING
    while tilt.Position > -0.02:
        time.sleep(0.01)
    tilt.Stop()
    _wait(tilt)
    assert -5.0 < tilt.Position < 0.0
    tilt.Velocity = 9.0
    assert tilt.Velocity == 5.0  # what this controller does at most
    tilt.Position = 1.0
    _wait(tilt)
    assert tilt.Position == 1.0
    tilt.LowLimit = -100.0
    with pytest.raises(tango.DevFailed) as failed:
        tilt.Position = -50.0
    assert failed.value.args[0].desc == "tilt: cannot move to -50.0 mrad: acme1 refuses 'GO X -20000': ERROR too far"


def test_the_driver_of_the_page_is_short():
    source = dict(BLOCK.findall(PAGE.read_text()))["acme.py"]
    assert len(source.strip().splitlines()) < 60


def test_the_driver_of_the_simulated_controller_has_every_hook_and_is_short_too():
    driver = load_driver("motor", "simulated", MotorController)
    source = Path(__import__(driver.__module__, fromlist=["x"]).__file__).read_text()
    assert len(source.strip().splitlines()) < 200  # with sweeps, trajectories and encoders


def _wait(axis, limit=150.0):
    deadline = time.monotonic() + limit
    while axis.state() == tango.DevState.MOVING:
        assert time.monotonic() < deadline
        time.sleep(0.01)
