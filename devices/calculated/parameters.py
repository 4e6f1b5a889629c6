"""The keys of a server of calculated counters in YAML."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, model_validator

from ronda.framework.clients.counter import COUNT_TIME
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.failure import OnFailure, on_failure
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Parameters, parameter
from ronda.framework.errors import BadValue
from ronda.framework.expression import Expression


def _check_formula(text: str) -> str:
    try:
        names = Expression(text).names
    except BadValue as error:
        raise ValueError(str(error)) from error
    if not names - {COUNT_TIME}:
        raise ValueError(f"the formula {text!r} uses no counter")
    return text


Formula = Annotated[str, AfterValidator(_check_formula)]
"""A formula over the names of counters, and `count_time`."""


class CalculatedParameters(Parameters):
    """One calculated counter."""

    formula: Formula = parameter(
        "How it is worked out from other counters, by their names, and count_time (s): `log(i0 / diode)`"
    )
    unit: str = parameter("What its values are in", "")
    description: str = parameter("What it tells, in words", "")


CounterName = Annotated[str, parameter("Name of a counter", pattern=NAME_PATTERN)]


class CalculatedServerParameters(DeviceParameters):
    """Counters worked out from others at each point. Scans also use it for `calculated("log(i0 / diode)")`."""

    on_failure: OnFailure = on_failure()
    counters: dict[CounterName, CalculatedParameters] = parameter("Its counters, by name", default_factory=dict)

    @model_validator(mode="after")
    def _no_chains(self) -> CalculatedServerParameters:
        for name, one in self.counters.items():
            inner = sorted(Expression(one.formula).names & self.counters.keys())
            if inner:
                raise ValueError(f"{name} uses {inner[0]}, which is calculated itself; write its formula out")
        return self
