"""`ronda doctor`: what is wrong with this machine and with a beamline, and what to do about it."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import resource
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console

from ronda.framework.errors import RondaError
from ronda.framework.host import control
from ronda.framework.host.status import State

LEAST_DISK = 1e9
"""Free bytes below which the state folder's disk is called full."""
LEAST_MEMORY = 1e9
"""Available bytes below which memory is called short."""
LEAST_FILES = 1024
"""Open files that a process must be allowed."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        well: whether it is as it should be.
        what: what was found.
        remedy: what to do, where something is wrong.
    """

    well: bool
    what: str
    remedy: str = ""


def doctor(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Folder of a beamline's YAML files")] = None,
) -> None:
    """Say what is wrong with this machine and this beamline, and what to do."""
    console = Console(highlight=False, soft_wrap=True)
    findings = list(look_at_machine())
    if folder is not None:
        findings += look_at_configuration(folder)
    findings += look_at_running()
    for finding in findings:
        mark = "[green]ok     [/]" if finding.well else "[red bold]problem[/]"
        console.print(mark, end=" ")
        console.print(finding.what + (f": {finding.remedy}" if finding.remedy else ""), markup=False)
    problems = sum(not finding.well for finding in findings)
    console.print("nothing is wrong" if not problems else f"{problems} problem{'s' if problems > 1 else ''}")
    if problems:
        raise typer.Exit(1)


def look_at_machine() -> Iterator[Finding]:
    """Python, packages, servers, memory, limits, environment."""
    version = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding(fits, f"Python {version}", "" if fits else "Ronda needs Python 3.11 to 3.13")
    for package in ("pytango", "redis", "h5py", "numpy"):
        yield _package(package)
    yield _redis_server()
    available = psutil.virtual_memory().available
    enough = available > LEAST_MEMORY
    yield Finding(enough, f"{available / 1e9:.1f} GB of memory available", "" if enough else "close other programs")
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    yield Finding(
        files >= LEAST_FILES, f"{files} open files allowed", "" if files >= LEAST_FILES else "say `ulimit -n 4096`"
    )
    try:
        socket.getaddrinfo("localhost", None)
        yield Finding(True, "the name localhost resolves")
    except OSError:
        yield Finding(False, "the name localhost does not resolve", "add `127.0.0.1 localhost` to /etc/hosts")
    if shutil.disk_usage("/tmp").free < 1e7:  # noqa: S108 where the sockets are
        yield Finding(False, "no socket can be made: the disk of /tmp is full", "make room on it")


def look_at_configuration(folder: Path) -> list[Finding]:
    """The YAML files, the state folder and the ports of a beamline."""
    from ronda.framework.config.load import load_beamline
    from ronda.framework.host.layout import choose_host, make_layout
    from ronda.framework.services.ports import is_free
    from ronda.shell.commands.lifecycle import machine_names

    try:
        beamline = load_beamline(folder, os.environ)
        layout = make_layout(beamline, choose_host(beamline, None, machine_names()))
    except RondaError as error:
        return [Finding(False, str(error))]
    findings = [Finding(True, f"{folder} is a correct configuration of beamline {beamline.name}")]
    free = shutil.disk_usage(layout.folders.state).free
    roomy = free > LEAST_DISK
    findings.append(
        Finding(
            roomy, f"{free / 1e9:.0f} GB free for {layout.folders.state}", "" if roomy else "make room on that disk"
        )
    )
    running = any(str(layout.folders.state) == str(entry.state) for entry in control.running())
    for name, port in sorted(layout.ports.all().items()):
        free_port = running or is_free(layout.parameters.address, port)
        remedy = "" if free_port else "another program uses it: stop that program (`ss -ltnp` shows which)"
        findings.append(Finding(free_port, f"port {port} for {name}", remedy))
    return findings


def look_at_running() -> Iterator[Finding]:
    """What runs on this machine, and whether it should."""
    for beamline in control.running():
        name = beamline.status.beamline
        if not beamline.supervised:
            left = ", ".join(beamline.processes)
            yield Finding(
                False,
                f"beamline {name}: nobody supervises {left}",
                f"`ronda up {beamline.status.config}` takes them over",
            )
            continue
        doubled = [process for process, identities in beamline.processes.items() if len(identities) > 1]
        for doubly in doubled:
            yield Finding(False, f"beamline {name}: {doubly} runs more than once", "say `ronda down` and `ronda up`")
        for host in control.all_hosts(beamline):
            for process in host.processes:
                well = process.state in (State.RUNNING, State.STOPPED)
                yield Finding(
                    well,
                    f"beamline {name}: {process.name} is {process.state}"
                    + (f" ({process.note})" if not well and process.note else ""),
                    "" if well else f"see `ronda logs {process.name}`",
                )
        yield from _reach(beamline)


def _package(name: str) -> Finding:
    module = {"pytango": "tango"}.get(name, name)
    try:
        importlib.import_module(module)
    except ImportError as error:
        return Finding(False, f"{name} cannot be imported ({error})", f"say `pip install {name}`")
    return Finding(True, f"{name} {importlib.metadata.version(name)}")


def _redis_server() -> Finding:
    from ronda.framework.services.redis import find_server

    try:
        return Finding(True, f"Redis or Valkey server: {find_server()}")
    except RondaError as error:
        return Finding(False, str(error))


def _reach(beamline: control.Running) -> Iterator[Finding]:
    import tango

    from ronda.framework.services.redis import RedisAccess
    from ronda.framework.tango.errors import from_dev_failed

    status = beamline.status
    if not status.tango_host:
        yield Finding(
            False,
            f"beamline {status.beamline}: its agent has not told anything yet in {beamline.state}",
            "if it is not just being started, say `ronda down` and `ronda up`",
        )
        return
    host, _, port = status.tango_host.rpartition(":")
    try:
        tango.Database(host, int(port)).get_info()
        yield Finding(True, f"beamline {status.beamline}: the Tango database answers at {status.tango_host}")
    except tango.DevFailed as error:
        yield Finding(
            False,
            f"beamline {status.beamline}: the Tango database at {status.tango_host} does not answer "
            f"({from_dev_failed(error)})",
            "see `ronda logs tango-database`",
        )
    access = RedisAccess(status.redis_url, status.redis_user or None, status.redis_password_name or None)
    try:
        access.check(os.environ)
        yield Finding(True, f"beamline {status.beamline}: Redis answers at {status.redis_url}")
    except RondaError as error:
        yield Finding(False, f"beamline {status.beamline}: {error}")
    wanted = os.environ.get("TANGO_HOST")
    if wanted and wanted != status.tango_host:
        yield Finding(
            False,
            f"TANGO_HOST is {wanted} in this terminal, but beamline {status.beamline} is at {status.tango_host}",
            f'other programs started here will not find it; say `eval "$(ronda env {status.beamline})"`',
        )
