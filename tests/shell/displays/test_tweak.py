"""An axis that follows the keys: which steps it makes."""

from __future__ import annotations

import time

import gevent
import gevent.event
import pytest

from ronda.framework.errors import OutOfRange
from ronda.shell.displays.tweak import Tweak, next_step


class Stage:
    """Stands for an axis between -1 and 1 mm; `arrives` lets a move end."""

    name, unit = "samx", "mm"

    def __init__(self):
        self.target = 0.0
        self.arrives = gevent.event.Event()
        self.arrives.set()

    @property
    def setpoint(self):
        return self.target

    def check(self, targets):
        if abs(targets[0]) > 1:
            raise OutOfRange(f"samx: cannot move to {targets[0]} mm,\noutside limits")

    def start(self, target):
        self.target = target

    def arrive(self, target):
        self.arrives.wait()


@pytest.fixture
def stage(monkeypatch):
    monkeypatch.setattr(time, "sleep", gevent.sleep)
    return Stage()


@pytest.fixture
def tweak(stage):
    return Tweak(stage, 0.1)


@pytest.mark.parametrize(
    ("step", "larger", "smaller"),
    [(0.1, 0.2, 0.05), (2, 5, 1), (10, 20, 5), (0.3, 0.5, 0.2), (1000, 2000, 500), (1e-6, 2e-6, 5e-7)],
)
def test_plus_and_minus_go_through_one_two_five(step, larger, smaller):
    assert next_step(step, 1) == larger
    assert next_step(step, -1) == smaller


def test_steps_add_up_exactly(tweak, stage):
    for _ in range(3):
        tweak.press(1)
        tweak.finish()
    tweak.change_step(1)
    tweak.press(-1)
    tweak.finish()

    assert stage.target == pytest.approx(0.1, abs=1e-12)
    assert tweak.told == ""


def test_what_is_pressed_while_the_axis_moves_is_not_taken(tweak, stage):
    stage.arrives.clear()
    tweak.press(1)
    gevent.idle()
    assert tweak.moves
    tweak.press(1)
    tweak.press(-1)
    stage.arrives.set()
    tweak.finish()

    assert stage.target == 0.1


def test_a_step_that_was_called_off_before_it_began_is_not_made(tweak, stage):
    stage.check = lambda targets: gevent.sleep(0)
    tweak.press(1)
    gevent.sleep(0)  # it is being checked
    tweak._stopped = True
    tweak.finish()

    assert (stage.target, tweak.told) == (0.0, "stopped")


def test_a_step_beyond_the_limits_is_told_and_the_next_one_counts_from_where_it_stands(tweak, stage):
    tweak.step = 5.0
    tweak.press(1)
    tweak.finish()
    assert tweak.told == "samx: cannot move to 5.0 mm, outside limits"

    tweak.step = 0.5
    tweak.press(-1)
    tweak.finish()
    assert (tweak.told, stage.target) == ("", -0.5)


def test_the_line_names_place_goal_and_step(tweak, stage):
    stage.text = lambda position: f"{position:.3f}"
    tweak._seen = (stage.text(0.25), "ON")
    text = "".join(part for _, part, *_ in tweak._text())

    assert text.startswith("samx       0.250 mm   ON   step 0.1 mm\n")
    assert "q leaves" in text
