"""The camera driver of the how-to page works as it stands there."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tango
from ruamel.yaml import YAML

from tests.devices.conftest import wait_until

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "add-a-camera-driver.md"
BLOCK = re.compile(r"^```(?:python|yaml)\n# file: (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class LumenHardware:
    """The imaginary camera: a bright square on a dark frame, when the exposure is over."""

    def __init__(self) -> None:
        self.ends = 0.0
        self.frame = np.full((480, 640), 10, "<u2")
        self.frame[210:230, 310:330] = 1010

    def answer(self, line: str) -> Any:
        word, *arguments = line.split()
        if word == "EXPOSE":
            self.ends = time.monotonic() + float(arguments[0])
        if word == "STATE?":
            return "EXPOSING" if time.monotonic() < self.ends else "DONE"
        if word == "FRAME?":
            return f"{self.frame.nbytes}\n".encode() + self.frame.tobytes()
        return "OK"


@pytest.fixture
def lumen(rig: Any, instrument: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    files = dict(BLOCK.findall(PAGE.read_text()))
    (tmp_path / "lumen.py").write_text(files["lumen.py"])
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    devices = YAML(typ="safe").load(files["detectors.yml"])["servers"]["detectors"]["devices"]
    devices["lumen1"]["address"] = instrument(LumenHardware().answer).address
    rig.register("howto_camera", devices)
    rig.start("howto_camera")
    yield rig.ready("lumen1")
    rig.servers["howto_camera"].end()


def test_the_driver_of_the_page_measures_and_is_refused_what_it_cannot(lumen: Any) -> None:
    lumen.Start()
    wait_until(lambda: lumen.state() != tango.DevState.RUNNING, "the exposure has ended")
    numbers = dict(zip(lumen.CounterNames, lumen.CounterValues, strict=True))
    assert numbers["spot_sum"] == 400 * 1010 + 1200 * 10
    assert (numbers["x"], numbers["y"]) == (pytest.approx(319.5), pytest.approx(219.5))
    with pytest.raises(tango.DevFailed) as failed:
        lumen.IntegrationTime = 60.0
    assert failed.value.args[0].desc == "lumen1: cannot measure for 60 s, it can for 0.001 to 10 s"
    with pytest.raises(tango.DevFailed) as failed:
        lumen.Binning = 2
    assert failed.value.args[0].desc == "lumen1: binning 2 is not possible, the camera can 1"


def test_the_driver_of_the_page_is_short() -> None:
    source = dict(BLOCK.findall(PAGE.read_text()))["lumen.py"]
    assert len(source.strip().splitlines()) < 60
