"""What the signal of a sensor means: thermocouples, platinum resistors, and calibration curves of diodes and others."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

from ronda.devices.regulation.sensor_parameters import UNITS, SensorParameters
from ronda.framework.errors import ConfigurationError, OutOfRange

ZERO_CELSIUS = 273.15
"""In K."""

A, B, C = 3.9083e-3, -5.775e-7, -4.183e-12
"""Of the Callendar-Van Dusen equation, IEC 60751:2008, in 1/°C, 1/°C² and 1/°C⁴."""

PLATINUM_RANGE = (-200.0, 850.0)
"""In °C, of the same standard."""

FORMATS = {1: ("mV", False), 2: ("V", False), 3: ("Ω", False), 4: ("Ω", True)}
"""Data formats of a file .340: what is read, and whether the file has its logarithm to the base 10."""


class Sensor:
    """Makes temperatures of a sensor's signal.

    Args:
        parameters: its keys in YAML.
        unit: of its temperatures, one of `UNITS`.

    Raises:
        ConfigurationError: there is no such curve, or it makes no sense.
    """

    def __init__(self, parameters: SensorParameters, unit: str) -> None:
        self._parameters = parameters
        self._zero = UNITS[unit]
        self._unit = unit
        self._kelvin = self._find()

    def __call__(self, signal: float, cold_junction: float | None = None) -> float:
        """The temperature, in the unit of the input.

        Args:
            signal: in mV of a thermocouple, Ω of a platinum sensor, and what the curve takes.
            cold_junction: temperature of a thermocouple's, in the unit of the input; None for that in YAML.

        Raises:
            OutOfRange: there is no such temperature; the sensor is broken, or this is another one.
        """
        if math.isnan(signal):
            return math.nan
        cold = self._parameters.cold_junction if cold_junction is None else cold_junction
        return self._kelvin(signal, ZERO_CELSIUS if cold is None else cold + self._zero) - self._zero

    def _find(self) -> Callable[[float, float], float]:
        parameters = self._parameters
        if parameters.thermocouple is not None:
            letter = parameters.thermocouple
            return lambda voltage, cold: thermocouple(letter, voltage, cold - ZERO_CELSIUS) + ZERO_CELSIUS
        if parameters.platinum is not None:
            at_zero = parameters.platinum
            return lambda resistance, _: platinum(resistance, at_zero) + ZERO_CELSIUS
        curve = Curve(Path(os.environ.get("RONDA_CONFIG_FOLDER", "")) / str(parameters.curve))
        return lambda signal, _: curve(signal)


def thermocouple(letter: str, voltage: float, cold_junction: float = 0.0) -> float:
    """Temperature of a thermocouple, in °C, by the reference functions of NIST Monograph 175 (ITS-90).

    Args:
        letter: its type: B, E, J, K, N, R, S or T.
        voltage: in mV.
        cold_junction: its temperature, in °C.

    Raises:
        OutOfRange: there is none for this voltage, or more than one (type B below 250 °C).
    """
    import thermocouple_its90

    found = thermocouple_its90.get(letter)
    try:
        return float(found.temperature(voltage, cold_junction))
    except thermocouple_its90.RangeError as error:
        low, high = found.range
        if not low <= cold_junction <= high:
            raise OutOfRange(
                f"a cold junction at {cold_junction:g} °C is outside the range of a thermocouple of type {letter}, "
                f"{low:g} °C to {high:g} °C"
            ) from error
        at_cold = found.emf(cold_junction)
        lowest, highest = (limit - at_cold for limit in found.invertible_emf_range)
        raise OutOfRange(
            f"{voltage:g} mV is outside the range of a thermocouple of type {letter} with its cold junction at "
            f"{cold_junction:g} °C, {lowest:.3f} mV to {highest:.3f} mV; is it broken, or of another type?"
        ) from error


def platinum_resistance(temperature: float, at_zero: float = 100.0) -> float:
    """Resistance of a platinum sensor, in the unit of `at_zero`, by IEC 60751; the temperature in °C."""
    t = temperature
    return at_zero * (1 + A * t + B * t * t + (C * (t - 100.0) * t**3 if t < 0 else 0.0))


def platinum(resistance: float, at_zero: float = 100.0) -> float:
    """Temperature of a platinum sensor in °C.

    Args:
        resistance: of the sensor.
        at_zero: at 0 °C, in the same unit; 100 Ω for a Pt100.

    Raises:
        OutOfRange: it would be outside -200 °C to 850 °C, where IEC 60751 ends.
    """
    lowest, highest = (platinum_resistance(limit, at_zero) for limit in PLATINUM_RANGE)
    if not lowest <= resistance <= highest:
        raise OutOfRange(
            f"{resistance:g} Ω is outside the range of a platinum sensor of {at_zero:g} Ω, {lowest:.2f} Ω to "
            f"{highest:.2f} Ω; is it broken, or its cable?"
        )
    ratio = resistance / at_zero
    t = (-A + math.sqrt(A * A - 4 * B * (1 - ratio))) / (2 * B)
    if t < 0:
        for _ in range(4):  # Newton's method; the quadratic is less than 3 °C off
            slope = A + 2 * B * t + C * (4 * t - 300.0) * t * t
            t -= (platinum_resistance(t, 1.0) - ratio) / slope
    return t


class Curve:
    """A calibration curve as Lake Shore delivers it: breakpoints of signal and temperature in K, with straight lines.

    Args:
        file: in the format .340.

    Raises:
        ConfigurationError: it cannot be read, or is no such curve.
    """

    def __init__(self, file: Path) -> None:
        self._name = file.name
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise ConfigurationError(f"cannot read the calibration curve {file}: {error.strerror}") from error
        told = re.search(r"^\s*Data Format:\s*(\d+)", text, re.MULTILINE | re.IGNORECASE)
        if told is None or int(told[1]) not in FORMATS:
            raise ConfigurationError(
                f"{file}: is no calibration curve in the format .340, it needs a line `Data Format:` with 1 (mV/K), "
                f"2 (V/K), 3 (Ω/K) or 4 (log Ω/K)"
            )
        self.unit, self._logarithmic = FORMATS[int(told[1])]
        number = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
        rows = re.findall(rf"^\s*\d+\s+({number})\s+({number})\s*$", text, re.MULTILINE)
        points = sorted((float(signal), float(kelvin)) for signal, kelvin in rows)
        if len(points) < 2 or any(before[0] == after[0] for before, after in pairwise(points)):
            raise ConfigurationError(f"{file}: needs two or more breakpoints `NUMBER SIGNAL TEMPERATURE`, none twice")
        promised = re.search(r"^\s*Number of Breakpoints:\s*(\d+)", text, re.MULTILINE | re.IGNORECASE)
        if promised is not None and int(promised[1]) != len(points):
            raise ConfigurationError(f"{file}: says that it has {promised[1]} breakpoints, and has {len(points)}")
        self._signals, self._kelvins = (np.array(column) for column in zip(*points, strict=True))

    def __call__(self, signal: float) -> float:
        """The temperature in K.

        Raises:
            OutOfRange: the signal is outside the curve.
        """
        low, high = self.limits
        if not low <= signal <= high:
            raise OutOfRange(
                f"{signal:g} {self.unit} is outside the curve {self._name}, {low:g} {self.unit} to {high:g} {self.unit}"
            )
        return float(np.interp(math.log10(signal) if self._logarithmic else signal, self._signals, self._kelvins))

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest signal."""
        low, high = float(self._signals[0]), float(self._signals[-1])
        return (10.0**low, 10.0**high) if self._logarithmic else (low, high)
