"""`ronda write` and `ronda check`: the file of a scan, made again from memory or compared with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.device import Device
from ronda.framework.errors import NotReady, ServiceFailed
from ronda.framework.host import control
from ronda.framework.nexus.check import Comparison
from ronda.framework.nexus.check import check as compare
from ronda.framework.scan.saving import WRITER_CLASS, wait_until_closed
from ronda.framework.tango.names import WriterCommand
from ronda.shell.commands.connecting import connect

Which = Annotated[
    str | None, typer.Option("--beamline", "-b", help="Name or folder of the beamline; not needed if one is running")
]


def write(
    scan: Annotated[str, typer.Argument(help="Its number, its id, or `last`")],
    beamline: Which = None,
    timeout: Annotated[float, typer.Option(help="Longest wait until the file is closed, in s", min=0)] = 60.0,
) -> None:
    """Make the file of a scan again from memory."""
    running = connect(control.select(beamline).status)
    try:
        writer = _writer(running)
        identifier = running.stream.scan(int(scan) if scan.isdecimal() else scan).identifier
        path = writer.command(WriterCommand.REWRITE, identifier)
        found = wait_until_closed(running, identifier, timeout)
        if not found.closed:
            raise ServiceFailed(f"{path}: was not closed within {timeout:g} s: {found.error or 'it is being written'}")
        typer.echo(found.path)
    finally:
        running.close()


def check(
    file: Annotated[Path, typer.Argument(help="The file of a scan")],
    beamline: Which = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Look at the file and its checksum only; no beamline need run")
    ] = False,
) -> None:
    """Compare the file of a scan with the stream, point by point, and with its checksum."""
    if alone:
        _tell(compare(file, None))
        return
    running = connect(control.select(beamline).status)
    try:
        _tell(compare(file, running.stream))
    finally:
        running.close()


def _writer(running: Beamline) -> Device:
    """The first writer of the beamline."""
    writers = running.devices(WRITER_CLASS)
    if not writers:
        raise NotReady(f"the beamline {running.name} has no writer; add a device with `kind: writer`")
    return writers[0]


def _tell(found: Comparison) -> None:
    """Print what a check found; exit with 1 if something is wrong."""
    state = "closed" if found.closed else "being written"
    noted = {True: ", its checksum is right", False: "", None: ", no checksum noted"}[found.intact]
    typer.echo(f"{found.file}: scan {found.identifier}, {state}{noted}")
    if not found.in_memory:
        typer.echo("memory does not have this scan: nothing to compare with")
    for device, (first, stop) in found.compared.items():
        points = f"points {first} to {stop - 1} compared" if stop > first else "no points to compare"
        typer.echo(f"{device}: {points}")
    for fault in found.faults:
        typer.echo(f"WRONG: {fault}")
    if found.faults:
        raise typer.Exit(1)
    if found.compared:
        typer.echo("all as in memory")
