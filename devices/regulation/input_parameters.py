"""The keys in YAML of inputs and outputs that are made of anything."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import model_validator

from ronda.devices.regulation.parameters import OutputSafety, ShownParameters
from ronda.devices.regulation.sensor_parameters import UNITS, SensorParameters
from ronda.devices.regulation.source_parameters import AttributeName, SourceKeys, SourceParameters
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import parameter, reference
from ronda.framework.errors import BadValue
from ronda.framework.expression import Expression

ValueName = Annotated[str, parameter("What the formula calls it", pattern=NAME_PATTERN)]


class RegulationInputParameters(DeviceParameters, ShownParameters, SourceKeys):
    """An input made of anything that can be read: an attribute, an axis, a counter, or a formula of several."""

    values: dict[ValueName, SourceParameters] = parameter(
        "What a formula of several things reads", default_factory=dict
    )
    formula: str | None = parameter(
        "The value, or what table or sensor take, in terms of `values`; without these of x, which is what is read. "
        "None: as it is read",
        None,
    )
    table: list[tuple[float, float]] | None = parameter(
        "Pairs of what is read, or what the formula makes of it, and the value, in rising order; straight lines in "
        "between. None: as it is",
        None,
        min_length=2,
    )
    sensor: SensorParameters | None = parameter(
        "Which sensor gives what is read, or what the formula makes of it; the value is its temperature. None: none",
        None,
    )
    integration_time: float = parameter("How long counters are measured", 0.1, unit="s", gt=0, le=10, live=True)
    poll_period: float = parameter(
        "Time between two looks while no loop reads it", 1.0, unit="s", ge=0.02, le=60, live=True
    )

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        given = self.given() + (["values"] if self.values else [])
        if len(given) != 1:
            raise ValueError(f"give one of attribute, axis, counter and values, not {' and '.join(given) or 'none'}")
        if self.values and self.formula is None:
            raise ValueError("values need a formula, such as (a - b) / (a + b)")
        if self.formula is not None:
            known = set(self.values) or {"x"}
            try:
                Expression(self.formula, known)
            except BadValue as error:
                raise ValueError(str(error)) from error
        if self.table is not None and any(before[0] >= after[0] for before, after in pairwise(self.table)):
            raise ValueError("table: what is read must rise from pair to pair")
        if self.sensor is not None:
            if self.table is not None:
                raise ValueError("give a table or a sensor, not both")
            if self.unit not in UNITS:
                raise ValueError(f"unit: a sensor tells a temperature in {', '.join(UNITS)}, not in {self.unit}")
        return self

    def sources(self) -> dict[str, SourceKeys]:
        """What the formula reads, by its names."""
        return dict(self.values) or {"x": self}


class RegulationOutputParameters(DeviceParameters, ShownParameters, OutputSafety):
    """An output to anything that can be set: an attribute of any Tango device, or an axis."""

    unit: str = parameter("What its values are in", "%", min_length=1)
    attribute: AttributeName | None = parameter(
        "An attribute of any Tango device that can be written: DOMAIN/FAMILY/MEMBER/ATTRIBUTE or ALIAS/ATTRIBUTE", None
    )
    axis: Annotated[str | None, reference("axis")] = parameter("An axis, which is moved", None)
    moves: Literal["absolute", "relative"] = parameter(
        "Whether values are positions of the axis, or distances from where it stood when its loop was started",
        "absolute",
    )
    formula: str | None = parameter("What is written, in terms of x, the value. None: the value itself", None)
    inverse: str | None = parameter("The value in terms of x, what is read back; needed with a formula", None)
    least_move: float = parameter("An axis stays where it is for less than this", 0.0, unit="{unit}", ge=0, live=True)
    poll_period: float = parameter("Time between two looks at where it is", 1.0, unit="s", ge=0.02, le=60, live=True)

    @model_validator(mode="after")
    def _made_of_one(self) -> Self:
        given = [name for name in ("attribute", "axis") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of attribute and axis, not {' and '.join(given) or 'none'}")
        if self.attribute is not None and "[" in self.attribute:
            raise ValueError("attribute: one number of a spectrum cannot be set")
        if (self.formula is None) != (self.inverse is None):
            raise ValueError("formula and inverse belong together")
        for formula in (self.formula, self.inverse):
            if formula is not None:
                try:
                    Expression(formula, {"x"})
                except BadValue as error:
                    raise ValueError(str(error)) from error
        if self.moves == "relative" and self.axis is None:
            raise ValueError("moves: only those of an axis can be relative")
        return self
