"""`ronda up` and `ronda down`, and starting, stopping or restarting one server of a running beamline."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import psutil
import typer
from rich.console import Console

from ronda.framework.host import control
from ronda.framework.host.names import TANGO_DATABASE
from ronda.framework.host.status import HostStatus

Folder = Annotated[Path, typer.Argument(help="Folder of the beamline's YAML files", show_default=False)]
Which = Annotated[
    str | None, typer.Option("--beamline", "-b", help="Name or folder of the beamline; not needed if one is running")
]


def up(
    folder: Folder,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when everything runs")] = False,
    host: Annotated[str | None, typer.Option(help="Which host of the beamline this machine is")] = None,
) -> None:
    """Bring up a beamline: its services, simulators and device servers on this host."""
    from ronda.framework.config.load import load_beamline
    from ronda.framework.host.layout import choose_host, make_layout

    console = Console(highlight=False, soft_wrap=True)
    beamline = load_beamline(folder, os.environ)
    layout = make_layout(beamline, choose_host(beamline, host, machine_names()))
    state = layout.folders.state
    ended = threading.Event()

    def end(number: int, _: FrameType | None) -> None:
        if not ended.is_set():
            ended.set()
            console.print(f"\nstopping ({signal.Signals(number).name}) …")
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    try:
        status = control.bring_up(layout, lambda line: console.print(f"  {line}", markup=False))
        devices = sum(len(layout.wanted(server)) for server in layout.servers())
        servers = len(layout.servers())
        console.print(f"beamline {beamline.name} is up: {devices} devices in {servers} servers", markup=False)
        if control.configuration_differs(beamline, layout.folders.applied):
            console.print("the YAML files changed since they were applied: see `ronda config plan`", markup=False)
        tell_of_view(status, state, console)
        if detach:
            return
        console.print(f"TANGO_HOST={status.tango_host}; Ctrl-C stops everything", markup=False)
        control.follow(state, lambda line: console.print(line, markup=False))
        console.print("the agent ended")
    except KeyboardInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        control.take_down(state, lambda line: console.print(f"  {line}", markup=False))
        console.print(f"beamline {beamline.name} is down", markup=False)


def tell_of_view(status: HostStatus, state: Path, console: Console) -> None:
    """Say where the live view is, if there is one."""
    from ronda.shell.view.addresses import addresses

    served = addresses(status, state)
    if served is not None:
        console.print(f"live view at {served.look}; `ronda view` shows the address to operate", markup=False)


def down(which: Annotated[str | None, typer.Argument(metavar="[BEAMLINE]", help="Its name or folder")] = None) -> None:
    """Stop every process of a beamline on this host: servers first, the Tango database last."""
    console = Console(highlight=False, soft_wrap=True)
    beamline = control.select(which)
    # the host with the Tango database goes last: the others tell it that their devices are gone
    for host in sorted(control.on_this_machine(beamline), key=lambda host: TANGO_DATABASE in host.processes):
        control.take_down(host.state, lambda line: console.print(f"  {line}", markup=False))
    console.print(f"beamline {beamline.status.beamline} is down", markup=False)


def restart(
    server: Annotated[str, typer.Argument(help="Name of a server or service, see `ronda status`")],
    beamline: Which = None,
) -> None:
    """Restart one server."""
    _command("RestartServer", server, beamline, "restarts")


def start(
    server: Annotated[str, typer.Argument(help="Name of a server or service, see `ronda status`")],
    beamline: Which = None,
) -> None:
    """Start one server that was stopped."""
    _command("StartServer", server, beamline, "starts")


def stop(
    server: Annotated[str, typer.Argument(help="Name of a server or service, see `ronda status`")],
    beamline: Which = None,
) -> None:
    """Stop one server; it stays stopped until `ronda start`."""
    _command("StopServer", server, beamline, "stops")


def _command(command: str, server: str, beamline: str | None, verb: str) -> None:
    running = control.select(beamline)
    control.ask_agent(control.agent_of(running, server), command, server)
    typer.echo(f"{server} {verb}; see `ronda status`")


def machine_names() -> list[str]:
    """Names and addresses by which the YAML may call this machine; loopback addresses are every machine's."""
    name = socket.gethostname()
    addresses = [address.address for entry in psutil.net_if_addrs().values() for address in entry]
    return [name, name.partition(".")[0], *(address for address in addresses if not address.startswith("127."))]
