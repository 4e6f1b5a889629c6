"""The drift of the electron beam, as the spot shows it."""

from __future__ import annotations

import numpy as np
import pytest

from ronda.simulators.physics.beam import Beam
from ronda.simulators.physics.machine import Machine
from ronda.simulators.physics.orbit import Orbit


def test_it_drifts_from_a_time_on_and_stays_where_it_is_then() -> None:
    orbit = Orbit()
    assert orbit.lift(np.array([5.0, 6.0])).tolist() == [0.0]
    orbit.drift(10.0, 0.5)
    orbit.drift(14.0, 0.0)
    orbit.drift(20.0, -1.0)
    times = np.array([9.0, 10.0, 12.0, 14.0, 18.0, 21.0])
    assert orbit.lift(times).tolist() == pytest.approx([0.0, 0.0, 1.0, 2.0, 2.0, 1.0])


def test_the_spot_goes_with_it_and_nothing_is_foreseen_from_before() -> None:
    beam = Beam(Machine(), 1, {})
    times = np.array([100.0, 110.0])
    before, situation = beam.spot(times)[1], beam.situation()
    beam.orbit.drift(100.0, 0.01)
    assert (beam.spot(times)[1] - before).tolist() == pytest.approx([0.0, 0.1])
    assert not situation.same(beam.situation())
