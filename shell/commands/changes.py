"""`ronda config plan | apply | save | revert`: bringing the files and the running system together."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ronda.framework.errors import NotFound, ServiceFailed
from ronda.framework.host import control
from ronda.shell.commands.lifecycle import Which

if TYPE_CHECKING:
    from ronda.framework.host.layout import Layout
    from ronda.framework.host.plan import Plan
    from ronda.framework.host.registration import Registry

Folder = Annotated[
    Path | None,
    typer.Argument(help="Folder of the YAML files; that of the running beamline if absent", metavar="[DIR]"),
]


def plan(folder: Folder = None) -> None:
    """Show what would change in the running system, and which run-time values win over the files."""
    running, layout = _layout(folder)
    made = _plan(running, layout)
    console = Console(highlight=False, soft_wrap=True)
    show(console, made)
    if made.empty:
        console.print(f"beamline {layout.beamline.name} runs as configured", markup=False)
    else:
        console.print("`ronda config apply` makes these changes")


def apply(
    folder: Folder = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Restart what must, without asking")] = False,
    no_restart: Annotated[bool, typer.Option("--no-restart", help="Restart nothing, without asking")] = False,
) -> None:
    """Set live properties at once, start and stop servers as configured, and restart those that must, if you agree."""
    running, layout = _layout(folder)
    made = _plan(running, layout)
    console = Console(highlight=False, soft_wrap=True)
    show(console, made)
    if made.down_needed:
        raise ServiceFailed("nothing was applied: these changes need `ronda down` and then `ronda up`")
    if made.empty:
        control.copy_configuration(layout.beamline, layout.folders.applied)
        console.print(f"beamline {layout.beamline.name} runs as configured", markup=False)
        return
    restart = []
    if made.restart and not no_restart:
        names = ", ".join(made.restart)
        if yes or typer.confirm(f"Restart {names} now?", default=False):
            restart = list(made.restart)
    control.copy_configuration(layout.beamline, layout.folders.proposed)
    problems = control.ask_agent(running.status, "Apply", restart, timeout=120.0)
    for problem in problems:
        console.print(problem, markup=False)
    waiting = [name for name in made.restart if name not in restart]
    if waiting:
        console.print(f"still to restart, running as before until then: {', '.join(waiting)}", markup=False)
    if problems:
        raise typer.Exit(1)
    console.print("applied; see `ronda status`")


def show(console: Console, made: Plan) -> None:
    """Print a plan."""
    for name, count in made.start.items():
        console.print(f"start    {name}" + (f" ({count} devices)" if count else ""), markup=False)
    for name in made.stop:
        console.print(f"stop     {name}", markup=False)
    for name, reasons in made.restart.items():
        console.print(f"restart  {name}", markup=False)
        for reason in reasons:
            console.print(f"           {reason}", markup=False)
    for change in made.live:
        console.print(f"set      {change}", markup=False)
    for kept in made.kept:
        console.print(f"keep     {kept}, set at run time: stays until saved or reverted", markup=False)
    for note in made.notes:
        console.print(f"note     {note}", markup=False)


Device = Annotated[str, typer.Argument(help="Name of the device in YAML")]


def save(device: Device, beamline: Which = None) -> None:
    """Write what was set at run time on a device into its YAML file, comments kept."""
    changes = _settings(device, beamline, "SaveSettings")
    for key, (old, new) in changes.items():
        typer.echo(f"{device}.{key}: {old!r} → {new!r} in the file")
    if not changes:
        typer.echo(f"{device} runs by its file, there is nothing to save")


def revert(device: Device, beamline: Which = None) -> None:
    """Forget what was set at run time on a device; it goes by its YAML file again."""
    changes = _settings(device, beamline, "RevertSettings")
    for key, (old, new) in changes.items():
        typer.echo(f"{device}.{key}: {old!r} → {new!r}, as in the file")
    if not changes:
        typer.echo(f"{device} runs by its file, there is nothing to revert")


def _settings(device: str, beamline: str | None, command: str) -> Mapping[str, tuple[Any, Any]]:
    """Let the agent of the host that runs a device do something about its settings: it has the files."""
    running = control.select(beamline)
    found = [one for one in _registry(running).read().values() if (one.alias or "").lower() == device.lower()]
    if not found:
        raise NotFound(f"beamline {running.status.beamline} has no device {device!r}; see `ronda config check`")
    host = control.agent_of(running, found[0].server.rpartition("-")[2])
    changes: Mapping[str, tuple[Any, Any]] = json.loads(control.ask_agent(host, command, device, timeout=30.0))
    return changes


def _layout(folder: Path | None) -> tuple[control.Running, Layout]:
    from ronda.framework.config.load import load_beamline
    from ronda.framework.host.layout import make_layout

    if folder is not None and not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the folder of the beamline's YAML files")
    running = control.select(str(folder) if folder is not None else None)
    beamline = load_beamline(folder or Path(running.status.config), os.environ)
    return running, make_layout(beamline, running.status.host)


def _plan(running: control.Running, layout: Layout) -> Plan:
    from ronda.framework.config.load import load_beamline
    from ronda.framework.host.plan import make_plan

    registered = _registry(running).read()
    applied = layout.beamline
    if control.configuration_differs(layout.beamline, layout.folders.applied):
        applied = load_beamline(layout.folders.applied, os.environ)
    return make_plan(layout, registered, applied)


def _registry(running: control.Running) -> Registry:
    import tango

    from ronda.framework.host.registration import Registry

    try:
        return Registry(running.status.tango_host, running.status.beamline)
    except tango.DevFailed as error:
        raise ServiceFailed(
            f"the Tango database at {running.status.tango_host} does not answer; see `ronda status`"
        ) from error
