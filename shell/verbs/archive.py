"""Asking data loggers of the past: how an attribute went, and what changed between two times."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ronda.framework.archive.changes import WHATS
from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.data_logger import DataLogger, ask_first, loggers
from ronda.framework.clients.device import Device
from ronda.framework.errors import BadValue, CommunicationFailed, TimedOut
from ronda.framework.scan.analysis.points import Column
from ronda.shell.displays.changed import change_lines
from ronda.shell.displays.columns import number_text
from ronda.shell.displays.plot import curve_plot

HEIGHT = 18
"""Lines of a plot at most."""

ROWS = 40
"""Rows of a table at most, the newest ones."""

BREAKS = 5
"""Marks that are told below a plot or a table, the newest ones."""

SPANS = (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))
"""Units of the time axis, and how long each is in s."""

SETTABLE = ("velocity", "acceleration_time", "acceleration", "offset", "sign", "low_limit", "high_limit")
"""Properties of axes that can be set at the prompt."""

Time = str | float

Array = npt.NDArray[np.float64]


class ArchiveCommands:
    """The commands of one session that ask data loggers.

    Args:
        beamline: whose loggers.
        console: where they print.
        typed: shows the commands that were typed before, which `history` does too.
    """

    def __init__(self, beamline: Beamline, console: Console, typed: Callable[[str, int], None]) -> None:
        self._beamline = beamline
        self._console = console
        self._typed = typed

    def commands(self) -> list[Callable[..., Any]]:
        """All that people can type."""
        return [self.history, self.whatchanged]

    def history(
        self,
        what: str | Axis = "",
        since: Time | None = None,
        until: Time | None = None,
        *,
        table: bool = False,
        last: int = 30,
    ) -> None:
        """How an attribute went, as a plot or a table: history("oven/Input", "2 h"); history("ascan"): what was typed.

        Args:
            what: an attribute as DEVICE/ATTRIBUTE, or an axis for its position; of the commands typed before those with
                this text, where no time is given.
            since: from when on: "2 h", "yesterday 18:00", or seconds since 1970.
            until: to when; without it to now.
            table: whether numbers are shown as a table too.
            last: how many of the commands typed before, at most.
        """
        if since is None and isinstance(what, str):
            self._typed(what, last)
            return
        name = f"{what.name}/Position" if isinstance(what, Axis) else what
        if not isinstance(name, str) or "/" not in name:
            raise BadValue(
                f'history: takes an attribute such as "samx/Position" with a time such as "2 h", not {what!r}'
            )
        found = ask_first(self._beamline, lambda logger: logger.history(name, "1 h" if since is None else since, until))
        values = np.array([_number(one) for one in found["value"]], np.float64)
        numbers = bool(np.isfinite(values).any())
        if not found["time"]:
            self._say(f"nothing was stored of {found['attribute']} in that time")
        elif numbers:
            self._plot(name, found, values)
        if found["time"] and (table or not numbers):
            self._table(found["time"], found["value"])
        for one in found["breaks"][-BREAKS:]:
            self._say(f"{_clock(one['time'])}  {one['kind']}{': ' * bool(one['text'])}{one['text']}")

    def whatchanged(self, since: Time, until: Time | None = None, pattern: str = "*") -> None:
        """What differs between two times, settings that somebody moved first: whatchanged("yesterday 18:00", "now").

        Args:
            since, until: the times, as for `history`; without the second it is now.
            pattern: of names, such as "*/axis/*".
        """
        answers = self._ask_all(lambda logger: logger.whatchanged(since, until, pattern))
        changes = [change for answer in answers for change in answer["changes"]]
        changes.sort(key=lambda one: WHATS.index(one["what"]))
        begins = [answer["begins"] for answer in answers if answer.get("begins") is not None]
        since_when = next((answer["since"] for answer in answers if "since" in answer), None)
        change_lines(self._console, changes, self._way_back, min(begins, default=None), since_when)
        more = sum(answer["more"] for answer in answers)
        if more:
            self._say(f'and {more} more; a pattern such as "*/axis/*" lists fewer')

    def _way_back(self, change: Mapping[str, Any]) -> str:
        """What to type here to go back; empty for nothing."""
        if not change["command"]:
            return ""
        device, _, attribute = change["attribute"].rpartition("/")
        old = change["old"]
        for one in self._beamline.objects.values():
            if not isinstance(one, Axis | Device) or one.remote.device.lower() != device:
                continue
            if isinstance(one, Device):
                return f"{one.name}.write({attribute!r}, {old!r})"
            if attribute == "position":
                return f"mv({one.name}, {one.text(old)})"
            for name in SETTABLE:
                if name.replace("_", "") == attribute:
                    return f"{one.name}.{name} = {old!r}"
            return f"{one.name}.remote.write({attribute!r}, {old!r})"
        return f"import tango; {change['command']}"

    def _ask_all(self, ask: Callable[[DataLogger], Any]) -> list[Any]:
        """What the loggers say; those that do not answer are told, if one does.

        Raises:
            RondaError: none answers.
        """
        answers, failures = [], []
        for logger in loggers(self._beamline):
            try:
                answers.append(ask(logger))
            except (CommunicationFailed, TimedOut) as error:
                failures.append(error)
        if not answers:
            raise failures[0]
        for failure in failures:
            self._say(f"{failure}; what it knows is not here")
        return answers

    def _plot(self, name: str, found: dict[str, Any], values: Array) -> None:
        times, held = _steps(found, values)
        span = float(found["until"]) - float(found["since"])
        unit, length = next(((unit, length) for unit, length in SPANS if span >= 2 * length), SPANS[-1])
        past = (times - float(found["until"])) / length
        height = min(HEIGHT, max(self._console.height - 6, 8))
        plain = "utf" not in self._console.encoding.lower()
        self._say(f"{found['attribute']} from {_clock(found['since'])} to {_clock(found['until'])}")
        self._say(
            curve_plot(
                Column("time", unit, past),
                Column(name, "", held),
                self._console.width,
                height,
                plain=plain,
                ends=(-span / length, 0.0),
            )
        )
        good = values[np.isfinite(values)]
        self._say(
            f"{found['readings']} readings, lowest {number_text(good.min())}, highest {number_text(good.max())}, "
            f"last {number_text(good[-1])}"
        )

    def _table(self, times: Sequence[float], values: Sequence[Any]) -> None:
        rows = Table(box=None, pad_edge=False, header_style="bold")
        rows.add_column("time", no_wrap=True)
        rows.add_column("value", overflow="fold")
        for when, value in list(zip(times, values, strict=True))[-ROWS:]:
            rows.add_row(_clock(when), Text(_short(value)))
        self._console.print(rows)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _steps(found: dict[str, Any], values: Array) -> tuple[Array, Array]:
    """Times and values of a line on which each value holds until the next one, or until a mark breaks it."""
    marks = [float(one["time"]) for one in found["breaks"]]
    times = np.concatenate([np.array(found["time"], np.float64), np.array(marks, np.float64)])
    all_values = np.concatenate([values, np.full(len(marks), np.nan)])
    order = np.argsort(times, kind="stable")
    times, all_values = times[order], all_values[order]
    ends = np.append(times[1:], float(found["until"]))
    return np.column_stack([times, ends]).ravel(), np.repeat(all_values, 2)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _clock(when: float | None) -> str:
    """A time as people say it, local."""
    return "" if when is None else clock.strftime("%Y-%m-%d %H:%M:%S", clock.localtime(when))


def _short(value: Any) -> str:
    """A value in a table."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value)
    text = number_text(value) if isinstance(value, int | float) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
