"""`ronda logs`: what a server wrote."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ronda.framework.errors import NotFound
from ronda.framework.host import control
from ronda.framework.host.logs import last_lines
from ronda.shell.commands.lifecycle import Which


def logs(
    server: Annotated[str, typer.Argument(help="Name of a server or service, or `agent`")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it writes, until Ctrl-C")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=10000, help="How many of the last lines")] = 40,
    beamline: Which = None,
) -> None:
    """Show the last lines that a server wrote."""
    running = control.select(beamline)
    here = [process.name for process in running.status.processes]
    file = running.state / "logs" / f"{server}.log"
    if server not in here and server != "keeper":
        status = control.agent_of(running, server)
        for line in control.ask_agent(status, "ReadLog", [server, str(lines)]):
            typer.echo(line)
        if follow:
            raise NotFound(f"{server} runs on host {status.host}; follow its log there")
        return
    for line in last_lines(file, lines):
        typer.echo(line)
    if follow:
        try:
            _follow(file)
        except KeyboardInterrupt:
            return


def _follow(file: Path) -> None:
    position = file.stat().st_size
    while True:
        size = file.stat().st_size
        position = 0 if size < position else position  # it was emptied, see framework.host.logs
        if size > position:
            with file.open("rb") as log:
                log.seek(position)
                chunk = log.read()
            whole = chunk[: chunk.rfind(b"\n") + 1]
            typer.echo(whole.decode(errors="replace"), nl=False)
            position += len(whole)
        time.sleep(0.2)
