"""`ronda config check | schema | reference`: the YAML files, without the running system."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ronda.framework.config.load import load_beamline
from ronda.framework.config.problems import ConfigurationErrors
from ronda.framework.config.reference import reference_text
from ronda.framework.config.schema import schema_text
from ronda.framework.errors import NotAllowed

Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write; standard output if absent.", show_default=False)
]


def check(
    folder: Annotated[Path, typer.Argument(help="Folder of the YAML files.", metavar="DIR", show_default=False)],
) -> None:
    """Check the YAML files and print every problem at once."""
    try:
        beamline = load_beamline(folder, os.environ)
    except ConfigurationErrors as errors:
        print(errors)
        raise typer.Exit(1) from errors
    devices = sum(len(server.devices) for server in beamline.servers.values())
    print(f"{beamline.name}: {_number(devices, 'device')} in {_number(len(beamline.servers), 'server')}, all right")


def schema(output: Output = None) -> None:
    """Write the JSON schema by which editors complete and check the files."""
    _write(schema_text(), output)


def reference(output: Output = None) -> None:
    """Write the reference of all keys of the files, as Markdown."""
    _write(reference_text(), output)


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NotAllowed(f"{output} cannot be written: {(error.strerror or str(error)).lower()}") from error
