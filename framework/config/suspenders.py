"""The keys of suspenders in YAML: what must be so while scans measure, and else lets them wait."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, model_validator

from ronda.framework.config.parameters import Parameters, parameter, reference


def _check_address(address: str) -> str:
    parts = address.removeprefix("tango://").split("/")
    if not all(parts):
        raise ValueError("must be DOMAIN/FAMILY/MEMBER or an alias, of a Tango device")
    return address


class SuspenderParameters(Parameters):
    """A value that scans look at before and after each point: while it is not as it should be, they wait."""

    device: Annotated[str, reference("device")] | None = parameter("Device of this beamline that is watched", None)
    address: Annotated[str, AfterValidator(_check_address)] | None = parameter(
        "Instead of `device`: any other Tango device, as DOMAIN/FAMILY/MEMBER", None
    )
    attribute: str = parameter("Its attribute", pattern=r"^[A-Za-z]\w*$", form="the name of a Tango attribute")
    equals: bool | int | float | str | None = parameter("Scans go on while it has this value", None)
    above: float | None = parameter("Scans go on while it is above this", None)
    below: float | None = parameter("Scans go on while it is below this", None)
    reason: str = parameter("What is said while they wait, such as `no beam`; the attribute and its value if empty", "")
    settle: float = parameter("How long it must be right again before they go on", 1.0, unit="s", ge=0)
    repeat: bool = parameter(
        "Whether the point is measured again during which it happened; not where dose matters", True
    )
    active: bool = parameter("Whether it is in use when a program begins", True)

    @model_validator(mode="after")
    def _sensible(self) -> SuspenderParameters:
        if (self.device is None) == (self.address is None):
            raise ValueError("a suspender needs `device` or `address`, and not both")
        if all(each is None for each in (self.equals, self.above, self.below)):
            raise ValueError("a suspender needs `equals`, `above` or `below`")
        if self.above is not None and self.below is not None and self.above >= self.below:
            raise ValueError(f"nothing is above {self.above:g} and below {self.below:g}")
        return self
