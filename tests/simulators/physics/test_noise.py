"""Random functions of time."""

from __future__ import annotations

import numpy as np

from ronda.simulators.physics.noise import Wander


def test_the_same_seed_gives_the_same_noise_whatever_was_asked_before() -> None:
    times = np.linspace(0, 100, 500)
    one, other = Wander("a", 1.0, 3.0), Wander("a", 1.0, 3.0)
    other(times[400:])
    assert np.array_equal(one(times), other(times))
    assert np.array_equal(one(times[::-1]), one(times)[::-1])
    assert not np.array_equal(one(times), Wander("b", 1.0, 3.0)(times))


def test_the_rms_is_the_same_on_a_knot_and_between_two() -> None:
    knots = np.arange(4000) * 4.0
    for phase in (0.0, 0.5, 0.8):
        values = Wander("rms", 0.003, 2.0)(knots + 2.0 * phase)  # every second knot: independent values
        expected = 0.003
        assert abs(values.std() - expected) < 5 * expected / np.sqrt(2 * values.size)
        assert abs(values.mean()) < 5 * expected / np.sqrt(values.size)


def test_it_is_continuous() -> None:
    times = np.linspace(0, 30, 300001)
    assert np.abs(np.diff(Wander("smooth", 1.0, 3.0)(times))).max() < 1e-3
