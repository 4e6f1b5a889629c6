"""`ronda archive`: questions to what the data loggers keep; no beamline need run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ronda.framework.archive import store
from ronda.framework.archive.hdbpp.store import open_store
from ronda.framework.archive.questions import Archive
from ronda.framework.archive.reading import stores_in
from ronda.framework.errors import NotFound
from ronda.framework.host import control
from ronda.framework.services.folders import DEFAULT_STATE
from ronda.shell.displays import archived
from ronda.shell.displays.changed import change_lines

VARIABLE = "RONDA_ARCHIVE"

Folder = Annotated[
    Path | None,
    typer.Option("--folder", "-f", envvar=VARIABLE, help="Folder of the archive; else that of the beamline"),
]
Which = Annotated[
    str | None, typer.Option("--beamline", "-b", help="Name or folder of the beamline; not needed if one is running")
]
Attributes = Annotated[list[str], typer.Argument(help="Names of attributes, or their ends: `oven/temperature`")]
Since = Annotated[str, typer.Option("--since", "-s", help="From when: `2 h`, `yesterday 18:00`, `2026-11-26 08:30`")]
Until = Annotated[str, typer.Option("--until", "-u", help="Until when; as above")]


def history(
    attributes: Attributes,
    since: Since = "1 h",
    until: Until = "now",
    points: Annotated[int, typer.Option("--points", "-n", help="The most that are shown of each", min=2)] = 40,
    plot: Annotated[bool, typer.Option("--plot", "-p", help="Draw a curve instead of a table")] = False,
    step: Annotated[str | None, typer.Option(help="All in one table, at each step of time: `1 min`")] = None,
    folder: Folder = None,
    beamline: Which = None,
) -> None:
    """Show how attributes went, as a table or as a plot of characters."""
    console = Console(highlight=False)
    with Archive(find(folder, beamline)) as archive:
        if step is not None:
            archived.aligned_table(console, archive.aligned(attributes, since, until, step))
            return
        for attribute in attributes:
            if plot:
                width, height = console.width, max(10, console.height // 2 if console.is_terminal else 16)
                found = archive.history(attribute, since, until, max(points, 4 * width))
                console.out(archived.history_plot(found, width, height, plain=console.options.ascii_only))
            else:
                archived.history_table(console, archive.history(attribute, since, until, points))


def at(
    time: Annotated[str, typer.Argument(help="`yesterday 18:00`, `2 h` (ago), `2026-11-26 08:30`")],
    attributes: Attributes,
    folder: Folder = None,
    beamline: Which = None,
) -> None:
    """Show the values that attributes had at a time, or why they had none.

    The name of a device stands for all of its attributes.
    """
    console = Console(highlight=False)
    with Archive(find(folder, beamline)) as archive:
        names = [name for attribute in attributes for name in _of_device(archive, attribute)]
        archived.value_table(console, archive.value_at(names, time))


def changed(
    since: Annotated[str, typer.Argument(help="`yesterday 18:00`, `2 h` (ago), `2026-11-26 08:30`")],
    until: Annotated[str, typer.Argument(help="As above")] = "now",
    pattern: Annotated[str, typer.Option(help="Of these attributes only: `demo/motor/*`")] = "*",
    folder: Folder = None,
    beamline: Which = None,
) -> None:
    """Show what differs between two times: settings first, with who."""
    with Archive(find(folder, beamline)) as archive:
        found = archive.whatchanged(since, until, pattern)
        start, _ = archive.between(since, until)
        ways = {(one.attribute, one.what): one.command() for one in found}
        change_lines(
            Console(highlight=False),
            [asdict(one) for one in found],
            lambda one: ways.get((one["attribute"], one["what"]), ""),
            archive.begins(),
            start,
        )


def search(
    pattern: Annotated[str, typer.Argument(help="Part of the name, or a pattern with `*` and `?`")] = "*",
    folder: Folder = None,
    beamline: Which = None,
) -> None:
    """List the attributes that are archived, with their last values."""
    with Archive(find(folder, beamline)) as archive:
        names = archive.search(pattern)
        if not names:
            raise NotFound(f"no attribute whose name fits {pattern!r} is archived in {archive.folder}")
        archived.value_table(Console(highlight=False), archive.value_at(names, "now"))


def export(
    file: Annotated[Path, typer.Argument(help="To be written: its ending says what: .csv, .parquet, .nxs, .h5")],
    attributes: Attributes,
    since: Since = "1 d",
    until: Until = "now",
    folder: Folder = None,
    beamline: Which = None,
) -> None:
    """Write what is archived into a CSV, Parquet or NeXus file."""
    with Archive(find(folder, beamline)) as archive:
        typer.echo(f"{file}: {archive.export(attributes, file, since, until)} events")


def check(
    repair: Annotated[bool, typer.Option("--repair", help="Put right what can be; nothing is deleted")] = False,
    folder: Folder = None,
    beamline: Which = None,
) -> None:
    """Check the archive's files, and put right what can be.

    Its loggers must be stopped.
    """
    wrong = False
    for one in _stores(find(folder, beamline), files=True):
        faults = store.check_store(one, repair=repair)
        for fault in faults:
            typer.echo(f"REPAIRED: {fault.what}: {fault.repaired}" if fault.repaired else f"WRONG: {fault.what}")
            wrong = wrong or not fault.repaired
        if not faults:
            typer.echo(f"{one}: all is well")
    if wrong:
        raise typer.Exit(1)


def compact(folder: Folder = None, beamline: Which = None) -> None:
    """Bring the buffer of an idle archive into Parquet files, or into its database.

    A logger that runs does this by itself.
    """
    for one in _stores(find(folder, beamline)):
        with open_store(one) as opened:
            done = opened.compact()
        typer.echo(f"{one}: {done.rows} events compacted, {done.merged} files merged, {done.rolled} roll-ups made")


def find(folder: Path | None, which: str | None) -> Path:
    """The folder of the archive that is meant.

    Args:
        folder: as the user said it; None if not.
        which: name of a running beamline, or a beamline's folder of YAML files; None for the only one that runs.

    Raises:
        NotFound: there is none.
    """
    if folder is not None:
        return folder
    if which is not None and Path(which).is_dir():
        state = Path(which) / DEFAULT_STATE
        found = [path for path in (*sorted(state.glob("*/archive")), Path(which)) if stores_in(path, files=True)]
        if len(found) > 1 and found[-1] == Path(which):
            found.pop()
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            raise NotFound(f"several hosts of {which} have archives; say which one: {' or '.join(map(str, found))}")
    return control.select(which).state / "archive"


def _stores(folder: Path, *, files: bool = False) -> list[Path]:
    found = stores_in(folder, files=files)
    if not found:
        raise NotFound(f"there is no archive in {folder}: no data logger wrote there yet, or it is another folder")
    return found


def _of_device(archive: Archive, name: str) -> list[str]:
    """A name, or if a device has it, the names of all of its attributes."""
    wanted = name.lower().strip("/")
    if wanted in archive.search("*"):
        return [wanted]
    inside = [one for one in archive.search("*") if f"/{one}".rpartition("/")[0].endswith(f"/{wanted}")]
    return inside or [name]
