"""The keys of a server of calculated counters in YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, model_validator

from ronda.framework.clients.counter import COUNT_TIME
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.failure import OnFailure, on_failure
from ronda.framework.config.kinds import Calculation, DeviceParameters
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
    """One calculated counter: by a formula, or by a Python function."""

    formula: Formula | None = parameter(
        "How it is worked out from other counters, by their names, and count_time (s): `log(i0 / diode)`", None
    )
    function: str | None = parameter(
        "Instead of a formula `module:function`, of the file `module.py` beside the beamline's YAML files; it is given "
        "the values of `inputs` in their order, and returns a number",
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*:[A-Za-z_][A-Za-z0-9_]*$",
    )
    inputs: list[str] = parameter(
        "Which counters the function is given, by name, and count_time (s)", default_factory=list
    )
    unit: str = parameter("What its values are in", "")
    description: str = parameter("What it tells, in words", "")

    @model_validator(mode="after")
    def _one_way(self) -> CalculatedParameters:
        if (self.formula is None) == (self.function is None):
            raise ValueError("give either 'formula' or 'function'")
        if self.function is None and self.inputs:
            raise ValueError("'inputs' belongs to 'function'; a formula names its counters itself")
        if self.function is not None and not set(self.inputs) - {COUNT_TIME}:
            raise ValueError("a function needs 'inputs': the names of the counters that it is given")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the counters from which it is calculated."""
        used = self.inputs if self.formula is None else sorted(Expression(self.formula).names)
        return tuple(name for name in dict.fromkeys(used) if name != COUNT_TIME)


CounterName = Annotated[str, parameter("Name of a counter", pattern=NAME_PATTERN)]


class CalculatedServerParameters(DeviceParameters):
    """Counters worked out from others at each point. Scans also use it for `calculated("log(i0 / diode)")`."""

    on_failure: OnFailure = on_failure()
    counters: dict[CounterName, CalculatedParameters] = parameter("Its counters, by name", default_factory=dict)

    def calculations(self) -> Mapping[str, Calculation]:
        """What each of its counters uses."""
        return {
            name: Calculation(one.names, ("counters", name, "inputs" if one.formula is None else "formula"))
            for name, one in self.counters.items()
        }
