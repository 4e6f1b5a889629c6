"""The kind `counter`: a card entry in YAML becomes one CounterCard, with an attribute for each of its channels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import create_model, model_validator

from ronda.devices.attributes import limit_properties
from ronda.devices.counter.contract import CardParameters, ChannelParameters, CounterCard, EncoderInputParameters
from ronda.devices.driver import marked_keys, offers
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.kinds import DeviceParameters, TangoDevice
from ronda.framework.config.parameters import parameter
from ronda.framework.errors import ConfigurationError
from ronda.framework.tango.names import CounterCardAttribute, channel_attribute


class CounterKind:
    """How a counter card declares itself to the configuration."""

    summary: ClassVar[str] = "A counter card: channels that count together"
    contract: ClassVar[type[Any] | None] = CounterCard

    def parameters(self, driver: type[Any] | None) -> type[DeviceParameters]:
        """The driver's keys, and `channels`.

        Raises:
            ConfigurationError: no driver is given.
        """
        if driver is None:
            raise ConfigurationError("a counter card needs a driver, such as `driver: simulated`")
        return entry_model(driver)  # type: ignore[arg-type]  # a class is hashable

    def devices(self, name: str, entry: DeviceParameters) -> list[TangoDevice]:
        """The card; its channels are attributes of it."""
        channels: dict[str, ChannelParameters] = entry.channels  # type: ignore[attr-defined]  # `parameters` added it
        card: CardParameters = entry  # type: ignore[assignment]  # likewise
        shortest, longest = card.integration_time_limits
        attributes = {str(CounterCardAttribute.INTEGRATION_TIME): limit_properties(shortest, longest)}
        encoders: dict[str, EncoderInputParameters] = entry.encoders  # type: ignore[attr-defined]  # likewise
        for encoder_name, encoder in encoders.items():
            told = {"unit": encoder.unit, "format": f"%.{encoder.digits}f", "label": encoder_name}
            attributes[channel_attribute(encoder_name)] = told
        for channel_name, channel in channels.items():
            shown = {"unit": channel.unit, "format": f"%.{channel.digits}f", "label": channel_name}
            if channel.archive is not None:
                shown.update(channel.archive.attribute_properties())
            if channel.alarms is not None:
                shown.update(channel.alarms.attribute_properties())
            attributes[channel_attribute(channel_name)] = shown
        return [
            TangoDevice(
                name,
                "counter",
                "CounterCard",
                "ronda.devices.counter.card:CardDevice",
                {"name": name, **entry.model_dump(mode="json")},
                attributes=attributes,
                live=marked_keys(type(entry), "live"),
                counters=(*channels, *encoders),
            )
        ]


KIND = CounterKind()

ChannelName = Annotated[str, parameter("Name of a channel", pattern=NAME_PATTERN)]


@cache
def entry_model(driver: type[CounterCard]) -> type[DeviceParameters]:
    """The model of a card with its channels."""
    return create_model(
        f"{driver.__name__}Entry",
        __base__=driver.Parameters,
        __doc__=driver.Parameters.__doc__,
        __validators__={
            "distinct_channels": model_validator(mode="after")(_check_channels),  # type: ignore[dict-item]
            "wired": model_validator(mode="after")(_wiring_check(driver)),  # type: ignore[dict-item]
        },
        channels=(dict[ChannelName, driver.ChannelParameters], parameter("Its channels, by name", min_length=1)),  # type: ignore[name-defined]
        encoders=(
            dict[ChannelName, driver.EncoderInputParameters],  # type: ignore[name-defined]
            parameter("Encoders of axes at its encoder inputs, by the name of the counter that each becomes", {}),
        ),
    )


def _wiring_check(driver: type[CounterCard]) -> Callable[[Any], Any]:
    def check(entry: Any) -> Any:
        gate = entry.wiring.gate
        if gate and not offers(driver, CounterCard, "arm_gated"):
            raise ValueError(
                f"wiring.gate names {gate[0]}, but the driver {entry.driver!r} cannot count between triggers"
            )
        if entry.encoders and not offers(driver, CounterCard, "encoder_counts"):
            raise ValueError(
                f"encoders names {next(iter(entry.encoders))}, but the driver {entry.driver!r} has no encoder inputs"
            )
        return entry

    return check


def _check_channels(entry: Any) -> Any:
    taken: dict[Any, str] = {}
    inputs: dict[Any, str] = {}
    attributes = {str(name).lower(): "the card itself" for name in CounterCardAttribute}
    attributes |= dict.fromkeys(("state", "status"), "the card itself")
    for name, channel in entry.channels.items():
        if channel.channel in taken:
            raise ValueError(f"{taken[channel.channel]} and {name} both use channel {channel.channel}")
        taken[channel.channel] = name
        attribute = channel_attribute(name)
        if attribute.lower() in attributes:
            raise ValueError(
                f"the channel {name} becomes the attribute {attribute}, which {attributes[attribute.lower()]} has; "
                "choose another name"
            )
        attributes[attribute.lower()] = name
    for name, encoder in entry.encoders.items():
        attribute = channel_attribute(name)
        if encoder.input in inputs:
            raise ValueError(f"{inputs[encoder.input]} and {name} both use the encoder input {encoder.input}")
        inputs[encoder.input] = name
        if attribute.lower() in attributes:
            raise ValueError(
                f"the encoder {name} becomes the attribute {attribute}, which {attributes[attribute.lower()]} has; "
                "choose another name"
            )
        attributes[attribute.lower()] = name
    return entry
