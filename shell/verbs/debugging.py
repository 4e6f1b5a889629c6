"""What devices write into their logs, and reading those logs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.counter import Counter
from ronda.framework.clients.device import Device
from ronda.framework.clients.remote import TALK, Remote
from ronda.framework.errors import BadValue, NotFound, RondaError
from ronda.shell.displays.positions import ERROR
from ronda.shell.prompt.together import attempt_all

DEBUG, WARNING = 5, 3
"""Tango's levels of logging: all that passes, and what is there without being asked for."""

LINES = 20
"""How many lines of a log are shown."""

Named = Axis | Device | Counter | str


class DebuggingCommands:
    """The commands of one session about logs.

    Args:
        beamline: whose devices.
        console: where they print.
        environment: says where the shell's own log is.
    """

    def __init__(self, beamline: Beamline, console: Console, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._beamline = beamline
        self._console = console
        self._handler: logging.Handler | None = None

    def commands(self) -> list[Callable[..., Any]]:
        """All that people can type."""
        return [self.debugon, self.debugoff, self.lslog]

    def debugon(self, *what: Named) -> None:
        """Log all that passes between devices, clients and instruments: debugon(ct1), debugon("mc*"), debugon().

        Devices are given, or a pattern of their names; nothing stands for what this shell asks of devices. It says
        where the lines go. Of an axis, what passes to the hardware is in the lines of its controller.
        """
        if not what:
            self._log_own()
            return
        for server, names in self._by_server(self._meant("debugon", what)).items():
            self._set(server, names, DEBUG)
            self._say(f"{', '.join(names)}: all that passes goes into the log of {server}, see lslog({server!r})")
        controllers = dict.fromkeys(one.group.name for one in what if isinstance(one, Axis) and one.group is not None)
        for name in controllers:
            self._say(f"what passes to the hardware is told by {name}: debugon({name})")
        self._say("this begins within a second or two; debugoff() ends it")

    def debugoff(self, *what: Named) -> None:
        """Log events only, of these devices or of all and the shell: debugoff(ct1), debugoff()."""
        if not what:
            self.close()
        failures: list[RondaError] = []
        meant = self._meant("debugoff", what) if what else self._devices()
        for server, names in self._by_server(meant).items():
            try:
                self._set(server, names, WARNING)
            except RondaError as error:  # a server that is down logs nothing; the others shall not either
                failures.append(error)
        for failure in failures:
            self._say(f"{ERROR}  {' '.join(str(failure).split())}")

    def lslog(self, which: Named = "", lines: int = LINES) -> None:
        """Show who logs all that passes, or the last lines of a log: lslog(), lslog(ct1), lslog("motors", 50)."""
        if which:
            self._read(which, lines)
            return
        servers = self._by_server(self._devices())
        answers = attempt_all([lambda s=server, n=names: self._levels(s, n) for server, names in servers.items()])  # type: ignore[misc]
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("server", "devices", "logs all that passes"):
            table.add_column(title, overflow="fold")
        for (server, names), answer in zip(servers.items(), answers, strict=True):
            talking = f"{ERROR}  {answer}" if isinstance(answer, RondaError) else ", ".join(answer)
            table.add_row(server, str(len(names)), talking)
        table.add_row("this shell", "", "" if self._handler is None else f"into {self._file}")
        self._console.print(table)

    def close(self) -> None:
        """End the shell's own log."""
        if self._handler is not None:
            logger = logging.getLogger(TALK)
            logger.removeHandler(self._handler)
            logger.setLevel(logging.NOTSET)
            self._handler.close()
            self._handler = None

    @property
    def _file(self) -> Path:
        state = self._environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111 no error without home
        return Path(state) / "ronda" / f"shell-{self._beamline.name}.log"

    def _log_own(self) -> None:
        if self._handler is None:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._file.touch(mode=0o600)
                self._handler = logging.FileHandler(self._file, encoding="utf-8")
            except OSError as error:
                raise BadValue(f"debugon: {self._file} cannot be written: {error.strerror}") from error
            form = f"%(asctime)s.%(msecs)03d {os.getpid()} %(name)s: %(message)s"
            self._handler.setFormatter(logging.Formatter(form, "%Y-%m-%d %H:%M:%S"))
            logger = logging.getLogger(TALK)
            logger.propagate = False
            logger.addHandler(self._handler)
            logger.setLevel(logging.DEBUG)
        self._say(f"what this shell asks of devices goes into {self._file}; debugoff() ends it")

    def _read(self, which: Named, lines: int) -> None:
        if isinstance(which, str) and which not in self._beamline.objects:
            server = which
        else:
            server = next(iter(self._by_server(self._meant("lslog", [which]))))
        if isinstance(lines, bool) or not isinstance(lines, int) or lines < 1:
            raise BadValue(f"lslog: shows a number of lines from 1 on, not {lines!r}")
        known: list[str] = []
        for agent in self._beamline.agents():
            names = list(agent.command("ListServers"))
            if server in (*names, "agent", "keeper"):
                found = agent.command("ReadLog", [server, str(lines)])
                self._say("\n".join(found) or f"{server} has written nothing yet")
                return
            known += names
        raise NotFound(f"lslog: there is no server {server!r}; there are {', '.join(known)}")

    def _devices(self) -> list[Remote]:
        return [one.remote for one in self._beamline.objects.values() if not isinstance(one, Counter)]

    def _meant(self, verb: str, what: Iterable[Named]) -> list[Remote]:
        """The devices that are given; of a counter the one that measures it."""
        found: dict[str, Remote] = {}
        for one in what:
            given = one
            if isinstance(one, str):
                named = [thing for name, thing in self._beamline.objects.items() if fnmatchcase(name, one)]
                if not named:
                    raise NotFound(f"{verb}: nothing there is called {one}; lsobj() lists all")
            else:
                named = [one]
            for thing in named:
                remote = getattr(thing, "remote", None)
                if not isinstance(remote, Remote):
                    raise BadValue(f"{verb}: takes devices or patterns of their names, not {given!r}")
                found[remote.device] = remote
        return list(found.values())

    def _by_server(self, remotes: Iterable[Remote]) -> dict[str, list[str]]:
        """Names of devices by the server, as YAML calls it, that has them."""
        found: dict[str, list[str]] = {}
        for remote in remotes:
            server = self._beamline.servers.get(remote.device.lower())
            if server is None:
                raise NotFound(f"{remote.name}: is no device of a server of this beamline")
            found.setdefault(server.partition("-")[2], []).append(remote.name)
        return found

    def _set(self, server: str, names: list[str], level: int) -> None:
        self._admin(server).command("SetLoggingLevel", ([level] * len(names), [self._address(one) for one in names]))

    def _levels(self, server: str, names: list[str]) -> list[str]:
        levels, _ = self._admin(server).command("GetLoggingLevel", [self._address(one) for one in names])
        return [name for name, level in zip(names, levels, strict=True) if level >= DEBUG]

    def _admin(self, server: str) -> Remote:
        """The device with which Tango itself administers a server."""
        full = next(one for one in self._beamline.servers.values() if one.partition("-")[2] == server)
        return self._beamline.remote(server, f"dserver/{full}")

    def _address(self, name: str) -> str:
        one: Any = self._beamline.objects[name]
        return str(one.remote.device)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
