"""Listing what the beamline has: axes, counters, measurement groups, and everything by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.counter import Counter
from ronda.framework.clients.work_session import SessionObjects
from ronda.framework.errors import BadValue, NotFound


class ListingCommands:
    """The commands of one session that list what there is. Only `lsmg` asks a device, so a dead one is listed too.

    Args:
        shown: whose objects.
        console: where they print.
    """

    def __init__(self, shown: SessionObjects, console: Console) -> None:
        self._shown = shown
        self._beamline = shown.beamline
        self._console = console

    def lsmot(self, pattern: str = "*") -> None:
        """List axes with their units: lsmot() all of them, lsmot("s1*") those whose names match."""
        self._list(
            ("axis", "unit", "Tango device", "what it moves"),
            [(one.name, one.unit, one.remote.device, one.description) for one in self._shown.axes()],
            pattern,
        )

    def lscnt(self, pattern: str = "*") -> None:
        """List counters with their units and the devices that measure them: lscnt() all, lscnt("cam*") some."""
        counters = self._shown.counters()
        self._list(
            ("counter", "unit", "measured by", "how"),
            [(one.name, one.unit, one.card, _how(one)) for one in counters],
            pattern,
        )

    def lsmg(self) -> None:
        """List measurement groups with the counters that are enabled; * is the active one."""
        active = self._beamline.active_group.get()
        rows = [
            (group.name, "*" if active is not None and group.name == active.name else "", ", ".join(group.enabled))
            for group in self._beamline.groups()
        ]
        self._list(("group", "", "enabled counters"), rows)

    def lsobj(self, pattern: str = "*") -> None:
        """List everything that has a name: lsobj() all of it, lsobj("s*") what matches."""
        self._list(
            ("name", "kind", "Tango device"),
            [(name, _kind(one), _device(one)) for name, one in self._shown.objects.items()],
            pattern,
        )

    def lsconfig(self, pattern: str = "*") -> None:
        """List devices with driver, server, and what was set at run time and wins over YAML: lsconfig("s*")."""
        rows = []
        for one in self._beamline.registered().values():
            keys = one.configuration
            name = str(keys.get("name") or one.alias or one.name)
            changed = ", ".join(f"{key} {value!r}" for key, value in one.runtime_settings.items())
            driver = str(keys.get("driver") or keys.get("calculation") or "")
            rows.append((name, one.tango_class, driver, one.server.partition("-")[2], changed))
        self._list(("name", "class", "driver", "server", "set at run time"), rows, pattern)

    def commands(self) -> list[Callable[..., None]]:
        """All of them."""
        return [self.lsmot, self.lscnt, self.lsmg, self.lsobj, self.lsconfig]

    def _list(self, titles: Iterable[str], rows: Sequence[tuple[str, ...]], pattern: str = "*") -> None:
        if not isinstance(pattern, str):
            raise BadValue(f'a pattern of names is a text such as "s1*", not {pattern!r}')
        named = [row for row in rows if fnmatchcase(row[0], pattern)]
        if not named and pattern != "*":
            raise NotFound(f"nothing there is called {pattern}; without a pattern all are listed")
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in titles:
            table.add_column(title, overflow="fold")
        for row in sorted(named):
            table.add_row(*map(Text, row))
        self._console.print(table)


def _how(counter: Counter) -> str:
    if counter.attribute:
        return f"{counter.attribute}, {counter.mode.lower()}"
    return counter.formula or counter.function or ("" if counter.number else "frame or spectrum")


def _kind(one: Any) -> str:
    if isinstance(one, Axis):
        return "axis"
    if isinstance(one, Counter):
        return "counter"
    return str(getattr(one, "tango_class", type(one).__name__))


def _device(one: Any) -> str:
    remote = getattr(one, "remote", None)
    return "" if remote is None else str(remote.device)
