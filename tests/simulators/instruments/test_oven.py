"""The lines of the oven, against a clock set by hand."""

from __future__ import annotations

from typing import Any

import pytest

from ronda.simulators.instruments.oven import OvenInstrument, OvenParameters
from ronda.simulators.physics.world import World


@pytest.fixture
def oven(world: World) -> OvenInstrument:
    return OvenInstrument("oven", OvenParameters(), world)


def told(oven: OvenInstrument, line: str) -> str:
    answer = oven.answer(line)
    assert answer is not None
    assert answer.startswith("OK"), answer
    return answer[3:]


def test_it_says_what_it_is(oven: OvenInstrument) -> None:
    assert told(oven, "IDN?") == "RONDA-SIM-OV,1,100"


def test_its_sensor_has_noise_around_the_temperature(oven: OvenInstrument) -> None:
    readings = [float(told(oven, "T?")) for _ in range(400)]
    mean = sum(readings) / 400
    rms = (sum((reading - mean) ** 2 for reading in readings) / 400) ** 0.5
    assert mean == pytest.approx(295.0, abs=0.01)
    assert rms == pytest.approx(0.02, rel=0.25)


def test_a_heater_set_by_hand_warms_it(oven: OvenInstrument, clock: Any) -> None:
    told(oven, "OUT 50")
    clock.advance(60.0)
    assert float(told(oven, "T?")) > 340
    assert told(oven, "LOOP?") == "MANUAL,295.000000,295.000000,50.0000"


def test_its_own_loop_regulates_and_off_cuts_the_heater(oven: OvenInstrument, clock: Any) -> None:
    told(oven, "SP 320")
    told(oven, "AUTO")
    clock.advance(600.0)
    assert float(told(oven, "T?")) == pytest.approx(320.0, abs=0.3)
    assert oven.answer("OUT 3") == "ERR 4 the loop drives the heater; switch it off first"
    told(oven, "OFF")
    assert told(oven, "OUT?") == "0.0000"


def test_a_broken_sensor_is_told_and_its_own_loop_stops_heating(oven: OvenInstrument, clock: Any) -> None:
    told(oven, "SP 320")
    told(oven, "AUTO")
    clock.advance(3.0)
    oven.fail(1, "sensor")
    clock.advance(1.0)
    assert (told(oven, "T?"), told(oven, "OUT?")) == ("OPEN", "0.0000")


def test_switched_off_it_does_not_answer_and_comes_back_cold(oven: OvenInstrument, clock: Any) -> None:
    told(oven, "OUT 50")
    oven.fail(1, "power")
    assert oven.answer("T?") is None
    clock.advance(1.0)
    oven.fail(1, "repair")
    assert told(oven, "OUT?") == "0.0000"


@pytest.mark.parametrize("line", ["OUT 101", "OUT", "GUARD 5", "SP hot", "PID 1 2"])
def test_lines_that_make_no_sense_are_refused(oven: OvenInstrument, line: str) -> None:
    assert str(oven.answer(line)).startswith("ERR 2")


def test_other_faults_are_not_known(oven: OvenInstrument) -> None:
    with pytest.raises(LookupError, match="sensor, power and repair of its axis 1, not following of 1"):
        oven.fail(1, "following")
