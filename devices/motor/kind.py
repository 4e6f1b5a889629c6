"""The kind `motor`: a controller entry in YAML becomes one MotorController and an Axis for each of its axes."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import create_model, model_validator

from ronda.devices.attributes import limit_properties
from ronda.devices.driver import marked_keys, offers
from ronda.devices.motor.contract import AxisParameters, MotorController
from ronda.devices.motor.scale import Scale
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.hooks import check_before
from ronda.framework.config.kinds import DeviceParameters, TangoDevice, load_driver
from ronda.framework.config.parameters import parameter
from ronda.framework.errors import ConfigurationError
from ronda.framework.tango.names import AxisAttribute


class MotorKind:
    """How a motor controller declares itself to the configuration."""

    summary: ClassVar[str] = "A motor controller with its axes"
    contract: ClassVar[type[Any] | None] = MotorController

    def parameters(self, driver: type[Any] | None) -> type[DeviceParameters]:
        """The driver's keys, and `axes`.

        Raises:
            ConfigurationError: no driver is given.
        """
        if driver is None:
            raise ConfigurationError("a motor controller needs a driver, such as `driver: simulated`")
        return _entry(driver)  # type: ignore[arg-type]  # a class is hashable

    def devices(self, name: str, entry: DeviceParameters) -> list[TangoDevice]:
        """The controller, then its axes in the order of the file."""
        axes: dict[str, AxisParameters] = entry.axes  # type: ignore[attr-defined]  # `parameters` added it
        controller = TangoDevice(
            name,
            "controller",
            "MotorController",
            "ronda.devices.motor.trajectory:TrajectoryController",
            {"name": name, **entry.model_dump(mode="json", exclude={"axes"})},
            live=marked_keys(type(entry), "live"),
        )
        return [controller, *(_axis(name, str(entry.driver), axis_name, axis) for axis_name, axis in axes.items())]


KIND = MotorKind()

AxisName = Annotated[str, parameter("Name of an axis", pattern=NAME_PATTERN)]


@cache
def _entry(driver: type[MotorController]) -> type[DeviceParameters]:
    return create_model(
        f"{driver.__name__}Entry",
        __base__=driver.Parameters,
        __doc__=driver.Parameters.__doc__,
        __validators__={"distinct_channels": model_validator(mode="after")(_check_channels)},  # type: ignore[dict-item]
        axes=(dict[AxisName, driver.AxisParameters], parameter("Its axes, by name", min_length=1)),  # type: ignore[name-defined]
    )


def _check_channels(entry: Any) -> Any:
    taken: dict[Any, str] = {}
    for name, axis in entry.axes.items():
        if axis.channel in taken:
            raise ValueError(f"{taken[axis.channel]} and {name} both use channel {axis.channel}")
        taken[axis.channel] = name
        check_before((*entry.before_move, *axis.before_move))
    return entry


def _axis(controller: str, driver: str, name: str, axis: AxisParameters) -> TangoDevice:
    return TangoDevice(
        name,
        "axis",
        "Axis",
        "ronda.devices.motor.trajectory_axis:TrajectoryAxis",
        {"name": name, "controller": controller, "driver": driver, **axis.model_dump(mode="json")},
        attributes=_attributes(axis),
        live=marked_keys(type(axis), "live"),
        settings=marked_keys(type(axis), "setting"),
        trigger_output=offers(load_driver("motor", driver, MotorController), MotorController, "compare"),
    )


def _attributes(axis: AxisParameters) -> dict[str, dict[str, str]]:
    shown = {"unit": axis.unit, "format": f"%.{axis.digits}f"}
    found = {
        str(name): dict(shown)
        for name in (
            AxisAttribute.POSITION,
            AxisAttribute.DIAL_POSITION,
            AxisAttribute.TARGET,
            AxisAttribute.OFFSET,
            AxisAttribute.LOW_LIMIT,
            AxisAttribute.HIGH_LIMIT,
            AxisAttribute.BACKLASH,
            AxisAttribute.ENCODER_POSITION,
        )
    }
    position = found[AxisAttribute.POSITION]
    if axis.modulo is None:
        position.update(limit_properties(*Scale.of(axis).limits()))
    if axis.archive is not None:
        position.update(axis.archive.attribute_properties())
    if axis.alarms is not None:
        position.update(axis.alarms.attribute_properties())
    velocity = {"unit": f"{axis.unit}/s"}
    if axis.velocity_limits is not None:
        velocity.update(limit_properties(*axis.velocity_limits))
    found[AxisAttribute.VELOCITY] = velocity
    found[AxisAttribute.ACCELERATION] = {"unit": f"{axis.unit}/s^2"}
    found[AxisAttribute.STEPS_PER_UNIT] = {"unit": f"1/{axis.unit}"}
    return found
