"""What units with input and output signals have in common: their keys in YAML, and what a driver provides."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import create_model, model_validator

from ronda.devices.driver import Driver
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Parameters, parameter
from ronda.framework.errors import NotAllowed
from ronda.framework.tango.names import channel_attribute

Channel = int | str
"""How a unit calls a channel: its number, or whatever the driver's manual says."""


class SignalParameters(Parameters):
    """One signal."""

    channel: Channel = parameter("Which channel of the unit it is")
    direction: Literal["input", "output"] = parameter("Whether it is read only, or can be set too")
    description: str = parameter("What it is, in words", "", live=True)


class SignalUnitParameters(DeviceParameters):
    """A unit with input and output signals. A driver adds the keys that it needs, such as `address`."""

    poll_period: float = parameter(
        "Time between two looks at all signals; what clients read is not older",
        0.5,
        unit="s",
        ge=0.01,
        le=60,
        live=True,
    )


class SignalUnit(Driver):
    """One unit. `write` is needed only where there are outputs.

    Attributes:
        SignalParameters: model of a signal of this unit.
        signals: parameters of the signals in use, by name.
    """

    Parameters: ClassVar[type[SignalUnitParameters]] = SignalUnitParameters
    SignalParameters: ClassVar[type[SignalParameters]] = SignalParameters

    def __init__(self, name: str, parameters: Any) -> None:
        super().__init__(name, parameters)
        self.signals: Mapping[str, Any] = parameters.signals

    def read(self) -> Mapping[str, Any]:
        """What all signals are at, by name; of an output what it is set to. In one exchange if the unit can."""
        raise NotImplementedError

    def write(self, name: str, value: Any) -> None:  # noqa: ARG002 - an optional hook says its arguments
        """Set an output.

        Raises:
            HardwareFault: the unit refuses.
        """
        raise NotAllowed(f"{self.name}: this driver cannot set outputs")


SignalName = Annotated[str, parameter("Name of a signal", pattern=NAME_PATTERN)]


@cache
def entry_model(driver: type[SignalUnit]) -> type[DeviceParameters]:
    """The model of a unit with its signals."""
    return create_model(
        f"{driver.__name__}Entry",
        __base__=driver.Parameters,
        __doc__=driver.Parameters.__doc__,
        __validators__={"distinct_signals": model_validator(mode="after")(_check_signals)},  # type: ignore[dict-item]
        signals=(dict[SignalName, driver.SignalParameters], parameter("Its signals, by name", min_length=1)),  # type: ignore[name-defined]
    )


def labelled(attributes: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Tango attribute configuration of signals, by their names in YAML, by attribute and with their labels."""
    return {channel_attribute(signal): {"label": signal, **shown} for signal, shown in attributes.items()}


def _check_signals(entry: Any) -> Any:
    taken: dict[Any, str] = {}
    attributes = dict.fromkeys(("state", "status"), "the unit itself")
    for name, signal in entry.signals.items():
        place = (signal.direction, signal.channel)
        if place in taken:
            raise ValueError(f"{taken[place]} and {name} both are {signal.direction} {signal.channel}")
        taken[place] = name
        attribute = channel_attribute(name)
        if attribute.lower() in attributes:
            raise ValueError(
                f"the signal {name} becomes the attribute {attribute}, which {attributes[attribute.lower()]} has; "
                "choose another name"
            )
        attributes[attribute.lower()] = name
    return entry
