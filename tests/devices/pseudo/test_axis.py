"""Pseudo axes on real ones, in servers: moving together, limits, following, stopping, losing the real axes."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tango

from ronda.framework.tango.names import (
    PSEUDO_AXIS_ATTRIBUTES,
    PSEUDO_AXIS_COMMANDS,
    CalculationAttribute,
    CalculationCommand,
    DeviceCommand,
)

BLADE = {"unit": "mm", "steps_per_unit": 2000, "velocity": 2.0, "acceleration_time": 0.05, "limits": [-5, 5]}
BLADES = ("up", "down", "left", "right")


@dataclass
class Slits:
    """Blades `up`, `down`, `left`, `right`; `vg`, `vo` in the same server; `hg`, `ho`, and `size` of `vg` and `hg`."""

    rig: Any
    simulators: Any

    def __getattr__(self, name: str) -> tango.DeviceProxy:
        return self.rig.ready(name)

    def at(self, name: str) -> float:
        return float(self.rig.proxy(name).Position)

    def state(self, name: str) -> tango.DevState:
        return self.rig.proxy(name).state()


def pseudo(driver: str, real: dict[str, str], axes: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"kind": "pseudo", "driver": driver, "real": real, "axes": axes, **keys}


@pytest.fixture(scope="module")
def slits(rig: Any, simulate: Callable[..., Any]) -> Slits:
    simulators = simulate(blades={"type": "motor_controller", "axes": 4})
    axes = {name: {**BLADE, "channel": place} for place, name in enumerate(BLADES, 1)}
    address = simulators.address("blades")
    blades = {"kind": "motor", "driver": "simulated", "address": address, "axes": axes}
    vertical = pseudo(
        "slits",
        {"plus": "up", "minus": "down"},
        {"vg": {"role": "gap", "limits": [-0.1, 9]}, "vo": {"role": "offset", "archive": {"absolute_change": 0.1}}},
    )
    horizontal = pseudo("slits", {"plus": "left", "minus": "right"}, {"hg": {"role": "gap"}, "ho": {"role": "offset"}})
    square = pseudo(
        "formula",
        {"v": "vg", "h": "hg"},
        {"size": {"role": "side"}},
        to_pseudo={"side": "(v + h) / 2"},
        to_real={"v": "side", "h": "side"},
    )
    rig.register("blades", {"mc": blades, "s1v": vertical})
    rig.register("pseudo", {"s1h": horizontal, "square": square})
    rig.start("blades")
    rig.start("pseudo")
    return Slits(rig, simulators)


def stands(proxy: tango.DeviceProxy, limit: float = 150.0) -> None:
    until(lambda: proxy.state() != tango.DevState.MOVING, limit)


def until(condition: Callable[[], Any], limit: float = 150.0) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def closed(slits: Slits) -> None:
    """All blades at 0 before each test."""
    for name in BLADES:
        blade = slits.rig.ready(name)
        stands(blade)
        blade.LowLimit, blade.HighLimit = -5, 5
        blade.Offset = 0
        blade.Position = 0
    for name in BLADES:
        stands(slits.rig.ready(name))
    for name in ("vg", "vo", "hg", "ho", "size"):
        until(lambda n=name: slits.state(n) in (tango.DevState.ON, tango.DevState.ALARM) and abs(slits.at(n)) < 1e-6)


def test_its_names_are_the_documented_ones(slits):
    assert set(slits.vg.get_attribute_list()) == {*map(str, PSEUDO_AXIS_ATTRIBUTES), "State", "Status", "ChangedBy"}
    commands = {*map(str, PSEUDO_AXIS_COMMANDS), *map(str, DeviceCommand), "State", "Status", "Init"}
    assert set(slits.vg.get_command_list()) == commands
    page = (Path(__file__).parents[3] / "docs" / "reference" / "tango-interface.md").read_text()
    assert [name for name in [*CalculationAttribute, *CalculationCommand] if f"`{name}`" not in page] == []


def test_a_write_moves_all_real_axes_and_shows_moving_at_once(slits, slowly):
    vg = slits.vg
    with slowly(slits.simulators):
        vg.Position = 1.0
        assert vg.state() == tango.DevState.MOVING
    stands(vg)
    assert (slits.at("up"), slits.at("down")) == pytest.approx((0.5, 0.5), abs=1e-3)
    assert vg.Position == pytest.approx(1.0, abs=1e-3)
    assert slits.at("vo") == pytest.approx(0.0, abs=1e-3)


def test_the_last_position_comes_before_the_state(slits, listen, slowly):
    vg = slits.vg
    events = listen(vg, "Position", "State")
    events.clear()
    with slowly(slits.simulators, 0.1):
        vg.Position = 1.0
        until(
            lambda: (
                tango.AttrQuality.ATTR_CHANGING in [quality for name, _, quality in events.seen if name == "position"]
            )
        )
    stands(vg)
    until(lambda: events.of("State") and events.of("State")[-1] == tango.DevState.ON)
    names = [name for name, _, _ in events.seen]
    last_state = len(names) - 1 - names[::-1].index("state")
    _, value, quality = [seen for seen in events.seen[:last_state] if seen[0] == "position"][-1]
    assert value == pytest.approx(1.0, abs=1e-3)
    assert quality == tango.AttrQuality.ATTR_VALID


def test_two_of_them_move_in_one_motion(slits):
    slits.s1v.MoveTogether(json.dumps({"vg": 1.0, "vo": 0.2}))
    stands(slits.vg)
    assert (slits.at("up"), slits.at("down")) == pytest.approx((0.7, 0.3), abs=1e-3)


def test_a_move_of_one_keeps_where_the_other_was_sent(slits):
    for target in (0.3331, 0.7773, 0.1119, 0.5):
        slits.vg.Position = target
        stands(slits.vg)
    assert (slits.up.Target, slits.down.Target) == pytest.approx((0.25, 0.25), abs=1e-12)


def test_a_blade_that_would_pass_its_limit_is_named_and_nothing_moves(slits):
    slits.down.HighLimit = 1.0
    with pytest.raises(tango.DevFailed) as failed:
        slits.vg.Position = 4.0
    assert failed.value.args[0].desc == (
        "vg: cannot move to 4.0 mm: down: cannot move to 2.0 mm, outside limits [-5.0, 1.0] mm"
    )
    assert failed.value.args[0].reason == "RONDA_OUT_OF_RANGE"
    assert slits.up.state() == tango.DevState.ON
    assert slits.at("up") == pytest.approx(0.0, abs=1e-3)
    with pytest.raises(tango.DevFailed, match="down: cannot move to"):
        slits.vg.CheckTargets([0.5, 4.0])
    slits.vg.CheckTargets([0.5, 2.0])


def test_limits_are_checked_through_a_chain_of_calculations(slits):
    slits.right.HighLimit = 1.0
    with pytest.raises(tango.DevFailed) as failed:
        slits.size.Position = 4.0
    told = failed.value.args[0].desc
    assert re.search(r"size: cannot move to 4.0 mm: hg: cannot move to .*: right: cannot move", told)
    assert slits.at("up") == pytest.approx(0.0, abs=1e-3)


def test_its_own_limits_are_stored_and_count_too(slits):
    vg = slits.vg
    vg.HighLimit = 0.5
    assert vg.get_attribute_config("Position").max_value == "0.5"
    with pytest.raises(tango.DevFailed, match=r"vg: cannot move to 0.6 mm, outside limits \[-0.1, 0.5\] mm"):
        vg.CheckTargets([0.6])
    assert slits.rig.runtime_settings("test/axis/vg") == {"limits": [-0.1, 0.5]}
    vg.HighLimit = 9
    with pytest.raises(tango.DevFailed, match=r"the low limit 10\.0 mm must be below the high limit 9\.0 mm"):
        vg.LowLimit = 10


def test_a_chain_moves_all_real_axes_together(slits, slowly):
    size = slits.size
    with slowly(slits.simulators):
        size.Position = 1.0
        assert size.state() == tango.DevState.MOVING
    stands(size)
    assert [slits.at(name) for name in BLADES] == pytest.approx([0.5] * 4, abs=1e-3)
    assert size.Position == pytest.approx(1.0, abs=1e-3)


def test_it_follows_real_axes_that_somebody_else_moves(slits, listen):
    events = listen(slits.vg, "Position", "State")
    slits.up.Position = 0.8
    until(lambda: tango.DevState.MOVING in events.of("State"))
    stands(slits.up)
    until(lambda: events.of("State")[-1] == tango.DevState.ON)
    assert events.of("Position")[-1] == pytest.approx(0.8, abs=1e-3)
    until(lambda: abs(slits.at("size") - 0.4) < 1e-3)  # and so does what is computed from it


def test_stop_stops_all_real_axes(slits):
    vg = slits.vg
    vg.Position = 8.0
    until(lambda: slits.at("up") > 0.2)
    vg.Stop()
    stands(vg)
    assert {slits.up.state(), slits.down.state()} == {tango.DevState.ON}
    assert 0.2 < slits.at("up") < 3.999


def test_a_blade_that_is_stopped_on_its_way_stops_the_others(slits):
    vg = slits.vg
    vg.Position = 9.0
    until(lambda: slits.at("up") > 0.2)
    slits.up.Stop()
    stands(vg)
    assert slits.at("down") < 4.499
    until(lambda: vg.state() == tango.DevState.ALARM)
    assert re.search(r"up stopped at .* instead of 4.5; the other axes of s1v were stopped", vg.status())
    vg.Position = 0.0  # and it can go on from here
    stands(vg)
    until(lambda: vg.state() == tango.DevState.ON)


def test_a_second_move_is_refused_while_a_blade_moves(slits, slowly):
    with slowly(slits.simulators):
        slits.up.Position = 4.0
        with pytest.raises(tango.DevFailed) as failed:
            slits.vg.Position = 1.0
    assert failed.value.args[0].desc == "vg: cannot move to 1.0 mm: up is moving; stop it first"
    assert failed.value.args[0].reason == "RONDA_BUSY"


def test_a_position_is_defined_by_redefining_the_real_axes(slits):
    slits.vg.Position = 1.0
    stands(slits.vg)
    slits.vg.DefinePosition(1.2)
    assert slits.vg.Position == pytest.approx(1.2, abs=1e-3)
    assert (slits.at("up"), slits.at("down")) == pytest.approx((0.6, 0.6), abs=1e-3)
    assert slits.up.Offset == pytest.approx(0.1, abs=1e-3)
    assert slits.up.DialPosition == pytest.approx(0.5, abs=1e-3)


def test_wrong_arguments_get_a_sentence(slits):
    with pytest.raises(tango.DevFailed, match="xx is none of its axes; it has vg, vo"):
        slits.s1v.MoveTogether('{"xx": 1}')
    with pytest.raises(tango.DevFailed, match="should be JSON like"):
        slits.s1v.MoveTogether("1")
    with pytest.raises(tango.DevFailed, match="a position is a finite number of mm"):
        slits.vg.CheckTargets([float("nan")])


def test_without_its_real_axes_it_is_faulty_and_comes_back_by_itself(slits):
    """The last test: it kills the server of the blades and of vg; hg lives in another one."""
    hg = slits.hg
    slits.rig.servers["blades"].end(signal.SIGKILL)
    until(lambda: hg.state() == tango.DevState.FAULT)
    assert re.search(r"hg: s1h: its axis (left|right) does not answer", hg.status())
    with pytest.raises(tango.DevFailed, match=r"hg: cannot move to 1\.0 mm: .*does not answer"):
        hg.Position = 1.0
    slits.rig.start("blades")
    until(lambda: hg.state() == tango.DevState.ON, 60.0)
    hg.Position = 1.0
    stands(hg)
    assert slits.at("left") == pytest.approx(0.5, abs=1e-3)
