"""Which attributes of which devices a logger keeps, and by which of its rules."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ronda.devices.data_logger.parameters import DataLoggerParameters, LoggedParameters
from ronda.framework.errors import NotFound
from ronda.framework.tango.names import DeviceAttribute, LoggerAttribute

NEVER = ("dserver/*", "sys/database/*", "sys/access_control/*", "tango/admin/*")
"""Devices that belong to Tango itself."""

WHO = LoggedParameters(attributes=[DeviceAttribute.CHANGED_BY], how="change")
"""Who changed a device of ours is kept of each that is followed, whatever the rules say, unless it is excluded."""


@dataclass(frozen=True)
class Known:
    """A device that the Tango database knows.

    Attributes:
        name: its Tango name, in lower case.
        alias: empty if it has none.
        tango_class: as Tango spells it.
        server: `PROGRAM/INSTANCE`.
        exported: whether its server says that it runs.
    """

    name: str
    alias: str
    tango_class: str
    server: str
    exported: bool = True


class Rules:
    """The rules of one logger.

    Args:
        parameters: its entry.
        own: Tango name of the logger's own device, whose test signal is kept whatever the rules say.
    """

    def __init__(self, parameters: DataLoggerParameters, own: str = "") -> None:
        self._parameters = parameters
        self._own = own.lower()
        self._test = LoggedParameters(device=own, attributes=[LoggerAttribute.TEST_SIGNAL], how="change")
        self._exclude = [(_low(device), _low(attribute)) for device, attribute in map(_parts, parameters.exclude)]

    def of_device(self, device: Known) -> list[LoggedParameters]:
        """The rules that may name attributes of a device; none if it belongs to another logger."""
        if device.name == self._own:
            return [self._test, *(rule for rule in self._parameters.rules if _names_device(rule, device))]
        if any(fnmatchcase(device.name, pattern) for pattern in NEVER):
            return []
        if zlib.crc32(device.name.encode()) % self._parameters.parts != self._parameters.part - 1:
            return []
        return [rule for rule in self._parameters.rules if _names_device(rule, device)]

    def of_attribute(self, device: Known, rules: Sequence[LoggedParameters], attribute: str) -> LoggedParameters | None:
        """The first of a device's rules that names an attribute; None if none does, or it is excluded."""
        attribute = attribute.lower()
        if device.name == self._own and attribute == LoggerAttribute.TEST_SIGNAL.lower():
            return self._test
        for excluded, pattern in self._exclude:
            if _is(device, excluded) and fnmatchcase(attribute, pattern):
                return None
        if rules and attribute == DeviceAttribute.CHANGED_BY.lower():
            return WHO
        for rule in rules:
            if _any(attribute, rule.attributes) and not _any(attribute, rule.exclude):
                return rule
        return None


def chosen(devices: Sequence[Known], patterns: Sequence[str]) -> list[Known]:
    """The devices whose names or aliases fit one of some patterns; without those that belong to Tango itself.

    Raises:
        NotFound: a pattern fits none.
    """
    able = [one for one in devices if not any(fnmatchcase(one.name, pattern) for pattern in NEVER)]
    found: dict[str, Known] = {}
    for pattern in patterns:
        fits = [one for one in able if _is(one, _low(pattern))]
        if not fits:
            raise NotFound(
                f"no device is called {pattern!r}; take a Tango name, an alias, or a pattern such as demo/axis/*"
            )
        found |= {one.name: one for one in fits}
    return list(found.values())


def _names_device(rule: LoggedParameters, device: Known) -> bool:
    return (
        fnmatchcase(device.name.partition("/")[0], _low(rule.beamline))
        and fnmatchcase(device.tango_class.lower(), _low(rule.tango_class))
        and _is(device, _low(rule.device))
    )


def _is(device: Known, pattern: str) -> bool:
    return fnmatchcase(device.name, pattern) or bool(device.alias and fnmatchcase(device.alias.lower(), pattern))


def _any(attribute: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(attribute, _low(pattern)) for pattern in patterns)


def _parts(pattern: str) -> tuple[str, str]:
    device, _, attribute = pattern.rpartition("/")
    return device, attribute


def _low(pattern: str) -> str:
    return pattern.lower()
