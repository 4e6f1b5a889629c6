"""The beam, and what point detectors see of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ronda.simulators.physics.beam import DETECTORS, Beam, PointDetector
from ronda.simulators.physics.machine import Machine
from ronda.simulators.physics.shutter import Shutter
from ronda.simulators.physics.signal import Signal
from ronda.simulators.physics.stage import Mechanics, Stage
from ronda.simulators.physics.trajectory import trapezoid


def stages(y: float = 0.137, z: float = -0.082) -> dict[str, Stage]:
    return {"samy": Stage(Mechanics(play=0.008), y), "samz": Stage(Mechanics(play=0.008), z)}


def test_rates_in_the_full_beam_are_those_of_the_detectors() -> None:
    beam = Beam(Machine(), 1, {})
    times = np.arange(2000) * 180.0  # just after an injection each
    for name, full, dark in (("i0", 5e5, 120), ("diode", 8e5, 80)):
        rates = beam.rates([DETECTORS[name]], times)[0]
        assert rates.mean() == pytest.approx(full + dark, abs=5 * 0.003 * full / np.sqrt(times.size))
        assert rates.std() == pytest.approx(0.003 * full, rel=5 / np.sqrt(2 * times.size))


def test_detectors_see_the_same_noise() -> None:
    beam = Beam(Machine(), 1, {})
    times = np.linspace(0, 1000, 5000)
    i0, diode = (beam.rates([DETECTORS[name]], times)[0] - DETECTORS[name].dark for name in ("i0", "diode"))
    assert diode / i0 == pytest.approx(np.full(times.size, 1.6))


def test_a_rate_stays_below_its_saturation() -> None:
    beam = Beam(Machine(), 1, {})
    bright = PointDetector("before the sample", full=3e6, dark=0.0)
    assert set(beam.rates([bright], np.linspace(0, 10, 50))[0]) == {1e6}


def test_without_beam_only_the_dark_rate_is_left() -> None:
    machine = Machine()
    machine.move_front_end(0.0, opened=False)
    assert set(Beam(machine, 1, {}).rates([DETECTORS["i0"]], np.linspace(1, 10, 50))[0]) == {120.0}


def test_the_spot_drifts_15_um_to_each_side_in_20_minutes() -> None:
    times = np.linspace(0, 1200, 10001)
    y, z = Beam(Machine(), 1, {}).spot(times)
    for drift in (y, z):
        assert (drift[0], drift[-1]) == pytest.approx((0.0, 0.0), abs=1e-12)
        assert (drift.min(), drift.max()) == pytest.approx((-0.015, 0.015))


def test_the_pinhole_is_found_where_the_holder_has_it_less_the_drift() -> None:
    found = []
    for time in (0.0, 300.0):
        scanned = [Beam(Machine(), 1, stages(y)).sample_transmission(np.array([time]))[0] for y in SCAN]
        found.append(np.average(SCAN, weights=scanned))
    assert found == pytest.approx([0.137, 0.137 - 0.015], abs=1e-3)


SCAN = np.linspace(-0.5, 0.8, 131)


@settings(max_examples=20, deadline=None)
@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.2, 5), st.floats(0.01, 0.2), st.floats(0, 1), st.floats(0.01, 3))
def test_an_integral_follows_an_axis_that_moves_meanwhile(
    origin: float, target: float, velocity: float, ramp_time: float, start: float, duration: float
) -> None:
    holder_stages = stages(origin)
    holder_stages["samy"].start(
        trapezoid(0.5, origin * 2000, target * 2000, velocity * 2000, velocity * 2000 / ramp_time)
    )
    beam = Beam(Machine(), 1, holder_stages)
    times, weights = beam.samples(start, start + duration)
    assert weights.sum() == pytest.approx(duration)
    fine = start + (np.arange(20000) + 0.5) * duration / 20000
    for detector in DETECTORS.values():
        expected = beam.rates([detector], fine)[0].mean() * duration
        assert beam.rates([detector], times)[0] @ weights == pytest.approx(expected, rel=2e-4, abs=0.5)


def test_a_short_move_in_a_long_gate_is_sampled_finely() -> None:
    holder_stages = stages(-1.0)
    holder_stages["samy"].start(trapezoid(50.0, -2000, 2000, 8000, 80000))
    times, weights = Beam(Machine(), 1, holder_stages).samples(0.0, 100.0)
    assert weights[(times > 50.15) & (times < 50.4)].max() < 0.001
    assert times.size < 3000


@pytest.mark.parametrize("seed", range(5))
def test_what_the_beam_keeps_while_nothing_moves_is_forgotten_when_something_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    names = ["samy", "samz", "s1u", "s1l", "bragg", "pitch2", "m1pitch", "att1"]
    moved = {
        name: Stage(Mechanics(steps_per_unit=1000.0, play=0.01), 12.7 if name == "bragg" else 1.0) for name in names
    }
    shutters = {"fsh": Shutter(0.005, opened=True), "shutter": Shutter(3.0, opened=True)}
    piezo = Signal()
    kept = Beam(Machine(), seed, moved, shutters, piezo)
    time = 0.0
    for _ in range(150):
        time += random.uniform(0.001, 1.0)
        match random.integers(6):
            case 0 | 1:
                stage = moved[names[random.integers(len(names))]]
                if stage.trajectory.end <= time:
                    origin = stage.motor(time)
                    stage.start(trapezoid(time, origin, origin + random.normal(0, 100), 500.0, 5000.0))
            case 2:
                moved[names[random.integers(len(names))]].halt(time)
            case 3:
                shutters["shutter" if random.random() < 0.5 else "fsh"].order(bool(random.random() < 0.7), time)
            case 4:
                piezo.set(float(random.normal()), time)
            case _:
                shutters["shutter"].jam(bool(random.random() < 0.3), time)
        past = max(time - random.uniform(0, 2), 0.0)
        times = np.sort(random.uniform(past, time + 0.5, 4)) if random.random() < 0.5 else np.array([time + 1e-9])
        fresh = Beam(Machine(), seed, moved, shutters, piezo)
        assert np.array_equal(kept.intensity(times), fresh.intensity(times))
        assert np.array_equal(kept.sample_transmission(times), fresh.sample_transmission(times))
        assert all(
            np.array_equal(one, other)
            for one, other in zip(kept.samples(past, time), fresh.samples(past, time), strict=True)
        )
