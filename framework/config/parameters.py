"""How a key of the YAML files is declared: its description, unit and bounds, and what it refers to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ronda.framework.errors import ConfigurationError


class Parameters(BaseModel):
    """Keys of a YAML mapping. Unknown keys are errors, and a loaded configuration is never changed in memory."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def parameter(
    description: str,
    default: Any = ...,
    *,
    unit: str | None = None,
    live: bool = False,
    setting: bool = False,
    form: str | None = None,
    **constraints: Any,
) -> Any:
    """Declare one key.

    Args:
        description: one sentence for people; it goes to the schema, the editors and the reference.
        default: the value when the key is absent; without one the key is required.
        unit: what one is in (`mm`, `s`, `count`); `{unit}` stands for the unit of the axis or channel itself.
        live: a change is applied to the running device at once; otherwise its server must restart.
        setting: users change it at run time; the value that they chose wins over the file until saved or reverted.
        form: words for `pattern`, to follow "must be" in a message (`HOST:PORT`).
        constraints: pydantic's own (`gt`, `ge`, `lt`, `le`, `min_length`, `pattern`, `default_factory` …).
    """
    extra: dict[str, Any] = {}
    if unit is not None:
        extra["unit"] = unit
    if form is not None:
        extra["form"] = form
    if live or setting:
        extra["live"] = True
    if setting:
        extra["setting"] = True
    if "default_factory" in constraints:
        return Field(description=description, json_schema_extra=extra, **constraints)
    return Field(default, description=description, json_schema_extra=extra, **constraints)


@dataclass(frozen=True)
class Reference:
    """Marks a string key that names another thing of the beamline.

    Attributes:
        to: what it may name: `simulator`, `server`, `host`, `counter`, `trigger output`, `device` (any), or a device
            family such as `axis`.
        nominal: whether it is only a name, so that what it names need not run before.
    """

    to: tuple[str, ...]
    nominal: bool = False


def reference(*to: str, nominal: bool = False) -> Any:
    """`Annotated[str, reference("axis")]` is the name of an axis; the check finds missing, wrong and cyclic ones."""
    return Reference(to, nominal)


@dataclass(frozen=True)
class MemberOf:
    """Marks a key that names an attribute or a command of a Tango device, as `DEVICE/NAME`.

    DEVICE is a device of the beamline, or the full name of any other: `DOMAIN/FAMILY/MEMBER`. Nothing follows for the
    order in which servers start: such devices are looked for when they are needed.
    """


@dataclass(frozen=True)
class Secret:
    """Marks a key that must come from the environment, as `${NAME}`, and is never written anywhere."""


SECRET_PATTERN = r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"  # noqa: S105 - says what a reference to a password looks like

SecretString = Annotated[str, Secret(), Field(pattern=SECRET_PATTERN)]
"""A password or token: in YAML only as `${NAME}`; kept as that text everywhere but in the process that needs it."""


def reveal(secret: str, environment: Mapping[str, str]) -> str:
    """The password behind the text `${NAME}`; never store, print or pass on what this returns.

    Raises:
        ConfigurationError: it is not `${NAME}`, or the variable is not set.
    """
    if not re.fullmatch(SECRET_PATTERN, secret):
        raise ConfigurationError("a password in the configuration must be ${NAME} of an environment variable")
    name = secret[2:-1]
    if not environment.get(name):
        raise ConfigurationError(f"the environment variable {name} is not set; it should hold a password")
    return environment[name]


@dataclass(frozen=True)
class Endpoint:
    """Marks a key that says where an instrument listens, `simulator:NAME` among them."""


def _check_address(value: Any) -> Any:
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:/]+):([^:]+)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be HOST:PORT or simulator:NAME")
    if match[1] != "simulator" and not (re.fullmatch(r"[0-9]{1,5}", match[2]) and 0 < int(match[2]) < 65536):
        raise ValueError("must be HOST:PORT, with a port from 1 to 65535, or simulator:NAME")
    return value


Address = Annotated[str, Endpoint(), BeforeValidator(_check_address)]
"""Where an instrument listens on TCP: `HOST:PORT`, or `simulator:NAME` for one of the simulators of this beamline."""
