"""Fixtures of the commands that move axes: axes whose hardware is a dictionary and a clock."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent
import pytest

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import NotFound, OutOfRange, RondaError
from ronda.framework.tango.names import AxisAttribute, AxisCommand

DURATION = 0.1
"""Seconds that each move takes."""


class Hardware:
    """Stands for the Tango device of an axis between -10 and 10 mm."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.values: dict[str, float] = {
            AxisAttribute.POSITION: 0.0,
            AxisAttribute.TARGET: 0.0,
            AxisAttribute.LOW_LIMIT: -10.0,
            AxisAttribute.HIGH_LIMIT: 10.0,
            AxisAttribute.ACCELERATION_TIME: 0.1,
            AxisAttribute.VELOCITY: 1.0,
            AxisAttribute.SIGN: -1,
            AxisAttribute.OFFSET: 2.0,
        }
        self.locks: list[str] = []
        self.purposes: list[str] = []
        self.address = f"test/axis/{name}"
        self.arrives = 0.0
        self.moving = self.stopped = False
        self.fault_at_end = self.halts_half_way = False
        self.refuses: RondaError | None = None
        self.deaf: RondaError | None = None

    def state(self) -> str:
        if self.moving and time.monotonic() >= self.arrives:
            part = 0.5 if self.halts_half_way or self.fault_at_end else 1.0
            self.values[AxisAttribute.POSITION] = part * self.values[AxisAttribute.TARGET]
            self.moving = False
        if self.fault_at_end and not self.moving and self.values[AxisAttribute.POSITION]:
            return "FAULT"
        return "MOVING" if self.moving else "ON"

    def status(self) -> str:
        return f"{self.name}: following error" if self.state() == "FAULT" else f"{self.name}: stands"

    def read(self, attribute: str) -> float:
        return self.values[attribute]

    def read_many(self, attributes: Sequence[str]) -> list[float]:
        return [self.values[attribute] for attribute in attributes]

    def write(self, attribute: str, value: float) -> None:
        if self.refuses is not None:
            raise self.refuses
        assert attribute == AxisAttribute.POSITION
        self.values[AxisAttribute.TARGET] = value
        self.moving, self.arrives = True, time.monotonic() + DURATION

    def command(self, name: str, argument: Any = None) -> None:
        if name == AxisCommand.LOCK:
            self.locks.append(argument)
            self.purposes.append(argument)
        elif name == AxisCommand.UNLOCK:
            self.locks.remove(argument)
        elif name == AxisCommand.AWAIT_REST:
            raise NotFound(f"{self.name}: command AwaitRest not found")
        elif name == AxisCommand.CHECK_TARGETS:
            for target in argument:
                if not -10 <= target <= 10:
                    raise OutOfRange(f"{self.name}: cannot move to {target} mm, outside limits [-10.0, 10.0] mm")
        elif self.deaf is not None:
            raise self.deaf
        else:
            assert name == AxisCommand.STOP
            self.moving, self.stopped = False, True


@pytest.fixture
def cooperative_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the shell, waiting lets other greenlets run."""
    monkeypatch.setattr(time, "sleep", gevent.sleep)


@pytest.fixture
def make_axis() -> Callable[..., tuple[Axis, Hardware]]:
    def make(name: str, *, unit: str = "mm", digits: int = 3) -> tuple[Axis, Hardware]:
        hardware = Hardware(name)
        remote: Any = hardware
        return Axis(remote, {"unit": unit, "digits": digits, "steps_per_unit": 1000}), hardware

    return make


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()
