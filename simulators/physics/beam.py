"""The x-ray beam from the machine to the detectors: intensities as functions of time."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics import holder
from ronda.simulators.physics.attenuators import Attenuators
from ronda.simulators.physics.course import positions, rests
from ronda.simulators.physics.machine import Machine
from ronda.simulators.physics.mirror import Mirror
from ronda.simulators.physics.monochromator import Monochromator
from ronda.simulators.physics.noise import Wander
from ronda.simulators.physics.orbit import Orbit
from ronda.simulators.physics.shutter import Shutter
from ronda.simulators.physics.signal import Signal
from ronda.simulators.physics.slits import Slits
from ronda.simulators.physics.stage import Stage

COMMON_NOISE = 0.003
"""Noise of the beam's intensity that all detectors see, rms, as a fraction of the intensity."""

COMMON_NOISE_KNOT = 3.0
"""Time scale of that noise, in s: shorter counts see all of it, much longer ones average it."""

DRIFT = 0.015
"""How far the spot on the sample drifts to each side, in mm."""

DRIFT_PERIOD = 1200.0
"""Period of that drift, in s."""

LONGEST_STEP = 0.25
"""Longest time between two samples of an integral, in s."""

FINEST = {"samy": 0.002, "samz": 0.002}
"""Farthest that the sample moves between two samples of an integral, in mm."""

FEWEST_SAMPLES = 8
MOST_SAMPLES = 4000
"""Number of samples between two changes while something moves."""

Place = Literal["before the sample", "behind the sample"]


@dataclass(frozen=True, slots=True)
class PointDetector:
    """A detector that counts photons; rates in count/s.

    Attributes:
        place: where in the beam it is.
        full: rate in the full beam, without dark counts.
        dark: rate without beam.
        saturation: highest rate that it can count.
    """

    place: Place
    full: float
    dark: float
    saturation: float = 1e6


DETECTORS: Mapping[str, PointDetector] = {
    "i0": PointDetector("before the sample", full=5e5, dark=120.0),
    "diode": PointDetector("behind the sample", full=8e5, dark=80.0),
}
"""The point detectors of the beamline, by the names that counter channels use."""


@dataclass(frozen=True, slots=True)
class _Alignment:
    """Where everything in the beam is, at each of some times; arrays of one value for what stands all the while.

    Attributes:
        parts: what passes each part before the sample, the rocking curve apart.
        passes: their product.
        energy: in keV.
        pitch: of the second crystal, in µrad; None if nobody can turn it.
        lift: how far the mirror moves the spot up, in mm.
        holder: where the sample holder is (y, z), in mm; None without one.
    """

    parts: Mapping[str, NDArray[np.float64]]
    passes: NDArray[np.float64]
    energy: NDArray[np.float64]
    pitch: NDArray[np.float64] | None
    lift: NDArray[np.float64]
    holder: tuple[NDArray[np.float64], NDArray[np.float64]] | None


@dataclass(frozen=True, eq=False, slots=True)
class Situation:
    """What everything in the beam did latest, to be compared with `same`."""

    latest: list[object]

    def same(self, other: Situation) -> bool:
        """Whether nothing has happened between the two."""
        return _same(self.latest, other.latest)


class Beam:
    """The beam as it is at any time.

    Args:
        machine: where it comes from.
        seed: of the noise.
        stages: all stages by name, see the modules of this folder for what they move; a missing one is where it
            does not disturb. Without `samy` and `samz` there is no sample holder.
        shutters: all shutters by name; they stand before the sample, one behind the other.
        piezo: voltage at the piezo of the monochromator's second crystal.
    """

    def __init__(
        self,
        machine: Machine,
        seed: int,
        stages: Mapping[str, Stage],
        shutters: Mapping[str, Shutter] | None = None,
        piezo: Signal | None = None,
    ) -> None:
        self.machine = machine
        self.orbit = Orbit()
        self.slits = Slits(stages)
        self._piezo = piezo or Signal()
        self.monochromator = Monochromator(stages, self._piezo)
        self.mirror = Mirror(stages)
        self.attenuators = Attenuators(stages)
        self._stages = stages
        self._shutters = {} if shutters is None else shutters
        self._finest = {
            **self.slits.finest,
            **self.monochromator.finest,
            **self.mirror.finest,
            **self.attenuators.finest,
            **FINEST,
        }
        self._kept: tuple[list[object], _Alignment] | None = None
        self._relevant: list[Stage] = []
        self._looked_at = 0
        self._noise = Wander(f"{seed} intensity", COMMON_NOISE, COMMON_NOISE_KNOT)

    def intensity(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Intensity before the sample at each of rising times, as a fraction of the full beam."""
        return self._intensity(times, self._alignment(times))

    def intensity_at(self, time: float) -> float:
        """The same at one time."""
        return float(self.intensity(np.array([time]))[0])

    def energy(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Energy in keV at each of rising times; one value while the monochromator stands."""
        return self._alignment(times).energy

    def spot(self, times: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where the middle of the spot is at the sample (y, z), in mm, at each of rising times."""
        return self._spot(times, self._alignment(times))

    def on_holder(self, times: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Where on the sample holder the middle of the spot is (y, z), in mm; None without a holder."""
        return self._on_holder(times, self._alignment(times))

    def turning(self, times: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where the sample holder is horizontally (samy, in mm), and the rotation of the sample (rot, in deg)."""
        shape = times.shape
        return (
            np.broadcast_to(positions(self._stages, "samy", times, 0.0), shape),
            np.broadcast_to(positions(self._stages, "rot", times, 0.0), shape),
        )

    def objective(self, times: NDArray[np.float64], otherwise: float) -> NDArray[np.float64]:
        """Where the objective of the beam viewer is (camf, in mm), at each of rising times; one value while it stands.

        Args:
            times: in s.
            otherwise: where it is if nobody can move it.
        """
        return positions(self._stages, "camf", times, otherwise)

    def sample_transmission(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fraction of the beam that passes what is at the sample position, at each of rising times."""
        return self._sample_transmission(times, self._alignment(times))

    def rates(self, detectors: Sequence[PointDetector], times: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Expected counting rate of each detector at each of rising times, in count/s."""
        alignment = self._alignment(times)
        incoming = self._intensity(times, alignment)
        intensity: dict[Place, NDArray[np.float64]] = {"before the sample": incoming}
        if any(detector.place == "behind the sample" for detector in detectors):
            intensity["behind the sample"] = incoming * self._sample_transmission(times, alignment)
        return [
            np.minimum(detector.full * intensity[detector.place] + detector.dark, detector.saturation)
            for detector in detectors
        ]

    def truth(self, time: float) -> dict[str, Any]:
        """What is so at a time, ready for JSON."""
        times = np.array([time])
        y, z = self.spot(times)
        alignment = self._alignment(times)
        rocking = self.monochromator.rocking(alignment.pitch, times)
        parts = {**alignment.parts, "monochromator": alignment.parts["monochromator"] * rocking}
        return {
            "current": float(self.machine.current(times)[0]),
            "front_end_open": self.machine.front_end_open(time),
            "intensity": float(self.intensity(times)[0]),
            "transmissions": {name: float(part[0]) for name, part in parts.items()},
            "energy": float(alignment.energy[0]),
            "best_pitch2": float(self.monochromator.best_pitch(times)[0]),
            "spot": [float(y[0]), float(z[0])],
            "sample_transmission": float(self.sample_transmission(times)[0]),
        }

    def samples(self, start: float, end: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Times between two times, and their weights (s), that integrate what detectors see: sum(rate × weight)."""
        knots = {start, end, *self.machine.changes(start, end)}
        moving = []
        if not self._stands(start):
            moving = [
                (stage, finest)
                for name, finest in self._finest.items()
                if (stage := self._stages.get(name)) is not None and not rests(stage, start, end)
            ]
            for stage, _ in moving:
                knots.update(stage.changes(start, end))
            for shutter in self._shutters.values():
                knots.update(shutter.changes(start, end))
            knots.update(self._piezo.changes(start, end))
        times, weights = [], []
        edges = sorted(knots)
        for low, high in pairwise(edges):
            wanted = math.ceil((high - low) / LONGEST_STEP)
            if moving:
                path = max(stage.travel(low, high) / finest for stage, finest in moving)
                wanted = max(wanted, math.ceil(path), FEWEST_SAMPLES)
            number = min(wanted, MOST_SAMPLES)
            step = (high - low) / number
            times.append(low + step * (np.arange(number) + 0.5))
            weights.append(np.full(number, step))
        return np.concatenate(times), np.concatenate(weights)

    def _alignment(self, times: NDArray[np.float64]) -> _Alignment:
        """Where everything is at each of rising times; kept while nothing moves, for most counts are of that sort."""
        stands = self._stands(float(times[0]))
        latest: list[object] = []
        if stands:
            latest = self._latest()
            if self._kept is not None and _same(self._kept[0], latest):
                return self._kept[1]
        energy = self.monochromator.energy(times)
        parts = {
            "slits": self.slits.transmission(times),
            "monochromator": self.monochromator.transmission(energy),
            "attenuators": self.attenuators.transmission(times, energy),
            **{name: np.array(shutter.openings(times.tolist())) for name, shutter in self._shutters.items()},
        }
        alignment = _Alignment(
            parts,
            math.prod(parts.values(), start=np.ones(1)),
            energy,
            self.monochromator.pitch(times),
            self.mirror.lift(times),
            self._holder(times),
        )
        if stands:
            self._kept = (latest, alignment)
        return alignment

    def _intensity(self, times: NDArray[np.float64], alignment: _Alignment) -> NDArray[np.float64]:
        rocking = self.monochromator.rocking(alignment.pitch, times)
        return self.machine.intensity(times) * (1.0 + self._noise(times)) * alignment.passes * rocking

    def _spot(
        self, times: NDArray[np.float64], alignment: _Alignment
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        drift = DRIFT * np.sin(2 * math.pi * times / DRIFT_PERIOD)
        return drift, alignment.lift - drift + self.orbit.lift(times)

    def _on_holder(
        self, times: NDArray[np.float64], alignment: _Alignment
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        if alignment.holder is None:
            return None
        y, z = self._spot(times, alignment)
        return y + alignment.holder[0], z + alignment.holder[1]

    def _sample_transmission(self, times: NDArray[np.float64], alignment: _Alignment) -> NDArray[np.float64]:
        spot = self._on_holder(times, alignment)
        if spot is None:
            return np.ones_like(times)
        return holder.transmission(*spot, alignment.energy)

    def _holder(self, times: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        if "samy" not in self._stages and "samz" not in self._stages:
            return None
        return positions(self._stages, "samy", times, 0.0), positions(self._stages, "samz", times, 0.0)

    def situation(self) -> Situation:
        """All that makes the beam what it is; the same situation later means that it went on as was to be foreseen."""
        return Situation([*self._latest(), self.machine.latest, self.orbit.latest])

    def _latest(self) -> list[object]:
        """The latest change of everything in the beam; another object for each."""
        return [
            *(stage.trajectory for stage in self._in_the_beam()),
            *(shutter.latest for shutter in self._shutters.values()),
            self._piezo.latest,
        ]

    def _in_the_beam(self) -> list[Stage]:
        """The stages that move something in the beam; of others there may be hundreds."""
        if len(self._stages) != self._looked_at:  # they come one by one, and stay
            self._looked_at = len(self._stages)
            self._relevant = [stage for name in self._finest if (stage := self._stages.get(name)) is not None]
        return self._relevant

    def _stands(self, time: float) -> bool:
        """Whether everything in the beam stands from a time on, as far as is known."""
        return (
            all(stage.trajectory.end <= time for stage in self._in_the_beam())
            and all(shutter.rests_from <= time for shutter in self._shutters.values())
            and self._piezo.latest[0] <= time
        )


def _same(some: list[object], others: list[object]) -> bool:
    """Whether these are the very same objects."""
    return len(some) == len(others) and all(map(operator.is_, some, others))
