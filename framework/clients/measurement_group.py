"""Measurement groups: `MG1.disable("cam*")`, `MG1.set_active()`; the active one is what scans measure by default."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ronda.framework.clients.counter import Counter
from ronda.framework.clients.device import Device
from ronda.framework.clients.part import Part, checked
from ronda.framework.clients.quantity import Quantity
from ronda.framework.clients.remote import Remote
from ronda.framework.clients.settings import Changes, DeviceSettings
from ronda.framework.errors import BadValue, NotReady
from ronda.framework.tango.names import MeasurementGroupAttribute, MeasurementGroupCommand


class Contents(NamedTuple):
    """What a measurement group holds now.

    Attributes:
        enabled: the counters that are measured.
        disabled: the others.
        missing: names of members that the beamline does not have.
    """

    enabled: list[Counter]
    disabled: list[Counter]
    missing: list[str]


class ActiveGroup:
    """Which measurement group of a beamline is the active one; the Tango database keeps it for all clients.

    Args:
        read: the name that is kept; empty if none was ever chosen.
        write: keeps a name.
        groups: the groups that there are.
    """

    def __init__(
        self, read: Callable[[], str], write: Callable[[str], None], groups: Callable[[], Sequence[MeasurementGroup]]
    ) -> None:
        self._read, self._write, self._groups = read, write, groups

    def get(self) -> MeasurementGroup | None:
        """The active group: the one that was chosen, else the first by name; None if there are no groups.

        Raises:
            ServiceFailed: the Tango database does not answer.
        """
        groups = sorted(self._groups(), key=lambda group: group.name)
        if len(groups) < 2:
            return groups[0] if groups else None
        chosen = self._read()
        return next((group for group in groups if group.name == chosen), groups[0])

    def choose(self, name: str) -> None:
        """Make a group the active one.

        Raises:
            ServiceFailed: the Tango database does not answer.
        """
        self._write(name)


class MeasurementGroup(Device):
    """Counters that are measured together; what is disabled stays so until it is enabled, over restarts too.

    Attributes:
        baseline: what scans record at their start and end while this group is the active one.
    """

    def __init__(
        self,
        remote: Remote,
        tango_class: str,
        settings: DeviceSettings,
        counters: Callable[[], Sequence[Counter]],
        active: ActiveGroup,
        baseline: Sequence[Quantity] = (),
    ) -> None:
        """
        Args:
            remote: its device.
            tango_class: of that device.
            settings: what was enabled and disabled, against the YAML file.
            counters: all counters of the beamline.
            active: says and keeps which group is the active one.
            baseline: what scans record at start and end while it is active.
        """
        super().__init__(remote, tango_class)
        self._settings = settings
        self._all_counters = counters
        self._active = active
        self.baseline = list(baseline)

    def __info__(self) -> str:
        """All its counters and whether they are measured; the shell shows it when the object is typed."""
        contents = self.contents()
        rows = [(one, _told(one.part)) for one in contents.enabled] + [(one, "disabled") for one in contents.disabled]
        order = [one.name for one in self._members()[0]]
        rows.sort(key=lambda row: order.index(row[0].name))
        cells = [(one.name, one.card, one.unit, state or "enabled") for one, state in rows]
        cells += [(name, "", "", "the beamline has no such counter or device") for name in contents.missing]
        widths = [max(len(row[column]) for row in cells) for column in range(3)] if cells else []
        lines = [
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
            for row in cells
        ]
        head = f"{self.name}, the active measurement group" if self.is_active else f"{self.name}, a measurement group"
        recorded = [f"  {one.name}, from {one.attribute}" for one in self.baseline]
        recorded = ["at start and end of each scan", *recorded] if recorded else []
        return "\n".join([head, *(f"  {line}" for line in lines), *recorded])

    # -- what is measured

    @property
    def enabled(self) -> list[str]:
        """Names of the counters that are measured."""
        return [one.name for one in self.contents().enabled]

    @property
    def disabled(self) -> list[str]:
        """Names of its counters that are not measured."""
        return [one.name for one in self.contents().disabled]

    @property
    def available(self) -> list[str]:
        """Names of all its counters."""
        return [one.name for one in self._members()[0]]

    def contents(self) -> Contents:
        """Its counters as they are now, with what its chain says of them; one exchange with its device.

        Raises:
            CommunicationFailed, TimedOut: its device does not answer.
        """
        members, disabled, missing = self._members()
        off = [one for one in members if one.name in disabled]
        return Contents([one for one in members if one.name not in disabled], off, missing)

    def measured(self) -> list[Counter]:
        """The counters that a scan measures, with what its chain says of them.

        Raises:
            NotReady: none is enabled.
        """
        contents = self.contents()
        if not contents.enabled:
            names = ", ".join([one.name for one in contents.disabled] + contents.missing)
            why = f"{names} are disabled" if contents.disabled else f"the beamline has no {names}"
            raise NotReady(
                f"{self.name}: none of its counters is enabled ({why}); enable some, for example "
                f'{self.name}.enable("*"), or give the counters to measure'
            )
        return contents.enabled

    def enable(self, *patterns: Counter | Device | str) -> None:
        """Measure counters again: `enable("cam*")`, `enable(i0)`; without any, all of them.

        Raises:
            BadValue: a pattern fits none of its counters.
        """
        self._change(MeasurementGroupCommand.ENABLE, patterns or ("*",))

    def disable(self, *patterns: Counter | Device | str) -> None:
        """Measure counters no longer: `disable("diode*")`, `disable(ct1)`; without any, none of them.

        Raises:
            BadValue: a pattern fits none of its counters.
        """
        self._change(MeasurementGroupCommand.DISABLE, patterns or ("*",))

    # -- how it is measured

    @property
    def chain(self) -> dict[str, dict[str, Any]]:
        """What of it is measured otherwise than the rest of a scan, by counter or device, and how; see `set_chain`."""
        told = _parts(self.remote.read(MeasurementGroupAttribute.CHAIN))
        return {name: part.keywords for name, part in told.items()}

    def set_chain(
        self,
        what: Counter | Device | str,
        *,
        every: int = 1,
        time: float | None = None,
        trigger: Any = "",
        period: float | None = None,
        **settings: Any,
    ) -> None:
        """Measure some of it otherwise in all scans of this group, until it is set anew: set_chain(cam, every=10).

        Args:
            what: one of its counters, or a device with all its counters; alone, it is measured as the rest again.
            every, time, trigger, period, settings: as in `part(…)`.

        Raises:
            BadValue: it is not in this group, or a keyword means nothing.
        """
        name = what if isinstance(what, str) else what.name
        members = self._members()[0]
        known = dict.fromkeys(name for one in members for name in (one.name, one.card))
        if name not in known:
            raise BadValue(f"{self.name}: {name} is none of its counters and devices, which are {', '.join(known)}")
        part = checked(f"{self.name}.set_chain", every, time, trigger, period, settings)
        keys = {"time": part.time, "trigger": part.trigger, "period": part.period, "settings": dict(part.settings)}
        told = {key: value for key, value in keys.items() if value} | ({"every": part.every} if part.every > 1 else {})
        self.command(MeasurementGroupCommand.SET_CHAIN, json.dumps({"name": name, **told}))

    # -- which group is active

    @property
    def is_active(self) -> bool:
        """Whether scans without counters measure this group."""
        active = self._active.get()
        return active is not None and active.name == self.name

    def set_active(self) -> None:
        """Let scans without counters measure this group, in all sessions of the beamline.

        Raises:
            ServiceFailed: the Tango database does not answer.
        """
        self._active.choose(self.name)

    # -- the YAML file

    def diff(self) -> Changes:
        """What was set at run time and differs from the YAML file: the file's value and the present one, by key."""
        return self._settings.diff()

    def save(self) -> Changes:
        """Write what is disabled into the YAML file, comments kept; returns old and new values by key.

        Raises:
            ServiceFailed: the host agent does not answer.
            ConfigurationError: the file cannot be changed.
        """
        return self._settings.save()

    def revert(self) -> Changes:
        """Go by the YAML file again; returns old and new values by key.

        Raises:
            ServiceFailed: the host agent does not answer.
        """
        return self._settings.revert()

    # -- tools

    def _members(self) -> tuple[list[Counter], set[str], list[str]]:
        """Its counters, the names that are disabled, and names that the beamline does not have."""
        *lists, chain = self.remote.read_many(
            [MeasurementGroupAttribute.COUNTERS, MeasurementGroupAttribute.DISABLED, MeasurementGroupAttribute.CHAIN]
        )
        names, disabled = ([str(name) for name in value or ()] for value in lists)
        parts = _parts(chain)
        counters = self._all_counters()
        members: dict[str, Counter] = {}
        missing = []
        for name in names:
            found = [one for one in counters if name in (one.name, one.card)]
            members.update({one.name: replace(one, part=parts.get(one.name) or parts.get(one.card)) for one in found})
            if not found:
                missing.append(name)
        return list(members.values()), set(disabled), missing

    def _change(self, command: str, patterns: Sequence[Counter | Device | str]) -> None:
        members = self._members()[0]
        chosen: list[str] = []
        for each in patterns:
            pattern = each if isinstance(each, str) else each.name
            found = [
                one.name
                for one in members
                if any(fnmatch.fnmatchcase(text, pattern) for text in (one.name, one.card, f"{one.card}:{one.name}"))
            ]
            if not found:
                known = ", ".join(one.name for one in members) or "none"
                raise BadValue(f"{self.name}: {pattern!r} fits none of its counters, which are {known}")
            chosen += found
        self.command(command, list(dict.fromkeys(chosen)))


def _parts(text: str) -> dict[str, Part]:
    """What the device says of its chain, by counter or device."""
    told: Mapping[str, Mapping[str, Any]] = json.loads(text)
    return {
        name: Part(
            keys.get("every", 1),
            keys.get("time"),
            keys.get("trigger") or "",
            tuple(keys.get("settings", {}).items()),
            keys.get("period"),
        )
        for name, keys in told.items()
    }


def _told(part: Part | None) -> str:
    """How a counter is measured; empty if as the rest of a scan."""
    return "" if part is None else "enabled, " + ", ".join(f"{name}={value}" for name, value in part.keywords.items())
