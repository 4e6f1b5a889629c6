"""Programs of ramps and soaks, with repeats, that wait while the input cannot follow."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydantic import model_validator

from ronda.framework.config.parameters import Parameters, parameter


class ProgramStep(Parameters):
    """A ramp to a setpoint, and a soak there."""

    to: float = parameter("Setpoint at the end of the ramp", unit="{unit}")
    rate: float = parameter("How fast the ramp goes; 0: at once", 0.0, unit="{unit}/min", ge=0)
    soak: float = parameter("How long to stay there", 0.0, unit="s", ge=0)


class ProgramParameters(Parameters):
    """A program."""

    steps: list[ProgramStep] = parameter("Its ramps and soaks, one after the other", min_length=1)
    repeats: int = parameter("How often all steps are done", 1, ge=1)
    deviation: float | None = parameter(
        "While the input is further than this from the working setpoint, the program waits. None: it never waits",
        None,
        unit="{unit}",
        gt=0,
    )

    @model_validator(mode="after")
    def _finite(self) -> ProgramParameters:
        if not all(map(math.isfinite, (step.to for step in self.steps))):
            raise ValueError("each step needs a setpoint that is a finite number")
        return self


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program is.

    Attributes:
        round, step: which, from 1.
        soaking: whether it stays, else it ramps.
        waiting: whether it waits for the input.
    """

    round: int
    step: int
    soaking: bool
    waiting: bool


class Program:
    """Follows a program exactly: time that is left of one step goes to the next."""

    def __init__(self, program: ProgramParameters, start: float) -> None:
        """Begin at a working setpoint."""
        self.program = program
        self.working = start
        self.done = False
        self._round = self._step = 0
        self._soaked = 0.0
        self._waiting = False

    @property
    def place(self) -> Place:
        """Where it is."""
        step = self.program.steps[self._step]
        return Place(self._round + 1, self._step + 1, self.working == step.to, self._waiting)

    @property
    def target(self) -> float:
        """Setpoint of its present step."""
        return self.program.steps[self._step].to

    def step(self, seconds: float, measured: float) -> float:
        """Let time pass; returns the working setpoint."""
        limit = self.program.deviation
        self._waiting = limit is not None and abs(measured - self.working) > limit
        while not self._waiting and not self.done:
            step = self.program.steps[self._step]
            left = step.to - self.working
            if left:
                needed = abs(left) / step.rate * 60.0 if step.rate else 0.0
                if needed > seconds:
                    self.working += math.copysign(step.rate / 60.0 * seconds, left)
                    return self.working
                self.working = step.to
                seconds -= needed
                if not step.rate and limit is not None and abs(measured - self.working) > limit:
                    self._waiting = True  # a jump: the soak begins when the input is there
                    return self.working
            if self._soaked + seconds < step.soak:
                self._soaked += seconds
                return self.working
            seconds -= step.soak - self._soaked
            self._next()
        return self.working

    def seconds_left(self) -> float:
        """Seconds until its end if it need not wait."""
        if self.done:
            return 0.0
        total, at = -self._soaked, self.working
        for round_ in range(self._round, self.program.repeats):
            for step in self.program.steps[self._step if round_ == self._round else 0 :]:
                total += (abs(step.to - at) / step.rate * 60.0 if step.rate else 0.0) + step.soak
                at = step.to
        return total

    def _next(self) -> None:
        self._soaked = 0.0
        if self._step + 1 < len(self.program.steps):
            self._step += 1
        elif self._round + 1 < self.program.repeats:
            self._round, self._step = self._round + 1, 0
        else:
            self.done = True
