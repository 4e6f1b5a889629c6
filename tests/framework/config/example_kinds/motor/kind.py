"""A motor controller with axes."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import create_model, model_validator

from example_kinds.motor.contract import Controller
from ronda.framework.config.kinds import DeviceParameters, TangoDevice
from ronda.framework.config.parameters import Parameters, parameter, reference
from ronda.framework.errors import ConfigurationError


class Axis(Parameters):
    channel: int = parameter("Number of the axis in its controller", ge=1)
    unit: str = parameter("Unit of the user position", "mm")
    velocity: float = parameter("Speed at first", 1.0, unit="{unit}/s", gt=0, setting=True)
    limits: tuple[float, float] | None = parameter("Soft limits", None, unit="{unit}", setting=True)
    mode: Literal["steps", "encoder"] = parameter("Where the position comes from", "steps")
    inverted: bool = parameter("Whether the sign is negative", False)
    follows: Annotated[str, reference("axis")] | None = parameter("An axis that it moves with", None)

    @model_validator(mode="after")
    def _limits_in_order(self) -> Self:
        if self.limits is not None and self.limits[0] >= self.limits[1]:
            raise ValueError(f"lower limit {self.limits[0]} {self.unit} is not below the upper one")
        return self


class MotorParameters(DeviceParameters):
    axes: dict[str, Axis] = parameter("Its axes by name", min_length=1)
    needs_shutter: Annotated[str, reference("counter", "host")] | None = parameter("Anything", None)


class Kind:
    summary: ClassVar[str] = "A motor controller with axes"
    contract: ClassVar[type[Any] | None] = Controller

    def parameters(self, driver: type[Any] | None) -> type[DeviceParameters]:
        if driver is None:
            raise ConfigurationError("the key 'driver' is missing")
        return create_model("Entry", __base__=(driver.Parameters, MotorParameters))

    def devices(self, name: str, entry: DeviceParameters) -> list[TangoDevice]:
        assert isinstance(entry, MotorParameters)
        own = TangoDevice(name, "motorcontroller", "MotorController", "x:Y", {})
        axes = [TangoDevice(axis, "axis", "Axis", "x:Z", each.model_dump()) for axis, each in entry.axes.items()]
        return [own, *axes]


KIND = Kind()
