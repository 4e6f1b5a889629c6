"""Kinds of which each entry in YAML becomes one Tango device: most are such."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ronda.devices.driver import marked_keys
from ronda.framework.config.kinds import DeviceParameters, TangoDevice
from ronda.framework.errors import ConfigurationError


def _drivers_own(driver: Any) -> type[DeviceParameters]:
    found: type[DeviceParameters] = driver.Parameters
    return found


@dataclass(frozen=True)
class OneDevice:
    """Such a kind, as it declares itself to the configuration.

    Attributes:
        summary: one line for the reference.
        what: is made of an entry, with its article, for messages: `a shutter`.
        family: second part of the device's Tango name.
        tango_class: name of its class for Tango.
        implementation: `package.module:Class`.
        contract: what its drivers derive from; None if it takes no driver.
        model: the model of an entry: that of a driver, or the one of a kind that takes none.
        instead: what an entry says instead of a driver, for the message that refuses one.
        attributes: Tango attribute configuration that follows from an entry.
        counters: names of the counters that a device of a name and an entry measures.
        trigger_output: whether the device of an entry gives triggers that can be wired to an input of another one.
    """

    summary: str
    what: str
    family: str
    tango_class: str
    implementation: str
    contract: type[Any] | None = None
    model: Callable[[Any], type[DeviceParameters]] = _drivers_own
    instead: str = ""
    attributes: Callable[[Any], Mapping[str, Mapping[str, str]]] = lambda entry: {}  # noqa: ARG005 - most need none
    counters: Callable[[str, Any], tuple[str, ...]] = lambda name, entry: ()  # noqa: ARG005 - most measure nothing
    trigger_output: Callable[[Any], bool] = lambda entry: False  # noqa: ARG005 - most give no triggers

    def parameters(self, driver: type[Any] | None) -> type[DeviceParameters]:
        """The keys of an entry.

        Raises:
            ConfigurationError: a driver is missing, or given where none is taken.
        """
        if self.contract is not None and driver is None:
            raise ConfigurationError(f"{self.what} needs a driver, such as `driver: simulated`")
        if self.contract is None and driver is not None:
            raise ConfigurationError(f"{self.what} takes no driver{self.instead and '; '}{self.instead}")
        return self.model(driver)

    def devices(self, name: str, entry: DeviceParameters) -> list[TangoDevice]:
        """The one device."""
        return [
            TangoDevice(
                name,
                self.family,
                self.tango_class,
                self.implementation,
                {"name": name, **entry.model_dump(mode="json")},
                attributes={attribute: dict(keys) for attribute, keys in self.attributes(entry).items()},
                live=marked_keys(type(entry), "live"),
                settings=marked_keys(type(entry), "setting"),
                counters=self.counters(name, entry),
                trigger_output=self.trigger_output(entry),
            )
        ]
