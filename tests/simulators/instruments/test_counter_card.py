"""The counter card's lines, against a clock set by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ronda.simulators.instruments.counter_card import CounterCard, CounterCardParameters
from ronda.simulators.instruments.motor_controller import MotorController, MotorControllerParameters
from ronda.simulators.physics.clock import Clock
from ronda.simulators.physics.world import World


@pytest.fixture
def card(world: World) -> CounterCard:
    return CounterCard("counters", CounterCardParameters(channels={1: "i0", 2: "diode"}), world)


def read(card: CounterCard) -> tuple[float, list[int]]:
    status, fields = card.answer("READ?").split(" ")
    assert status == "OK"
    elapsed, *values = fields.split(",")
    return float(elapsed), [int(value) for value in values]


def test_it_says_what_it_is(card: CounterCard) -> None:
    assert card.answer("IDN?") == "OK RONDA-SIM-CT,1,2"


def test_before_the_first_gate_it_is_idle_with_nothing_counted(card: CounterCard) -> None:
    assert card.answer("STATUS?") == "OK IDLE,0.0"
    assert card.answer("READ?") == "OK 0.0,0,0"


def test_it_counts_for_the_time_of_its_gate(card: CounterCard, clock: Any) -> None:
    clock.advance(10.0)
    assert card.answer("START 0.25") == "OK"
    assert card.answer("STATUS?") == "OK COUNTING,0.0"
    clock.advance(0.125)
    assert card.answer("STATUS?") == "OK COUNTING,0.125"
    clock.advance(1.0)
    assert card.answer("STATUS?") == "OK IDLE,0.25"
    elapsed, (i0, diode) = read(card)
    assert elapsed == 0.25
    assert i0 == pytest.approx(125030, rel=0.02)
    assert diode == pytest.approx(200020, rel=0.02)
    clock.advance(100.0)
    assert read(card) == (elapsed, [i0, diode])


def test_an_open_gate_is_not_opened_again(card: CounterCard, clock: Any) -> None:
    card.answer("START 1")
    clock.advance(0.5)
    assert card.answer("START 1") == "ERR 4 the gate is open"
    clock.advance(0.5)
    assert card.answer("START 1") == "OK"


def test_a_stopped_gate_tells_the_real_time(card: CounterCard, clock: Any) -> None:
    card.answer("START 10")
    clock.advance(0.5)
    assert card.answer("STOP") == "OK"
    assert card.answer("STATUS?") == "OK IDLE,0.5"
    clock.advance(0.5)
    elapsed, (i0, _) = read(card)
    assert elapsed == 0.5
    assert i0 == pytest.approx(250060, rel=0.02)
    assert card.answer("STOP") == "OK"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("GO", "ERR 1 unknown command"),
        ("START", "ERR 2 usage: START time"),
        ("START soon", "ERR 2 the time should be a number, not soon"),
        ("START -1", "ERR 2 the time -1.0 should be from 1e-06 to 1000000.0 s"),
        ("START 0", "ERR 2 the time 0.0 should be from 1e-06 to 1000000.0 s"),
        ("READ? 1", "ERR 2 usage: READ?"),
    ],
)
def test_a_wrong_line_gets_an_error_that_says_what_is_right(card: CounterCard, line: str, reply: str) -> None:
    assert card.answer(line) == reply


def test_a_channel_left_free_counts_nothing(world: World, clock: Any) -> None:
    card = CounterCard("counters", CounterCardParameters(channels={3: "i0"}), world)
    card.answer("START 1")
    clock.advance(2.0)
    assert card.answer("IDN?") == "OK RONDA-SIM-CT,1,3"
    _, (first, second, third) = read(card)
    assert (first, second) == (0, 0)
    assert third > 4e5


def test_counts_follow_the_axes_of_a_motor_controller(world: World, card: CounterCard, clock: Any) -> None:
    axes = {1: {"name": "samy"}, 2: {"name": "samz", "position": -0.082}}
    motion = MotorController("motion", MotorControllerParameters(axes=axes), world)

    def count() -> int:
        card.answer("START 1")
        clock.advance(1.0)
        return read(card)[1][1]

    beside = count()
    motion.answer(f"MOVE 1 {round(0.137 * 2000)}")
    clock.advance(1.0)
    on = count()
    assert beside < 0.7 * on
    assert on == pytest.approx(4.4e4, rel=0.05)
    assert card.truth(clock.now())["rates"]["diode"] == pytest.approx(on, rel=0.03)


def test_a_seed_repeats_a_run_and_another_seed_does_not() -> None:
    def run(seed: int) -> list[str]:
        time = 0.0
        world = World(Clock(source=lambda: time), seed)
        motion = MotorController("motion", MotorControllerParameters(axes={1: {"name": "samy"}}), world)
        card = CounterCard("counters", CounterCardParameters(channels={1: "i0", 2: "diode"}), world)
        replies = []
        for step in range(10):
            motion.answer(f"MOVE 1 {step * 100}")
            card.answer("START 0.1")
            time += 0.2
            replies.append(card.answer("READ?"))
        return replies

    assert run(1) == run(1)
    assert run(1) != run(2)


@pytest.fixture
def latching(world: World) -> tuple[CounterCard, MotorController]:
    """A card that latches the encoder of an axis at the triggers of that axis."""
    wired = {"channels": {1: "i0"}, "gate": "motion:1", "encoders": {2: "motion:1"}}
    card = CounterCard("counters", CounterCardParameters.model_validate(wired), world)
    axes = {1: {"name": "samy", "encoder": 10_000, "encoder_zero": 777}}
    motion = MotorController("motion", MotorControllerParameters.model_validate({"axes": axes}), world)
    motion.connect_outputs()
    return card, motion


def latches(card: CounterCard) -> np.ndarray:
    reply = card.answer("LATCHES? 0")
    return np.frombuffer(reply[reply.index(b"\n") + 1 :], "<f8").reshape(-1, 3)


def test_it_latches_an_encoder_at_each_trigger(latching: Any, clock: Any) -> None:
    card, motion = latching
    card.answer("GATE ARM")
    motion.answer("COMPARE 1 100 50 3")
    motion.answer("MOVE 1 1000")
    clock.advance(5.0)
    motion.answer("SETENC 1 0")  # what the controller calls it is not seen on the cable
    found = latches(card)
    assert found[:, 1].tolist() == [0, 0, 0]  # nothing is connected to input 1
    assert found[:, 2].tolist() == [500, 750, 1000]
    assert (np.diff(found[:, 0]) > 0).all()
    assert card.answer("ENCODERS?") == "OK 0,5000"


def test_it_latches_an_encoder_when_its_own_gate_opens(latching: Any, clock: Any) -> None:
    card, motion = latching
    motion.answer("MOVE 1 200")
    clock.advance(5.0)
    card.answer("START 1")
    motion.answer("MOVE 1 400")
    clock.advance(5.0)
    assert card.answer("LATCHED?") == "OK 0,1000"
    assert card.answer("ENCODERS?") == "OK 0,2000"


def test_pulses_of_an_encoder_get_lost_or_come_late_on_its_cable(latching: Any, clock: Any, world: World) -> None:
    card, motion = latching
    line = world.encoder_line("motion:1")
    motion.answer("MOVE 1 2000")
    clock.advance(0.5)
    there = int(card.answer("ENCODERS?").rpartition(",")[2])
    line.jump(-40, clock.now())
    assert card.answer("ENCODERS?") == f"OK 0,{there - 40}"
    line.lag(0.01)
    assert card.answer("ENCODERS?") == f"OK 0,{there - 240}"  # at 2 mm/s
    clock.advance(5.0)
    assert card.answer("ENCODERS?") == "OK 0,9960"
