"""Reading many axes in one exchange, so that one of which the controller knows nothing does not spoil the others."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ronda.devices.motor.contract import AxisReading, Channel, MotorController
from ronda.framework.errors import CommunicationFailed, HardwareFault, RondaError, TimedOut


def read_axes(
    driver: MotorController, channels: Sequence[Channel], refused: Collection[Channel]
) -> tuple[dict[Channel, AxisReading], dict[Channel, RondaError]]:
    """Read axes; those of which the controller says nothing come back with an error each.

    Args:
        driver: of their controller.
        channels: which.
        refused: those that gave an error before; they are asked for alone.

    Raises:
        CommunicationFailed, TimedOut: the controller does not answer at all.
    """
    found: dict[Channel, AxisReading] = {}
    errors: dict[Channel, RondaError] = {}
    together = [channel for channel in channels if channel not in refused]
    alone = [channel for channel in channels if channel in refused]
    try:
        if together:
            found.update(driver.read(together))
    except (CommunicationFailed, TimedOut):
        raise
    except RondaError:
        alone = list(channels)
    for channel in alone:
        try:
            found.update(driver.read([channel]))
        except (CommunicationFailed, TimedOut):
            raise
        except RondaError as error:
            errors[channel] = error
    for channel in channels:
        if channel not in found and channel not in errors:
            errors[channel] = HardwareFault(f"{driver.name} says nothing about channel {channel}")
    return found, errors
