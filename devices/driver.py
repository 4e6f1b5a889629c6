"""What every hardware driver is: plain Python that connects, disconnects, and raises errors of the closed list."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Parameters


class Driver:
    """Speaks to one instrument. A kind's contract derives from this, and a driver from its contract.

    Calls come one after the other, all from one thread unless it gives a `bound`, and `connect` comes first. A call may
    block as long as the instrument needs, though not without end. When one raises CommunicationFailed, TimedOut or
    OSError, the driver is disconnected and connected again; the other errors of `ronda.framework.errors` leave the
    connection as it is.

    Attributes:
        Parameters: model of the driver's entry in YAML.
        name: the device's name in YAML, for messages.
        parameters: the checked entry.
    """

    Parameters: ClassVar[type[DeviceParameters]] = DeviceParameters

    def __init__(self, name: str, parameters: Any) -> None:
        """Keep the parameters; nothing is opened, no vendor's library is imported before `connect`."""
        self.name = name
        self.parameters = parameters

    def connect(self) -> None:
        """Reach the instrument.

        Raises:
            CommunicationFailed: it does not answer, or something else answers.
        """

    def disconnect(self) -> None:
        """Let go of the instrument; must work in any state, also after an error."""

    def bound(self) -> float:
        """Longest time in s for which it waits for an answer of its instrument; infinite if it does not know.

        A driver that gives one also lets its calls come from any thread, still one after the other. They are then made
        in the thread of who needs them when nothing else waits, which spares two changes of thread.
        """
        return math.inf


def offers(driver: Driver | type[Driver], contract: type[Driver], hook: str) -> bool:
    """Whether a driver (or its class) defines an optional hook of its contract."""
    own = driver if isinstance(driver, type) else type(driver)
    return getattr(own, hook) is not getattr(contract, hook)


def marked_keys(model: type[Parameters], mark: str) -> frozenset[str]:
    """Keys of a model that are declared with `live` or `setting`."""
    return frozenset(
        key
        for key, field in model.model_fields.items()
        if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get(mark)
    )
