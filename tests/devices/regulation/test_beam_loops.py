"""The example of loops composed from a camera, counters, motors and a piezo holds the beam while others disturb it."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tango
from ruamel.yaml import YAML

from tests.devices.conftest import wait_until

REPOSITORY = Path(__file__).parents[3]
EXAMPLE = YAML(typ="safe").load(REPOSITORY / "config" / "examples" / "beam-loops" / "beamline.yml")

PIXEL = 0.005
"""In mm, of the simulated viewer."""


@pytest.fixture(scope="module")
def beamline(rig, simulate):
    """The example's simulators and servers."""
    simulators = simulate(**EXAMPLE["simulators"]["instruments"])
    for server, entry in EXAMPLE["servers"].items():
        text = re.sub(r"simulator:(\w+)", lambda match: simulators.address(match[1]), json.dumps(entry["devices"]))
        rig.register(server, json.loads(text))
        rig.start(server)
    for name in ("mc3", "cam", "ct1", "machine", "analogue"):
        rig.ready(name)
    yield simulators
    for server in EXAMPLE["servers"]:
        rig.servers[server].end()


def height(truth: dict[str, Any]) -> float:
    """Where the spot truly is above the middle of the screen, in pixels."""
    return float(truth["beam"]["spot"][1]) / PIXEL


def test_the_spot_is_held_within_one_pixel_while_the_orbit_drifts(rig, beamline) -> None:
    beam, mirror = rig.ready("beam"), rig.proxy("m1pitch")
    beamline.ask(do="carry", instrument="optics", axis=3, distance=0.002)  # somebody lifts the spot by 10 pixels
    beam.Setpoint = 0.0
    wait_until(lambda: beam.state() == tango.DevState.ON, "the spot is where it should be")
    wait_until(lambda: abs(height(beamline.ask(do="truth"))) < 0.5, "it truly is")
    assert np.nanmax(np.abs(beam.HistoryInput)) < 50, "it did not throw the beam off when it began"
    before = mirror.Position
    beamline.ask(do="ring", drift=0.3 * PIXEL)
    try:
        held = watch(beam, beamline, lambda: 4800 * (before - mirror.Position) > 2.0)
    finally:
        beamline.ask(do="ring", drift=0.0)
    assert len(held) >= 10
    assert max(map(abs, held)) < 1.0
    beam.Off()
    wait_until(lambda: abs(height(beamline.ask(do="truth"))) > 2.0, "without the loop the spot is elsewhere")


def watch(beam: Any, simulators: Any, enough: Any) -> list[float]:
    """Heights of the spot until `enough`, in pixels; those of moments at which the machine let the loop work."""
    held: list[float] = []
    seen: deque[tuple[float, int]] = deque()

    def look() -> bool:
        asked, cycles = time.monotonic(), beam.Cycles
        truth = simulators.ask(do="truth")
        seen.append((asked, cycles))
        while truth["monotonic"] - seen[0][0] > 2.0 and len(seen) > 1:
            seen.popleft()
        if truth["monotonic"] - seen[0][0] <= 2.0 and seen[-1][1] - seen[0][1] >= 5:
            held.append(height(truth))
        time.sleep(0.05)
        return bool(len(held) >= 10 and enough())

    wait_until(look, "the mirror has followed")
    return held


def test_the_intensity_is_held_while_the_crystal_is_turned(rig, beamline) -> None:
    intensity, pitch2 = rig.ready("intensity"), rig.proxy("pitch2")

    def flank() -> float:
        return float(beamline.ask(do="truth")["beam"]["transmissions"]["monochromator"])

    intensity.Setpoint = 150.0
    wait_until(lambda: intensity.state() == tango.DevState.ON, "the intensity is where it should be")
    wait_until(lambda: flank() == pytest.approx(0.6, abs=0.05), "it truly is")
    piezo = rig.proxy("crystal").Value
    assert piezo < -5.0, "on the flank that rises with the pitch"
    pitch2.Position = 8.0
    wait_until(lambda: rig.proxy("crystal").Value < piezo - 5.0, "the piezo goes against it")
    wait_until(lambda: flank() == pytest.approx(0.6, abs=0.05), "the intensity is as before")
    intensity.Off()


def test_the_page_shows_what_the_example_has() -> None:
    page = (REPOSITORY / "docs" / "how-to" / "compose-a-loop.md").read_text()
    shown = YAML(typ="safe").load(re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0])["servers"]
    assert set(shown) == {"beam_outputs", "beam_loops"}
    for server, entry in shown.items():
        for name, keys in entry["devices"].items():
            assert EXAMPLE["servers"][server]["devices"][name] == keys
