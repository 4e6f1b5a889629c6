"""What a driver of a motor controller derives from."""

from ronda.framework.config.kinds import DeviceParameters


class Controller:
    Parameters: type[DeviceParameters]
