"""A counter card, without drivers, that may refer to other things."""

from typing import Annotated, Any, ClassVar

from ronda.framework.config.kinds import DeviceParameters, TangoDevice
from ronda.framework.config.parameters import Parameters, parameter, reference
from ronda.framework.errors import ConfigurationError


class Channel(Parameters):
    channel: int = parameter("Number of the channel in its card", ge=1, le=64)
    moves: list[Annotated[str, reference("axis")]] = parameter("Axes that move with it", default_factory=list)


class CounterParameters(DeviceParameters):
    channels: dict[str, Channel] = parameter("Its channels by name", default_factory=dict)
    monitor: Annotated[str, reference("device")] | None = parameter("Any device", None)
    weights: dict[Annotated[str, reference("axis")], float] = parameter("Weight of each axis", default_factory=dict)
    roles: dict[str, Annotated[str, reference("axis")]] = parameter("Axes by their role", default_factory=dict)
    gate: float = parameter("Longest gate", 10.0, unit="s", gt=0, le=1000)


class Kind:
    summary: ClassVar[str] = "A counter card"
    contract: ClassVar[type[Any] | None] = None

    def parameters(self, driver: type[Any] | None) -> type[DeviceParameters]:
        return CounterParameters

    def devices(self, name: str, entry: DeviceParameters) -> list[TangoDevice]:
        assert isinstance(entry, CounterParameters)
        if entry.gate == 13.0:
            raise ConfigurationError("gate is 13.0 s, which this card cannot do")
        own = TangoDevice(name, "counter", "Counter", "x:Y", {})
        return [own, *(TangoDevice(channel, "channel", "Channel", "x:Z", {}) for channel in entry.channels)]


KIND = Kind()
