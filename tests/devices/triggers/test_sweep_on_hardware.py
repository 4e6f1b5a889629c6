"""A sweep on the drivers of controller and card: triggers at positions gate the counting over a line between them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ronda.devices.counter.contract import CounterCard
from ronda.devices.counter.kind import entry_model
from ronda.devices.motor.contract import ControllerParameters, Knots, MotorController
from ronda.devices.motor.latching import BEFORE
from ronda.framework.config.kinds import load_driver
from ronda.framework.errors import HardwareFault, NotAllowed
from ronda.framework.scan.sweep import sweep
from ronda.framework.scan.trigger_match import Matched, match

STEPS, NPOINTS, POINT_TIME = 2000.0, 60, 0.01
ASTRAY = {"dropped": 0.05, "doubled": 0.05, "delayed": 0.05, "by": 0.003}
AXIS = {"name": "samy", "steps_per_unit": STEPS, "encoder": 10_000}


@dataclass
class Bench:
    motor: Any
    card: Any
    simulators: Any

    def sweep(
        self, start: float, step: float, astray: dict[str, float] | None = None
    ) -> tuple[Matched, np.ndarray, np.ndarray]:
        """Sweep once; returns the points, the positions that bound them in mm, and what the encoder showed there."""
        way = sweep("samy", start, step, NPOINTS, POINT_TIME, acceleration_time=0.1, unit="mm")
        self.motor.set_velocity(1, 2 * STEPS)
        self.go(way.begins)
        self.motor.set_velocity(1, way.velocity * STEPS)
        self.card.arm_gated()
        self.motor.compare(1, way.start * STEPS, way.step * STEPS, way.npoints + 1)
        for pause in (0.01, 0.03, 0.07, 0.02, 0.05):
            self.motor.pulse(1)
            time.sleep(pause)
        if astray:  # after those that set the clocks, of which enough must come
            self.simulators.ask(do="triggers", line="motion:1", **astray)
        self.go(way.rests)
        self.card.disarm_gated()
        latches, blocks = self.motor.latched(1, 0), self.card.gated(0)
        assert len(latches.times) == latches.emitted == NPOINTS + 6
        assert len(blocks.values) == blocks.received - 1
        edges = np.append(blocks.begins, blocks.ends[-1])
        bounds = latches.compared
        matched = match(latches.times, bounds, edges, blocks.values, 0.1 * POINT_TIME)
        return matched, latches.positions[bounds] / STEPS, latches.encoders[bounds] / 1e4

    def go(self, position: float) -> None:
        self.motor.start({1: position * STEPS})
        deadline = time.monotonic() + 150
        while self.motor.read([1])[1].moving:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.fixture(scope="module")
def bench(simulate: Any) -> Iterator[Bench]:
    simulators = simulate(
        motion={"type": "motor_controller", "axes": {"1": AXIS}},
        counters={
            "type": "counter_card",
            "channels": {"1": "i0", "2": "diode"},
            "gate": "motion:1",
            "clock_skew": 5e-5,
        },
    )
    motor_type = load_driver("motor", "simulated", MotorController)
    motor = motor_type(
        "mc1",
        motor_type.Parameters(kind="motor", driver="simulated", address=simulators.address("motion"), timeout=60),
    )
    card_type = load_driver("counter", "simulated", CounterCard)
    entry = {"kind": "counter", "driver": "simulated", "address": simulators.address("counters"), "timeout": 60}
    channels = {"i0": {"channel": 1}, "diode": {"channel": 2}}
    card = card_type("ct1", entry_model(card_type).model_validate({**entry, "channels": channels}))
    motor.connect()
    card.connect()
    yield Bench(motor, card, simulators)
    motor.disconnect()
    card.disconnect()


@pytest.fixture(autouse=True)
def undisturbed(bench: Bench) -> Iterator[None]:
    yield
    bench.simulators.ask(do="triggers", line="motion:1", dropped=0.0)


@pytest.mark.parametrize(("start", "step"), [(-0.3, 0.01), (0.3, -0.01)], ids=["up", "down"])
def test_points_lie_where_they_were_asked_for_and_count_what_the_beam_gives(
    bench: Bench, start: float, step: float
) -> None:
    matched, positions, encoders = bench.sweep(start, step)
    assert matched.sentence() == ""
    assert matched.valid.all()
    assert positions == pytest.approx(start + step * np.arange(NPOINTS + 1), abs=1 / STEPS)
    assert encoders == pytest.approx(positions, abs=2 / STEPS)
    assert matched.skew == pytest.approx(5e-5, rel=0.05)
    i0 = matched.values[:, 0]  # nothing that moves is before this detector: its rate is that of a timed count
    bench.card.prepare(0.2)
    bench.card.start()
    deadline = time.monotonic() + 150
    while bench.card.counting():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    expected = bench.card.read().values[0] / 0.2 * POINT_TIME
    assert i0.mean() == pytest.approx(expected, rel=0.05)  # the beam itself changes by 0.3 % rms within seconds


def test_triggers_that_go_astray_are_found_and_only_their_points_are_marked(bench: Bench) -> None:
    before = bench.simulators.ask(do="triggers", line="motion:1")
    matched, positions, _ = bench.sweep(-0.3, 0.01, astray=ASTRAY)
    after = bench.simulators.ask(do="triggers", line="motion:1")
    astray = {
        fate: {n - before["emitted"] - 5 for n in after[fate] if n not in before[fate]}
        for fate in ("dropped", "doubled", "delayed")
    }
    both = {point for n in astray["dropped"] | astray["delayed"] for point in (n - 1, n)}
    wrong = {point for point in both | astray["doubled"] if 0 <= point < NPOINTS}
    assert wrong, "chance let none go astray: the test shows nothing"
    assert set(np.flatnonzero(matched.valid == 0)) == wrong
    assert set(matched.missing) == {n for n in astray["dropped"] if n >= 0}
    assert positions == pytest.approx(-0.3 + 0.01 * np.arange(NPOINTS + 1), abs=1 / STEPS)


def test_what_was_counted_does_not_change_when_it_is_read_again(bench: Bench) -> None:
    bench.sweep(-0.3, 0.01)
    once, again, rest = bench.card.gated(0), bench.card.gated(0), bench.card.gated(20)
    assert np.array_equal(once.values, again.values)
    assert np.array_equal(once.values[20:], rest.values)
    assert np.array_equal(once.begins[20:], rest.begins)


def test_a_card_that_is_armed_for_triggers_does_not_count_for_a_time(bench: Bench) -> None:
    bench.card.arm_gated()
    with pytest.raises(HardwareFault, match="ct1 refuses START: the gate is armed for triggers"):
        bench.card.start()
    bench.card.disarm_gated()
    bench.card.prepare(0.001)
    bench.card.start()


def test_a_driver_that_cannot_says_so() -> None:
    motor = MotorController("mc9", ControllerParameters.model_construct())
    with pytest.raises(NotAllowed, match="mc9: this driver cannot emit triggers at positions"):
        motor.compare(1, 0, 1, 2)
    card = CounterCard("ct9", SimpleNamespace(channels={}, encoders={}, integration_time=1.0))
    with pytest.raises(NotAllowed, match="ct9: this driver cannot count between triggers"):
        card.arm_gated()


@pytest.fixture(scope="module")
def ice(simulate: Any) -> Iterator[Bench]:
    simulators = simulate(
        ice={"type": "icepap", "axes": {"1": AXIS, "2": {"name": "samz", "steps_per_unit": STEPS}}},
        counters={"type": "counter_card", "channels": {"1": "i0"}, "gate": "ice:1", "clock_skew": 5e-5},
    )
    motor_type = load_driver("motor", "icepap", MotorController)
    told = {"kind": "motor", "driver": "icepap", "address": simulators.address("ice"), "timeout": 60}
    motor = motor_type("mc2", motor_type.Parameters(**told))
    card_type = load_driver("counter", "simulated", CounterCard)
    entry = {"kind": "counter", "driver": "simulated", "address": simulators.address("counters"), "timeout": 60}
    card = card_type("ct2", entry_model(card_type).model_validate({**entry, "channels": {"i0": {"channel": 1}}}))
    motor.connect()
    card.connect()
    yield Bench(motor, card, simulators)
    motor.disconnect()
    card.disconnect()


@pytest.mark.parametrize(("start", "step"), [(-0.3, 0.01), (0.3, -0.01)], ids=["up", "down"])
def test_a_controller_that_keeps_no_time_sets_the_clocks_by_positions_before_the_first_point(
    ice: Bench, start: float, step: float
) -> None:
    way = sweep("samy", start, step, NPOINTS, POINT_TIME, acceleration_time=0.1, lead_time=0.05, unit="mm")
    ice.motor.set_velocity(1, 2 * STEPS)
    ice.go(way.begins)
    ice.motor.set_velocity(1, way.velocity * STEPS)
    ice.card.arm_gated()
    clocks = [(start - np.sign(step) * part * way.lead) * STEPS for part in BEFORE]
    ice.motor.compare(1, start * STEPS, step * STEPS, NPOINTS + 1, period=POINT_TIME, clocks=clocks)
    assert ice.motor.latched(1, 0).emitted == 0
    ice.go(way.rests)
    assert ice.motor.latched(1, 0).emitted == NPOINTS + 6
    ice.go(way.begins)  # on the way back, the cam is off
    ice.card.disarm_gated()
    latches, blocks = ice.motor.latched(1, 0), ice.card.gated(0)
    assert len(latches.times) == latches.emitted == NPOINTS + 6 == blocks.received
    edges = np.append(blocks.begins, blocks.ends[-1])
    bounds, jitter = latches.compared, ice.motor.trigger_jitter
    matched = match(latches.times, bounds, edges, blocks.values, 0.1 * POINT_TIME, jitter)
    assert matched.sentence() == ""
    assert matched.valid.all()
    assert matched.skew == pytest.approx(5e-5, abs=1e-5)
    assert latches.positions[bounds] / STEPS == pytest.approx(start + step * np.arange(NPOINTS + 1), abs=0.5 / STEPS)


def test_axes_of_an_icepap_follow_a_trajectory_with_triggers_in_time(ice: Bench) -> None:
    times = np.linspace(0.0, 1.0, 21)
    height, slope = np.sin(np.pi * times) ** 2, np.pi * np.sin(2 * np.pi * times)
    slope[[0, -1]] = 0.0
    knots = Knots((1, 2), times, 1000.0 * np.stack([height, -height], 1), 1000.0 * np.stack([slope, -slope], 1))
    ice.go(0.0)
    ice.card.arm_gated()
    clocks = [0.2 * (1 - part) for part in BEFORE]
    for channel in (2, 1):
        ice.motor.compare_times(channel, 0.2, POINT_TIME, NPOINTS + 1, emits=channel == 1, clocks=clocks)
    ice.motor.load_trajectory(knots)
    ice.motor.start_trajectory()
    deadline = time.monotonic() + 150
    while any(reading.moving for reading in ice.motor.read([1, 2]).values()):
        assert time.monotonic() < deadline
    ice.card.disarm_gated()
    first, other, blocks = ice.motor.latched(1, 0), ice.motor.latched(2, 0), ice.card.gated(0)
    assert first.emitted == other.emitted == blocks.received == NPOINTS + 6
    edges = np.append(blocks.begins, blocks.ends[-1])
    matched = match(first.times, first.compared, edges, blocks.values, 0.1 * POINT_TIME, ice.motor.trigger_jitter)
    assert matched.sentence() == ""
    assert matched.valid.all()
    there = 0.2 + POINT_TIME * np.arange(NPOINTS + 1)
    assert first.positions[first.compared] == pytest.approx(1000 * np.sin(np.pi * there) ** 2, abs=1.0)
    assert other.positions == pytest.approx(-first.positions)


def test_more_triggers_than_the_cam_of_an_icepap_has_room_for_are_refused(ice: Bench) -> None:
    with pytest.raises(
        HardwareFault, match="mc2: the cam of axis 1 has room for 20477 triggers in a line, not for 30005"
    ):
        ice.motor.compare(1, 0.0, 1.0, 30_000, period=0.01, clocks=[-5.0, -4.0, -3.0, -2.0, -1.0])


def axis_of(ice: Bench, channel: int, **keys: Any) -> Any:
    needed = {"unit": "mm", "steps_per_unit": STEPS, "velocity": 1.0, "acceleration_time": 0.1}
    return type(ice.motor).AxisParameters(channel=channel, **needed, **keys)


def test_a_scan_can_ask_how_many_triggers_a_line_may_have(ice: Bench) -> None:
    asked = type(ice.motor)("mc3", ice.motor.parameters)
    asked.axes = {1: axis_of(ice, 1), 2: axis_of(ice, 2, trigger_output=None)}
    assert asked.most_triggers(1) == 20477
    assert asked.most_triggers(2) == 0


def test_a_cam_that_a_killed_server_left_gives_no_pulses_to_the_next_one(ice: Bench) -> None:
    ice.motor.compare(1, 0.0, 10.0, 6, period=0.01)
    assert ice.motor.query("1:?ECAMDAT").split()[-1] == "6"
    after = type(ice.motor)("mc3", ice.motor.parameters)
    after.axes = {1: axis_of(ice, 1), 3: axis_of(ice, 3)}
    after.connect()  # the board of axis 3 is not there
    try:
        assert after.query("1:?ECAMDAT").split()[-1] == "0"
    finally:
        after.disconnect()
