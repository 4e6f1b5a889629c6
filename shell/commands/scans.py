"""`ronda scans`: the scans in memory, one of them, and what happens to them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console

from ronda.framework.clients.beamline import Beamline
from ronda.framework.host import control
from ronda.framework.nexus import words
from ronda.framework.scan.saving import SavedFile, saved_file
from ronda.framework.stream import Record, Scan, ScanGone, State
from ronda.shell.commands.connecting import connect
from ronda.shell.displays.scan_list import NOT_YET, SAVED_NOWHERE, ScanList, story

Which = Annotated[
    str | None, typer.Option("--beamline", "-b", help="Name or folder of the beamline; not needed if one is running")
]


def list_(
    which: Which = None,
    last: Annotated[int, typer.Option("--last", "-n", help="How many, the newest at the end", min=1)] = 20,
) -> None:
    """List the scans in memory: number, title, state, points, file."""
    scans = ScanList(Console(highlight=False))
    with connected(which) as beamline:
        records = beamline.stream.scans()[-last:]
        if not records:
            typer.echo("there are no scans in memory; those of earlier days are in their files")
            return
        scans.open()
        for record in records:
            _add(scans, beamline, record)


def show(
    scan: Annotated[str, typer.Argument(help="Its number, its id, or `last`")],
    which: Which = None,
) -> None:
    """Show all that is known of a scan."""
    with connected(which) as beamline:
        found = beamline.stream.scan(int(scan) if scan.isdecimal() else scan)
        record = found.record()
        console = Console()
        width = console.width if console.is_terminal else None
        typer.echo(story(record, found.description, _points(found, record), _file(beamline, found), width))


def follow(which: Which = None) -> None:
    """Follow the scans: a line for each that begins or ends."""
    scans = ScanList(Console(highlight=False))
    with connected(which) as beamline, contextlib.suppress(KeyboardInterrupt):
        stream = beamline.stream
        place = stream.place()
        scans.open()
        for record in stream.scans(state=State.LIVE):
            _add(scans, beamline, record)
        for news in stream.news(after=place):
            if news.state == State.RUNNING or news.state in State.ENDED:
                with contextlib.suppress(ScanGone):
                    _add(scans, beamline, stream.scan(news.identifier).record())


@contextlib.contextmanager
def connected(which: str | None) -> Iterator[Beamline]:
    """A running beamline, connected."""
    beamline = connect(control.select(which).status)
    try:
        yield beamline
    finally:
        beamline.close()


def _add(scans: ScanList, beamline: Beamline, record: Record) -> None:
    with contextlib.suppress(ScanGone):  # it has left memory meanwhile
        scan = beamline.stream.scan(record.identifier)
        nowhere = NOT_YET if words.CONSUMER in scan.description.consumers else SAVED_NOWHERE
        scans.add(record, _points(scan, record), scan.note(words.CONSUMER) or nowhere)


def _file(beamline: Beamline, scan: Scan) -> SavedFile:
    """The file of a scan as the stream has it; writers are asked only as long as it is not closed."""
    if words.CONSUMER not in scan.description.consumers:
        return SavedFile()
    path = scan.note(words.CONSUMER)
    if path and scan.state in State.ENDED and not any(one.consumer == words.CONSUMER for one in scan.behind()):
        return SavedFile(path, closed=True)
    told = saved_file(beamline, scan.identifier)
    return told._replace(path=told.path or path)


def _points(scan: Scan, record: Record) -> int:
    """How many points are complete: published by every device that measures."""
    lengths = [
        scan.extent(device.name).length
        for device in scan.description.devices
        if device.name not in words.AT_END and not device.derived
    ]
    return min(lengths, default=0) if record.points is None else min([*lengths, record.points])
