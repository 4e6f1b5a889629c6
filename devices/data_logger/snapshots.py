"""Snapshots as clients ask for them over Tango: taken, listed, shown, compared, and restored, the plan first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import tango
from pydantic import BaseModel, Field

from ronda.devices.data_logger.asked import asked, said
from ronda.devices.data_logger.rules import Known, chosen
from ronda.framework.archive.questions import Archive
from ronda.framework.archive.record import device_of
from ronda.framework.clients.remote import Remote
from ronda.framework.config.parameters import Parameters
from ronda.framework.errors import NotFound
from ronda.framework.snapshots.kept import KeptSnapshots
from ronda.framework.snapshots.past import archived
from ronda.framework.snapshots.plan import plan
from ronda.framework.snapshots.present import present
from ronda.framework.snapshots.record import Snapshot, as_json, differences, is_time, plain_name
from ronda.framework.snapshots.restoring import Restoring

PATTERNS = 1000
"""Names or patterns of devices in a question at most."""

NOW = "now"

M = TypeVar("M", bound=BaseModel)

Devices = list[str]


class _Save(Parameters):
    name: str
    devices: Devices = Field(default_factory=list, max_length=PATTERNS)
    note: str = Field("", max_length=10_000)
    who: str = Field("", max_length=1000)
    replace: bool = False


class _List(Parameters):
    pass


class _One(Parameters):
    name: str
    devices: Devices = Field(default_factory=list, max_length=PATTERNS)


class _Two(Parameters):
    old: str
    new: str = NOW
    devices: Devices = Field(default_factory=list, max_length=PATTERNS)


class _Restore(Parameters):
    name: str
    devices: Devices = Field(default_factory=list, max_length=PATTERNS)
    positions: bool = False
    apply: bool = False


class SnapshotAnswers:
    """Answers what clients ask of snapshots; any thread."""

    def __init__(
        self, name: str, folder: Path, known: Callable[[], Sequence[Known]], followed: Callable[[], Sequence[Known]]
    ) -> None:
        """Nothing is opened yet.

        Args:
            name: of the logger, for messages.
            folder: of its archive.
            known: which devices the Tango database knows.
            followed: those that the logger follows, which are meant where none are said.
        """
        self._name = name
        self._folder = folder
        self._known = known
        self._followed = followed
        self._kept = KeptSnapshots(folder)

    def save(self, question: str, who: str) -> str:
        """Take a snapshot and keep it.

        Args:
            question: JSON.
            who: asks, where the question does not say it.

        Raises:
            RondaError: the question makes no sense, or the snapshot cannot be kept.
        """
        wanted = self._asked(_Save, "SaveSnapshot", question)
        plain_name(wanted.name)
        devices = {one.name: one.alias or one.name for one in self._devices(wanted.devices)}
        if not devices:
            raise NotFound(f"{self._name}: follows no devices yet; say which ones the snapshot shall have")
        taken = present(devices, _remote, wanted.name, wanted.who or who, wanted.note)
        if not taken.devices:
            reasons = "; ".join(f"{device}: {why}" for device, why in list(taken.missing.items())[:3])
            raise NotFound(
                f"{self._name}: the snapshot {wanted.name} would be empty: {reasons or 'nothing can be set'}"
            )
        self._kept.save(taken, replace=wanted.replace)
        return self._said("SaveSnapshot", _summary(taken))

    def list(self, question: str) -> str:
        """Which snapshots are kept; one that cannot be read says so."""
        self._asked(_List, "Snapshots", question)
        found = []
        for name in self._kept.names():
            try:
                found.append(_summary(self._kept.load(name)))
            except Exception as error:  # noqa: BLE001 - a file that somebody spoilt must not hide the others
                found.append({"name": name, "error": str(error)})
        return self._said("Snapshots", found)

    def show(self, question: str) -> str:
        """A snapshot by name, or what was at a time."""
        wanted = self._asked(_One, "Snapshot", question)
        return self._said("Snapshot", as_json(self._find(wanted.name, wanted.devices)))

    def compare(self, question: str) -> str:
        """What two snapshots have otherwise."""
        wanted = self._asked(_Two, "CompareSnapshots", question)
        old = self._find(wanted.old, wanted.devices)
        new = self._find(wanted.new, wanted.devices or list(old.devices))
        return self._said("CompareSnapshots", [asdict(one) for one in differences(old, new)])

    def restore(self, question: str) -> str:
        """What restoring a snapshot would do; or what became of it. Axes are not moved from here."""
        wanted = self._asked(_Restore, "RestoreSnapshot", question)
        snapshot = self._find(wanted.name, wanted.devices)
        if wanted.apply:
            outcomes = Restoring(snapshot, _remote, positions=wanted.positions).run()
            steps = [{**_step(one.step), "done": one.done, "reason": one.reason} for one in outcomes]
            return self._said("RestoreSnapshot", {"steps": steps, "missing": snapshot.missing})
        found = plan(snapshot, _remote, positions=wanted.positions)
        answer = {"steps": [_step(one) for one in found.steps], "same": found.same, "missing": found.missing}
        return self._said("RestoreSnapshot", answer)

    def _find(self, name: str, devices: Sequence[str]) -> Snapshot:
        """A snapshot by name, of now, or of a time; of some of its devices if these are said."""
        if name == NOW:
            return present({one.name: one.alias or one.name for one in self._devices(devices)}, _remote)
        if is_time(name):
            with Archive(self._folder) as archive:
                there = list(dict.fromkeys(map(device_of, archive.search("*"))))
                aliases = {one.name: one.alias or one.name for one in self._known()}
                gone = [Known(one, "", "", "") for one in there if one not in aliases]
                wanted = (
                    self._devices(devices, [*self._known(), *gone])
                    if devices
                    else [Known(one, "", "", "") for one in there]
                )
                return archived(archive, name, [one.name for one in wanted], aliases)
        return part_of(self._kept.load(name), devices)

    def _devices(self, patterns: Sequence[str], among: Sequence[Known] | None = None) -> Sequence[Known]:
        """The devices that are meant.

        Raises:
            NotFound: a pattern fits none.
        """
        if not patterns:
            return self._followed()
        return chosen(self._known() if among is None else among, patterns)

    def _asked(self, model: type[M], command: str, question: str) -> M:
        return asked(model, self._name, command, question)

    def _said(self, command: str, answer: Any) -> str:
        return said(self._name, command, answer)


def part_of(snapshot: Snapshot, patterns: Sequence[str]) -> Snapshot:
    """A snapshot with some of its devices only; all without patterns.

    Raises:
        NotFound: a pattern fits none.
    """
    if not patterns:
        return snapshot
    names = {**dict.fromkeys(snapshot.missing, ""), **{one.name: one.alias for one in snapshot.devices.values()}}
    meant = {one.name for one in chosen([Known(name, alias, "", "") for name, alias in names.items()], patterns)}
    return Snapshot(
        snapshot.name,
        snapshot.time,
        {name: one for name, one in snapshot.devices.items() if name in meant},
        snapshot.who,
        snapshot.note,
        {name: why for name, why in snapshot.missing.items() if name in meant},
        snapshot.archived,
    )


def _remote(device: str) -> Remote:
    return Remote(device, device, tango.DeviceProxy)


def _summary(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "name": snapshot.name,
        "time": snapshot.time,
        "who": snapshot.who,
        "note": snapshot.note,
        "devices": len(snapshot.devices),
        "settings": snapshot.count,
        "missing": snapshot.missing,
    }


def _step(one: Any) -> dict[str, Any]:
    return {key: value for key, value in asdict(one).items() if key not in ("value", "axis")}
