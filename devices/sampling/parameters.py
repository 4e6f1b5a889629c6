"""The keys of a sampling server in YAML."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from ronda.framework.clients.counter import sampling
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.failure import OnFailure, on_failure
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Parameters, parameter
from ronda.framework.errors import BadValue


def _check_attribute(address: str) -> str:
    try:
        sampling(address)
    except BadValue as error:
        raise ValueError("must be DOMAIN/FAMILY/MEMBER/ATTRIBUTE or ALIAS/ATTRIBUTE") from error
    return address


AttributeName = Annotated[str, AfterValidator(_check_attribute)]
"""Name of an attribute of any Tango device."""


class SampledParameters(Parameters):
    """One counter that reads an attribute."""

    attribute: AttributeName = parameter("Which attribute: DOMAIN/FAMILY/MEMBER/ATTRIBUTE or ALIAS/ATTRIBUTE")
    mode: Literal["MEAN", "SINGLE", "LAST", "INTEGRATE", "STATS", "SAMPLES"] = parameter(
        "What of the readings in the exposure time counts: their mean, the first, the last, mean × time in s, "
        "statistics (channels NAME, NAME_min, NAME_max, NAME_std, NAME_p2p), or all samples (NAME, NAME_samples, "
        "NAME_times)",
        "MEAN",
    )
    unit: str = parameter("What its values are in", "")
    description: str = parameter("What it measures, in words", "")


CounterName = Annotated[str, parameter("Name of a counter", pattern=NAME_PATTERN)]


class SamplingParameters(DeviceParameters):
    """A server of sampling counters: the mean of any attribute of any Tango device over the exposure time.

    Scans also use it for `sampling("DOMAIN/FAMILY/MEMBER/ATTRIBUTE")`, which needs no entry here.
    """

    on_failure: OnFailure = on_failure()
    counters: dict[CounterName, SampledParameters] = parameter("Its counters, by name", default_factory=dict)
