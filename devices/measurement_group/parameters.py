"""The keys of a measurement group in YAML."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import model_validator

from ronda.devices.sampling.parameters import AttributeName
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Parameters, parameter, reference

Member = Annotated[str, reference("counter", "device", nominal=True)]

CounterName = Annotated[str, reference("counter", nominal=True)]


class RecordedParameters(Parameters):
    """An attribute that is recorded with scans: a number, true or false, or text."""

    attribute: AttributeName = parameter("Which attribute: DOMAIN/FAMILY/MEMBER/ATTRIBUTE or ALIAS/ATTRIBUTE")
    unit: str = parameter("What its values are in; what Tango says if empty", "")
    description: str = parameter("What it is, in words", "")


class PartParameters(Parameters):
    """How something is measured where that differs from the rest of a scan."""

    every: int = parameter(
        "It is measured at each so many-th point, from the first one on; its data hold NaN between", 1, ge=1
    )
    time: float | None = parameter("Its own exposure time, for all counters of its device", None, unit="s", gt=0)
    trigger: Member | None = parameter(
        "The device that triggers its device, when that has measured the point; without it the scan does", None
    )
    period: float | None = parameter(
        "It is measured each so many seconds by a timer of its own, whatever the scan does, in a sub-scan that the "
        "file shows as an entry of its own",
        None,
        unit="s",
        gt=0,
    )
    settings: dict[str, bool | int | float | str] = parameter(
        "Attributes of its device that have another value during a scan: `binning: 2`", default_factory=dict
    )

    @model_validator(mode="after")
    def _one_trigger(self) -> Self:
        if self.period is not None and (self.every != 1 or self.trigger is not None):
            other = "every" if self.every != 1 else "trigger"
            raise ValueError(f"{other} and period: the timer of a sub-scan triggers it; give one of both")
        if self.period is not None and self.time is not None and self.time > self.period:
            raise ValueError(f"time, {self.time:g} s, does not fit into period, {self.period:g} s")
        return self


RecordedName = Annotated[str, parameter("Name of a recorded attribute", pattern=NAME_PATTERN)]


class MeasurementGroupParameters(DeviceParameters):
    """Counters that are measured together; a scan without counters measures those of the active group."""

    counters: list[Member] = parameter(
        "What belongs to it: counters, or devices with all their counters", min_length=1, live=True
    )
    disabled: list[CounterName] = parameter(
        "Counters of it that are not measured at present; `disable` and `enable` change this",
        default_factory=list,
        setting=True,
    )
    chain: dict[Member, PartParameters] = parameter(
        "How some of it is measured where that differs from the rest of a scan, by counter or device; `set_chain` "
        "changes this",
        default_factory=dict,
        setting=True,
    )
    baseline: dict[RecordedName, RecordedParameters] = parameter(
        "Attributes that scans record at their start and end while this group is the active one, by name",
        default_factory=dict,
        live=True,
    )
