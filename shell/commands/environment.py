"""`ronda env`: the environment variables by which any other client finds a running beamline."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from ronda.framework.host import control


def env(which: Annotated[str | None, typer.Argument(metavar="[BEAMLINE]", help="Its name or folder")] = None) -> None:
    """Print the exports for other clients: `eval "$(ronda env)"`."""
    for name, value in control.exports(control.select(which).status).items():
        # a password is given as the name of the variable that holds it: it is never printed
        quoted = f'"{value}"' if value.startswith("$") else shlex.quote(value)
        typer.echo(f"export {name}={quoted}")
