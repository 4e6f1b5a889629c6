"""What scans of the demo beamline measure, against the documented formulas, worked out anew for random parameters.

Counts at each point have their statistics, 0.03 %/√t of its own and 0.3 % that both detectors share. The shared part
changes within seconds: ratios of the detectors are free of it.

What is scanned is drawn with a seed, but the noise is another in each run, for it depends on when a scan begins: limits are
such that a right program fails once in a million runs at most. Of some 900 points two may lie beyond 5 σ, where one in two
million of a Gaussian does.
"""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from scipy.stats import chi2

from ronda.framework.tango.names import AxisAttribute

SIGMA = 2 * math.sqrt(2 * math.log(2))


@pytest.fixture(scope="module")
def residuals():
    """Of all points of all scans, in standard deviations."""
    return []


@pytest.fixture
def random():
    """What to scan."""
    return np.random.default_rng(1)


def judge(scan, difference, variance, residuals):
    """The points within 5 σ, and on the whole neither too near nor too far."""
    found = difference / np.sqrt(variance)
    distance = np.abs(found)
    assert distance.max() < 8, scan.plan.command
    assert (distance > 5).sum() <= 2, scan.plan.command
    assert chi2.ppf(1e-9, found.size) < np.sum(found**2) < chi2.isf(1e-9, found.size), scan.plan.command
    residuals.append(found)


def simulated_times(scan, simulators, exposure, device="ct1"):
    """Time of the simulated world in the middle of each point, in s."""
    truth = simulators(do="truth")
    epochs = scan.stream[f"instrument/{device}/epoch"][:]
    return (
        truth["time"] + (epochs - time.time() + time.monotonic() - truth["monotonic"]) * truth["speed"] + exposure / 2
    )


def between(low, high, middle, width):
    """Part of a Gaussian beam between two blades."""
    scale = 2 * math.sqrt(math.log(2)) / width
    return (math.erf(scale * (high - middle)) - math.erf(scale * (low - middle))) / 2


def copper(reading):
    """Transmission of the copper foil at a reading of the energy axis in keV, which is 3.2 eV off at 8.979 keV."""
    glancing = lambda at: math.asin(12.398419843 / (2 * 3.1356 * at))  # noqa: E731 - one formula
    mean = 12.398419843 / (2 * 3.1356 * math.sin(glancing(reading) + glancing(8.9758) - glancing(8.979)))
    offsets = (np.arange(-300, 300) + 0.5) / 50
    weights = np.exp(-(offsets**2) / 2)
    at = mean + 1.4e-4 * mean / SIGMA * offsets
    k = np.sqrt(np.maximum(0.262468 * (at - 8.979) * 1000, 0.01))
    amplitude = 0.772 / (1 + 0.278**2 * (k - 7.21) ** 2) * (1 - np.exp(-((k / 3.5) ** 6)))
    phase = 2 * k * 2.556 - 0.553 - 0.774 * k + 0.01133 * k**2 + 39.5 / k**3
    free_path = 0.766 + 0.893 * k + 0.071 * k**2
    chi = 12 * 0.9 * amplitude * np.sin(phase) * np.exp(-2 * k**2 * 0.0085) * np.exp(-2 * 2.556 / free_path)
    chi /= k * 2.556**2
    step = 0.5 + np.arctan((at - 8.979) / 0.000775) / math.pi
    absorption = (8.979 / at) ** 2.7 * (0.21 + 1.29 * step * (1 + chi))
    return float((np.exp(-absorption) * weights).sum() / weights.sum())


def on_pinhole(y, z):
    """Part of the spot that passes the pinhole, whose centre is (y, z) mm from the middle of the spot."""
    side = (np.arange(60) + 0.5) / 30 - 1
    near_y, near_z = (np.ravel(each) * 0.025 for each in np.meshgrid(side, side))
    inside = near_y**2 + near_z**2 <= 0.025**2
    density = np.exp(-4 * math.log(2) * (((y - near_y) / 0.30) ** 2 + ((z - near_z) / 0.10) ** 2))
    return float(density[inside].mean() * math.pi * 0.025**2 * 4 * math.log(2) / (math.pi * 0.30 * 0.10))


def test_blades_cut_the_beam_as_the_error_function_says(scans, simulators, residuals, random, beamline):
    blade, exposure = random.choice(["s1l", "s1r"]), 0.02
    start, stop = random.uniform(-0.9, -0.7), random.uniform(0.3, 0.5)
    scan = scans.ascan(blade, start, stop, 39, exposure, "i0", save=False)
    beamline[blade].move(3.0)

    middle = -0.21 if blade == "s1l" else 0.21
    passed = np.array([between(-3, at, middle, 1.2) * between(-3, 3, 0.12, 0.8) for at in scan[blade]])
    times = simulated_times(scan, simulators, exposure)
    quiet = times % 180 < 177.5  # no injection into the ring
    # the best pitch of the second crystal moves by 15 µrad while the first becomes warm; the rocking curve is 45 µrad wide
    warm = 15 * (1 - np.exp(-times / 600))
    reflected = np.exp(-4 * math.log(2) * (warm / 45) ** 2)
    expected = exposure * (5e5 * passed * reflected * (200 - 0.0055 * (times % 180)) / 200 + 120)
    variance = expected + (0.003 * expected) ** 2 + (0.0003 * expected) ** 2 / exposure
    judge(scan, (scan["i0"] - expected)[quiet], variance[quiet], residuals)


def test_the_edge_of_copper_is_where_and_as_it_should_be(scans, residuals, random, beamline):
    energy = beamline["energy"].position
    beamline["samy"].move(6.0)
    step = random.uniform(0.8, 1.2)
    regions = [(-30, -10, 2, 0.02), (-10, 15, step, 0.03), (2.2, random.uniform(4.0, 5.0), 0.1, 0.02, "k", 1)]
    scan = scans.xas_scan("energy", 8.979, regions, "i0", "diode", save=False)
    beamline["samy"].move(0.0)
    beamline["energy"].move(energy)

    exposure, i0, diode = scan["exposure_time"], scan["i0"], scan["diode"]
    expected = np.array([copper(at) for at in scan["energy"]])
    ratio = (diode / exposure - 80) / (i0 / exposure - 120) / 1.6
    judge(scan, ratio / expected - 1, 1 / i0 + 1 / diode + 2 * 0.0003**2 / exposure, residuals)


def test_the_pinhole_is_seen_where_the_stages_and_the_drift_put_it(scans, simulators, residuals, random, beamline):
    exposure, at_z = 0.05, -0.082 + random.uniform(-0.02, 0.02)
    for name, position in (("samz", at_z), ("samy", -0.1)):
        beamline[name].move(position - 0.1)  # from below, so that the play of the stage makes no difference
        beamline[name].move(position)
    places = np.sort(0.137 + random.uniform(-0.2, 0.2, 60))
    scan = scans.lookupscan([("samy", places)], exposure, "i0", "diode", save=False)
    at_z = float(beamline["samz"].remote.read(AxisAttribute.POSITION))
    for name in ("samy", "samz"):
        beamline[name].move(0.0)

    drift = 0.015 * np.sin(2 * math.pi * simulated_times(scan, simulators, exposure) / 1200)
    moves = zip(scan["samy"], drift, strict=True)
    passed = np.array([on_pinhole(0.137 - y - moved, -0.082 - at_z + moved) for y, moved in moves])
    expected = 1.6 * passed * (scan["i0"] - 120 * exposure) + 80 * exposure
    variance = expected + (1.6 * passed) ** 2 * scan["i0"] + 2 * (0.0003 * expected) ** 2 / exposure
    judge(scan, scan["diode"] - expected, variance, residuals)


def test_a_mesh_over_the_pinhole_is_its_image_with_the_play_of_the_stage(
    scans, simulators, residuals, random, beamline
):
    exposure, backnforth = 0.04, bool(random.integers(2))
    y, z = 0.137 + random.uniform(-0.16, -0.12), -0.082 + random.uniform(-0.04, -0.03)
    for name, position in (("samy", y), ("samz", z)):
        beamline[name].move(position - 0.1)
    scan = scans.amesh(
        *("samy", y, y + 0.28, 6, "samz", z, z + 0.07, 3, exposure, "i0", "diode"), backnforth=backnforth, save=False
    )
    for name in ("samy", "samz"):
        beamline[name].move(0.0)

    # pulled downwards the carriage stands 8 µm above the motor
    back = np.diff(scan["samy"], prepend=y - 0.1)
    direction = np.array([-1 if step < -1e-4 else 1 if step > 1e-4 else 0 for step in back])
    for place in np.flatnonzero(direction == 0):
        direction[place] = direction[place - 1]
    at_y = scan["samy"] + np.where(direction < 0, 0.008, 0.0)
    drift = 0.015 * np.sin(2 * math.pi * simulated_times(scan, simulators, exposure) / 1200)
    moves = zip(at_y, scan["samz"], drift, strict=True)
    passed = np.array([on_pinhole(0.137 - y - moved, -0.082 - z + moved) for y, z, moved in moves])
    expected = 1.6 * passed * (scan["i0"] - 120 * exposure) + 80 * exposure
    variance = expected + (1.6 * passed) ** 2 * scan["i0"] + 2 * (0.0003 * expected) ** 2 / exposure
    judge(scan, scan["diode"] - expected, variance, residuals)


def test_the_camera_sees_the_spot_where_mirror_and_drift_put_it(scans, simulators, random, beamline):
    exposure, start = 0.01, 3.0 + random.uniform(-0.03, -0.02)
    beamline["m1pitch"].move(start - 0.005)
    scan = scans.ascan("m1pitch", start, start + random.uniform(0.04, 0.05), 9, exposure, "cam_x", "cam_y", save=False)
    beamline["m1pitch"].move(3.0)

    drift = 0.015 * np.sin(2 * math.pi * simulated_times(scan, simulators, exposure, "cam") / 1200)
    z = 24.0 * (scan["m1pitch"] - 3.0) - drift  # mm
    # of the 300 000 ADU/s in the middle of the spot, with 5 electrons each; read noise of 3 ADU in two widths around it;
    # while the monochromator becomes warm a quarter of the light is lost
    light = 0.7 * 300_000 * exposure * 2 * math.pi * 60 * 20 / SIGMA**2
    for name, expected, width in (("cam_x", 511.5 + drift / 0.005, 60), ("cam_y", 511.5 - z / 0.005, 20)):
        noise = (9 + 1 / 12) * (4 * 60) * (4 * 20) * (4 * width) ** 2 / 12 / light**2
        sigma = math.sqrt((width / SIGMA) ** 2 / (5 * light) + noise)  # 0.004 to 0.013 pixels
        # the spot drifts by 0.016 pixels in a second, for which the camera's program may halt before it exposes
        assert np.abs(scan[name] - expected).max() < 8 * sigma + 0.05, scan.plan.command


def test_the_fluorescence_of_copper_begins_where_the_foil_does(scans, simulators, residuals, random, beamline):
    exposure = 0.05
    beamline["energy"].move(10.0)  # above the edge, wherever others left it
    beamline["samy"].move(3.6)
    places = np.sort(random.uniform(3.75, 4.25, 20))
    names = ("mca_cu", "mca_real_time", "mca_icr")
    scan = scans.pointscan("samy", places, exposure, "i0", *names, save=False)
    beamline["samy"].move(0.0)

    drift = 0.015 * np.sin(2 * math.pi * simulated_times(scan, simulators, exposure, "mca") / 1200)
    hit = np.array([between(4.0, 8.0, y + moved, 0.30) for y, moved in zip(scan["samy"], drift, strict=True)])
    counted = np.exp(-scan["mca_icr"] * (0.8e-6 + 0.1e-6))  # dead time, and two photons at once
    shape = hit * counted * (scan["i0"] - 120 * exposure)
    scale = scan["mca_cu"].sum() / shape.sum()
    expected = scale * shape
    variance = expected + expected**2 / scan["i0"] + (0.0003 * expected) ** 2 / exposure
    assert scan["mca_real_time"] == pytest.approx(np.full(20, exposure))
    judge(scan, scan["mca_cu"] - expected, variance, residuals)


def blade(random, low, high):
    """A stretch of a blade, in mm."""
    start = random.uniform(low, (low + high) / 2)
    return start, random.uniform((low + high) / 2 + 0.05, high)


def every_scan(random):
    """A call of each scan function that moves slits, or nothing, with parameters drawn; by its name."""
    left, right = blade(random, -0.1, 0.5), blade(random, 0.15, 0.6)
    up, down = blade(random, 0.0, 0.6), blade(random, 0.05, 0.5)
    whole = {"s1l": left, "s1r": right, "s1u": up, "s1d": down, "samx": (0.1, 0.2)}
    words = [[name, *ends] for name, ends in whole.items()]
    near = [[name, -random.uniform(0.05, 0.2), random.uniform(0.05, 0.2)] for name in whole]
    several = {
        f"{kind}{number}scan": (*(word for one in ends[:number] for word in one), 5)
        for kind, ends in (("a", words), ("d", near))
        for number in (2, 3, 4, 5)
    }
    width, radius = random.uniform(0.3, 0.5), random.uniform(0.08, 0.1)
    return {
        "sct": (),
        "loopscan": (7,),
        "timescan": (),
        "ascan": (*words[0], 11),
        **several,
        "anscan": ([tuple(one) for one in words[:3]], 5),
        "dscan": (*near[1], 7),
        "dnscan": ([tuple(one) for one in near[:2]], 5),
        "lookupscan": ([("s1l", random.uniform(-0.1, 0.6, 8)), ("s1u", random.uniform(0, 0.6, 8))],),
        "pointscan": ("s1d", random.uniform(-0.1, 0.4, 9)),
        "logscan": ("s1u", 0.05, random.uniform(0.5, 0.9), 7),
        "amesh": (*words[0], 3, *words[2], 3),
        "dmesh": (*near[1], 2, *near[3], 2),
        "spiral": ("s1l", 0.1, width, "s1u", 0.2, width, radius, 4),
        "rel_spiral": ("s1r", width, "s1d", width, radius, 4),
        "spiral_fermat": ("s1l", 0.1, width, "s1u", 0.2, width, radius / 2, 1),
        "rel_spiral_fermat": ("s1r", width, "s1d", width, radius / 2, 1),
        "lineup": ("s1l", -0.3, 0.3, 6),
    }


@pytest.fixture(scope="module")
def slits(beamline):
    """The blades, open again in the end."""
    blades = [beamline[name] for name in ("s1l", "s1r", "s1u", "s1d")]
    yield blades
    for blade in blades:
        blade.move(3.0)


@pytest.mark.parametrize("name", list(every_scan(np.random.default_rng(0))))
def test_what_every_scan_function_measures_is_what_the_formula_of_the_slits_says(
    scans, simulators, residuals, slits, name
):
    draw = np.random.default_rng([1, *name.encode()])
    arguments, exposure = every_scan(draw)[name], draw.uniform(0.008, 0.012)
    stands = {one.name: draw.uniform(0.2, 0.4) for one in slits}
    for one in slits:
        one.move(stands[one.name])
    keywords = {"npoints": 9} if name == "timescan" else {}
    quiet = np.zeros(0, bool)
    while not quiet.any():  # once more, if all of it lay in an injection
        scan = getattr(scans, name)(*arguments, exposure, "i0", save=False, **keywords)
        times = simulated_times(scan, simulators, exposure)
        quiet = times % 180 < 177.5

    blades = {one: scan[one] if one in scan.data else np.full(len(scan["i0"]), at) for one, at in stands.items()}
    rows = zip(*(blades[one] for one in ("s1l", "s1r", "s1u", "s1d")), strict=True)
    passed = np.array([between(-r, l, -0.21, 1.2) * between(-d, u, 0.12, 0.8) for l, r, u, d in rows])  # noqa: E741
    reflected = np.exp(-4 * math.log(2) * (15 * (1 - np.exp(-times / 600)) / 45) ** 2)
    expected = exposure * (5e5 * passed * reflected * (200 - 0.0055 * (times % 180)) / 200 + 120)
    variance = expected + (0.003 * expected) ** 2 + (0.0003 * expected) ** 2 / exposure
    judge(scan, (scan["i0"] - expected)[quiet], variance[quiet], residuals)


def test_all_in_all_the_scatter_is_that_of_the_formulas(scans, residuals, random, beamline):
    exposure = random.uniform(0.004, 0.006)
    beamline["samy"].move(0.137)
    beamline["samz"].move(-0.082)
    scan = scans.loopscan(700, exposure, "i0", "diode", save=False)
    for name in ("samz", "samy"):
        beamline[name].move(0.0)
    beam = scan["i0"] - 120 * exposure
    through = scan["diode"] - 80 * exposure
    ratio = through.sum() / beam.sum()
    expected = beam * ratio
    variance = scan["diode"].mean() + ratio**2 * scan["i0"] + 2 * (0.0003 * expected) ** 2 / exposure
    judge(scan, through - expected, variance, residuals)

    points = np.concatenate(residuals)
    assert points.size >= 700
    assert 0.7 < np.mean(points**2) < 1.3, points.size


def test_no_point_is_taken_before_arrival_however_late_the_controller_answers(scans, recorder, simulators):
    seen = []

    def look():
        told = simulators(do="truth")["instruments"]
        axes = [each for each in told["motion"]["axes"].values() if each["name"] in ("samy", "samz")]
        seen.append(told["counters"]["opened"] - max(each["ends"] for each in axes))

    for index in range(12):
        recorder.at(index, look)
    simulators(do="delay", instrument="motion", seconds=0.01)
    try:
        scans.amesh("samy", 0, 0.1, 3, "samz", 0, 0.1, 2, 0.01, "i0", save=False)
    finally:
        simulators(do="delay", instrument="motion", seconds=0)
    assert len(seen) == 12
    assert min(seen) >= 0, seen
