"""Checking one device entry: its kind, its driver, its parameters, and the Tango devices that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ronda.framework.config.kinds import (
    DeviceKind,
    DeviceParameters,
    TangoDevice,
    available_drivers,
    available_kinds,
    load_driver,
    load_kind,
)
from ronda.framework.config.problems import Problem, listed, nearest
from ronda.framework.config.sentences import validate
from ronda.framework.config.source import Section
from ronda.framework.config.variables import expand_section
from ronda.framework.config.words import show
from ronda.framework.errors import ConfigurationError, RondaError


@dataclass
class Entry:
    """One device entry, checked as far as it could be.

    Attributes:
        name: its key.
        server: the server that it stands in.
        section: where it stands.
        model: the model of its kind and driver; None if these are wrong.
        parameters: the checked parameters; None if something in the entry is wrong.
        tango_devices: none if something is wrong.
    """

    name: str
    server: str
    section: Section
    model: type[DeviceParameters] | None = None
    parameters: DeviceParameters | None = None
    tango_devices: list[TangoDevice] = field(default_factory=list)

    def path_of(self, name: str) -> tuple[str, ...]:
        """Where below the entry the device of this name is described; the entry itself has the path ()."""
        if name != self.name and isinstance(self.section.data, Mapping):
            for key, value in self.section.data.items():
                if isinstance(value, Mapping) and name in value:
                    return (key, name)
        return ()

    def possible_names(self) -> set[str]:
        """Its name, and all names that devices of it may have: used where the entry itself is wrong."""
        raw = self.section.data
        below = [value for value in raw.values() if isinstance(value, Mapping)] if isinstance(raw, Mapping) else []
        return {self.name, *(key for mapping in below for key in mapping)}


class Models:
    """The models of entries, by kind and driver; each driver is imported once."""

    def __init__(self) -> None:
        self.kinds = available_kinds()
        self._kinds: dict[str, DeviceKind] = {}
        self._models: dict[tuple[str, str | None], type[DeviceParameters]] = {}

    def kind(self, name: str) -> DeviceKind:
        """A kind of device.

        Raises:
            ConfigurationError: there is no such kind, or it cannot be imported.
        """
        if name not in self._kinds:
            self._kinds[name] = load_kind(name)
        return self._kinds[name]

    def model(self, kind: str, driver: str | None) -> type[DeviceParameters]:
        """The model of an entry.

        Raises:
            ConfigurationError: the driver is missing, does not exist, cannot be imported, or is not one of this kind.
        """
        if (kind, driver) not in self._models:
            loaded = self.kind(kind)
            if driver is not None and loaded.contract is None:
                raise ConfigurationError(f"a device of the kind {kind!r} takes no driver")
            found = load_driver(kind, driver, loaded.contract) if driver is not None and loaded.contract else None
            self._models[kind, driver] = loaded.parameters(found)
        return self._models[kind, driver]


def check_entry(
    name: str, server: str, section: Section, models: Models, environment: Mapping[str, str]
) -> tuple[Entry, list[Problem], list[Problem]]:
    """Check one device entry.

    Returns:
        the entry; what is wrong with it; and the variables that could not be replaced.
    """
    entry = Entry(name, server, section)
    raw = section.data
    if not isinstance(raw, dict):
        what = f"is {show(raw)}"
        return entry, [Problem(section.location(), name, what, "must be a mapping with 'kind' and further keys")], []
    missing = expand_section(section, DeviceParameters, name, environment, only=("kind", "driver"))
    problem = _find_model(entry, raw, models)
    if problem is not None or entry.model is None:
        return entry, [problem] if problem else [], missing
    missing += expand_section(section, entry.model, name, environment)
    entry.parameters, problems = validate(entry.model, section, name)
    if entry.parameters is not None:
        try:
            entry.tango_devices = models.kind(entry.parameters.kind).devices(name, entry.parameters)
        except RondaError as error:
            problems.append(Problem(section.location(key=True), name, str(error)))
            entry.parameters = None
    return entry, problems, missing


def _find_model(entry: Entry, raw: Mapping[str, Any], models: Models) -> Problem | None:
    """Set the entry's model, or say what is wrong with its kind or driver."""
    section, kind, driver = entry.section, raw.get("kind"), raw.get("driver")
    kinds = models.kinds
    allowed = f"must be {listed(map(repr, kinds), 'or')}"
    if kind is None:
        return Problem(section.location(key=True), entry.name, "the key 'kind' is missing", allowed)
    if not isinstance(kind, str) or kind not in kinds:
        hint = nearest(str(kind), kinds)
        return Problem(section.location(("kind",)), entry.name, f"kind is {show(kind)}", allowed, hint)
    if driver is not None and not isinstance(driver, str):
        return Problem(section.location(("driver",)), entry.name, f"driver is {show(driver)}", "must be a text")
    try:
        entry.model = models.model(kind, driver)
    except ConfigurationError as error:
        location = section.location(("driver",)) if driver else section.location(key=True)
        drivers = available_drivers(kind)
        known = f"the {kind} drivers are {listed(drivers)}, or package.module:Class" if drivers else None
        hint = nearest(driver, drivers) if driver and driver not in drivers and ":" not in driver else None
        return Problem(location, entry.name, str(error), known if driver not in drivers else None, hint)
    return None
