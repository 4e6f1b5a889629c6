"""What each regulation driver does on its controller: one suite of the contract for all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ronda.devices.regulation.contract import Gains, LoopReading, Reading, RegulationController
from ronda.devices.regulation.kind import entry_model
from ronda.framework.config.kinds import load_driver
from ronda.framework.errors import CommunicationFailed, HardwareFault, TimedOut

SPEED = 20.0
"""How much faster than real time the simulated world runs."""

OVEN = {"noise": 0.0, "delay": 0.5, "sensor_time": 0.5, "power": 200.0}


@dataclass(frozen=True)
class Make:
    """A make of controller, its simulator, and how its parts are called; `start` is its first temperature."""

    driver: str
    simulator: dict[str, Any]
    start: float
    channels: tuple[Any, Any] = (1, 1)
    keys: dict[str, Any] = field(default_factory=dict)
    breaks: str = "sensor"


MAKES = [
    Make("simulated_oven", {"type": "oven", **OVEN}, 295.0),
    Make("lakeshore_336", {"type": "lakeshore_336", "ovens": {"A": {**OVEN, "output": 1}}}, 77.0, ("A", 1)),
    Make("eurotherm_3000", {"type": "eurotherm_3000", "unit_id": 7, **OVEN}, 21.85, keys={"unit_id": 7}),
]
BENCHES = 12
"""More than there are tests."""


@dataclass
class Stock:
    """Many controllers of one make in one process, so that each test has its own."""

    make: Make
    simulators: Any
    used: int = 0


@dataclass
class Bench:
    """A driver, connected to its simulator."""

    make: Make
    driver: RegulationController
    simulators: Any
    instrument: str

    def input(self) -> Reading:
        return self.driver.read_inputs(["t"])["t"]

    def output(self) -> float:
        return self.driver.read_outputs(["heater"])["heater"].value

    def loop(self) -> LoopReading:
        return self.driver.read_loops(["temp"])["temp"]

    def fault(self, what: str) -> None:
        self.simulators.ask(do="fault", instrument=self.instrument, axis=1, fault=what)

    def wait(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, (self.input(), self.loop())
            time.sleep(0.02)


@pytest.fixture(scope="module", params=MAKES, ids=[make.driver for make in MAKES])
def stock(request: pytest.FixtureRequest, simulate: Callable[..., Any]) -> Stock:
    make: Make = request.param
    simulators = simulate(**{f"oven{number}": make.simulator for number in range(BENCHES)})
    simulators.ask(do="speed", factor=SPEED)
    return Stock(make, simulators)


def make_driver(make: Make, address: str) -> RegulationController:
    """The driver, not connected yet."""
    found = load_driver("regulation", make.driver, RegulationController)
    source, drain = make.channels
    entry = {
        "kind": "regulation",
        "driver": make.driver,
        "address": address,
        "timeout": 5.0,
        **make.keys,
        "inputs": {"t": {"channel": source}},
        "outputs": {"heater": {"channel": drain}},
        "loops": {"temp": {"channel": drain, "input": "t", "output": "heater"}},
    }
    driver: RegulationController = found("oven", entry_model(found).model_validate(entry))
    return driver


@pytest.fixture
def bench(stock: Stock) -> Iterator[Bench]:
    """A driver on a controller that nobody has used before."""
    instrument = f"oven{stock.used}"
    stock.used += 1
    driver = make_driver(stock.make, stock.simulators.address(instrument))
    driver.connect()
    yield Bench(stock.make, driver, stock.simulators, instrument)
    driver.disconnect()


def test_a_cold_oven_is_off(bench: Bench) -> None:
    assert bench.input() == Reading(pytest.approx(bench.make.start, abs=0.01))
    assert bench.output() == 0.0
    assert not bench.loop().regulating


def test_its_loop_brings_the_oven_to_the_setpoint_and_off_cuts_the_heater(bench: Bench) -> None:
    goal = bench.make.start + 25
    bench.driver.write_gains("temp", Gains(5.0, 0.1, 0.0))
    bench.driver.write_setpoint("temp", goal)
    bench.driver.regulate("temp", True)
    assert bench.loop().regulating
    assert bench.loop().setpoint == pytest.approx(goal, abs=0.01)
    bench.wait(lambda: abs(bench.input().value - goal) < 0.5 and bench.output() > 0)
    bench.driver.regulate("temp", False)
    assert bench.output() == 0.0
    assert not bench.loop().regulating


def test_gains_come_back_in_our_units(bench: Bench) -> None:
    bench.driver.write_gains("temp", Gains(4.0, 0.04, 8.0))
    gains = bench.driver.read_gains("temp")
    assert (gains.kp, gains.ki, gains.kd) == pytest.approx((4.0, 0.04, 8.0), rel=1e-3)


def test_a_ramp_is_seen_on_its_way_and_ends(bench: Bench) -> None:
    start = bench.make.start
    bench.driver.write_setpoint("temp", start)
    bench.driver.write_ramp_rate("temp", 90.0)
    assert bench.driver.read_ramp_rate("temp") == pytest.approx(90.0)
    bench.driver.regulate("temp", True)
    bench.driver.write_setpoint("temp", start + 60)
    bench.wait(lambda: start < bench.loop().working_setpoint < start + 60)
    assert bench.loop().setpoint == pytest.approx(start + 60, abs=0.01)
    bench.wait(lambda: bench.loop().working_setpoint == pytest.approx(start + 60, abs=0.01))
    bench.driver.write_ramp_rate("temp", 0.0)
    assert bench.driver.read_ramp_rate("temp") == 0.0


def test_the_output_is_set_by_hand(bench: Bench) -> None:
    bench.driver.write_output("heater", 12.5)
    assert bench.output() == pytest.approx(12.5, abs=0.11)
    bench.wait(lambda: bench.input().value > bench.make.start + 1)
    bench.driver.write_output("heater", 0.0)
    assert bench.output() == 0.0


def test_a_broken_sensor_is_a_fault_and_its_loop_heats_no_more(bench: Bench) -> None:
    bench.driver.write_setpoint("temp", bench.make.start + 100)
    bench.driver.regulate("temp", True)
    bench.wait(lambda: bench.output() > 0)
    bench.fault("sensor")
    reading = bench.input()
    assert math.isnan(reading.value)
    assert "sensor open" in reading.fault
    bench.wait(lambda: bench.output() == 0.0)
    bench.fault("repair")
    assert bench.input().fault == ""


def test_a_controller_without_power_is_no_silent_success(bench: Bench) -> None:
    bench.driver.disconnect()
    bench.driver.parameters.__dict__["timeout"] = 0.3
    bench.driver.connect()
    bench.fault("power")
    with pytest.raises((TimedOut, CommunicationFailed), match="oven"):
        bench.input()


def test_what_the_controller_refuses_is_said(bench: Bench) -> None:
    with pytest.raises(HardwareFault, match="oven refuses"):
        bench.driver.write_setpoint("temp", 5000.0)


def test_nobody_at_the_address_is_said(stock: Stock) -> None:
    driver = make_driver(stock.make, "127.0.0.1:1")
    with pytest.raises(CommunicationFailed, match="cannot connect to oven"):
        driver.connect()
    driver.disconnect()
