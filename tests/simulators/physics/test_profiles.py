"""The profile of each part of the beamline, counted over the wire, against its formula worked out anew.

Formulas and figures stand here once more on purpose, integrated in another way than by the simulators.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from ronda.simulators.instruments.counter_card import CounterCard, CounterCardParameters
from ronda.simulators.instruments.motor_controller import MotorController, MotorControllerParameters
from ronda.simulators.physics.clock import Clock
from ronda.simulators.physics.world import World

SIGMA = 2 * math.sqrt(2 * math.log(2))
EXPOSURE = 0.5
PERIOD = 7.3
"""Time from one point to the next, in s: more than two time constants of the common noise."""

STEPS = {"bragg": 1e5, "pitch2": 100.0, "m1pitch": 5e4, "att1": 100.0, "att2": 100.0}


@dataclass
class Beamline:
    """A world with a controller of named axes and a counter card."""

    seed: int
    positions: Mapping[str, float]
    time: float = 0.0
    axes: list[str] = field(init=False)

    def __post_init__(self) -> None:
        begin, self.time = self.time, 0.0
        self.world = World(Clock(source=lambda: self.time), self.seed)
        self.time = begin
        self.axes = list(self.positions)
        axes = {
            number: {"name": name, "steps_per_unit": self.steps(name), "position": self.positions[name]}
            | ({"fastest": 1e4, "velocity": 100.0} if name in STEPS else {})
            for number, name in enumerate(self.axes, 1)
        }
        self.motion = MotorController("motion", MotorControllerParameters(axes=axes), self.world)
        self.card = CounterCard("card", CounterCardParameters(channels={1: "i0", 2: "diode"}), self.world)

    def steps(self, name: str) -> float:
        return STEPS.get(name, 2000.0)

    def move(self, name: str, position: float) -> float:
        """Start a move; returns the position that whole steps allow."""
        steps = round(position * self.steps(name))
        assert self.motion.answer(f"MOVE {self.axes.index(name) + 1} {steps}") == "OK"
        return steps / self.steps(name)

    def count(self) -> np.ndarray:
        assert self.card.answer(f"START {EXPOSURE}") == "OK"
        self.time += EXPOSURE
        return np.array([float(word) for word in self.card.answer("READ?").removeprefix("OK ").split(",")[1:]])

    def scan(self, name: str, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions reached, the time in the middle of each point, and the counts of both detectors."""
        reached, times, counts = [], [], []
        for position in positions:
            reached.append(self.move(name, position))
            self.time += PERIOD - EXPOSURE
            times.append(self.time + EXPOSURE / 2)
            counts.append(self.count())
        return np.array(reached), np.array(times), np.array(counts).T


def current(times: np.ndarray) -> np.ndarray:
    """Ring current as a fraction of 200 mA; within an injection it is not said exactly enough, see `quiet`."""
    return (200.0 - 0.33 / 60 * (times % 180.0)) / 200.0


def quiet(times: np.ndarray) -> np.ndarray:
    """Which points lie outside injections, that is in the first 178 of each 180 s."""
    return times % 180.0 + EXPOSURE / 2 < 178.0


def drift(times: np.ndarray) -> np.ndarray:
    """How far the spot has drifted, in mm."""
    return 0.015 * np.sin(2 * math.pi * times / 1200)


def check(counts: np.ndarray, rates: np.ndarray, common: float = 0.003) -> None:
    """All points within 5 σ of rates (count/s), and neither too near nor too far on the whole."""
    expected = rates * EXPOSURE
    variance = expected + (common * expected) ** 2 + (0.0003 * expected) ** 2 / EXPOSURE
    check_residuals((counts - expected) / np.sqrt(variance))


def check_residuals(residuals: np.ndarray) -> None:
    assert np.abs(residuals).max() < 5
    assert abs(np.mean(residuals**2) - 1) < 5 * math.sqrt(2 / residuals.size)


def gaussian_between(low: float, high: float, middle: float, width: float) -> float:
    """Integral of a Gaussian by the midpoint rule; 0 where the edges overlap."""
    low, high = max(low, middle - 4 * width), min(high, middle + 4 * width)
    if low >= high:
        return 0.0
    x = low + (np.arange(2000) + 0.5) * (high - low) / 2000
    density = np.exp(-4 * math.log(2) * ((x - middle) / width) ** 2) * SIGMA / (width * math.sqrt(2 * math.pi))
    return float(density.sum() * (high - low) / 2000)


def energy(angle: float) -> float:
    """Energy in keV for a reading of `bragg` in deg: the crystal is off, so that 8.979 keV are 3.2 eV less."""
    asin = lambda value: math.degrees(math.asin(12.398419843 / (2 * 3.1356 * value)))  # noqa: E731 - one formula
    return 12.398419843 / (2 * 3.1356 * math.sin(math.radians(angle + asin(8.9758) - asin(8.979))))


def angle(wanted: float) -> float:
    """Reading of `bragg` in deg for a true energy in keV."""
    low, high = 4.0, 30.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if energy(middle) > wanted else (low, middle)
    return low


def copper(mean: float) -> float:
    """Transmission of the copper foil, averaged over a band of 1.4e-4 by the midpoint rule."""
    sigma = 1.4e-4 * mean / SIGMA
    offsets = (np.arange(-300, 300) + 0.5) / 50
    weights = np.exp(-(offsets**2) / 2)
    at = mean + sigma * offsets
    k = np.sqrt(np.maximum(0.262468 * (at - 8.979) * 1000, 0.01))
    amplitude = 0.772 / (1 + 0.278**2 * (k - 7.21) ** 2) * (1 - np.exp(-((k / 3.5) ** 6)))
    phase = 2 * k * 2.556 - 0.553 - 0.774 * k + 0.01133 * k**2 + 39.5 / k**3
    free_path = 0.766 + 0.893 * k + 0.071 * k**2
    chi = 12 * 0.9 * amplitude * np.sin(phase) * np.exp(-2 * k**2 * 0.0085) * np.exp(-2 * 2.556 / free_path)
    chi /= k * 2.556**2
    step = 0.5 + np.arctan((at - 8.979) / 0.000775) / math.pi
    absorption = (8.979 / at) ** 2.7 * (0.21 + 1.29 * step * (1 + chi))
    return float((np.exp(-absorption) * weights).sum() / weights.sum())


def glitches(at: float) -> float:
    dips = [math.exp(-4 * math.log(2) * ((at - middle) / 0.003) ** 2) for middle in (9.215, 9.340)]
    return (1 - 0.03 * dips[0]) * (1 - 0.03 * dips[1])


def on_spot(y: float, z: float, radius: float = 0.025) -> float:
    """Part of the spot that passes the pinhole, whose centre is (y, z) from the middle of the spot."""
    side = (np.arange(120) + 0.5) / 60 - 1
    near_y, near_z = (np.ravel(each) * radius for each in np.meshgrid(side, side))
    inside = near_y**2 + near_z**2 <= radius**2
    density = np.exp(-4 * math.log(2) * (((y - near_y) / 0.30) ** 2 + ((z - near_z) / 0.10) ** 2))
    density *= 4 * math.log(2) / (math.pi * 0.30 * 0.10)
    return float(density[inside].mean() * math.pi * radius**2)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("blade", ["s1u", "s1d", "s1l", "s1r"])
def test_a_blade_cuts_the_beam_as_the_error_function_says(blade: str, seed: int) -> None:
    random = np.random.default_rng([seed, *blade.encode()])
    others = {name: random.uniform(0.1, 0.9) for name in ("s1u", "s1d", "s1l", "s1r")}
    others = {name: round(position * 2000) / 2000 for name, position in others.items()}
    beamline = Beamline(seed, others)
    reached, times, counts = beamline.scan(blade, random.uniform(-1.5, 1.5, 30))

    def transmission(position: float) -> float:
        at = {**others, blade: position}
        horizontal = gaussian_between(-at["s1r"], at["s1l"], -0.21, 1.2)
        return horizontal * gaussian_between(-at["s1d"], at["s1u"], 0.12, 0.8)

    passed = current(times) * [transmission(position) for position in reached]
    for column, full, dark in ((0, 5e5, 120), (1, 8e5, 80)):
        check(counts[column][quiet(times)], (full * passed + dark)[quiet(times)])


def test_blades_that_overlap_let_nothing_through() -> None:
    beamline = Beamline(1, {"s1l": 1.0, "s1r": 1.0})
    _, _, counts = beamline.scan("s1l", np.full(50, -1.5))
    check(counts[0], np.full(50, 120.0))


@pytest.mark.parametrize("seed", range(4))
def test_the_rocking_curve_has_its_width_and_its_middle_drifts(seed: int) -> None:
    random = np.random.default_rng(seed)
    beamline = Beamline(seed, {"pitch2": 0.0}, time=random.uniform(0, 1500))
    reached, times, counts = beamline.scan("pitch2", random.uniform(-70, 90, 60))
    best = 15 * (1 - np.exp(-times / 600))
    passed = current(times) * np.exp(-4 * math.log(2) * ((reached - best) / 45) ** 2)
    check(counts[0][quiet(times)], (5e5 * passed + 120)[quiet(times)])


@pytest.mark.parametrize("seed", range(4))
def test_the_edge_of_the_copper_foil_follows_its_formula_whatever_the_intensity_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    start = round(angle(8.9) * 1e5) / 1e5
    beamline = Beamline(seed, {"bragg": start, "samy": 6.0 + round(random.uniform(-1, 1), 3), "samz": 0.0})
    wanted = np.concatenate([random.uniform(8.97, 8.99, 40), random.uniform(8.7, 10.8, 80)])
    reached, _, counts = beamline.scan("bragg", np.array([angle(each) for each in wanted]))
    energies = [energy(each) for each in reached]
    ratio = (counts[1] / EXPOSURE - 80) / (counts[0] / EXPOSURE - 120) / 1.6
    expected = np.array([copper(each) for each in energies])
    spread = np.sqrt(1 / counts[0] + 1 / counts[1] + 2 * 0.0003**2 / EXPOSURE)
    check_residuals((ratio / expected - 1) / spread)


@pytest.mark.parametrize("seed", range(4))
def test_glitches_take_3_percent_of_the_beam_at_their_energies(seed: int) -> None:
    random = np.random.default_rng(seed)
    beamline = Beamline(seed, {"bragg": angle(9.2)})
    wanted = np.concatenate([random.normal(9.215, 0.003, 40), random.normal(9.340, 0.003, 40)])
    reached, times, counts = beamline.scan("bragg", np.array([angle(each) for each in wanted]))
    passed = current(times) * [glitches(energy(each)) for each in reached]
    check(counts[0][quiet(times)], (5e5 * passed + 120)[quiet(times)])


@pytest.mark.parametrize("seed", range(4))
def test_the_pinhole_is_seen_where_the_stages_and_the_drift_put_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    at_z = round(random.uniform(-0.15, 0.0) * 2000) / 2000
    beamline = Beamline(seed, {"samy": 0.0, "samz": at_z}, time=random.uniform(0, 1200))
    reached, times, counts = beamline.scan("samy", random.uniform(-0.4, 0.7, 60))
    passed = np.array(
        [on_spot(0.137 - y - moved, -0.082 - at_z + moved) for y, moved in zip(reached, drift(times), strict=True)]
    )
    check(counts[1][quiet(times)], (8e5 * passed * current(times) + 80)[quiet(times)])


@pytest.mark.parametrize("seed", range(4))
def test_the_mirror_moves_the_spot_up_by_24_um_for_each_urad(seed: int) -> None:
    random = np.random.default_rng(seed)
    beamline = Beamline(seed, {"m1pitch": 3.0, "samy": 0.137, "samz": -0.082}, time=random.uniform(0, 1200))
    reached, times, counts = beamline.scan("m1pitch", 3.0 + random.uniform(-0.01, 0.01, 60))
    up = 24.0 * (reached - 3.0) - drift(times)
    passed = np.array([on_spot(-y, -z) for y, z in zip(drift(times), up, strict=True)])
    check(counts[1][quiet(times)], (8e5 * passed * current(times) + 80)[quiet(times)])


MASS_ATTENUATION = {4.5: 259.97, 6.0: 115.29, 8.979: 35.94, 12.0: 15.338, 17.0: 5.513, 20.0: 3.442}
"""Of aluminium, cm²/g by keV: W. T. Elam, B. D. Ravel, J. R. Sieber, Radiat. Phys. Chem. 63, 121 (2002), by XrayDB 4.5."""


@pytest.mark.parametrize(("at", "attenuation"), MASS_ATTENUATION.items())
def test_foils_attenuate_as_the_tables_of_aluminium_say(at: float, attenuation: float) -> None:
    foils = [0.0, 25.0, 50.0, 100.0, 200.0, 400.0]
    beamline = Beamline(3, {"att1": 0.0, "att2": 60.0, "bragg": angle(at)})
    reached, times, counts = beamline.scan("att1", 60.0 * np.repeat(np.arange(4), 5))
    thickness = np.array([foils[round(each / 60)] + 25.0 for each in reached])
    passed = current(times) * np.exp(-attenuation * 2.699 * thickness * 1e-4)
    # two tables agree within 0.5 %
    tolerance = 0.005 * attenuation * 2.699 * thickness * 1e-4
    rates = 8e5 * passed + 80
    expected = rates * EXPOSURE
    spread = np.sqrt(expected + (0.0031 * expected) ** 2 + (tolerance * expected) ** 2)
    assert (np.abs(counts[1] - expected) / spread).max() < 5


def test_between_two_foils_the_frame_of_the_wheel_stops_the_beam() -> None:
    beamline = Beamline(3, {"att1": 0.0})
    _, _, counts = beamline.scan("att1", np.array([30.0, 90.0, 330.0]))
    assert counts[0].max() < 120 * EXPOSURE + 5 * math.sqrt(60)
    _, times, counts = beamline.scan("att1", np.full(20, 12.0))
    check(counts[0], 5e5 * current(times) / 2 + 120)


METALS = {"Fe": (0.5, 0.5, 7.112), "Ni": (-0.5, 0.5, 8.333), "Cu": (0.5, -0.5, 8.979), "Zn": (-0.5, -0.5, 9.659)}


@pytest.mark.parametrize("at", [7.0, 8.0, 8.7, 9.3, 10.5])
def test_the_pattern_absorbs_as_the_tables_of_its_metals_say(at: float) -> None:
    import xraydb  # here, for it takes long to load

    random = np.random.default_rng(round(at))
    at_z = round(random.uniform(-1.2, 1.2) * 2000) / 2000
    beamline = Beamline(4, {"samy": 12.0, "samz": at_z, "bragg": round(angle(at) * 1e5) / 1e5})
    reached, times, counts = beamline.scan("samy", random.uniform(10.5, 13.5, 60))
    moved = drift(times)
    absorbed = np.zeros(60)
    for metal, (y, z, _) in METALS.items():
        depth = xraydb.mu_elam(metal, 1000 * at) * xraydb.atomic_density(metal) * 1e-4
        hit = [
            gaussian_between(y - 0.4, y + 0.4, at_y - 12.0 + off, 0.30)
            * gaussian_between(z - 0.4, z + 0.4, at_z - off, 0.10)
            for at_y, off in zip(reached, moved, strict=True)
        ]
        absorbed += np.array(hit) * (1 - math.exp(-depth))
    ratio = (counts[1] / EXPOSURE - 80) / (counts[0] / EXPOSURE - 120) / 1.6
    spread = np.sqrt(1 / counts[0] + 1 / counts[1] + 2 * 0.0003**2 / EXPOSURE)
    # the power law is 7 % from the tables at most
    assert (np.abs(ratio - (1 - absorbed)) < 5 * spread + 0.07 * absorbed).all()
    if abs(at_z) < 0.8:
        assert absorbed.max() > 0.01


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("name", "start", "end"), [("s1u", -1.5, 1.5), ("pitch2", -60.0, 80.0), ("att1", 0.0, 120.0)])
def test_a_count_while_something_moves_is_the_integral_of_what_passed(
    name: str, start: float, end: float, seed: int
) -> None:
    beamline = Beamline(seed, {name: start})
    random = np.random.default_rng(seed)
    beamline.time += random.uniform(0, 50)
    steps = beamline.steps(name)
    beamline.motion.answer(f"VEL 1 {abs(end - start) / EXPOSURE * steps}")
    beamline.motion.answer("ACC 1 0.05")
    beamline.move(name, end)
    begun = beamline.time
    counted = beamline.count()[0]
    times = begun + (np.arange(4000) + 0.5) * EXPOSURE / 4000
    stage = beamline.world.stages[name]
    where = [stage.position(time) for time in times]
    profile: dict[str, Callable[[float], float]] = {
        "s1u": lambda position: float(np.interp(position, GRID, UP)),
        "pitch2": lambda pitch: math.exp(-4 * math.log(2) * ((pitch - 15 * (1 - math.exp(-begun / 600))) / 45) ** 2),
        "att1": lambda at: wheel_at_10_kev(at),
    }
    passed = np.mean([profile[name](position) for position in where]) * current(np.array(begun))
    expected = (5e5 * passed + 120) * EXPOSURE
    assert abs(counted - expected) < 5 * math.sqrt(expected + (0.003 * expected) ** 2) + 3e-4 * expected


GRID = np.linspace(-2, 5, 1401)
UP = np.array([gaussian_between(-5, edge, 0.12, 0.8) * gaussian_between(-5, 5, -0.21, 1.2) for edge in GRID])


def wheel_at_10_kev(at: float) -> float:
    foils = [0.0, 25.0, 50.0]
    return sum(
        gaussian_between(60.0 * n - 12, 60.0 * n + 12, at, 2.3) * math.exp(-26.23 * 2.699e-4 * foil)
        for n, foil in enumerate(foils)
        if abs(60.0 * n - at) < 20
    )
