"""A simulated controller."""

from example_kinds.motor.contract import Controller
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Address, parameter


class SimulatedParameters(DeviceParameters):
    address: Address = parameter("Where it listens")


class Simulated(Controller):
    Parameters = SimulatedParameters
