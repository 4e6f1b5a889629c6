"""Tango attribute configuration that follows from YAML: what may be written, what is alarming, and what is archived."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Self

from pydantic import model_validator

from ronda.framework.config.parameters import Parameters, parameter


class ArchiveParameters(Parameters):
    """When an archiver (HDB++) stores a value. Without any of these it stores none."""

    absolute_change: float | None = parameter("After a change by this much", None, unit="{unit}", gt=0)
    relative_change: float | None = parameter("After a change by this part", None, unit="%", gt=0)
    period: float | None = parameter("After this time at the latest", None, unit="s", ge=0.1)

    def attribute_properties(self) -> dict[str, str]:
        """The same as Tango attribute properties."""
        found = {}
        if self.absolute_change is not None:
            found["archive_abs_change"] = repr(self.absolute_change)
        if self.relative_change is not None:
            found["archive_rel_change"] = repr(self.relative_change)
        if self.period is not None:
            found["archive_period"] = str(round(1000 * self.period))
        return found


Bounds = tuple[float | None, float | None]


class AlarmParameters(Parameters):
    """Beyond which values Tango marks what clients read with the quality ALARM or WARNING. Nothing is refused.

    The State of the device does not change by it: State is answered at once, whatever the values are.
    """

    alarm: Bounds = parameter("Lowest and highest value without alarm; null for none", (None, None), unit="{unit}")
    warning: Bounds = parameter("Lowest and highest value without warning; null for none", (None, None), unit="{unit}")
    delta: float | None = parameter(
        "How far a value may be from what was written, for those that can be written", None, unit="{unit}", gt=0
    )
    delta_time: float = parameter("How long after a write that is first looked at", 1.0, unit="s", gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        bounds = [self.alarm[0], self.warning[0], self.warning[1], self.alarm[1]]
        given = [bound for bound in bounds if bound is not None]
        if any(low >= high for low, high in pairwise(given)):
            raise ValueError(
                f"low alarm, low warning, high warning and high alarm must rise, which alarm {list(self.alarm)} "
                f"and warning {list(self.warning)} do not"
            )
        return self

    def attribute_properties(self) -> dict[str, str]:
        """The same as Tango attribute properties."""
        bounds = {
            "min_alarm": self.alarm[0],
            "max_alarm": self.alarm[1],
            "min_warning": self.warning[0],
            "max_warning": self.warning[1],
            "delta_val": self.delta,
        }
        found = {name: repr(bound) for name, bound in bounds.items() if bound is not None}
        if self.delta is not None:
            found["delta_t"] = str(round(1000 * self.delta_time))
        return found


def limit_properties(low: float, high: float) -> dict[str, str]:
    """Attribute properties for the lowest and highest value that may be written; an infinite one is none."""
    bounds = {"min_value": low, "max_value": high}
    return {name: repr(bound) for name, bound in bounds.items() if math.isfinite(bound)}
