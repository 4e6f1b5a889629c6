"""The lines of the input/output unit, and the shutters that are wired to it, against a clock set by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ronda.simulators.instruments.counter_card import CounterCard, CounterCardParameters
from ronda.simulators.instruments.io_unit import IoUnit, IoUnitParameters
from ronda.simulators.physics.world import World

SHUTTERS = {
    "fsh": {"travel_time": 0.005, "output": 1, "open_input": 1, "closed_input": 2},
    "shutter": {"travel_time": 3.0, "output": 2, "open_input": 3, "closed_input": 4, "interlock_input": 5},
}
SENSORS = {1: "intensity", 2: "crystal_temperature", 3: "ring_current"}


@pytest.fixture
def unit(world: World) -> IoUnit:
    return IoUnit("io", IoUnitParameters(shutters=SHUTTERS, sensors=SENSORS, piezo=1), world)


def inputs(unit: IoUnit) -> str:
    return unit.answer("DI? 1 2 3 4 5")


def test_it_says_what_it_is(unit: IoUnit) -> None:
    assert unit.answer("IDN?") == "OK RONDA-SIM-IO,1,16,8"


def test_shutters_are_open_at_first_and_their_contacts_say_so(unit: IoUnit) -> None:
    assert unit.answer("DO?") == "OK 1,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0"
    assert unit.answer("DI?") == "OK 1,0,1,0,1,0,0,0,0,0,0,0,0,0,0,0"


def test_a_shutter_closes_when_its_output_goes_off_and_takes_its_time(unit: IoUnit, clock: Any) -> None:
    assert unit.answer("DO 2 0") == "OK"
    assert unit.answer("DO? 2") == "OK 0"
    clock.advance(0.001)
    assert inputs(unit) == "OK 1,0,0,0,1", "neither contact while it moves"
    clock.advance(2.998)
    assert inputs(unit) == "OK 1,0,0,0,1"
    clock.advance(0.0011)
    assert inputs(unit) == "OK 1,0,0,1,1"


def test_the_beam_stops_at_a_closed_shutter(unit: IoUnit, world: World, clock: Any) -> None:
    card = CounterCard("card", CounterCardParameters(channels={1: "i0"}), world)

    def count() -> int:
        card.answer("START 1")
        clock.advance(1.0)
        return int(card.answer("READ?").split(",")[1])

    assert count() > 4.8e5
    unit.answer("DO 1 0")
    clock.advance(0.005)
    assert count() == pytest.approx(120, abs=60)
    unit.answer("DO 1 1")
    clock.advance(0.005)
    assert count() > 4.8e5


def test_a_gate_counts_what_passes_while_the_shutter_moves(unit: IoUnit, world: World, clock: Any) -> None:
    unit.answer("DO 2 0")
    clock.advance(1.5)
    unit.answer("DO 2 1")  # half closed, it opens again
    times, weights = world.beam.samples(0.0, 4.0)
    passed = world.shutters["shutter"].openings(times.tolist()) @ weights
    assert passed == pytest.approx(4.0 - 1.5 * 0.25 * 2)


def test_a_move_of_5_ms_in_a_gate_of_an_hour_is_not_overlooked(unit: IoUnit, world: World, clock: Any) -> None:
    clock.advance(1000.0)
    unit.answer("DO 1 0")
    clock.advance(0.005)
    unit.answer("DO 1 1")
    clock.advance(2600.0)
    times, weights = world.beam.samples(0.0, 3600.0)
    assert (1 - np.array(world.shutters["fsh"].openings(times.tolist()))) @ weights == pytest.approx(0.005)


def test_an_opened_hutch_shuts_the_safety_shutter_alone_and_keeps_it_shut(
    unit: IoUnit, world: World, clock: Any
) -> None:
    world.interlock.search(False, clock.now())
    clock.advance(3.0)
    assert inputs(unit) == "OK 1,0,0,1,0"
    assert unit.answer("DO 2 1") == "OK"
    clock.advance(3.0)
    assert inputs(unit) == "OK 1,0,0,1,0", "an order to open is lost"
    world.interlock.search(True, clock.now())
    clock.advance(3.0)
    assert inputs(unit) == "OK 1,0,0,1,1", "it does not open by itself"
    unit.answer("DO 2 1")
    clock.advance(3.0)
    assert inputs(unit) == "OK 1,0,1,0,1"


def test_a_jammed_shutter_stands_until_it_comes_free(unit: IoUnit, world: World, clock: Any) -> None:
    unit.answer("DO 2 0")
    clock.advance(1.0)
    world.shutters["shutter"].jam(True, clock.now())
    clock.advance(10.0)
    assert world.shutters["shutter"].opened(clock.now()) == pytest.approx(2 / 3)
    world.shutters["shutter"].jam(False, clock.now())
    clock.advance(2.001)
    assert inputs(unit) == "OK 1,0,0,1,1"


def test_sensors_show_the_beam_the_crystal_and_the_ring(unit: IoUnit, clock: Any) -> None:
    def sensors() -> list[float]:
        return [float(word) for word in unit.answer("AI? 1 2 3").removeprefix("OK ").split(",")]

    assert sensors() == pytest.approx([8.0, 2.95, 4.0], abs=0.15)
    clock.advance(6000.0)
    assert sensors()[1] == pytest.approx(2.98, abs=0.006)
    unit.answer("DO 1 0")
    clock.advance(1.0)
    assert sensors()[0] == pytest.approx(0.0, abs=0.006)
    many = np.array([sensors() for _ in range(400)])
    assert many[:, 0].std() == pytest.approx(0.001, rel=5 / np.sqrt(800))


def test_inputs_with_nothing_wired_are_at_0(unit: IoUnit) -> None:
    assert abs(float(unit.answer("AI? 8").removeprefix("OK "))) < 0.006


def test_the_piezo_turns_the_second_crystal(world: World, clock: Any) -> None:
    from ronda.simulators.instruments.motor_controller import MotorController, MotorControllerParameters

    MotorController("optics", MotorControllerParameters(axes={1: {"name": "pitch2"}}), world)
    unit = IoUnit("io", IoUnitParameters(piezo=1), world)
    assert world.beam.truth(0.0)["transmissions"]["monochromator"] == pytest.approx(1.0)
    assert unit.answer("AO 1 4.5") == "OK"
    volts = float(unit.answer("AO? 1").removeprefix("OK "))
    assert volts == pytest.approx(4.5, abs=20 / 2**17)
    clock.advance(1e-9)
    assert world.beam.truth(clock.now())["transmissions"]["monochromator"] == pytest.approx(0.5, abs=1e-3)
    assert world.beam.truth(-1.0)["transmissions"]["monochromator"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("DO 1", "ERR 2 usage: DO channel 0|1"),
        ("DO 1 2", "ERR 2 a digital output should be 0 or 1, not 2"),
        ("DO 17 1", "ERR 5 there is no channel 17; they are 1 to 16"),
        ("DI? one", "ERR 2 the channel should be a whole number, not one"),
        ("AI? 9", "ERR 5 there is no channel 9; they are 1 to 8"),
        ("AO 1 11", "ERR 2 the voltage 11.0 should be from -10.0 to 10.0 V"),
        ("AO 1 much", "ERR 2 the voltage should be a number, not much"),
        ("AO 1", "ERR 2 usage: AO channel voltage"),
        ("IDN? 1", "ERR 2 usage: IDN?"),
        ("FO", "ERR 1 unknown command"),
    ],
)
def test_a_wrong_line_gets_an_error_that_says_what_is_right(unit: IoUnit, line: str, reply: str) -> None:
    assert unit.answer(line) == reply


@pytest.mark.parametrize(
    ("shutters", "message"),
    [
        ({"a": {"travel_time": 1, "output": 1}, "b": {"travel_time": 1, "output": 1}}, "a and b are both wired to digital output 1"),
        ({"a": {"travel_time": 1, "output": 1, "open_input": 2, "closed_input": 2}}, "a and a are both wired to digital input 2"),
        ({"a": {"travel_time": 0, "output": 1}}, "greater than 0"),
        ({"a": {"travel_time": 1, "output": 17}}, "less than or equal to 16"),
    ],
)  # fmt: skip
def test_wires_that_cannot_be_are_refused(shutters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        IoUnitParameters(shutters=shutters)


def test_two_units_cannot_move_one_shutter(world: World, unit: IoUnit) -> None:
    with pytest.raises(ValueError, match="two shutters are called fsh"):
        IoUnit("other", IoUnitParameters(shutters={"fsh": SHUTTERS["fsh"]}), world)


def test_the_truth_tells_how_far_a_shutter_is_open(unit: IoUnit, clock: Any) -> None:
    unit.answer("DO 2 0")
    clock.advance(1.5)
    truth = unit.truth(clock.now())
    assert truth["shutters"]["shutter"] == {"opened": pytest.approx(0.5), "ordered": False}
    assert truth["shutters"]["fsh"] == {"opened": 1.0, "ordered": True}
    assert truth["searched"] is True
    assert truth["sensors"]["3"] == pytest.approx(0.02 * 200, rel=1e-3)
