"""The spectrum analyser's lines and spectra, against a clock set by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ronda.simulators.instruments.mca import Mca, McaParameters
from ronda.simulators.instruments.motor_controller import MotorController, MotorControllerParameters
from ronda.simulators.physics.fluorescence import CHANNEL_WIDTH, DEAD_TIME, width_at
from ronda.simulators.physics.pattern import MIDDLE, SQUARES
from ronda.simulators.physics.world import World

KALPHA = {"Fe": 6.40, "Ni": 7.48, "Cu": 8.05, "Zn": 8.64}


def analyser(world: World, y: float = 0.0, z: float = 0.0) -> Mca:
    """With the sample holder at a place, and the beam at 10 keV."""
    axes = {1: {"name": "samy", "position": y}, 2: {"name": "samz", "position": z}}
    MotorController("motion", MotorControllerParameters(axes=axes), world)
    return Mca("fluorescence", McaParameters(), world)


def on(world: World, metal: str) -> Mca:
    place = SQUARES[metal].place
    return analyser(world, MIDDLE[0] + place[0], MIDDLE[1] + place[1])


def measure(mca: Mca, clock: Any, preset: str = "REAL 1.0") -> tuple[list[float], np.ndarray]:
    assert mca.answer(f"PRESET {preset}") == "OK"
    assert mca.answer("START") == "OK"
    clock.advance(20.0)
    assert str(mca.answer("STATUS?")).startswith("OK IDLE,")
    return read(mca)


def read(mca: Mca) -> tuple[list[float], np.ndarray]:
    reply = mca.answer("READ?")
    assert isinstance(reply, bytes)
    heading, _, data = reply.partition(b"\n")
    length, *fields = heading.removeprefix(b"OK ").split(b",")
    assert len(data) == int(length) == 4 * 4096
    return [float(field) for field in fields], np.frombuffer(data, "<u4")


def test_it_says_what_it_is_and_can(world: World) -> None:
    mca = analyser(world)
    assert mca.answer("IDN?") == "OK RONDA-SIM-MCA,1,4096"
    assert mca.answer("CAPS?") == "OK 4096,0.0001,100000.0"


@pytest.mark.parametrize("metal", list(SQUARES))
def test_each_square_of_the_pattern_shows_its_line(world: World, clock: Any, metal: str) -> None:
    _, spectrum = measure(on(world, metal), clock)
    energy = KALPHA[metal]
    inside = slice(int((energy - 0.2) / CHANNEL_WIDTH), int((energy + 0.2) / CHANNEL_WIDTH))
    channels = np.arange(4096)[inside]
    counts = spectrum[inside].astype(float)
    centre = (counts @ channels) / counts.sum()
    sigma = math.sqrt((counts @ (channels - centre) ** 2) / counts.sum())
    assert centre * CHANNEL_WIDTH == pytest.approx(energy, abs=0.003)
    assert sigma * CHANNEL_WIDTH * 2.3548 == pytest.approx(width_at(energy), rel=0.06)


def test_lines_are_as_wide_as_the_design_says() -> None:
    assert width_at(5.9) == pytest.approx(0.130)
    assert width_at(8.64) > width_at(5.9)


def test_dead_time_is_that_of_a_paralysable_detector(world: World, clock: Any) -> None:
    mca = on(world, "Ni")
    (real, live, triggers, events), spectrum = measure(mca, clock)
    rate = triggers / real
    assert real == 1.0
    assert events == spectrum.sum()
    assert live / real == pytest.approx(math.exp(-rate * DEAD_TIME), rel=2e-3)
    assert events / real == pytest.approx(rate * math.exp(-rate * DEAD_TIME), rel=0.01)
    assert live / real < 0.95


def test_a_live_time_takes_longer_the_more_comes(world: World, clock: Any) -> None:
    (real, live, triggers, _), _ = measure(on(world, "Ni"), clock, "LIVE 1.0")
    assert live == pytest.approx(1.0, abs=1e-6)
    assert real == pytest.approx(math.exp(triggers / real * DEAD_TIME), rel=3e-3)


def test_two_photons_at_once_are_taken_for_one_with_the_sum_of_their_energies(world: World, clock: Any) -> None:
    _, spectrum = measure(on(world, "Ni"), clock, "REAL 10.0")
    pile_up = spectrum[int((2 * KALPHA["Ni"] - 0.2) / CHANNEL_WIDTH) : int((2 * KALPHA["Ni"] + 0.2) / CHANNEL_WIDTH)]
    beyond = spectrum[int(17.8 / CHANNEL_WIDTH) : int(18.2 / CHANNEL_WIDTH)]
    assert pile_up.sum() > 10 * max(beyond.sum(), 1)


def test_below_an_edge_there_is_no_line(world: World, clock: Any) -> None:
    mca = on(world, "Zn")  # the beam has 10 keV, beyond the edge at 9.659 keV
    _, above = measure(mca, clock)
    mono = MotorController(
        "optics", MotorControllerParameters(axes={1: {"name": "bragg", "position": 12.7}}), world
    )  # 9 keV
    _, below = measure(mca, clock)
    line = slice(int(8.5 / CHANNEL_WIDTH), int(8.7 / CHANNEL_WIDTH))
    assert mono is not None
    assert above[line].sum() > 3 * below[line].sum()


def test_what_was_collected_can_be_read_meanwhile_and_after_a_stop(world: World, clock: Any) -> None:
    mca = on(world, "Fe")
    mca.answer("PRESET REAL 10")
    mca.answer("START")
    clock.advance(1.0)
    (real, *_), first = read(mca)
    assert real == pytest.approx(1.0)
    assert mca.answer("START") == "ERR 4 it is measuring"
    clock.advance(1.0)
    assert mca.answer("STOP") == "OK"
    clock.advance(5.0)
    (real, *_), second = read(mca)
    assert real == pytest.approx(2.0)
    assert (second >= first).all()


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("PRESET DEAD 1", "ERR 2 the preset should be REAL or LIVE, not DEAD"),
        ("PRESET REAL 0", "ERR 2 the time 0.0 should be from 0.0001 to 100000.0 s"),
        ("PRESET 1", "ERR 2 usage: PRESET REAL|LIVE time"),
    ],
)
def test_what_it_cannot_do_is_refused(world: World, line: str, reply: str) -> None:
    assert analyser(world).answer(line) == reply
