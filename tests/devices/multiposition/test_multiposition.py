"""Positions with names, on real axes in a server."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tango
from pydantic import ValidationError

from ronda.devices.multiposition.kind import KIND
from ronda.framework.tango.names import DeviceCommand, MultipositionAttribute, MultipositionCommand

AXIS = {"unit": "mm", "steps_per_unit": 2000, "velocity": 4.0, "acceleration_time": 0.05, "limits": [-1, 10]}

BEAMSTOP = {
    "kind": "multiposition",
    "tolerance": {"bsy": 0.01, "bsz": 0.1},
    "positions": {
        "IN": {"description": "Before the detector", "axes": {"bsy": 0.0, "bsz": 1.0}},
        "OUT": {"axes": {"bsy": 3.0, "bsz": 2.0}},
        "FAR": {"axes": {"bsy": 20.0, "bsz": 2.0}},
    },
}


@dataclass
class Bench:
    """Axes `bsy`, `bsz`; `beamstop` moves both together, `careful` first bsz and then bsy."""

    rig: Any
    simulators: Any

    def __getattr__(self, name: str) -> tango.DeviceProxy:
        return self.rig.ready(name)


@pytest.fixture(scope="module")
def bench(rig: Any, simulate: Callable[..., Any]) -> Bench:
    simulators = simulate(stop={"type": "motor_controller", "axes": 2})
    address = simulators.address("stop")
    axes = {"bsy": {**AXIS, "channel": 1}, "bsz": {**AXIS, "channel": 2}}
    in_turn = {"IN": {"axes": {"bsz": 1.0, "bsy": 0.0}}, "OUT": {"axes": {"bsz": 2.0, "bsy": 3.0}}}
    rig.register("motors", {"mc": {"kind": "motor", "driver": "simulated", "address": address, "axes": axes}})
    rig.register(
        "positions",
        {"beamstop": BEAMSTOP, "careful": {**BEAMSTOP, "order": "in turn", "positions": in_turn}},
    )
    rig.start("motors")
    rig.start("positions")
    return Bench(rig, simulators)


def until(condition: Callable[[], Any], limit: float = 150.0) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def put_in(bench: Bench) -> None:
    """The beamstop is IN before each test."""
    for axis in (bench.bsy, bench.bsz):
        until(lambda a=axis: a.state() != tango.DevState.MOVING)
    until(lambda: bench.beamstop.state() != tango.DevState.MOVING)
    bench.beamstop.Position = "IN"
    until(lambda: bench.beamstop.Position == "IN" and bench.beamstop.state() == tango.DevState.ON)
    until(lambda: bench.careful.Position == "IN" and bench.careful.state() == tango.DevState.ON)


def test_its_names_are_the_documented_ones(bench):
    names = {*map(str, MultipositionAttribute), "State", "Status", "ChangedBy"}
    assert set(bench.beamstop.get_attribute_list()) == names
    commands = {*map(str, MultipositionCommand), *map(str, DeviceCommand), "State", "Status", "Init"}
    assert set(bench.beamstop.get_command_list()) == commands
    page = (Path(__file__).parents[3] / "docs" / "reference" / "tango-interface.md").read_text()
    assert [name for name in [*MultipositionAttribute, *MultipositionCommand] if f"`{name}`" not in page] == []


def test_writing_a_name_moves_there_and_the_name_comes_before_the_state(bench, listen, slowly):
    beamstop = bench.beamstop
    events = listen(beamstop, "Position", "State")
    events.clear()
    with slowly(bench.simulators):
        beamstop.Position = "OUT"
        assert beamstop.state() == tango.DevState.MOVING
    until(lambda: events.of("State") and events.of("State")[-1] == tango.DevState.ON)
    assert events.of("Position") == ["unknown", "OUT"]
    assert events.seen[-1][0] == "state"
    assert (bench.bsy.Position, bench.bsz.Position) == pytest.approx((3.0, 2.0), abs=1e-3)
    assert beamstop.Target == "OUT"
    assert list(beamstop.PositionNames) == ["IN", "OUT", "FAR"]


def test_it_follows_axes_that_are_moved_by_hand_within_the_tolerance(bench):
    bench.bsz.Position = 1.09
    until(lambda: bench.bsz.state() != tango.DevState.MOVING)
    assert bench.beamstop.Position == "IN"
    bench.bsz.Position = 1.5
    until(lambda: bench.beamstop.Position == "unknown")
    until(lambda: bench.beamstop.state() == tango.DevState.ON)
    assert bench.beamstop.status() == "beamstop: stands at no position that has a name"


def test_axes_can_move_one_after_the_other(bench, slowly):
    with slowly(bench.simulators, 0.05):
        bench.careful.Position = "OUT"
        until(lambda: bench.bsz.Position > 1.1)
        assert bench.bsy.Position == pytest.approx(0.0, abs=1e-3)
    until(lambda: bench.careful.Position == "OUT" and bench.careful.state() == tango.DevState.ON)
    assert bench.bsy.Position == pytest.approx(3.0, abs=1e-3)


def test_an_unknown_name_is_refused_with_the_known_ones(bench):
    with pytest.raises(tango.DevFailed) as failed:
        bench.beamstop.Position = "UOT"
    assert failed.value.args[0].desc == "beamstop: has no position 'UOT'; it has IN, OUT, FAR"
    assert failed.value.args[0].reason == "RONDA_BAD_VALUE"


def test_a_position_that_an_axis_may_not_reach_is_refused_before_anything_moves(bench):
    with pytest.raises(tango.DevFailed) as failed:
        bench.beamstop.Position = "FAR"
    told = "beamstop: cannot move to FAR: bsy: cannot move to 20.0 mm, outside limits [-1.0, 10.0] mm"
    assert failed.value.args[0].desc == told
    assert bench.bsz.state() == tango.DevState.ON
    assert bench.beamstop.Position == "IN"


def test_stop_stops_all_axes_and_what_would_follow(bench):
    bench.careful.Position = "OUT"
    until(lambda: bench.bsz.Position > 1.2)
    bench.careful.Stop()
    until(lambda: bench.careful.state() != tango.DevState.MOVING)
    assert bench.bsy.Position == pytest.approx(0.0, abs=1e-3)
    assert bench.careful.Position == "unknown"
    assert bench.careful.state() == tango.DevState.ON


def test_an_axis_that_is_stopped_on_the_way_is_told(bench, slowly):
    with slowly(bench.simulators, 0.05):
        bench.beamstop.Position = "OUT"
        until(lambda: bench.bsy.Position > 0.1)
        bench.bsy.Stop()
    until(lambda: bench.beamstop.state() == tango.DevState.ALARM)
    assert re.match(r"beamstop: bsy stopped at .* instead of 3 on the way to OUT", bench.beamstop.status())


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"positions": {"A": {"axes": {"x": 1}}, "B": {"axes": {"y": 1}}}}, "all positions name the same ones"),
        ({"positions": {"A": {"axes": {"x": 1}}, "B": {"axes": {"x": 1.01}}}}, "A and B cannot be told apart"),
        ({"tolerance": {"z": 1}}, "tolerance is given for z; give it for x"),
        ({"tolerance": 0}, "greater than 0"),
        ({"positions": {}}, "at least 1 item"),
    ],
)
def test_a_wrong_entry_is_refused_with_a_sentence(wrong, why):
    entry = {"kind": "multiposition", "tolerance": 0.1, "positions": {"A": {"axes": {"x": 1}}}}
    with pytest.raises(ValidationError, match=why):
        KIND.parameters(None).model_validate({**entry, **wrong})
