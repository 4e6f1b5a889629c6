"""Trigger inputs are wired to what gives triggers, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ronda.framework.config.load import check

FILE = """
version: 1
beamline: {{name: wired}}
servers:
  all:
    devices:
      mc:
        kind: motor
        driver: simulated
        address: localhost:5000
        axes: {{up: {{channel: 1, steps_per_unit: 2000, velocity: 1, acceleration_time: 0.1}}}}
      old:
        kind: motor
        driver: pi_gcs
        address: localhost:5001
        axes: {{other: {{channel: 1, steps_per_unit: 2000, velocity: 1, acceleration_time: 0.1}}}}
      ct:
        kind: counter
        driver: simulated
        address: localhost:5002
        wiring: {{gate: [{gate}]}}
        channels: {{i0: {{channel: 1}}}}
"""


def told(folder_of: Callable[..., Path], gate: str) -> list[str]:
    return [str(problem) for problem in check(folder_of(a=FILE.format(gate=gate)), {})]


def test_an_axis_that_gives_triggers_is_right(folder_of: Callable[..., Path]) -> None:
    assert told(folder_of, "up") == []


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        ("upp", "gate is 'upp', which does not exist, must name a trigger output; did you mean 'up'?"),
        ("other", "gate is 'other', which is an axis, must name a trigger output"),
        ("i0", "gate is 'i0', which is a counter, must name a trigger output"),
        ("ct", "gate is 'ct', which is a counter, must name a trigger output"),
    ],
)
def test_what_gives_no_triggers_is_refused(folder_of: Callable[..., Path], gate: str, says: str) -> None:
    (problem,) = told(folder_of, gate)
    assert problem.startswith("a.yml:")
    assert says in problem.replace("item 1 of ", "")
