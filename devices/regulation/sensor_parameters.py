"""The keys in YAML of the sensor behind an input, whose signal means a temperature."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from ronda.devices.regulation.source_parameters import SourceParameters
from ronda.framework.config.parameters import Parameters, parameter

UNITS = {"K": 0.0, "°C": 273.15, "degC": 273.15}
"""What a temperature may be in, and what its zero is in K."""


class SensorParameters(Parameters):
    """What a signal means as a temperature: exactly one of thermocouple, platinum and curve."""

    thermocouple: Literal["B", "E", "J", "K", "N", "R", "S", "T"] | None = parameter(
        "Type of a thermocouple whose voltage is read in mV, by NIST's reference functions of the ITS-90",
        None,
    )
    cold_junction: float | None = parameter(
        "Temperature of a thermocouple's cold junction. None: 0 °C, or what reads it has made up for it already",
        None,
        unit="{unit}",
    )
    cold_junction_from: SourceParameters | None = parameter(
        "What tells the temperature of a thermocouple's cold junction, in the unit of the input", None
    )
    platinum: float | None = parameter(
        "Resistance at 0 °C of a platinum sensor by IEC 60751, whose resistance is read in Ω; 100 for a Pt100",
        None,
        unit="Ω",
        gt=0,
    )
    curve: str | None = parameter(
        "File with the calibration curve of a diode or any other sensor in Lake Shore's format .340, beside the YAML "
        "files or with its whole path; its data format says whether mV, V or Ω are read",
        None,
        min_length=1,
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ("thermocouple", "platinum", "curve") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of thermocouple, platinum and curve, not {' and '.join(given) or 'none'}")
        cold = [name for name in ("cold_junction", "cold_junction_from") if getattr(self, name) is not None]
        if cold and self.thermocouple is None:
            raise ValueError(f"{cold[0]} belongs to a thermocouple")
        if len(cold) == 2:
            raise ValueError("give one of cold_junction and cold_junction_from")
        return self
