"""The keys of positions with names in YAML."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Parameters, parameter, reference

AxisName = Annotated[str, reference("axis")]

PositionName = Annotated[str, parameter("Name of a position", pattern=NAME_PATTERN)]


Tolerance = Annotated[float, Field(gt=0)]


class PositionParameters(Parameters):
    """One position."""

    description: str = parameter("What it is good for, in words", "", live=True)
    axes: dict[AxisName, float] = parameter(
        "Where each axis stands, in its unit; all positions name the same axes", min_length=1
    )


class MultipositionParameters(DeviceParameters):
    """An object with positions that have names."""

    positions: dict[PositionName, PositionParameters] = parameter("The positions, by name", min_length=1, live=True)
    tolerance: Tolerance | dict[AxisName, Tolerance] = parameter(
        "By how much an axis may miss a position and yet be there, in its unit; one for all, or for each axis"
    )
    order: Literal["together", "in turn"] = parameter(
        "Whether the axes move together, or one after the other in the order in which the position names them",
        "together",
    )
    idle_poll_period: float = parameter(
        "Time between two looks while nothing moves, in case that an event was lost", 5.0, unit="s", ge=0.5, le=60
    )

    @model_validator(mode="after")
    def _alike(self) -> MultipositionParameters:
        names = list(self.positions)
        first = self.positions[names[0]].axes.keys()
        for name in names[1:]:
            if self.positions[name].axes.keys() != first:
                raise ValueError(
                    f"position {names[0]} names the axes {', '.join(sorted(first))}, but {name} names "
                    f"{', '.join(sorted(self.positions[name].axes))}; all positions name the same ones"
                )
        if isinstance(self.tolerance, dict) and self.tolerance.keys() != first:
            raise ValueError(f"tolerance is given for {', '.join(self.tolerance)}; give it for {', '.join(first)}")
        for one in names:
            for other in names[: names.index(one)]:
                if all(
                    abs(self.positions[one].axes[axis] - self.positions[other].axes[axis]) <= self.tolerance_of(axis)
                    for axis in first
                ):
                    raise ValueError(
                        f"positions {other} and {one} cannot be told apart: all axes are within the tolerance"
                    )
        return self

    def axes(self) -> list[str]:
        """The axes that all positions name."""
        return list(next(iter(self.positions.values())).axes)

    def tolerance_of(self, axis: str) -> float:
        """By how much this axis may miss a position, in its unit."""
        return self.tolerance[axis] if isinstance(self.tolerance, dict) else self.tolerance
