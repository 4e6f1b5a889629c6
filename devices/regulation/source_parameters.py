"""The keys in YAML of one thing that can be read: an attribute of any Tango device, an axis or a counter."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from ronda.framework.config.parameters import MemberOf, Parameters, parameter, reference

ATTRIBUTE = re.compile(
    r"(?P<device>(?:tango://[^/]+/)?[^/\[\]]+(?:/[^/\[\]]+/[^/\[\]]+)?)/(?P<name>[^/\[\]]+?)(?:\[(?P<index>\d+)\])?"
)
"""`ALIAS/ATTRIBUTE` or `DOMAIN/FAMILY/MEMBER/ATTRIBUTE`, and `[INDEX]` for one number of a spectrum."""


def _check_attribute(address: str) -> str:
    if not ATTRIBUTE.fullmatch(address):
        raise ValueError(
            "must be DOMAIN/FAMILY/MEMBER/ATTRIBUTE or ALIAS/ATTRIBUTE, with [INDEX] for one of a spectrum"
        )
    return address


AttributeName = Annotated[str, MemberOf(), AfterValidator(_check_attribute)]
MemberName = Annotated[str, MemberOf()]


class SourceKeys(Parameters):
    """What can be read."""

    attribute: AttributeName | None = parameter(
        "An attribute of any Tango device: DOMAIN/FAMILY/MEMBER/ATTRIBUTE or ALIAS/ATTRIBUTE; [INDEX] behind it is one "
        "number of a spectrum",
        None,
    )
    axis: Annotated[str | None, reference("axis")] = parameter("The position of an axis", None)
    counter: MemberName | None = parameter(
        "A counter as DEVICE/COUNTER, such as ct1/diode; its device measures for integration_time whenever it is free",
        None,
        pattern=r"^[^/\[\]]+/[^/\[\]]+$",
    )

    def given(self) -> list[str]:
        """Which of these keys are given."""
        return [name for name in SourceKeys.model_fields if getattr(self, name) is not None]


class SourceParameters(SourceKeys):
    """One thing that can be read: exactly one of these keys."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = self.given()
        if len(given) != 1:
            raise ValueError(f"give one of attribute, axis and counter, not {' and '.join(given) or 'none'}")
        return self
