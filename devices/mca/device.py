"""The Tango device of a spectrum analyser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import tango

from ronda.devices.detector import Reading
from ronda.devices.device import attribute
from ronda.devices.mca.contract import Capabilities, Mca, RoiParameters, Spectrum
from ronda.devices.measurement import Measurement, OwnChannel
from ronda.devices.regions import RegionDetectorDevice
from ronda.framework.errors import HardwareFault, OutOfRange
from ronda.framework.tango.names import McaAttribute

SPECTRUM = "spectrum"

TIMES = {"real_time": "s", "live_time": "s", "dead_time": "%", "icr": "1/s", "ocr": "1/s"}
"""What it tells beside the spectrum, with units; `icr` and `ocr` are the rates of photons in and out."""

MOST_CHANNELS = 65536

LATE_LIVE = 30.0
"""How many times longer than its live time a measurement may take."""


class McaDevice(RegionDetectorDevice):
    """A spectrum analyser: spectra, counts of regions, real, live and dead time, rates in and out."""

    kind: ClassVar[str] = "mca"
    contract: ClassVar[type[Mca]] = Mca

    # -- what each detector fills

    def opened(self) -> None:
        """Nothing is known about the analyser yet."""
        self._counts: npt.NDArray[Any] | None = None
        super().opened()

    def time_limits(self) -> tuple[float, float]:
        """The presets that it takes."""
        known: Capabilities = self._capabilities
        return known.times

    def check_settings(self) -> None:
        """The preset and all regions must be possible."""
        if self.parameters.preset == "live" and not self._capabilities.live_preset:
            raise OutOfRange(f"{self.label}: this analyser cannot measure for a live time; set its preset to real")
        for name, roi in self.parameters.rois.items():
            part = self._channels_of(roi)
            if part.start >= part.stop:
                raise OutOfRange(
                    f"{self.label}: the region {name} ({roi.low:g} to {roi.high:g} {roi.unit}) holds none of the "
                    f"{self._capabilities.channels} channels; change or remove it"
                )

    def patience(self, exposure: float) -> float:
        """A live time takes longer the more comes."""
        return LATE_LIVE * exposure if self.parameters.preset == "live" else 0.0

    def set_up(self, seconds: float) -> None:
        """Prepare the analyser."""
        self._driver.prepare(seconds, live=self.parameters.preset == "live")

    def fetch(self) -> Spectrum:
        """What was measured."""
        found: Spectrum = self._driver.read()
        if found.counts.shape != (self._capabilities.channels,):
            raise HardwareFault(
                f"{self.label}: the analyser gave {found.counts.size} channels, it has {self._capabilities.channels}"
            )
        return found

    def stopped(self) -> None:
        """What was counted so far is the result."""
        self._take(self.evaluate(self.fetch(), None))

    def evaluate(self, raw: Any, wanted: frozenset[str] | None) -> Measurement:  # noqa: ARG002 - all is cheap
        """Counts of the regions, times and rates.

        Rate in is triggers by live time, rate out is counts by real time; the dead time is what of the real time is
        not live time.
        """
        numbers = {
            name: float(raw.counts[self._channels_of(roi)].sum(dtype=np.uint64))
            for name, roi in self.parameters.rois.items()
        }
        real, live = raw.real_time, raw.live_time
        numbers |= {
            "real_time": real,
            "live_time": live,
            "dead_time": 100.0 * (1.0 - live / real) if real > 0 else math.nan,
            "icr": raw.triggers / real if real > 0 else math.nan,
            "ocr": float(raw.counts.sum(dtype=np.uint64)) / real if real > 0 else math.nan,
        }
        return Measurement(numbers, {SPECTRUM: raw.counts.astype(np.uint32, copy=False)}, real)

    def own_channels(self, exposure: float) -> Sequence[OwnChannel]:
        """Counts of each region, times and rates, then the spectrum."""
        found = [
            OwnChannel(
                name,
                unit="count",
                fields={
                    "roi_start": {"value": self._channels_of(roi).start, "unit": "channel"},
                    "roi_end": {"value": self._channels_of(roi).stop - 1, "unit": "channel"},
                },
                description=f"counts from {roi.low:g} to {roi.high:g} {roi.unit} of {self.label}",
            )
            for name, roi in self.parameters.rois.items()
        ]
        found += [OwnChannel(name, unit=unit) for name, unit in TIMES.items()]
        if self._known is not None:
            fields: dict[str, Any] = {
                "energy": {
                    "polynomial": list(self.parameters.calibration),
                    "length": self._known.channels,
                    "unit": "keV",
                },
                "calibration": {"value": list(self.parameters.calibration)},
                "preset_time": {"value": exposure, "unit": "s"},
                "preset_mode": {"value": self.parameters.preset},
                "type": {"value": "mca"},
                "elapsed_time": {"channel": "real_time"},
                **{name: {"channel": name} for name in ("live_time", "dead_time")},
            }
            if self._known.model:
                fields["model"] = {"value": self._known.model}
            description = str(self.configuration.get("description", ""))
            found.append(OwnChannel(SPECTRUM, "<u4", (self._known.channels,), "count", "inline", fields, description))
        return found

    def latest(self, measurement: Measurement) -> None:
        """Keep the spectrum for viewers."""
        self._counts = measurement.arrays[SPECTRUM]

    # -- attributes

    @attribute(name=McaAttribute.SPECTRUM, dtype=(np.uint32,), max_dim_x=MOST_CHANNELS, unit="count", events=False)
    def spectrum(self) -> Reading:
        """The latest spectrum."""
        counts = self._counts
        if counts is None:
            return np.zeros(1, np.uint32), self._when, tango.AttrQuality.ATTR_INVALID
        return counts, self._when, tango.AttrQuality.ATTR_VALID

    @attribute(name=McaAttribute.ENERGIES, dtype=(float,), max_dim_x=MOST_CHANNELS, unit="keV", events=False)
    def energies(self) -> npt.NDArray[np.float64]:
        """Energy of each channel."""
        return self._energies()

    @attribute(name=McaAttribute.CALIBRATION, dtype=(float,), max_dim_x=6, unit="keV", events=False)
    def calibration(self) -> list[float]:
        """Energy of a channel as a polynomial of its number: coefficients, lowest power first."""
        return list(self.parameters.calibration)

    @calibration.setter
    def write_calibration(self, value: Sequence[float]) -> None:
        """Set the calibration; regions in keV then hold other channels."""
        self._change("calibration", [float(each) for each in value])

    @attribute(name=McaAttribute.PRESET, dtype=str, events=False)
    def preset(self) -> str:
        """Whether the integration time is `real` or `live` time."""
        return str(self.parameters.preset)

    @preset.setter
    def write_preset(self, value: str) -> None:
        """Say which it is."""
        self._change("preset", value)

    # -- tools

    def _energies(self) -> npt.NDArray[np.float64]:
        channels = np.arange(self._capabilities.channels, dtype=np.float64)
        found: npt.NDArray[np.float64] = np.polynomial.polynomial.polyval(channels, self.parameters.calibration)
        return found

    def _channels_of(self, roi: RoiParameters) -> slice:
        """The channels of a region, both ends within it."""
        if self._known is None:
            return slice(0, 0)
        if roi.unit == "channel":
            return slice(max(math.ceil(roi.low), 0), min(math.floor(roi.high) + 1, self._known.channels))
        inside = np.flatnonzero((self._energies() >= roi.low) & (self._energies() <= roi.high))
        return slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(0, 0)
