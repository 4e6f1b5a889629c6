"""`ronda archive snapshot`: what devices are set to, kept under names by the data logger of a running beamline."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from ronda.framework.clients.axis import Axis
from ronda.framework.host import control
from ronda.framework.snapshots.present import in_threads
from ronda.shell.commands.connecting import connect
from ronda.shell.verbs.snapshots import Snapshots

Which = Annotated[
    str | None, typer.Option("--beamline", "-b", help="Name or folder of the beamline; not needed if one is running")
]
Name = Annotated[str, typer.Argument(help="A plain word; `now`, or a time such as `yesterday 18:00`, where it is read")]
Devices = Annotated[
    list[str] | None, typer.Argument(help="Names of devices, or patterns: `oven*`; all without", show_default=False)
]


def save(
    name: Name,
    devices: Devices = None,
    note: Annotated[str, typer.Option("--note", "-n", help="What it is for")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Replace one of the same name")] = False,
    beamline: Which = None,
) -> None:
    """Keep what devices are set to now under a name.

    Without devices: all that the data logger follows.
    """
    _snapshots(beamline).save(name, *devices or [], note=note, replace=replace)


def list_(beamline: Which = None) -> None:
    """List the snapshots that are kept."""
    _snapshots(beamline).list()


def show(name: Name, devices: Devices = None, beamline: Which = None) -> None:
    """Show what a snapshot says, or what was archived of a time."""
    _snapshots(beamline).show(name, *devices or [])


def diff(
    old: Name,
    new: Annotated[str, typer.Argument(help="As above")] = "now",
    devices: Devices = None,
    beamline: Which = None,
) -> None:
    """Show what two snapshots have otherwise, or one and now."""
    _snapshots(beamline).diff(old, new, *devices or [])


def restore(
    name: Name,
    devices: Devices = None,
    positions: Annotated[
        bool, typer.Option("--positions", help="Also what sets something going: axes move, loops get their setpoints")
    ] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without, it is only shown")] = False,
    beamline: Which = None,
) -> None:
    """Show what going back to a snapshot would do; with --apply, do it."""
    _snapshots(beamline).restore(name, *devices or [], positions=positions, apply=apply)


def _snapshots(which: str | None) -> Snapshots:
    beamline = connect(control.select(which).status)
    return Snapshots(beamline, Console(highlight=False), _move, in_threads)


def _move(*moves: Axis | float) -> None:
    """One axis after the other, all checked before; one that is interrupted stops."""
    pairs = list(zip(moves[::2], moves[1::2], strict=True))
    for axis, target in pairs:
        axis.check([target])  # type: ignore[union-attr,list-item]
    for axis, target in pairs:
        axis.move(target)  # type: ignore[union-attr,arg-type]
