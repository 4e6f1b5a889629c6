"""The page on homing an axis is true as it stands there."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
import tango
from ruamel.yaml import YAML

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "home-an-axis.md").read_text()


@pytest.fixture(scope="module")
def samx(rig, simulate):
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    devices = YAML(typ="safe").load(text)["servers"]["motors"]["devices"]
    simulators = simulate(
        motion={"type": "motor_controller", "axes": {1: {"home": 1.0, "lower_switch": -4, "upper_switch": 4}}}
    )
    devices["mc1"]["address"] = simulators.address("motion")
    rig.register("homehowto", devices)
    rig.start("homehowto")
    yield rig.ready("samx")
    rig.servers["homehowto"].end()


def test_the_axis_of_the_page_waits_for_its_homing(samx, refusal):
    _, sentence = refusal(samx.write_attribute, "Position", 3.0)
    assert f"`{sentence}`" in PAGE


def test_the_commands_of_the_page_home_the_axis(samx, capsys):
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(code, {"samx": samx, "tango": tango, "time": time})
    said = capsys.readouterr().out
    assert said.startswith("samx: stands\nTrue 12.")
    samx.Position = 3.0
