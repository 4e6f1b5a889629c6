"""The plot of what a loop did of late."""

from __future__ import annotations

import numpy as np
import pytest

from ronda.framework.clients.loop import Loop, undrawn
from ronda.framework.errors import NotAllowed
from ronda.framework.tango.regulation import LoopAttribute
from ronda.shell.displays.loop_plot import loop_plot


class Remote:
    """A loop's device with a history of so many s."""

    name = device = "temp"

    def __init__(self, seconds, off=False):
        time = np.arange(float(seconds))
        warm = 295.0 + 0.1 * time
        self._columns = {
            LoopAttribute.HISTORY_TIME: 1.7e9 + time,
            LoopAttribute.HISTORY_INPUT: warm,
            LoopAttribute.HISTORY_SETPOINT: np.append(np.full(seconds, 310.0), 310.0),  # a row came meanwhile
            LoopAttribute.HISTORY_OUTPUT: np.full(seconds, np.nan) if off else 50.0 - 0.1 * time,
        }

    def read_many(self, attributes):
        return [self._columns[name] if len(self._columns[name]) else None for name in attributes]


def loop(seconds, **keys):
    return Loop(Remote(seconds, **keys), {"unit": "K", "output_unit": "%"})


def test_input_and_setpoint_stand_in_one_plot_above_the_output() -> None:
    lines = loop_plot(loop(100), 60, 27, plain=True).splitlines()
    assert lines[0] == "temp: input and working setpoint [K]"
    below = lines.index("temp: output [%]")
    upper, lower = lines[1:below], lines[below + 1 :]
    assert upper[0].lstrip().startswith("310 |")
    assert upper[0].count("*") > 40, "the setpoint is a level line at the top"
    assert all(line.count("*") < 40 for line in upper[1:-2]), "the input rises below it"
    assert "-99" in upper[-1]
    assert "time [s]" in upper[-1]
    assert lower[0].lstrip().startswith("50 |")
    assert "-99" in lower[-1]
    assert max(map(len, lines)) <= 60
    assert len(lines) <= 27


def test_of_a_loop_that_was_off_there_is_the_input_alone() -> None:
    assert "output" not in loop_plot(loop(100, off=True), 60, 27)


def test_without_a_history_it_says_so() -> None:
    assert loop_plot(loop(0), 60, 27) == "temp has no history yet"


def test_rows_that_come_while_it_is_read_are_left_out() -> None:
    assert {len(column) for column in loop(100).history().values()} == {100}


def test_without_a_screen_it_is_refused() -> None:
    with pytest.raises(
        NotAllowed, match=r"temp: is plotted at the prompt of `ronda shell` only; temp.history\(\) gives"
    ):
        undrawn(loop(5))
