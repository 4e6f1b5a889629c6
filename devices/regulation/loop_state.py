"""What a loop does at a moment, whether the controller's PID does the work or ours."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoopState:
    """What a loop does now; numbers are NaN while nobody knows them.

    Attributes:
        setpoint, working, measured: in the unit of the input.
        output: in the unit of the output.
        in_deadband: whether the input is near the working setpoint.
        ramping: whether the working setpoint is on its way.
        regulating: whether the loop drives its output.
        moving: whether a new setpoint is not reached yet.
        fault: why it does not regulate as it should, as a clause.
        doing: what it does, as a clause, if that is not regulating, ramping or nothing.
    """

    setpoint: float = math.nan
    working: float = math.nan
    measured: float = math.nan
    output: float = math.nan
    in_deadband: bool = False
    ramping: bool = False
    regulating: bool = False
    moving: bool = False
    fault: str = ""
    doing: str = ""

    @property
    def error(self) -> float:
        """Working setpoint minus input."""
        return self.working - self.measured
