"""A motor server with simulated axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import tango

AXIS = {"unit": "mm", "steps_per_unit": 2000, "velocity": 2.0, "acceleration_time": 0.1, "limits": [-10, 10]}


def axis(channel: int, **keys: Any) -> dict[str, Any]:
    """The YAML of an axis."""
    return {**AXIS, "channel": channel, **keys}


def controller(address: str, axes: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """The YAML of a simulated controller."""
    return {"kind": "motor", "driver": "simulated", "address": address, "axes": axes, **keys}


@dataclass
class Motors:
    """A running motor server: controller `mc1`, axes `samx` (1), `samy` (2, with switches), `rev` (3, sign -1),
    `fast` (4), all at 0 at first."""

    rig: Any
    simulators: Any

    def __getattr__(self, name: str) -> tango.DeviceProxy:
        return self.rig.ready(name)

    def true(self, channel: int) -> dict[str, Any]:
        """What the simulator says about an axis."""
        found: dict[str, Any] = self.simulators.axis("motion", channel)
        return found


@pytest.fixture(scope="module")
def motors(rig: Any, simulate: Callable[..., Any]) -> Iterator[Motors]:
    """The server and its simulator."""
    plain: dict[str, Any] = {}
    simulators = simulate(
        motion={
            "type": "motor_controller",
            "axes": {1: plain, 2: {"lower_switch": -1.0, "upper_switch": 1.0}, 3: plain, 4: plain},
        }
    )
    axes = {
        "samx": axis(1, archive={"absolute_change": 0.05}, velocity_limits=[0.01, 10]),
        "samy": axis(2),
        "rev": axis(3, sign=-1, offset=1.0),
        "fast": axis(4, velocity=20.0),
    }
    rig.register("motors", {"mc1": controller(simulators.address("motion"), axes)})
    rig.start("motors")
    yield Motors(rig, simulators)
    rig.servers["motors"].end()


@pytest.fixture
def go() -> Callable[..., None]:
    """Moves an axis and waits for its end."""

    def move(proxy: tango.DeviceProxy, target: float) -> None:
        proxy.Position = target
        wait(proxy)

    return move


@pytest.fixture
def stands() -> Callable[..., None]:
    """Waits until an axis stands."""
    return wait


def wait(proxy: tango.DeviceProxy, limit: float = 150.0) -> None:
    """Wait until an axis does not move."""
    import time

    deadline = time.monotonic() + limit
    while proxy.state() == tango.DevState.MOVING:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def fast_axis(channel: int, **keys: Any) -> dict[str, Any]:
    """The YAML of a quick axis with wide limits."""
    return {**AXIS, "velocity": 20.0, "acceleration_time": 0.02, "limits": [-100, 100], "channel": channel, **keys}


@pytest.fixture(scope="module")
def serve(rig: Any, simulate: Callable[..., Any]) -> Iterator[Callable[..., Motors]]:
    """Starts a server `NAME` whose controller `mcNAME` has simulated axes: of each its own keys, and its simulator's."""
    names: list[str] = []

    def start(name: str, axes: dict[str, tuple[dict[str, Any], dict[str, Any]]], **keys: Any) -> Motors:
        simulated = {number: {"fastest": 100, **plant} for number, (_, plant) in enumerate(axes.values(), 1)}
        simulators = simulate(motion={"type": "motor_controller", "axes": simulated})
        entries = {axis: fast_axis(number, **ours) for number, (axis, (ours, _)) in enumerate(axes.items(), 1)}
        rig.register(name, {f"mc{name}": controller(simulators.address("motion"), entries, **keys)})
        rig.start(name)
        names.append(name)
        return Motors(rig, simulators)

    yield start
    for name in names:
        if rig.servers[name].process.poll() is None:
            rig.servers[name].end()


@pytest.fixture
def refusal() -> Callable[..., tuple[str, str]]:
    """Makes a call that must be refused; returns reason and sentence."""

    def make(call: Callable[..., Any], *arguments: Any) -> tuple[str, str]:
        with pytest.raises(tango.DevFailed) as failed:
            call(*arguments)
        return failed.value.args[0].reason, failed.value.args[0].desc

    return make
