"""What an encoder on the carriage shows."""

from __future__ import annotations

from ronda.simulators.physics.encoder import Encoder
from ronda.simulators.physics.stage import Mechanics, Stage
from ronda.simulators.physics.trajectory import trapezoid


def test_it_shows_the_carriage_and_not_the_motor():
    stage = Stage(Mechanics(steps_per_unit=1000, play=0.1))
    encoder = Encoder(stage, resolution=10000, zero=5)
    stage.start(trapezoid(0.0, 0.0, 2000.0, 1000, 10000))
    assert encoder.counts(10.0) == 20005
    stage.start(trapezoid(10.0, 2000.0, 1950.0, 1000, 10000))
    assert encoder.counts(20.0) == 20005


def test_its_scale_may_creep():
    encoder = Encoder(Stage(Mechanics()), resolution=1000, drift=0.01)
    assert not encoder.steady
    assert [encoder.counts(time) for time in (0.0, 10.0)] == [0, 100]


def test_it_can_be_told_what_to_show():
    encoder = Encoder(Stage(Mechanics(), 1.0), resolution=1000)
    encoder.redefine(-7, 0.0)
    assert encoder.steady
    assert encoder.counts(5.0) == -7
