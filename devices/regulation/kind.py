"""The kind `regulation`: a controller in YAML becomes one device, and an Input, Output or Loop for each that it has."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import create_model, model_validator

from ronda.devices.driver import marked_keys
from ronda.devices.regulation.contract import RegulationController
from ronda.devices.regulation.parameters import checked
from ronda.devices.regulation.shown import input_attributes, loop_attributes, output_attributes
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.kinds import DeviceParameters, TangoDevice
from ronda.framework.config.parameters import parameter
from ronda.framework.errors import ConfigurationError

CLASSES: Mapping[str, tuple[str, str]] = {
    "inputs": ("Input", "ronda.devices.regulation.input:InputDevice"),
    "outputs": ("Output", "ronda.devices.regulation.output:OutputDevice"),
    "loops": ("Loop", "ronda.devices.regulation.hardware_loop:HardwareLoopDevice"),
}
"""Tango class and implementation of what a controller has."""


class RegulationKind:
    """How a regulation controller declares itself to the configuration."""

    summary: ClassVar[str] = "A regulation controller with its inputs, outputs and loops"
    contract: ClassVar[type[Any] | None] = RegulationController

    def parameters(self, driver: type[Any] | None) -> type[DeviceParameters]:
        """The driver's keys, and `inputs`, `outputs`, `loops`.

        Raises:
            ConfigurationError: no driver is given.
        """
        if driver is None:
            raise ConfigurationError("a regulation controller needs a driver, such as `driver: simulated_oven`")
        return entry_model(driver)  # type: ignore[arg-type]  # a class is hashable

    def devices(self, name: str, entry: DeviceParameters) -> list[TangoDevice]:
        """The controller, then its inputs, outputs and loops in the order of the file."""
        made = [
            TangoDevice(
                name,
                "controller",
                "RegulationController",
                "ronda.devices.regulation.controller:ControllerDevice",
                {"name": name, **entry.model_dump(mode="json")},
                live=marked_keys(type(entry), "live"),
            )
        ]
        for what, (tango_class, implementation) in CLASSES.items():
            for part, keys in getattr(entry, what).items():
                made.append(
                    TangoDevice(
                        part,
                        tango_class.lower(),
                        tango_class,
                        implementation,
                        {
                            "name": part,
                            "controller": name,
                            "driver": str(entry.driver),
                            **keys.model_dump(mode="json"),
                        },
                        attributes=_attributes(entry, what, keys),
                        live=marked_keys(type(keys), "live"),
                        settings=marked_keys(type(keys), "setting"),
                    )
                )
        return made


KIND = RegulationKind()

PartName = Annotated[str, parameter("Name of an input, output or loop", pattern=NAME_PATTERN)]


@cache
def entry_model(driver: type[RegulationController]) -> type[DeviceParameters]:
    """The model of a controller with what it has."""
    parts: dict[str, Any] = {
        "inputs": (
            dict[PartName, driver.InputParameters],  # type: ignore[name-defined]
            parameter("Its inputs, by name", default_factory=dict),
        ),
        "outputs": (
            dict[PartName, driver.OutputParameters],  # type: ignore[name-defined]
            parameter("Its outputs, by name", default_factory=dict),
        ),
        "loops": (
            dict[PartName, driver.LoopParameters],  # type: ignore[name-defined]
            parameter("The loops that it runs itself, by name", default_factory=dict),
        ),
    }
    return create_model(
        f"{driver.__name__}Entry",
        __base__=driver.Parameters,
        __doc__=driver.Parameters.__doc__,
        __validators__={"parts_fit": model_validator(mode="after")(checked)},  # type: ignore[dict-item]
        **parts,
    )


def _attributes(entry: Any, what: str, keys: Any) -> dict[str, dict[str, str]]:
    if what == "inputs":
        return input_attributes(keys)
    if what == "outputs":
        return output_attributes(keys)
    return loop_attributes(keys, entry.outputs[keys.output].unit)
