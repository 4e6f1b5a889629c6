"""`ronda view`: the live view of a running beamline, a web page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ronda.framework.host import control
from ronda.framework.host.names import VIEW
from ronda.shell.commands.connecting import connect

if TYPE_CHECKING:
    from ronda.shell.view.access import Access
    from ronda.shell.view.serving import Place

LOCAL = "127.0.0.1"
"""Interface that this machine alone reaches."""


def view(
    which: Annotated[
        str | None, typer.Argument(metavar="[BEAMLINE]", help="A beamline, by name or folder of YAML files")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="TCP port; chosen once for a beamline and kept", min=0, max=65535)
    ] = None,
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDRESS", help="Network interface; this machine alone without")
    ] = LOCAL,
    name: Annotated[
        list[str] | None, typer.Option("--name", metavar="HOST", help="A further name under which it is reached")
    ] = None,
    certificate: Annotated[Path | None, typer.Option("--certificate", help="Certificate for TLS, PEM")] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Its private key, PEM")] = None,
) -> None:
    """Show where the live view of a running beamline is; serve it until Ctrl-C if the beamline does not."""
    from ronda.framework.services.folders import Folders
    from ronda.framework.services.ports import Neighbours, Ports
    from ronda.shell.view.addresses import addresses
    from ronda.shell.view.priority import give_way
    from ronda.shell.view.serving import Place, serve

    running = control.select(which)
    served = addresses(running.status, running.state)
    if served is not None and port is None and listen == LOCAL:
        typer.echo(f"to look:    {served.look}")
        typer.echo(f"to operate: {served.operate or 'type `ronda view` on the host that serves it'}")
        return
    if port is None:
        folders = Folders(Path(running.status.config), running.state, running.state)
        port = Ports(folders.ports, listen, neighbours=Neighbours(folders.neighbours)).port(VIEW)
    give_way()
    beamline = connect(running.status)
    try:
        serve(
            beamline,
            Path(running.status.config),
            running.state,
            Place(listen, port, tuple(name or ()), certificate, key),
            _tell,
        )
    finally:
        beamline.close()


def _tell(place: Place, access: Access) -> None:
    from ronda.shell.view.access import Role

    typer.echo(f"to look:    {place.url('' if place.open_to_look else access.tokens[Role.VIEWER])}")
    typer.echo(f"to operate: {place.url(access.tokens[Role.OPERATOR])}")
    if not place.local and place.certificate is None:
        typer.echo("without TLS: everybody on the way can read what is shown, and the token", err=True)
    typer.echo("Ctrl-C ends the page, and nothing else")
