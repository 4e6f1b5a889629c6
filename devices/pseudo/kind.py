"""The kind `pseudo`: a calculation entry in YAML becomes one Calculation and a PseudoAxis for each of its axes."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import create_model, model_validator

from ronda.devices.attributes import limit_properties
from ronda.devices.driver import marked_keys
from ronda.devices.pseudo.contract import Calculation, PseudoAxisParameters
from ronda.devices.pseudo.limits import limits_of
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.kinds import DeviceParameters, TangoDevice
from ronda.framework.config.parameters import parameter
from ronda.framework.errors import ConfigurationError
from ronda.framework.tango.names import AxisAttribute


class PseudoKind:
    """How a calculation declares itself to the configuration."""

    summary: ClassVar[str] = "Pseudo axes: positions that are computed from those of other axes"
    contract: ClassVar[type[Any] | None] = Calculation

    def parameters(self, driver: type[Any] | None) -> type[DeviceParameters]:
        """The calculation's keys, and `axes`.

        Raises:
            ConfigurationError: no calculation is given.
        """
        if driver is None:
            raise ConfigurationError("pseudo axes need a calculation, such as `driver: slits`")
        return entry_model(driver)  # type: ignore[arg-type]  # a class is hashable

    def devices(self, name: str, entry: DeviceParameters) -> list[TangoDevice]:
        """The calculation, then its axes in the order of the file."""
        axes: dict[str, PseudoAxisParameters] = entry.axes  # type: ignore[attr-defined]  # `parameters` added it
        calculation = TangoDevice(
            name,
            "calculation",
            "Calculation",
            "ronda.devices.pseudo.calculation:CalculationDevice",
            {"name": name, **entry.model_dump(mode="json")},
            live=marked_keys(type(entry), "live"),
        )
        return [calculation, *(_axis(name, axis_name, axis) for axis_name, axis in axes.items())]


KIND = PseudoKind()

PseudoName = Annotated[str, parameter("Name of a pseudo axis", pattern=NAME_PATTERN)]


@cache
def entry_model(driver: type[Calculation]) -> type[DeviceParameters]:
    """The model of a calculation with its axes."""

    def check_roles(entry: Any) -> Any:
        real, pseudo = driver.roles(entry)
        _check_real(entry, real)
        _check_pseudo(entry, pseudo)
        return entry

    return create_model(
        f"{driver.__name__}Entry",
        __base__=driver.Parameters,
        __doc__=driver.Parameters.__doc__,
        __validators__={"roles": model_validator(mode="after")(check_roles)},  # type: ignore[dict-item]
        axes=(dict[PseudoName, PseudoAxisParameters], parameter("Its pseudo axes, by name", min_length=1)),
    )


def _check_real(entry: Any, roles: tuple[str, ...]) -> None:
    if set(entry.real) != set(roles):
        raise ValueError(f"real gives {', '.join(entry.real)}; this calculation needs {', '.join(roles)}")
    taken: dict[str, str] = {}
    for role, axis in entry.real.items():
        if axis in taken:
            raise ValueError(f"real: {axis} cannot be both {taken[axis]} and {role}")
        taken[axis] = role


def _check_pseudo(entry: Any, roles: tuple[str, ...]) -> None:
    taken: dict[str, str] = {}
    for name, axis in entry.axes.items():
        if axis.role not in roles:
            raise ValueError(f"{name}: role {axis.role!r} is none of this calculation; it has {', '.join(roles)}")
        if axis.role in taken:
            raise ValueError(f"{taken[axis.role]} and {name} both have the role {axis.role}")
        taken[axis.role] = name


def _axis(calculation: str, name: str, axis: PseudoAxisParameters) -> TangoDevice:
    shown = {"unit": axis.unit, "format": f"%.{axis.digits}f"}
    positions = (
        AxisAttribute.POSITION,
        AxisAttribute.DIAL_POSITION,
        AxisAttribute.TARGET,
        AxisAttribute.OFFSET,
        AxisAttribute.LOW_LIMIT,
        AxisAttribute.HIGH_LIMIT,
    )
    attributes = {str(each): dict(shown) for each in positions}
    attributes[AxisAttribute.POSITION].update(limit_properties(*limits_of(axis)))
    if axis.archive is not None:
        attributes[AxisAttribute.POSITION].update(axis.archive.attribute_properties())
    if axis.alarms is not None:
        attributes[AxisAttribute.POSITION].update(axis.alarms.attribute_properties())
    return TangoDevice(
        name,
        "axis",
        "PseudoAxis",
        "ronda.devices.pseudo.axis:PseudoAxisDevice",
        {"name": name, "calculation": calculation, **axis.model_dump(mode="json")},
        attributes=attributes,
        live=marked_keys(type(axis), "live"),
        settings=marked_keys(type(axis), "setting"),
    )
