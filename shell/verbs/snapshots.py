"""Keeping what devices are set to under names, and going back to it: `snapshot.save("evening")`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.data_logger import ask_first, loggers
from ronda.framework.clients.device import Device
from ronda.framework.clients.locking import who_we_are
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import BadValue, NotAllowed, NotFound
from ronda.framework.snapshots.plan import Step, plan
from ronda.framework.snapshots.present import Each
from ronda.framework.snapshots.record import Snapshot
from ronda.framework.snapshots.restoring import Restoring
from ronda.shell.displays import snapshots as displays

Which = str | Axis | Device
"""A device, or a name or pattern of devices."""


class Snapshots:
    """What devices are set to, kept by the data logger under plain words: save, list, show, diff, restore.

    Devices are objects, names, or patterns such as "oven*"; without any, `save` takes all that the logger follows. In
    the place of a snapshot's name may stand "now", or a time such as "yesterday 18:00" for what is archived of it.

    Args:
        beamline: whose.
        console: where they print.
        move: moves axes to targets, as `mv` does.
        each: asks devices at the same time.
    """

    def __init__(
        self, beamline: Beamline, console: Console, move: Callable[..., None], each: Each | None = None
    ) -> None:
        self._beamline = beamline
        self._console = console
        self._move = move
        self._each = each

    def __repr__(self) -> str:
        return "<snapshots: save(name, …), list(), show(name), diff(old, new), restore(name)>"

    def __info__(self) -> str:
        """What can be done; the shell shows it when `snapshot` is typed."""
        return (
            'snapshot.save("evening")            keep what devices are set to; save("evening", samx, "oven*")\n'
            "snapshot.list()                     which there are\n"
            'snapshot.show("evening")            what it says; show("yesterday 18:00")\n'
            'snapshot.diff("evening")            what is otherwise now; diff("evening", "morning")\n'
            'snapshot.restore("evening")         what going back would do; nothing is changed\n'
            'snapshot.restore("evening", apply=True, positions=True)'
        )

    def save(self, name: str, *devices: Which, note: str = "", replace: bool = False) -> None:
        """Keep what devices are set to now.

        Args:
            name: a plain word.
            devices: which; without any all that the data logger follows.
            note: what for.
            replace: whether one of this name may be replaced.
        """
        logger = loggers(self._beamline)[0]
        told = logger.save_snapshot(name, _names(devices), note, who_we_are(), replace=replace)
        many = [f"{told[f'{what}s']} {what}{'' if told[f'{what}s'] == 1 else 's'}" for what in ("setting", "device")]
        self._say(f"{name}: {' of '.join(many)}")
        for device, reason in told["missing"].items():
            self._say(f"{device} is not in it: {reason}")

    def list(self) -> None:
        """Show which snapshots are kept."""
        displays.list_table(self._console, [one for logger in loggers(self._beamline) for one in logger.snapshots()])

    def show(self, name: str, *devices: Which) -> None:
        """Show what a snapshot says, or what is archived of a time."""
        displays.snapshot_table(self._console, self._find(name, devices))

    def diff(self, old: str, new: str = "now", *devices: Which) -> None:
        """Show what two snapshots have otherwise, or one and now."""
        found = ask_first(self._beamline, lambda logger: logger.compare_snapshots(old, new, _names(devices)))
        displays.difference_table(self._console, found, old, new)

    def restore(self, name: str, *devices: Which, positions: bool = False, apply: bool = False) -> None:
        """Show what going back to a snapshot would do; with apply=True do it, and show what became of it.

        Args:
            name: of the snapshot, or a time.
            devices: which of its devices; without any all.
            positions: whether what sets something going is restored too: axes move, loops get their setpoints.
            apply: whether it is done.
        """
        if name == "now":
            raise BadValue("restore: what is now need not be restored")
        snapshot = self._find(name, devices)
        each = self._each or self._beamline.each
        if not apply:
            displays.plan_table(self._console, plan(snapshot, self._remote, positions=positions, each=each))
            return
        if self._beamline.dry:
            raise NotAllowed(f"restore: nothing is changed: {self._beamline.dry}")
        restoring = Restoring(snapshot, self._remote, positions=positions, move=self._go, each=each)
        try:
            restoring.run()
        finally:
            displays.outcome_table(self._console, restoring.outcomes)

    def _find(self, name: str, devices: Sequence[Which]) -> Snapshot:
        return ask_first(self._beamline, lambda logger: logger.snapshot(name, _names(devices)))

    def _remote(self, device: str) -> Remote:
        return self._beamline.remote(self._called(device), device)

    def _called(self, device: str) -> str:
        for one in self._beamline.objects.values():
            if isinstance(one, Axis | Device) and one.remote.device.lower() == device:
                return one.name
        return device

    def _go(self, steps: Sequence[Step]) -> None:
        axes = {axis.remote.device.lower(): axis for axis in self._beamline.axes()}
        moves: Any = []
        for step in steps:
            if step.device not in axes:
                raise NotFound(f"{step.alias}: is no axis of the beamline {self._beamline.name}; move it by hand")
            moves += [axes[step.device], float(step.value)]
        self._move(*moves)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _names(devices: Sequence[Which]) -> list[str]:
    return [one.remote.device if isinstance(one, Axis | Device) else _name(one) for one in devices]


def _name(given: object) -> str:
    if not isinstance(given, str):
        raise BadValue(f'snapshot: {given!r} is no device; give samx, "oven" or a pattern such as "oven*"')
    return given
