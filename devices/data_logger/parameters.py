"""The keys of a data logger in YAML: which attributes it keeps, and how."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from ronda.framework.archive.hdbpp.place import check_url
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Parameters, SecretString, parameter
from ronda.framework.errors import BadValue


def _check_pattern(pattern: str) -> str:
    device, _, attribute = pattern.rpartition("/")
    if not device or not attribute:
        raise ValueError("must be DEVICE/ATTRIBUTE, where * stands for anything, such as demo/axis/*/Velocity")
    return pattern


Excluded = Annotated[str, AfterValidator(_check_pattern)]


class LoggedParameters(Parameters):
    """Attributes that are kept, and how. In patterns `*` stands for anything, upper and lower case are the same.

    An attribute that several rules name goes by the first of them. Images and encoded values are never kept.
    """

    beamline: str = parameter("Pattern of the first part of the device's Tango name", "*")
    tango_class: str = parameter("Pattern of the device's Tango class, such as `Axis`", "*")
    device: str = parameter("Pattern of the device's Tango name, or of its alias", "*")
    attributes: list[str] = parameter("Patterns of attributes", default_factory=lambda: ["*"], min_length=1)
    exclude: list[str] = parameter("Patterns of attributes that this rule does not name", default_factory=list)
    how: Literal["auto", "change", "archive", "period", "poll"] = parameter(
        "What makes a value worth keeping: a change event, an archive event; `period`: it is read and kept after each "
        "period; `poll`: it is read after each period and kept if it changed; `auto`: change events, where a device "
        "has none it is polled",
        "auto",
    )
    period: float = parameter("Time between two readings, where it is read", 1.0, unit="s", ge=0.1, le=86400)
    absolute_change: float | None = parameter("A number is kept after a change by this much", None, gt=0)
    relative_change: float | None = parameter("A number is kept after a change by this part", None, unit="%", gt=0)
    max_rate: float = parameter(
        "Values kept of one attribute, on average; of one that is faster the last values are kept at this rate, and it "
        "is named in TooFast",
        100.0,
        unit="1/s",
        ge=0.01,
        le=100_000,
    )
    longest: int = parameter("Elements of a spectrum that is kept; a longer one is an error", 4096, ge=1, le=1_000_000)


class KeepParameters(Parameters):
    """For how long what is stored of some attributes is kept. Without a key it is kept for ever."""

    pattern: str = parameter("Pattern of names, such as demo/vacuum/*; the first that fits counts", "*")
    readings: float | None = parameter("How long each reading is kept", None, unit="d", gt=0)
    minutes: float | None = parameter(
        "How long lowest, highest and mean value of each minute are kept", None, unit="d", gt=0
    )
    hours: float | None = parameter(
        "How long those of each hour are kept, and marks, errors and configurations; not less than the others",
        None,
        unit="d",
        gt=0,
    )

    @model_validator(mode="after")
    def _hours_the_longest(self) -> KeepParameters:
        hours = math.inf if self.hours is None else self.hours
        if any((math.inf if days is None else days) > hours for days in (self.readings, self.minutes)):
            raise ValueError(f"readings and minutes must be kept {hours:g} d at most, as long as hours are")
        return self


def _check_database(url: str) -> str:
    try:
        return check_url(url)
    except BadValue as error:
        raise ValueError(str(error)) from error


Database = Annotated[str, AfterValidator(_check_database)]


class FacilityParameters(Parameters):
    """The facility's PostgreSQL, in the schema of HDB++; events wait on the disk while it is away."""

    database: Database = parameter(
        "Its URL: `postgresql://USER@HOST:PORT/DATABASE`, where what libpq knows may follow, such as `?sslmode=require`"
    )
    password: SecretString | None = parameter(
        "The password, as ${NAME} of an environment variable; without, libpq looks for one, in `~/.pgpass` say", None
    )
    space: float = parameter(
        "How much of the disk events may take that wait; what comes when that is full waits in memory, and is dropped, "
        "counted and marked as a gap when that is full, too",
        10.0,
        unit="GB",
        gt=0,
    )


class DataLoggerParameters(DeviceParameters):
    """A data logger. Several share the load: by their rules, or by `part` and `parts` of the same rules.

    Each logger has a folder of its own. It follows devices that come, go and restart, whoever made them.
    """

    folder: str = parameter(
        "Folder of the archive, its own; relative to the folder of the YAML files, `~` is the home. Empty for "
        "`archive/NAME` in the state folder",
        "",
    )
    store: FacilityParameters | None = parameter(
        "A PostgreSQL in which events are stored; without it they are in files of that folder", None
    )
    rules: list[LoggedParameters] = parameter("Which attributes are kept", min_length=1)
    exclude: list[Excluded] = parameter(
        "Patterns DEVICE/ATTRIBUTE of what is never kept, whatever the rules say", default_factory=list
    )
    keep: list[KeepParameters] = parameter(
        "For how long; the first that fits a name counts, without any everything is kept for ever", default_factory=list
    )
    part: int = parameter("Which part of the devices that the rules name is this logger's", 1, ge=1)
    parts: int = parameter("Among how many loggers they are shared out", 1, ge=1, le=1000)
    configuration: bool = parameter(
        "Whether the settings and the attribute configuration of those devices are kept, when they change", True
    )
    look_period: float = parameter("Time between two looks for new devices", 5.0, unit="s", ge=0.5, le=3600)
    buffer: int = parameter(
        "Values that wait in memory for the disk; an element of a spectrum counts one eighth. What comes when it is "
        "full is dropped, counted and marked as a gap",
        200_000,
        ge=1000,
        le=10_000_000,
    )
    future_limit: float = parameter(
        "How far a time stamp may lie in the future; what is beyond, or before 1980, is refused and counted",
        60.0,
        unit="s",
        ge=1,
    )
    minimum_free: float = parameter("Space on the disk below which the State is ALARM", 500.0, unit="MB", ge=0)
    test_period: float = parameter(
        "Time between two test values, which go the way of all others and are asked back", 10.0, unit="s", ge=1, le=3600
    )

    @model_validator(mode="after")
    def _keys_that_go_together(self) -> DataLoggerParameters:
        if self.part > self.parts:
            raise ValueError(f"there is no part {self.part} of {self.parts}")
        if self.store is not None and self.keep:
            raise ValueError("keep is for files; how long a database keeps what it has is said there, not with store")
        return self
