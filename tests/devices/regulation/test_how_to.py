"""The regulation driver of the how-to page works as it stands there."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest
import tango
from ruamel.yaml import YAML

from tests.devices.conftest import wait_until

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "add-a-regulation-driver.md"
BLOCK = re.compile(r"^```(?:python|yaml)\n# file: (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class EmberHardware:
    """The imaginary controller: its ramp goes on by a quarter of the way each time it is asked, the input follows it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.mode, self.setpoint, self.working, self.output = "OFF", 295.0, 295.0, 0.0
        self.pid, self.ramp, self.guard, self.open = "10 50 0", "0", "", False

    def answer(self, line: str) -> str:
        with self.lock:
            word, channel, *values = line.split()
            return self._answer(word, values) if channel == "1" else "ERROR no such channel"

    def _answer(self, word: str, values: list[str]) -> str:
        asked = {
            "T?": "OPEN" if self.open else f"{self.working:.1f}",
            "OUT?": f"{self.output:.2f}",
            "RAMP?": self.ramp,
            "PID?": self.pid,
        }
        if word in asked:
            return asked[word]
        if word == "LOOP?":
            self.working += (self.setpoint - self.working) * (1.0 if abs(self.setpoint - self.working) < 1 else 0.25)
            return f"{self.mode} {self.setpoint:.3f} {self.working:.3f} {self.output:.2f}"
        if word == "OUT":
            if self.mode == "AUTO":
                return "ERROR the loop drives it"
            self.output = float(values[0])
        elif word == "SP":
            self.setpoint = float(values[0])
        elif word in ("AUTO", "OFF"):
            self.mode, self.output = word, 30.0 if word == "AUTO" else 0.0
        elif word in ("PID", "RAMP", "GUARD"):
            setattr(self, word.lower(), " ".join(values))
        else:
            return "ERROR what?"
        return "OK"


@pytest.fixture
def ember(rig: Any, instrument: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    files = dict(BLOCK.findall(PAGE.read_text()))
    (tmp_path / "ember.py").write_text(files["ember.py"])
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    devices = YAML(typ="safe").load(files["furnace.yml"])["servers"]["furnace"]["devices"]
    hardware = EmberHardware()
    devices["ember1"] |= {"address": instrument(hardware.answer).address, "poll_period": 0.05}
    devices["ember1"]["loops"]["furnace"]["deadband_time"] = 0.1
    rig.register("howto_regulation", devices)
    rig.start("howto_regulation")
    rig.ready("ember1")
    yield rig.ready("furnace"), hardware, rig
    rig.servers["howto_regulation"].end()


def test_the_driver_of_the_page_regulates_is_tuned_and_cut(ember: Any) -> None:
    furnace, hardware, rig = ember
    assert (furnace.Kp, furnace.Ki, furnace.Kd) == pytest.approx((10.0, 0.2, 0.0))
    furnace.Kd = 5.0
    assert hardware.pid == "10 50 0.5"
    furnace.RampRate = 20.0
    assert hardware.ramp == "20"
    furnace.Setpoint = 400.0
    wait_until(lambda: furnace.state() == tango.DevState.ON, "the setpoint is reached")
    assert furnace.Input == pytest.approx(400.0, abs=2.0)
    with pytest.raises(
        tango.DevFailed, match="windings: cannot be set to 5 %, furnace drives it; switch that off first"
    ):
        rig.proxy("windings").Value = 5.0
    furnace.Off()
    wait_until(lambda: furnace.state() == tango.DevState.OFF, "it is off")
    assert (hardware.mode, hardware.output) == ("OFF", 0.0)


def test_the_driver_of_the_page_tells_a_broken_sensor_and_sets_its_output_by_hand(ember: Any) -> None:
    _, hardware, rig = ember
    windings, tube = rig.ready("windings"), rig.ready("tube")
    windings.Value = 12.5
    wait_until(lambda: hardware.output == 12.5 and windings.Value == 12.5, "it is set")
    windings.Feed(([20.0], ["me"]))
    assert (hardware.output, hardware.guard) == (20.0, "5 0")
    windings.Release(["me", "off"])
    assert (hardware.output, hardware.guard) == (0.0, "0 0")
    hardware.open = True
    wait_until(lambda: tube.state() == tango.DevState.ALARM, "the sensor is told")
    assert tube.status() == "tube: sensor open"
