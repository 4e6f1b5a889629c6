"""`ronda status`: the processes of a running beamline, as a table for people or as JSON."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict
from typing import Annotated, Any

import psutil
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ronda.framework.host import control
from ronda.framework.host.process import Identity
from ronda.framework.host.status import HostStatus, State

MEASURE = 0.2
"""Seconds over which the processor's load is measured."""

COLOURS = {State.RUNNING: "green", State.STOPPED: "dim", State.FAILED: "red bold"}


def status(
    which: Annotated[str | None, typer.Argument(metavar="[BEAMLINE]", help="Its name or folder")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
    story: Annotated[bool, typer.Option("--story", help="Print what happened to each process")] = False,
) -> None:
    """Show the processes of a beamline: state, process number, since when, restarts, processor and memory."""
    running = control.select(which)
    hosts = control.all_hosts(running)
    if as_json:
        typer.echo(json.dumps(to_json(hosts), indent=1))
        return
    console = Console(highlight=False)
    first = hosts[0]
    console.print(f"beamline {first.beamline}   {first.config}", markup=False, soft_wrap=True)
    console.print(f"TANGO_HOST={first.tango_host}   Redis {first.redis_url}", markup=False, soft_wrap=True)
    if not running.supervised:
        console.print("[red bold]nobody supervises it: the agent and its keeper are gone; `ronda up` takes it over[/]")
    console.print(_table(hosts))
    for host in hosts:
        if story:
            _tell(console, host)
        else:
            _tell_last(console, host)


def to_json(hosts: list[HostStatus]) -> dict[str, Any]:
    """What scripts read: `{"beamline", "tango_host", "redis_url", "servers": [{"name", "pid", "state", …}]}`."""
    first = hosts[0]
    loads = _loads(hosts)
    return {
        "beamline": first.beamline,
        "tango_host": first.tango_host,
        "redis_url": first.redis_url,
        "config": first.config,
        "ready": all(host.ready for host in hosts),
        "servers": [
            {
                **asdict(process),
                "state": str(process.state),
                "cpu_percent": loads.get((process.host, process.name), (None, None))[0],
                "memory_bytes": loads.get((process.host, process.name), (None, None))[1],
            }
            for host in hosts
            for process in host.processes
        ],
    }


def _table(hosts: list[HostStatus]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("server", "host"):
        table.add_column(name, no_wrap=True)
    table.add_column("pid", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("up since", no_wrap=True)
    for name in ("restarts", "cpu %", "MB"):
        table.add_column(name, justify="right", no_wrap=True)
    loads = _loads(hosts)
    for host in hosts:
        for process in host.processes:
            cpu, memory = loads.get((process.host, process.name), (None, None))
            table.add_row(
                process.name,
                process.host,
                str(process.pid or "–"),
                Text(process.state, style=COLOURS.get(process.state, "yellow")),
                _since(process.since),
                str(process.restarts) if process.kind != "agent" or process.restarts else "–",
                "–" if cpu is None else f"{cpu:.1f}",
                "–" if memory is None else f"{memory / 1e6:.0f}",
            )
    return table


def _since(when: float) -> str:
    if not when:
        return "–"
    moment = time.localtime(when)
    today = time.strftime("%Y-%m-%d", moment) == time.strftime("%Y-%m-%d")
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M", moment)


def _tell_last(console: Console, host: HostStatus) -> None:
    """The last event of each process to which something happened since its start."""
    for process in host.processes:
        if process.note and process.note != "started":
            when = time.strftime("%H:%M:%S", time.localtime(process.story[-1][0])) if process.story else ""
            console.print(f"{when} {process.name}: {process.note}", markup=False, soft_wrap=True)


def _tell(console: Console, host: HostStatus) -> None:
    for process in host.processes:
        console.print(f"\n{process.name} ({process.host})", style="bold")
        for when, what in process.story:
            moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
            console.print(f"  {moment}  {what}", markup=False, soft_wrap=True)


def _loads(hosts: list[HostStatus]) -> dict[tuple[str, str], tuple[float, int]]:
    """Processor load in percent of one core and resident memory in bytes, of the processes of this machine."""
    processes: dict[tuple[str, str], psutil.Process] = {}
    for host in hosts:
        for process in host.processes:
            if process.pid and Identity(process.pid, process.started).alive():
                with contextlib.suppress(psutil.Error):
                    processes[process.host, process.name] = psutil.Process(process.pid)
    for found in processes.values():
        with contextlib.suppress(psutil.Error):
            found.cpu_percent()
    time.sleep(MEASURE)
    loads = {}
    for key, found in processes.items():
        with contextlib.suppress(psutil.Error):
            loads[key] = (found.cpu_percent(), found.memory_info().rss)
    return loads
