"""Hooks around motions: once for all, and put back whatever happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from ronda.devices.hooks import HookSet
from ronda.framework.config.hooks import HookParameters
from ronda.framework.config.load import check
from ronda.framework.errors import HardwareFault, NotReady

ON, OPEN = HookParameters(command="pads/On"), HookParameters(write="valve/Open", value=True)
OFF, SHUT = HookParameters(command="pads/Off"), HookParameters(write="valve/Open", value=False)


class Log:
    """Runs hooks by writing them down."""

    def __init__(self, *broken: HookParameters) -> None:
        self.done: list[HookParameters] = []
        self.broken = broken

    def __call__(self, hook: HookParameters) -> None:
        self.done.append(hook)
        if hook in self.broken:
            raise HardwareFault(f"{hook.command or hook.write}: stuck")


def test_they_run_once_for_all_who_move() -> None:
    log = Log()
    hooks = HookSet([ON, OPEN], [SHUT, OFF], log)
    hooks.enter("samx")
    hooks.enter("samy")
    assert log.done == [ON, OPEN]
    assert hooks.leave("samx") == []
    assert log.done == [ON, OPEN]
    hooks.leave("samy")
    assert log.done == [ON, OPEN, SHUT, OFF]
    hooks.leave("samy")
    assert len(log.done) == 4


def test_one_that_fails_before_refuses_the_motion_and_puts_all_back() -> None:
    log = Log(OPEN)
    hooks = HookSet([ON, OPEN], [SHUT, OFF], log)

    with pytest.raises(NotReady, match="what must be done before failed: valve/Open: stuck"):
        hooks.enter("samx")
    assert log.done == [ON, OPEN, SHUT, OFF]
    assert hooks.leave("samx") == []


def test_all_run_afterwards_even_if_one_fails() -> None:
    log = Log(SHUT)
    hooks = HookSet([], [SHUT, OFF], log)
    hooks.enter("samx")

    assert hooks.leave("samx") == ["what must be done afterwards failed: valve/Open: stuck"]
    assert log.done == [SHUT, OFF]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "a hook needs `write`, `command` or `until`"),
        ({"write": "a/B"}, "`write` needs a `value`"),
        ({"write": "a/B", "value": 1, "command": "a/C"}, "make two hooks of it"),
        ({"until": "a/B"}, "`until` goes with `equals`, `above` or `below`"),
        ({"command": "a/B", "above": 1}, "`until` goes with"),
        ({"command": "On"}, "must be ALIAS/NAME or DOMAIN/FAMILY/MEMBER/NAME"),
        ({"command": "a/B", "colour": 1}, "Extra inputs"),
    ],
)
def test_hooks_that_make_no_sense_are_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        HookParameters.model_validate(keys)


def test_a_hook_of_a_device_that_is_not_there_is_found_by_the_check(tmp_path: Path) -> None:
    axis = "channel: 1, unit: mm, steps_per_unit: 100, velocity: 1, acceleration_time: 0.1"
    (tmp_path / "a.yml").write_text(f"""
version: 1
beamline: {{name: demo}}
servers:
  motors:
    devices:
      mc1:
        kind: motor
        driver: simulated
        address: localhost:5000
        before_move: [{{write: other/pads/1/Pressure, value: 4.0}}, {{command: airpad/On, timeout: 0.5}}]
        axes:
          samx:
            {{{axis}, after_move: [{{write: SAMX/Velocity, value: 1.0}}, {{write: samy/Velocity, value: 1.0}}]}}
""")

    allowed = "must name a device of this beamline, or DOMAIN/FAMILY/MEMBER/NAME of another one"
    told = [str(problem).partition(": ")[2] for problem in check(tmp_path, {})]
    assert told == [
        f"mc1: command in item 2 of before_move is 'airpad/On', and there is no device airpad, {allowed}",
        f"samx: write in item 2 of after_move is 'samy/Velocity', and there is no device samy, {allowed}; "
        "did you mean 'samx'?",
    ]
