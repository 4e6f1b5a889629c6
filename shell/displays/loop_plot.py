"""What a regulation loop did of late, as plots of characters: its input beside the working setpoint, and its output."""

from __future__ import annotations

import numpy as np

from ronda.framework.clients.loop import Loop
from ronda.framework.scan.analysis.points import Column
from ronda.shell.displays.plot import curve_plot

GAP = np.array([np.nan])
"""Breaks a line, so that two curves stand in one plot."""


def loop_plot(loop: Loop, width: int, height: int, *, plain: bool = False) -> str:
    """The history of a loop.

    Args:
        loop: whose.
        width, height: characters of both plots together.
        plain: whether the terminal has no characters but ASCII.

    Raises:
        RondaError: the loop does not answer.
    """
    rows = loop.history()
    if len(rows["time"]) < 2:
        return f"{loop.name} has no history yet"
    past = rows["time"] - rows["time"][-1]
    twice = Column("time", "s", np.concatenate([past, GAP, past]))
    both = np.concatenate([rows["input"], GAP, rows["setpoint"]])
    upper = curve_plot(
        twice, Column(f"{loop.name}: input and working setpoint", loop.unit, both), width, height * 3 // 5, plain=plain
    )
    output = Column(f"{loop.name}: output", loop.output_unit, rows["output"])
    if not np.isfinite(output.values).any():
        return upper  # it was off all the time
    ends = float(past[0]), 0.0
    lower = curve_plot(Column("time", "s", past), output, width, height * 2 // 5, plain=plain, ends=ends)
    return f"{upper}\n{lower}"
