"""What people give to scans: axes, numbers, times and positions, each refused with a sentence if it means nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.counter import Counter
from ronda.framework.clients.part import Parted
from ronda.framework.clients.pipeline import Result
from ronda.framework.errors import BadValue

MOST_POINTS = 10_000_000
"""A scan of more points is a slip of the hand."""

SHOWN = 8
"""A list with more positions than this is shortened in the command that files and tables show."""


def is_number(value: Any) -> bool:
    """Whether it is a finite number."""
    if isinstance(value, bool | np.bool_):
        return False
    return isinstance(value, int | float | np.integer | np.floating) and math.isfinite(value)


def an_axis(beamline: Beamline, who: str, which: Axis | str) -> Axis:
    """The axis that is meant.

    Args:
        who: name of the scan, for messages.
        which: the axis or its name.

    Raises:
        BadValue: it is none.
        NotFound: nothing is called so.
    """
    axis = beamline[which] if isinstance(which, str) else which
    if not isinstance(axis, Axis):
        raise BadValue(f"{who}: {which!r} should be an axis, such as samx, or its name")
    return axis


def different_axes(who: str, axes: Sequence[Axis]) -> None:
    """See that no axis is given twice.

    Raises:
        BadValue: one is.
    """
    names = [axis.name for axis in axes]
    for name in names:
        if names.count(name) > 1:
            raise BadValue(f"{who}: {name} is given twice; each axis of a scan has its own positions")


def a_number(who: str, what: str, value: Any, unit: str = "") -> float:
    """A finite number.

    Raises:
        BadValue: it is none.
    """
    if not is_number(value):
        raise BadValue(f"{who}: {what} should be a finite number{f' in {unit}' if unit else ''}, not {value!r}")
    return float(value)


def above_zero(who: str, what: str, value: Any, unit: str = "") -> float:
    """A finite number above 0.

    Raises:
        BadValue: it is none.
    """
    number = a_number(who, what, value, unit)
    if number <= 0:
        raise BadValue(f"{who}: {what} should be above 0{f' {unit}' if unit else ''}, not {value!r}")
    return number


def not_negative(who: str, what: str, value: Any) -> float:
    """A time in s that is 0 or more.

    Raises:
        BadValue: it is none.
    """
    if not is_number(value) or value < 0:
        raise BadValue(f"{who}: {what} should be a number of seconds, 0 or more, not {value!r}")
    return float(value)


def whole(who: str, what: str, value: Any) -> int:
    """A whole number from 1 on.

    Raises:
        BadValue: it is none, or so large that it cannot be meant.
    """
    if not is_number(value) or value != int(value) or value < 1:
        raise BadValue(f"{who}: {what} should be a whole number of at least 1, not {value!r}")
    if value > MOST_POINTS:
        raise BadValue(f"{who}: {what} is {value!r}; a scan has at most {MOST_POINTS} points")
    return int(value)


def exposure_time(who: str, time: Any) -> float:
    """An exposure time in s.

    Raises:
        BadValue: it is none.
    """
    if not is_number(time) or time <= 0:
        raise BadValue(f"{who}: the exposure time should be a number of seconds above 0, not {time!r}")
    return float(time)


def exposure_times(who: str, time: Any, points: int | None) -> tuple[float, tuple[float, ...]]:
    """The longest exposure time in s, and that of each point if they differ, else nothing.

    Args:
        time: one number, or one for each point.
        points: how many there are; None if nobody knows.

    Raises:
        BadValue: it is neither.
    """
    if isinstance(time, str) or not isinstance(time, Sequence | np.ndarray):
        return exposure_time(who, time), ()
    times = tuple(exposure_time(who, one) for one in time)
    if points is None:
        raise BadValue(f"{who}: give one exposure time, for nobody knows how many points there will be")
    if len(times) != points:
        raise BadValue(
            f"{who}: {len(times)} exposure times are given for {points} points; give one for each, or one number"
        )
    return max(times), times if len(set(times)) > 1 else ()


def positions(who: str, axis: Axis, given: Any) -> tuple[float, ...]:
    """A list of positions of an axis.

    Raises:
        BadValue: it is none, or empty.
    """
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray) or len(given) == 0:
        raise BadValue(f"{who}: the positions of {axis.name} should be a list of numbers in {axis.unit}, not {given!r}")
    return tuple(a_number(who, f"each position of {axis.name}", one, axis.unit) for one in given)


def command_text(name: str, *arguments: Any, **keywords: Any) -> str:
    """A scan as it was typed: `ascan(samy, -1, 1, 20, 0.1, diode, stab_time=0.1)`; empty keywords are left out."""
    told = [f"{keyword}={_quoted(keyword, value)}" for keyword, value in keywords.items() if value]
    return f"{name}({', '.join([*map(_text, arguments), *told])})"


def _text(argument: Any) -> str:
    if isinstance(argument, Parted | Counter) and argument.part is not None:
        plain = _text(argument.what if isinstance(argument, Parted) else replace(argument, part=None))
        keywords = ", ".join(f"{name}={_quoted(name, value)}" for name, value in argument.part.keywords.items())
        return f"part({plain}, {keywords})" if keywords else plain
    if isinstance(argument, Counter) and not argument.card and argument.formula:
        return f'calculated("{argument.formula}", name="{argument.name}")'
    if isinstance(argument, Counter) and not argument.card:
        mode = "" if argument.mode == "MEAN" else f', mode="{argument.mode}"'
        return f'sampling("{argument.attribute}"{mode})'
    if isinstance(argument, list | tuple | np.ndarray):
        shown = [_text(one) for one in argument]
        if len(shown) > SHOWN:
            shown = [*shown[:3], "...", *shown[-1:]]
        return f"({', '.join(shown)})" if isinstance(argument, tuple) else f"[{', '.join(shown)}]"
    if isinstance(argument, np.generic):
        return str(argument.item())
    if isinstance(argument, Result):
        return f"{argument.pipeline.name}.{argument.output}"
    return str(getattr(argument, "name", argument))


def _quoted(keyword: str, value: Any) -> str:
    """A keyword's value as it is typed; a trigger is the name of a device."""
    return f'"{value}"' if isinstance(value, str) and keyword != "trigger" else _text(value)
