"""What the trigger input of a simulated detector makes of pulses that are short, and of pulses that stay on."""

from types import SimpleNamespace

import numpy as np
import pytest

from ronda.simulators.physics.trigger_line import TriggerLine
from ronda.simulators.simplon.triggers import Exposure, TriggerInput

BUSY = 0.001


class Wired:
    """An input at a line on which pulses come at given times, and a clock that a test sets."""

    def __init__(self, width: float) -> None:
        self.line = TriggerLine(np.random.default_rng(1))
        self.line.width = width
        self._coming: list[float] = []
        self.line.drive(self._until)
        self.now = 0.0
        clock = SimpleNamespace(now=lambda: self.now)
        self.input = TriggerInput(SimpleNamespace(line=lambda _: self.line, clock=clock), ["motion:1"])  # type: ignore[arg-type]
        self.input.arm()

    def enabled(self, pulses: list[float], now: float) -> list[Exposure]:
        """What it found when it was asked then."""
        self._coming += pulses
        self.now = now
        return self.input.enabled(BUSY)

    def _until(self, time: float) -> list[float]:
        here = [one for one in self._coming if one <= time]
        self._coming = [one for one in self._coming if one > time]
        return here


def test_an_exposure_lasts_as_long_as_its_pulse_and_is_told_when_that_has_ended() -> None:
    wired = Wired(0.01)
    assert wired.enabled([1.0], 1.005) == []
    assert wired.input.busy(1.005)
    assert wired.enabled([], 1.011) == [Exposure(1.0, 0.01)]
    assert wired.enabled([1.02, 1.04], 1.06) == [Exposure(1.02, 0.01), Exposure(1.04, 0.01)]
    assert (wired.input.taken, wired.input.ignored) == (3, 0)


def test_a_pulse_that_comes_while_the_signal_is_on_makes_it_longer() -> None:
    wired = Wired(0.01)
    (found,) = wired.enabled([1.0, 1.004], 1.1)
    assert (found.begins, found.seconds) == (1.0, pytest.approx(0.014))
    assert (wired.input.taken, wired.input.ignored) == (1, 1)


def test_a_pulse_that_comes_while_an_image_is_read_out_begins_none() -> None:
    wired = Wired(0.01)
    assert wired.enabled([1.0, 1.0105], 1.1) == [Exposure(1.0, 0.01)]
    assert (wired.input.taken, wired.input.ignored) == (1, 1)


def test_of_pulses_without_a_width_one_switches_on_and_the_next_one_off() -> None:
    wired = Wired(0.0)
    assert wired.enabled([1.0], 50.0) == []
    (found,) = wired.enabled([60.0], 61.0)
    assert (found.begins, found.seconds) == (1.0, 59.0)
