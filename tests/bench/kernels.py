"""Benchmark of the kernels: `OMP_NUM_THREADS=1 python tests/bench/kernels.py [--rounds 30]`.

A line for each figure: the least processor time of many rounds on one thread, each with a fresh random frame, beside that
of the reference library in the same rounds, and their ratio. A busy machine lengthens it less than the time by the clock.
"""

from __future__ import annotations

import argparse
import logging
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # pyFAI's threads
os.environ.setdefault("NUMEXPR_NUM_THREADS", "1")

import numpy as np
from pyFAI.detectors import Detector
from pyFAI.integrator.azimuthal import AzimuthalIntegrator

from ronda.framework.kernels.azimuthal import Integrator
from ronda.framework.kernels.background import RadialBackground, rings_around
from ronda.framework.kernels.beam import BeamMetrics, beam_position
from ronda.framework.kernels.corrections import Correction
from ronda.framework.kernels.encoder_spectra import EncoderSpectra
from ronda.framework.kernels.events import EventHistogram
from ronda.framework.kernels.fluorescence import RegionSums
from ronda.framework.kernels.focus import FocusMeasure
from ronda.framework.kernels.geometry import Geometry
from ronda.framework.kernels.peaks import PeakFinder
from ronda.framework.kernels.profiles import Profiles
from ronda.framework.kernels.regions import Box, Regions
from ronda.framework.kernels.running_fit import RunningFit
from ronda.framework.kernels.sparse import Sparsifier
from ronda.framework.kernels.splitting import Grid

PIXEL = 75e-6
BINS = 1000

Work = Callable[[Any], object]


def figure(
    title: str, make: Callable[[], Any], ours: Work, theirs: dict[str, Work], rounds: int, goal: str = ""
) -> None:
    """Time both on the same fresh input, and print the line; of several references the fastest counts."""
    ways = {"": ours, **theirs}
    took: dict[str, list[float]] = {name: [] for name in ways}
    first = make()
    for work in ways.values():
        work(first)
    for _ in range(rounds):
        given = make()
        for name, work in ways.items():
            begun = time.process_time()
            work(given)
            took[name].append(1e3 * (time.process_time() - begun))
    mine = took.pop("")
    line = f"{title:58s} {min(mine):8.2f} ms (median {np.median(mine):.2f})"
    if took:
        name = min(took, key=lambda each: min(took[each]))
        line += f"; {name} {min(took[name]):.2f} ms, ratio {min(took[name]) / min(mine):.1f}"
    print(f"{line}{'; wanted: ' + goal if goal else ''}", flush=True)


def frames(side: int, seed: int, dtype: str = "u2") -> Callable[[], np.ndarray]:
    """A fresh frame at each call: Poisson counts, with bright spots."""
    rng = np.random.default_rng(seed)

    def make() -> np.ndarray:
        frame = rng.poisson(20, (side, side))
        for row, column in rng.integers(2, side - 2, (300, 2)):
            frame[row - 1 : row + 2, column - 1 : column + 2] += rng.integers(100, 400)
        return frame.astype(dtype)

    return make


def integration(side: int, rounds: int) -> None:
    """Azimuthal integration beside pyFAI's ways that give the same histogram."""
    goal = "<= 1.2 ms, ratio >= 5" if side == 1024 else "<= 6 ms, ratio >= 5"
    numbers = {"poni1": side * PIXEL * 0.51, "poni2": side * PIXEL * 0.49, "rot1": 0.01, "rot2": -0.02, "rot3": 0.0}
    geometry = Geometry(0.1, **numbers, wavelength=1e-10, pixel1=PIXEL, pixel2=PIXEL, shape=(side, side))
    pyfai = AzimuthalIntegrator(
        0.1, **numbers, detector=Detector(PIXEL, PIXEL, max_shape=(side, side)), wavelength=1e-10
    )

    def ways(splitting: str, sectors: int | None = None) -> dict[str, Work]:
        found: dict[str, Work] = {}
        for algorithm in ("histogram", "csr", "csc", "lut"):
            method = (splitting, algorithm, "cython")
            if splitting == "full" and algorithm == "csc":
                method = (splitting, algorithm, "python")
            one = {"unit": "q_nm^-1", "method": method, "error_model": None}
            if sectors is None:
                found[f"pyFAI {algorithm}"] = lambda frame, one=one: pyfai.integrate1d_ng(frame, BINS, **one)
            else:
                found[f"pyFAI {algorithm}"] = lambda frame, one=one: pyfai.integrate2d_ng(frame, BINS, sectors, **one)
        return found

    size = f"{side * side / 2**20:.0f} Mpixel u16"
    image = frames(side, 1)
    plain = Integrator(geometry, "u2", BINS)
    figure(f"azimuthal integration, {size}, histogram", image, plain, ways("no"), rounds, goal)

    def saturated() -> np.ndarray:
        frame = image()
        frame[np.random.default_rng(2).random(frame.shape) < 1e-3] = 65535
        return frame

    checked = Integrator(geometry, "u2", BINS, limits=(0, 65534))
    figure("  the same, 0.1 % saturated pixels left out", saturated, checked, {}, rounds)
    if side == 1024:
        figure(
            "  in two dimensions, 360 sectors",
            image,
            Integrator(geometry, "u2", BINS, 360),
            ways("no", 360),
            rounds // 3,
        )
        for splitting in ("bbox", "full"):
            ours = Integrator(geometry, "u2", BINS, splitting=splitting)  # type: ignore[arg-type]
            figure(f"  pixel splitting: {splitting}", image, ours, ways(splitting), rounds // 3)


def of_frames(rounds: int) -> None:
    """What else is computed from frames."""
    side = 1024
    for dtype in ("u2", "f4"):
        regions = Regions((side, side), dtype, [Box.all((side, side))])

        def statistics(frame: np.ndarray) -> object:
            return frame.sum(dtype=np.float64), frame.mean(), frame.std(), frame.min(), frame.max()

        figure(
            f"statistics of a region, 1 Mpixel {dtype}",
            frames(side, 3, dtype),
            regions,
            {"numpy": statistics},
            rounds,
            "ratio >= 3",
        )
    profiles = Profiles((side, side), "u2")
    both: Work = lambda frame: (frame.sum(axis=0), frame.sum(axis=1))  # noqa: E731
    figure("profiles, 1 Mpixel u16", frames(side, 4), profiles, {"numpy": both}, rounds)
    dark, flat = np.full((side, side), 2, "f4"), np.full((side, side), 1.1, "f4")
    correct = Correction((side, side), "u2", dark=dark, flat=flat)
    figure(
        "dark and flat, 1 Mpixel u16", frames(side, 5), correct, {"numpy": lambda frame: (frame - dark) / flat}, rounds
    )
    figure("beam, 1 Mpixel u16", frames(side, 6), BeamMetrics((side, side), "u2"), {"numpy": beam_position}, rounds)
    focus = FocusMeasure((side, side), "u2")
    figure(
        "focus, 1 Mpixel u16", frames(side, 7), focus, {"numpy": lambda frame: np.abs(np.fft.rfft2(frame)) ** 2}, rounds
    )
    side = 2048
    background = RadialBackground(rings_around((side, side), 1000, 1010), "u2")
    figure("radial background, 5 rounds, 4 Mpixel u16", frames(side, 8), background, {}, rounds)
    figure("peak finding, 4 Mpixel u16, 300 peaks", frames(side, 9), PeakFinder(background), {}, rounds, "<= 20 ms")
    figure("sparse storage, 4 Mpixel u16", frames(side, 10), Sparsifier(background), {}, rounds)


def of_streams(rounds: int) -> None:
    """Events, spectra, streams and fits."""
    rng = np.random.default_rng(11)
    histogram = EventHistogram([Grid(0, 512, 512)] * 2, ["u2", "u2"])
    figure(
        "event histogram, 1 million events, 512 x 512",
        lambda: rng.integers(0, 512, (2, 10**6)).astype("u2"),
        lambda block: histogram.add(*block),
        {"numpy": lambda block: np.histogram2d(*block, 512, [[0, 512]] * 2)},
        rounds // 5,
    )
    regions = [(100 * number, 100 * number + 60) for number in range(30)]
    sums = RegionSums(4, 4096, "u4", regions)
    plain: Work = lambda block: [block[:, :, low:high].sum(axis=(1, 2)) for low, high in regions]  # noqa: E731
    figure(
        "30 regions, 100 points x 4 spectra of 4096 u32",
        lambda: rng.poisson(3, (100, 4, 4096)).astype("u4"),
        sums,
        {"numpy": plain},
        rounds // 3,
    )
    spectra = EncoderSpectra(np.linspace(-48e3, 48e3, 1001), 8, hysteresis=60)
    seconds = np.arange(10**6) / 1e6

    def stream() -> tuple[np.ndarray, np.ndarray]:
        positions = 50e3 * np.sin(2 * np.pi * 5 * seconds) + rng.normal(0, 3, seconds.size)
        return rng.integers(-30000, 30000, (seconds.size, 8)).astype("i2"), positions.astype("i4")

    def live(block: tuple[np.ndarray, np.ndarray]) -> None:
        samples, positions = block
        done = [
            found
            for at in range(0, 10**6, 10**4)
            for found in spectra.add(samples[at : at + 10**4], positions[at : at + 10**4])
        ]
        assert len(done) in (9, 10, 11), len(done)

    figure("1 s of 1 MHz x 8 channels to 10 spectra, blocks of 10 ms", stream, live, {}, rounds // 3, "< 1000 ms")
    x = np.linspace(-4, 4, 100)

    def points() -> np.ndarray:
        return 900 * np.exp(-(x**2)) + 50 + rng.normal(0, 5, x.size)

    def fitted(y: np.ndarray) -> RunningFit:
        running.clear()
        running.add(x[:-1], y[:-1])
        begun = time.process_time()
        running.add(x[-1], y[-1])
        onward.append(1e3 * (time.process_time() - begun))
        return running

    running, onward = RunningFit(), list[float]()
    figure("fit of 100 points, and again with one more", points, fitted, {}, rounds // 3)
    print(f"{'  of that, the one more':58s} {min(onward):8.2f} ms (median {np.median(onward):.2f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", default="", help="integration, frames or streams")
    chosen = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    logging.getLogger("pyFAI").setLevel(logging.ERROR)
    if chosen.only in ("", "integration"):
        integration(1024, chosen.rounds)
        integration(2048, chosen.rounds)
    if chosen.only in ("", "frames"):
        of_frames(chosen.rounds)
    if chosen.only in ("", "streams"):
        of_streams(chosen.rounds)
