"""Counters: statistics, gates, repeatability."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from ronda.simulators.physics.beam import DETECTORS, Beam, PointDetector
from ronda.simulators.physics.counting import Scaler
from ronda.simulators.physics.machine import Machine
from ronda.simulators.physics.stage import Mechanics, Stage
from ronda.simulators.physics.trajectory import trapezoid

BOTH = [DETECTORS["i0"], DETECTORS["diode"]]


def scaler(
    detectors: list[PointDetector | None] | None = None, seed: int = 1, machine: Machine | None = None
) -> Scaler:
    return Scaler(detectors or [*BOTH], Beam(machine or Machine(), seed, {}), np.random.default_rng(seed))


def repeated(counters: Scaler, duration: float, times: int, pause: float = 6.1) -> np.ndarray:
    """Counts of many gates, far enough apart for independent noise."""
    counts = []
    for number in range(times):
        start = number * pause
        counters.open(duration, start)
        counts.append(counters.counts(start + pause / 2))
    return np.array(counts, dtype=float)


def test_dark_counts_have_the_statistics_of_photons() -> None:
    machine = Machine()
    machine.move_front_end(0.0, opened=False)
    counts = repeated(scaler(machine=machine), 1.0, 2000)
    for column, dark in enumerate((120.0, 80.0)):
        values = counts[:, column]
        assert abs(values.mean() - dark) < 5 * math.sqrt(dark / values.size)
        assert abs(values.var() / dark - 1) < 5 * math.sqrt(2 / values.size)
    correlation = np.corrcoef(counts.T)[0, 1]
    assert abs(correlation) < 5 / math.sqrt(len(counts))


def test_the_ratio_of_two_detectors_is_quieter_than_each_and_has_the_noise_of_its_parts() -> None:
    counts = repeated(scaler(), 1.0, 1500)
    i0, diode = counts[:, 0] - 120, counts[:, 1] - 80
    ratio = diode / i0
    own = math.sqrt(1 / 5e5 + 1 / 8e5 + 2 * 0.0003**2)
    assert abs(ratio.mean() / 1.6 - 1) < 5 * own / math.sqrt(ratio.size)
    assert abs(ratio.std() / (1.6 * own) - 1) < 5 / math.sqrt(2 * ratio.size)
    common = math.sqrt(0.003**2 + 1 / 5e5)
    assert 0.8 * common < i0.std() / i0.mean() < 1.1 * common + 0.0015  # top-up adds up to 0.5 % peak to peak


def test_a_saturated_counter_counts_its_highest_rate_and_no_more() -> None:
    bright = PointDetector("before the sample", full=5e6, dark=0.0)
    counters = scaler([bright])
    counters.open(0.5, 0.0)
    [count] = counters.counts(1.0)
    assert 5e5 - 5 * math.sqrt(5e5 + (0.0003 * 5e5) ** 2 / 0.5) < count <= 5e5


def test_counts_are_final_once_the_gate_is_closed() -> None:
    counters = scaler()
    counters.open(0.3, 5.0)
    assert counters.counting(5.29)
    assert not counters.counting(5.31)
    assert counters.counts(6.0) == counters.counts(60.0)
    assert counters.elapsed(60.0) == 0.3


def test_counts_only_grow_while_the_gate_is_open() -> None:
    counters = scaler()
    counters.open(1.0, 0.0)
    seen = [counters.counts(time) for time in np.linspace(0, 1.2, 40)]
    assert seen[0] == [0, 0]
    assert all(later >= earlier for a, b in pairwise(seen) for earlier, later in zip(a, b, strict=True))
    assert seen[-1][0] == pytest.approx(5e5, rel=0.02)


def test_reading_meanwhile_does_not_change_the_statistics() -> None:
    machine = Machine()
    machine.move_front_end(0.0, opened=False)
    counters = scaler([DETECTORS["i0"]], machine=machine)
    totals = []
    for start in range(1000):
        counters.open(0.5, float(start))
        for part in (0.1, 0.2, 0.3):
            counters.counts(start + part)
        totals.append(counters.counts(start + 0.9)[0])
    assert abs(np.mean(totals) - 60) < 5 * math.sqrt(60 / 1000)
    assert abs(np.var(totals) / 60 - 1) < 5 * math.sqrt(2 / 1000)


def test_a_gate_closed_early_tells_its_real_time_and_what_was_counted() -> None:
    counters = scaler()
    counters.open(10.0, 0.0)
    counters.close(2.0)
    assert not counters.counting(2.0)
    assert counters.elapsed(50.0) == 2.0
    assert counters.counts(50.0)[0] == pytest.approx(2 * 5e5, rel=0.02)
    counters.close(3.0)
    assert counters.elapsed(50.0) == 2.0


def test_opening_again_starts_from_nothing() -> None:
    counters = scaler()
    counters.open(1.0, 0.0)
    counters.counts(2.0)
    counters.open(0.001, 3.0)
    assert counters.counts(4.0)[0] < 1000


def test_a_counter_with_nothing_connected_counts_nothing() -> None:
    counters = scaler([None, DETECTORS["i0"]])
    counters.open(1.0, 0.0)
    assert counters.counts(2.0)[0] == 0
    assert counters.counts(2.0)[1] > 4e5


def test_the_same_seed_repeats_the_counts_and_another_does_not() -> None:
    first, same, other = (repeated(scaler(seed=seed), 0.1, 20) for seed in (3, 3, 4))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_counts_follow_a_stage_that_crosses_the_pinhole_during_the_gate() -> None:
    stages = {"samy": Stage(Mechanics(), -0.5), "samz": Stage(Mechanics(), -0.082)}
    stages["samy"].start(trapezoid(1.0, -1000, 1600, 2000, 20000))
    counters = Scaler([DETECTORS["diode"]], Beam(Machine(), 1, stages), np.random.default_rng(1))
    counters.open(4.0, 0.0)
    # Each slice of the pinhole, 2·√(r² − z²) long, passes the whole horizontal profile at 1 mm/s.
    radius, sigma = 0.025, 0.10 / 2.3548200450309493
    z = np.linspace(-radius, radius, 10001)
    profile = np.exp(-((z / sigma) ** 2) / 2) / (math.sqrt(2 * math.pi) * sigma)
    expected = 8e5 * np.trapezoid(2 * np.sqrt(radius**2 - z**2) * profile, z) / 1.0 + 80 * 4.0
    assert abs(counters.counts(5.0)[0] - expected) < 5 * math.hypot(math.sqrt(expected), 0.003 * expected)


def test_looking_ahead_changes_no_count() -> None:
    asked_late, foreseen = scaler(seed=7), scaler(seed=7)
    for number in range(20):
        for counters in (asked_late, foreseen):
            counters.open(0.05, 3.0 * number)
        foreseen.look_ahead()
        assert asked_late.counts(3.0 * number + 1.0) == foreseen.counts(3.0 * number + 1.0)


def test_before_a_gate_was_open_nothing_is_foreseen() -> None:
    counters = scaler()
    counters.look_ahead()
    assert counters.counts(1.0) == [0, 0]


def test_what_happens_after_looking_ahead_is_counted() -> None:
    machine = Machine()
    counters = scaler(machine=machine)
    counters.open(0.1, 10.0)
    counters.look_ahead()
    machine.move_front_end(10.0, opened=False)
    assert all(count < 100 for count in counters.counts(11.0))


def test_a_gate_that_was_looked_into_before_it_closed_counts_the_rest_too() -> None:
    counters = scaler()
    counters.open(0.1, 10.0)
    counters.look_ahead()
    half, full = counters.counts(10.05), counters.counts(10.2)
    assert 0 < half[0] < full[0]
    assert abs(full[0] - 5e4) < 0.1 * 5e4
