"""A controller with a password and an IP number."""

from example_kinds.motor.contract import Controller
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import SecretString, parameter


class AcmeParameters(DeviceParameters):
    token: SecretString | None = parameter("Its password", None)
    serial: str = parameter("Its serial number", "")
    gains: dict[int, float] = parameter("Gain of each axis by its number", default_factory=dict)
    speeds: int | list[float] = parameter("One speed for all, or one for each", 1)


class Acme(Controller):
    Parameters = AcmeParameters
