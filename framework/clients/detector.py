"""Cameras, spectrum analysers and digitisers as objects: regions of interest, settings, latest frame or spectrum."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.clients.counter import Counter
from ronda.framework.clients.device import Device
from ronda.framework.clients.remote import Remote
from ronda.framework.clients.settings import Changes, DeviceSettings
from ronda.framework.errors import BadValue
from ronda.framework.tango.names import (
    BeamSynchronousAttribute,
    CameraAttribute,
    DigitiserAttribute,
    McaAttribute,
    RegionAttribute,
    RegionCommand,
)

Regions = dict[str, dict[str, Any]]

STATISTICS = ("sum", "avg", "std", "min", "max")
"""What is computed of each region of a camera."""

BEAM = {"x": "pixel", "y": "pixel", "fwhm_x": "pixel", "fwhm_y": "pixel", "intensity": "", "peak": ""}
"""What is computed of the beam on a camera, with units."""

SAMPLE_NUMBERS = {"first": "", "count": ""}
"""What a digitiser tells of a point beside the means of its channels, with units."""

PULSE_NUMBERS = {"count": "", "missing": "", "doubled": "", "first": "", "last": ""}
"""What a beam-synchronous source tells of the pulses of a point, with units."""

TIMES = {"real_time": "s", "live_time": "s", "dead_time": "%", "icr": "1/s", "ocr": "1/s"}
"""What a spectrum analyser tells beside its spectrum, with units."""


class Detector(Device):
    """What cameras and spectrum analysers have in common.

    Args:
        remote: the device.
        tango_class: what it is.
        settings: its run-time settings, to be saved or reverted.
        changed: told when its counters have changed.
    """

    def __init__(
        self, remote: Remote, tango_class: str, settings: DeviceSettings, changed: Callable[[Detector], None]
    ) -> None:
        super().__init__(remote, tango_class)
        self._settings = settings
        self._changed = changed

    def counters_by(self, keys: Mapping[str, Any]) -> list[Counter]:
        """What it measures, the numbers first, by its configuration and run-time settings together."""
        raise NotImplementedError

    def counters(self) -> list[Counter]:
        """What it measures now, the numbers first.

        Raises:
            CommunicationFailed, TimedOut: it does not answer.
        """
        return self.counters_by({"rois": self.rois})

    @property
    def rois(self) -> Regions:
        """Its regions of interest, by name."""
        found: Regions = json.loads(self.remote.read(RegionAttribute.REGIONS))
        return found

    def remove_roi(self, name: str) -> None:
        """Remove a region of interest, with its counters."""
        self.remote.command(RegionCommand.REMOVE_REGION, name)
        self._changed(self)

    def diff(self) -> Changes:
        """What was set at run time and differs from the YAML file: the file's value and the present one, by key."""
        return self._settings.diff()

    def save(self) -> Changes:
        """Write what was set at run time into the YAML file; what the file said and says now, by key."""
        return self._settings.save()

    def revert(self) -> Changes:
        """Forget what was set at run time; what was set and what counts now, by key."""
        changes = self._settings.revert()
        self._changed(self)
        return changes

    def _add_roi(self, name: str, keys: Mapping[str, Any]) -> None:
        if not isinstance(name, str):
            raise BadValue(f"{self.name}: the name of a region is text such as 'roi1', not {name!r}")
        self.remote.command(RegionCommand.ADD_REGION, json.dumps({"name": name, **keys}))
        self._changed(self)

    def _numbers(self, units: Mapping[str, str], rates: frozenset[str]) -> list[Counter]:
        return [
            Counter(f"{self.name}_{own}", self.name, own, unit, self.remote, rate=own in rates, described=True)
            for own, unit in units.items()
        ]

    def _array(self, own: str, unit: str) -> Counter:
        """Its frames or spectra, which have the detector's name."""
        return Counter(self.name, self.name, own, unit, self.remote, rate=False, described=True, number=False)


class Camera(Detector):
    """A camera: `cam.add_roi("roi1", 400, 420, 200, 180)`, `cam.binning = 2`, `cam.image()`."""

    def counters_by(self, keys: Mapping[str, Any]) -> list[Counter]:
        """Numbers of each region, of the beam, then the frame."""
        units = {f"{name}_{each}": "" for name in keys.get("rois") or {} for each in STATISTICS}
        if keys.get("beam_position", True):
            units |= BEAM
        rates = frozenset(own for own in units if own.endswith("_sum") or own == "intensity")
        return [*self._numbers(units, rates), self._array("image", "")]

    def counters(self) -> list[Counter]:
        """What it measures now, the numbers first."""
        return self.counters_by({"rois": self.rois, "beam_position": self.beam_position})

    def add_roi(self, name: str, x: int, y: int, width: int, height: int) -> None:
        """Add a region of interest, in pixels of the frame, or move the one of this name; it lasts.

        Args:
            name: its counters are `<camera>_<name>_sum` and so on.
            x, y: first column and row.
            width, height: number of columns and rows.
        """
        self._add_roi(name, {"x": x, "y": y, "width": width, "height": height})

    @property
    def beam_position(self) -> bool:
        """Whether position, width and intensity of the brightest spot are counters."""
        return bool(self.read(CameraAttribute.BEAM_POSITION))

    @beam_position.setter
    def beam_position(self, measured: bool) -> None:
        self.write(CameraAttribute.BEAM_POSITION, bool(measured))
        self._changed(self)

    @property
    def binning(self) -> int:
        """Side of the squares of pixels that are read as one."""
        return int(self.read(CameraAttribute.BINNING))

    @binning.setter
    def binning(self, side: int) -> None:
        self.write(CameraAttribute.BINNING, side)

    @property
    def region(self) -> tuple[int, int, int, int]:
        """Part of the sensor that is read: first column and row, number of columns and rows."""
        x, y, width, height = map(int, self.read(CameraAttribute.READ_OUT_REGION))
        return x, y, width, height

    @region.setter
    def region(self, region: tuple[int, int, int, int]) -> None:
        self.write(CameraAttribute.READ_OUT_REGION, list(region))

    def image(self) -> npt.NDArray[np.uint32]:
        """The latest frame, shape (rows, columns)."""
        found: npt.NDArray[np.uint32] | None = self.read(CameraAttribute.IMAGE)
        return np.empty((0, 0), np.uint32) if found is None else found

    def __info__(self) -> str:
        """How it takes frames, and its regions; the shell shows it when the object is typed."""
        width, height = self.read(CameraAttribute.WIDTH), self.read(CameraAttribute.HEIGHT)
        lines = [
            f"{self.name} is {self.state}: {self.status}",
            f"frames of {width} x {height} pixels, binning {self.binning}",
            *(
                f"  {name}: x {roi['x']}, y {roi['y']}, {roi['width']} x {roi['height']}"
                for name, roi in self.rois.items()
            ),
        ]
        return "\n".join(lines)


class Mca(Detector):
    """A spectrum analyser: `mca.add_roi("fe", 6.25, 6.55)`, `mca.calibration = (0, 0.005)`, `mca.spectrum()`."""

    def counters_by(self, keys: Mapping[str, Any]) -> list[Counter]:
        """Counts of each region, times and rates, then the spectrum."""
        units = dict.fromkeys(keys.get("rois") or {}, "count") | TIMES
        return [*self._numbers(units, frozenset(keys.get("rois") or {})), self._array("spectrum", "count")]

    def add_roi(self, name: str, low: float, high: float, unit: str = "keV") -> None:
        """Add a region of interest, or move the one of this name; it lasts.

        Args:
            name: its counter is `<analyser>_<name>`.
            low, high: its ends, both within it.
            unit: of the ends: `keV` or `channel`.
        """
        self._add_roi(name, {"low": low, "high": high, "unit": unit})

    @property
    def calibration(self) -> tuple[float, ...]:
        """Energy of a channel in keV as a polynomial of its number: coefficients, lowest power first."""
        return tuple(map(float, self.read(McaAttribute.CALIBRATION)))

    @calibration.setter
    def calibration(self, coefficients: tuple[float, ...]) -> None:
        self.write(McaAttribute.CALIBRATION, list(coefficients))

    @property
    def preset(self) -> str:
        """What the integration time means: `real` or `live` time."""
        return str(self.read(McaAttribute.PRESET))

    @preset.setter
    def preset(self, which: str) -> None:
        self.write(McaAttribute.PRESET, which)

    def spectrum(self) -> npt.NDArray[np.uint32]:
        """The latest spectrum, counts by channel."""
        found: npt.NDArray[np.uint32] | None = self.read(McaAttribute.SPECTRUM)
        return np.empty(0, np.uint32) if found is None else found

    def energies(self) -> npt.NDArray[np.float64]:
        """Energy of each channel, in keV."""
        found: npt.NDArray[np.float64] = self.read(McaAttribute.ENERGIES)
        return found

    def __info__(self) -> str:
        """Its calibration and regions; the shell shows it when the object is typed."""
        calibration = " + ".join(f"{value:g} c^{power}" for power, value in enumerate(self.calibration))
        lines = [
            f"{self.name} is {self.state}: {self.status}",
            f"energy of channel c in keV: {calibration}; measures {self.preset} time",
            *(f"  {name}: {roi['low']:g} to {roi['high']:g} {roi['unit']}" for name, roi in self.rois.items()),
        ]
        return "\n".join(lines)


class Digitiser(Detector):
    """A digitiser: `adc.sample_rate = 1e6`, `adc.record = False`."""

    _channels: Mapping[str, Any] = MappingProxyType({})

    def counters_by(self, keys: Mapping[str, Any]) -> list[Counter]:
        """Means of its channels, then number of a point's first sample, and how many it has."""
        self._channels: Mapping[str, Any] = keys.get("channels") or {}
        units = {name: str(one.get("unit", "V")) for name, one in self._channels.items()} | SAMPLE_NUMBERS
        return self._numbers(units, frozenset())

    def counters(self) -> list[Counter]:
        """What it measures, which does not change at run time."""
        return self.counters_by({"channels": self._channels})

    @property
    def sample_rate(self) -> float:
        """Samples of each channel in a second."""
        return float(self.read(DigitiserAttribute.SAMPLE_RATE))

    @sample_rate.setter
    def sample_rate(self, rate: float) -> None:
        self.write(DigitiserAttribute.SAMPLE_RATE, float(rate))

    @property
    def record(self) -> bool:
        """Whether scans save all samples."""
        return bool(self.read(DigitiserAttribute.RECORD))

    @record.setter
    def record(self, recorded: bool) -> None:
        self.write(DigitiserAttribute.RECORD, bool(recorded))

    def __info__(self) -> str:
        """How it samples; the shell shows it when the object is typed."""
        recorded = "scans save all samples" if self.record else "scans save means only"
        return f"{self.name} is {self.state}: {self.status}\n{self.sample_rate:g} samples/s of each channel; {recorded}"


class BeamSynchronous(Detector):
    """A source that sends by itself, pulse by pulse: `pcam.add_roi("spot", 100, 80, 50, 40)`, `pcam.pulse_id`."""

    _channels: Mapping[str, Any] = MappingProxyType({})

    def counters_by(self, keys: Mapping[str, Any]) -> list[Counter]:
        """Means of its numbers over the pulses of a point, then how many and which these are."""
        self._channels = keys.get("channels", self._channels) or {}
        units = {name: str(one.get("unit", "")) for name, one in self._channels.items()}
        return self._numbers(units | dict.fromkeys(keys.get("rois") or {}, "") | PULSE_NUMBERS, frozenset())

    def add_roi(self, name: str, x: int, y: int, width: int, height: int) -> None:
        """Add a region of interest, in pixels of the frame, or move the one of this name; it lasts.

        Args:
            name: its counter is `<source>_<name>`, the sum of its pixels.
            x, y: first column and row.
            width, height: number of columns and rows.
        """
        self._add_roi(name, {"x": x, "y": y, "width": width, "height": height})

    @property
    def pulse_id(self) -> int:
        """Pulse id of the latest message."""
        return int(self.read(BeamSynchronousAttribute.PULSE_ID))

    @property
    def rate(self) -> float:
        """Messages in a second, of late."""
        return float(self.read(BeamSynchronousAttribute.RATE))

    @property
    def lag(self) -> float:
        """Seconds from a pulse, as it is stamped, until its message is here."""
        return float(self.read(BeamSynchronousAttribute.LAG))

    @property
    def pulse_counts(self) -> dict[str, int]:
        """Messages since the latest scan began: `received`, `missing`, `doubled`, `swapped` and `late` ones."""
        counts = map(int, self.read(BeamSynchronousAttribute.PULSE_COUNTS))
        return dict(zip(("received", "missing", "doubled", "swapped", "late"), counts, strict=True))

    @property
    def record(self) -> bool:
        """Whether scans save each pulse of their points."""
        return bool(self.read(BeamSynchronousAttribute.RECORD))

    @record.setter
    def record(self, recorded: bool) -> None:
        self.write(BeamSynchronousAttribute.RECORD, bool(recorded))

    def image(self) -> npt.NDArray[np.uint32]:
        """The frame of the latest pulse, shape (rows, columns)."""
        found: npt.NDArray[np.uint32] | None = self.read(CameraAttribute.IMAGE)
        return np.empty((0, 0), np.uint32) if found is None else found

    def __info__(self) -> str:
        """What comes; the shell shows it when the object is typed."""
        recorded = "scans save each pulse of their points" if self.record else "scans save means only"
        counts = ", ".join(f"{count} {what}" for what, count in self.pulse_counts.items())
        return "\n".join(
            [
                f"{self.name} is {self.state}: {self.status}",
                f"{self.rate:.4g} pulses/s, {1000 * self.lag:.0f} ms after they came; {recorded}",
                f"since the latest scan began: {counts}",
            ]
        )
