"""An attenuator with two wheels at the energy of a monochromator, in servers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tango

from ronda.devices.attenuator.filters import Foil
from ronda.framework.tango.names import AttenuatorAttribute, AttenuatorCommand, DeviceCommand

WHEEL = {"unit": "deg", "steps_per_unit": 100, "velocity": 400, "acceleration_time": 0.05, "limits": [-5, 305]}
FOILS = [{"at": 0}, {"at": 60, "material": "Al", "thickness": 25}, {"at": 120, "material": "Al", "thickness": 100}]


@dataclass
class Bench:
    """`att` with the wheels `att1`, `att2`, at the `energy` of `bragg`, which starts at 10 keV."""

    rig: Any
    simulators: Any

    def __getattr__(self, name: str) -> tango.DeviceProxy:
        return self.rig.ready(name)


@pytest.fixture(scope="module")
def bench(rig: Any, simulate: Callable[..., Any]) -> Bench:
    optics = {1: {"steps_per_unit": 100, "velocity": 400, "fastest": 1000}, 2: {"steps_per_unit": 100, "fastest": 1000}}
    axes = {**optics, 3: {"steps_per_unit": 100000, "position": 11.40319, "velocity": 1, "fastest": 9}}
    simulators = simulate(optics={"type": "motor_controller", "axes": axes})
    address = simulators.address("optics")
    angle = {"channel": 3, "unit": "deg", "steps_per_unit": 100000, "velocity": 5, "acceleration_time": 0.05}
    motors = {"att1": {**WHEEL, "channel": 1}, "att2": {**WHEEL, "channel": 2}, "bragg": angle}
    rig.register(
        "optics",
        {
            "mc": {"kind": "motor", "driver": "simulated", "address": address, "axes": motors},
            "mono": {
                "kind": "pseudo",
                "driver": "bragg",
                "d_spacing": 3.1356,
                "real": {"angle": "bragg"},
                "axes": {"energy": {"role": "energy", "unit": "keV", "digits": 5}},
            },
            "att": {"kind": "attenuator", "energy": "energy", "tolerance": 1, "wheels": {"att1": FOILS, "att2": FOILS}},
        },
    )
    rig.start("optics")
    until(lambda: knows_its_foils(rig.ready("att")), 60.0)
    return Bench(rig, simulators)


def until(condition: Callable[[], Any], limit: float = 150.0) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def knows_its_foils(att: tango.DeviceProxy) -> bool:
    """Whether the tables of absorption are read, which a busy machine may take long for."""
    try:
        return len(att.FilterNames) > 0
    except tango.DevFailed as failed:
        if "ask again in a second" not in failed.args[0].desc:
            raise
        return False


def arrived(att: tango.DeviceProxy) -> None:
    until(lambda: att.state() == tango.DevState.ON)


def test_its_names_are_the_documented_ones(bench):
    assert set(bench.att.get_attribute_list()) == {*map(str, AttenuatorAttribute), "State", "Status", "ChangedBy"}
    commands = {*map(str, AttenuatorCommand), *map(str, DeviceCommand), "State", "Status", "Init"}
    assert set(bench.att.get_command_list()) == commands
    page = (Path(__file__).parents[3] / "docs" / "reference" / "tango-interface.md").read_text()
    assert [name for name in [*AttenuatorAttribute, *AttenuatorCommand] if f"`{name}`" not in page] == []


def test_a_number_puts_its_foils_into_the_beam(bench, slowly):
    att = bench.att
    names = list(att.FilterNames)
    assert names[0] == "none"
    assert len(names) == 6
    both = "Al 25 µm + Al 100 µm" if "Al 25 µm + Al 100 µm" in names else "Al 100 µm + Al 25 µm"
    with slowly(bench.simulators):
        att.Filter = names.index(both)
        assert att.state() == tango.DevState.MOVING
    arrived(att)
    assert {round(bench.att1.Position), round(bench.att2.Position)} == {60, 120}
    expected = math.exp(-Foil("Al", 125).absorption(att.Energy))
    assert att.Transmission == pytest.approx(expected, rel=1e-6)
    assert list(att.Transmissions)[att.Filter] == pytest.approx(expected, rel=1e-6)


def test_a_transmission_chooses_the_nearest_filter_at_the_present_energy(bench):
    att = bench.att
    assert att.Energy == pytest.approx(10.0, abs=1e-3)
    att.Transmission = math.exp(-Foil("Al", 100).absorption(10.0)) * 1.02
    arrived(att)
    assert list(att.FilterNames)[att.Filter] == "Al 100 µm"
    before = att.Transmission
    bench.energy.Position = 11.0
    until(lambda: bench.energy.state() == tango.DevState.ON)
    until(lambda: abs(att.Energy - 11.0) < 1e-3)
    assert att.Transmission > before
    bench.energy.Position = 10.0
    until(lambda: bench.energy.state() == tango.DevState.ON)


def test_between_its_places_it_has_no_transmission(bench, listen):
    att = bench.att
    events = listen(att, "Filter", "State")
    bench.att1.Position = 30
    until(lambda: tango.DevState.ALARM in events.of("State"))
    assert att.status() == "att: a wheel stands between its places"
    assert att.Filter == -1
    assert events.seen[-1][:2] == ("state", tango.DevState.ALARM)
    assert events.of("Filter")[-1] == -1
    assert att.read_attribute("Transmission").quality == tango.AttrQuality.ATTR_INVALID
    att.Filter = 0
    arrived(att)


def test_wrong_values_get_a_sentence(bench):
    with pytest.raises(tango.DevFailed, match="att: has no filter 99; it has 0 to 5"):
        bench.att.Filter = 99
    bench.att.Filter = 5
    arrived(bench.att)
    bench.att1.LowLimit = 50
    try:
        with pytest.raises(tango.DevFailed, match=r"att: cannot move to filter 0, none: att1: cannot move to 0\.0 deg"):
            bench.att.Filter = 0
    finally:
        bench.att1.LowLimit = -5
