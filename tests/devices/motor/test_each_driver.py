"""Axes as Tango clients see them are the same whatever controller is behind them: one suite, three drivers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import tango

MECHANICS = {"steps_per_unit": 2000, "velocity": 10, "acceleration_time": 0.1}
SWITCHED = {**MECHANICS, "lower_switch": -6, "upper_switch": 6, "home": 1.0}
AXIS = {"unit": "mm", "steps_per_unit": 2000, "velocity": 10.0, "acceleration_time": 0.1, "limits": [-8, 8]}

HOMING = {"mark": "home_switch", "direction": 1, "velocity": 5.0, "position": 0.95}
"""The switch is closed over 0.1 mm around 1 mm."""

DRIVERS: dict[str, tuple[str, tuple[Any, Any], dict[str, Any]]] = {
    "simulated": ("motor_controller", (1, 2), {}),
    "icepap": ("icepap", (1, 12), {}),
    "pi_gcs": ("pi_gcs", ("1", "Z"), {"servo": True, "referenced": True, "lowest": -20, "highest": 20}),
}
"""By driver: the type of its simulator, its channels, and what a simulated axis has beside the mechanics."""


@dataclass
class Bench:
    """A server with a controller `mc_DRIVER` and its axes `one_DRIVER` (with switches) and `two_DRIVER`."""

    driver: str
    rig: Any
    simulators: Any

    @property
    def one(self) -> tango.DeviceProxy:
        return self.rig.ready(f"one_{self.driver}")

    @property
    def two(self) -> tango.DeviceProxy:
        return self.rig.ready(f"two_{self.driver}")

    def until(self, axis: tango.DeviceProxy, *states: tango.DevState) -> None:
        deadline = time.monotonic() + 150
        while axis.state() not in states:
            assert time.monotonic() < deadline, f"{axis.status()}, not {states}"
            time.sleep(0.005)


@pytest.fixture(scope="module", params=list(DRIVERS))
def bench(request: pytest.FixtureRequest, rig: Any, simulate: Callable[..., Any]) -> Iterator[Bench]:
    driver = request.param
    simulator, (first, second), extra = DRIVERS[driver]
    axes = {first: {**SWITCHED, **extra}, second: {**MECHANICS, **extra}}
    simulators = simulate(motion={"type": simulator, "axes": axes})
    entry = {
        "kind": "motor",
        "driver": driver,
        "address": simulators.address("motion"),
        "axes": {
            f"one_{driver}": {**AXIS, "channel": first, "homing": HOMING},
            f"two_{driver}": {**AXIS, "channel": second},
        },
    }
    rig.register(driver, {f"mc_{driver}": entry})
    program = rig.start(driver)
    yield Bench(driver, rig, simulators)
    program.end()


def test_an_axis_moves_to_its_target_and_the_position_is_events_and_value(bench: Bench, listen: Any) -> None:
    axis = bench.one
    events = listen(axis, "Position", "State")
    axis.Position = 2.0
    bench.until(axis, tango.DevState.ON)
    assert axis.Position == pytest.approx(2.0, abs=1e-3)
    deadline = time.monotonic() + 60
    while not events.of("Position") or events.of("Position")[-1] != axis.Position:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert tango.DevState.MOVING in events.of("State")
    axis.Position = 0.0
    bench.until(axis, tango.DevState.ON)


def test_a_target_outside_the_limits_is_refused_with_a_sentence(bench: Bench) -> None:
    with pytest.raises(tango.DevFailed):
        bench.two.Position = 9.0
    assert bench.two.state() == tango.DevState.ON


def test_stop_ends_a_move_before_its_target(bench: Bench) -> None:
    axis = bench.two
    axis.Velocity = 2.0
    assert axis.Velocity == pytest.approx(2.0)
    axis.Position = 8.0
    while axis.Position < 0.2:
        time.sleep(0.005)
    axis.Stop()
    bench.until(axis, tango.DevState.ON)
    assert 0.2 <= axis.Position < 7.5
    axis.Velocity = 10.0
    axis.Position = 0.0
    bench.until(axis, tango.DevState.ON)


def test_the_acceleration_time_reads_back(bench: Bench) -> None:
    bench.two.AccelerationTime = 0.3
    assert bench.two.AccelerationTime == pytest.approx(0.3)
    bench.two.AccelerationTime = 0.1


def test_a_limit_switch_is_an_alarm_that_says_which(bench: Bench) -> None:
    axis = bench.one
    axis.Position = 7.5  # the switch is at 6 mm
    bench.until(axis, tango.DevState.ALARM)
    assert "high limit switch" in axis.status()
    assert (axis.HighLimitSwitch, axis.LowLimitSwitch) == (True, False)
    assert 6.0 <= axis.Position < 7.4
    axis.Position = 0.0
    bench.until(axis, tango.DevState.ON)


def test_the_dial_is_redefined_in_the_hardware(bench: Bench) -> None:
    axis = bench.two
    axis.Position = 1.0
    bench.until(axis, tango.DevState.ON)
    axis.DefineDialPosition(3.0)
    assert (axis.DialPosition, axis.Position) == pytest.approx((3.0, 1.0), abs=1e-3)
    axis.DefineDialPosition(1.0)
    axis.Position = 0.0
    bench.until(axis, tango.DevState.ON)


def test_homing_makes_the_dial_right(bench: Bench) -> None:
    axis = bench.one
    channel = DRIVERS[bench.driver][1][0]
    axis.DefineDialPosition(0.3)
    assert not axis.Homed
    axis.Home()
    bench.until(axis, tango.DevState.ON)
    assert axis.Homed
    assert axis.DialPosition == pytest.approx(bench.simulators.axis("motion", channel)["position"], abs=2e-3)
    axis.Position = axis.Position + 0.5
    bench.until(axis, tango.DevState.ON)


def test_power_is_switched_off_and_on(bench: Bench) -> None:
    axis = bench.two
    axis.Disable()
    bench.until(axis, tango.DevState.OFF)
    with pytest.raises(tango.DevFailed, match="RONDA_NOT_READY"):
        axis.Position = 1.0
    axis.Enable()
    bench.until(axis, tango.DevState.ON)


def test_a_jog_goes_on_until_stopped(bench: Bench) -> None:
    axis = bench.two
    start = axis.Position
    axis.Jog(-2.0)
    while axis.Position > start - 0.3:
        time.sleep(0.005)
    axis.Stop()
    bench.until(axis, tango.DevState.ON)
    assert start - 5 < axis.Position <= start - 0.3
    axis.Position = 0.0
    bench.until(axis, tango.DevState.ON)


def test_a_fault_is_told_and_the_hardware_goes_on_after_it(bench: Bench) -> None:
    axis = bench.one
    bench.simulators.ask(do="fault", instrument="motion", axis=1)
    bench.until(axis, tango.DevState.FAULT)
    assert axis.status().startswith(f"one_{bench.driver}: ")
    on = {"simulated": "POWER 1 ON", "icepap": "POWER ON 1", "pi_gcs": "SVO 1 1"}[bench.driver]
    bench.rig.proxy(f"mc_{bench.driver}").Query(on)
    bench.until(axis, tango.DevState.ON)
    axis.Position = 0.5
    bench.until(axis, tango.DevState.ON)
    assert axis.Position == pytest.approx(0.5, abs=1e-3)


def test_a_controller_that_hangs_in_mid_move_is_a_fault_and_comes_back(bench: Bench) -> None:
    axis = bench.two
    axis.Velocity = 2.0
    axis.Position = 6.0
    bench.simulators.ask(do="hang", instrument="motion", seconds=600)
    bench.until(axis, tango.DevState.FAULT)
    assert "did not answer" in axis.status()
    bench.simulators.ask(do="hang", instrument="motion", seconds=0)
    bench.until(axis, tango.DevState.ON)
    assert axis.Position == pytest.approx(6.0, abs=1e-3)
    axis.Velocity = 10.0


def test_a_controller_that_drops_its_clients_is_found_again(bench: Bench) -> None:
    axis = bench.two
    bench.simulators.ask(do="close", instrument="motion", seconds=600)
    bench.until(axis, tango.DevState.FAULT)
    bench.simulators.ask(do="close", instrument="motion", seconds=0)
    bench.until(axis, tango.DevState.ON)
    axis.Position = 0.0
    bench.until(axis, tango.DevState.ON)
    assert axis.Position == pytest.approx(0.0, abs=1e-3)
