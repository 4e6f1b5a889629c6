"""One loop, cycle by cycle: from what the input measures to what the output shall be, whatever happens."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from ronda.devices.regulation.algorithm.deadband import Deadband
from ronda.devices.regulation.algorithm.pid import Parts, Pid
from ronda.devices.regulation.algorithm.program import Program, ProgramParameters
from ronda.devices.regulation.algorithm.ramp import Ramp
from ronda.devices.regulation.algorithm.relay import Relay
from ronda.devices.regulation.contract import Gains, Reading


@dataclass
class Tunables:
    """What may be changed while a loop runs; see the keys in YAML of the same names."""

    gains: Gains
    low: float
    high: float
    safe_value: float = 0.0
    filter_time: float = 0.0
    mode: str = "pid"
    hysteresis: float = 0.1
    deadband: float = 0.1
    deadband_time: float = 1.0
    idle_factor: float = 0.0
    wait_for: str = "deadband"
    ramp_rate: float = 0.0
    ramp_from: str = "setpoint"
    input_range: tuple[float, float] | None = None
    schedule: tuple[tuple[float, Gains], ...] = ()
    feed_forward: Callable[[float, float], float] | None = None
    on_input_failure: str = "safe"
    on_over_range: str = "off"
    tolerate: float = 2.0


@dataclass
class Regulator:
    """A loop without hardware and without a clock: `cycle` is called with each measurement.

    Attributes:
        tunables: what it goes by; `tune` changes them without a jump of the output.
        regulating: whether it drives the output.
        manual: the output that a user asked for instead; None if the loop decides.
        ramp: the working setpoint.
        program: that runs; None if none does.
        relay: of an auto-tuning that runs or ran.
        measured: the input as last measured; NaN if it has a fault.
        output: as last asked for.
        fault: why it does not regulate as it should, as a clause; empty if it does.
        new_target: whether a setpoint was given that is not reached yet.
    """

    tunables: Tunables
    regulating: bool = False
    manual: float | None = None
    measured: float = math.nan
    output: float = math.nan
    fault: str = ""
    new_target: bool = False
    program: Program | None = None
    relay: Relay | None = None
    ramp: Ramp = field(init=False)
    deadband: Deadband = field(init=False)
    pid: Pid = field(init=False)
    _bad_for: float = 0.0
    _begun: bool = False
    _on: bool = False

    def __post_init__(self) -> None:
        tunables = self.tunables
        self.ramp = Ramp(math.nan, tunables.ramp_rate)
        self.deadband = Deadband(tunables.deadband, tunables.deadband_time)
        self.pid = Pid(tunables.gains, tunables.low, tunables.high, tunables.filter_time)

    # -- what users ask for

    @property
    def setpoint(self) -> float:
        """Where it is to go; NaN before the first one."""
        return self.program.target if self.program is not None else self.ramp.target

    @property
    def error(self) -> float:
        """Working setpoint minus input."""
        return self.ramp.working - self.measured

    @property
    def ramping(self) -> bool:
        """Whether the working setpoint is on its way, or a program runs."""
        return self.program is not None or (self.ramp.running and self.regulating)

    @property
    def settled(self) -> bool:
        """Whether the setpoint counts as reached."""
        return not self.new_target

    @property
    def parts(self) -> Parts:
        """Of the latest output of the PID."""
        return self.pid.parts

    @property
    def tuning(self) -> bool:
        """Whether an auto-tuning runs."""
        return self.relay is not None and not self.relay.done

    def go(self, setpoint: float) -> None:
        """Take a new setpoint; ends a program."""
        self.program = None
        from_input = self.tunables.ramp_from == "input" or math.isnan(self.ramp.working)
        start = self.measured if from_input and not math.isnan(self.measured) else None
        if start is None and math.isnan(self.ramp.working):
            start = setpoint  # nothing is known yet
        self.ramp.go(setpoint, start)
        self.deadband.leave()
        self.new_target = self.regulating

    def run(self, program: ProgramParameters) -> None:
        """Begin a program at the working setpoint, or at the input if there is none or `ramp_from` says so."""
        start = self.ramp.working
        if (self.tunables.ramp_from == "input" or math.isnan(start)) and not math.isnan(self.measured):
            start = self.measured
        self.ramp.go(start, start)
        self.ramp.hold()
        self.program = Program(program, start)
        self.deadband.leave()
        self.new_target = True

    def start(self, output: float) -> None:
        """Drive the output from where it is; without a setpoint, hold the input where it is."""
        self.regulating, self.manual = True, None
        self._begun = False
        self.output = output
        if math.isnan(self.ramp.target):
            self.ramp.go(self.measured, self.measured)
        elif self.ramp.rate and not math.isnan(self.measured):
            self.ramp.go(self.ramp.target, self.measured)
        self.deadband.leave()
        self.new_target = True
        self._bad_for = 0.0
        self.fault = ""

    def hold(self) -> None:
        """End ramp, program and auto-tuning, and go on regulating where the working setpoint is."""
        self.program = None
        if self.tuning:
            self.relay = None
            self._begun = False
        self.ramp.hold()
        self.new_target = False

    def off(self) -> None:
        """Drive the output no more."""
        self.program, self.manual = None, None
        if self.tuning:
            self.relay = None
        self.ramp.hold()
        self.regulating = self.new_target = self._begun = False

    def tune(self, tunables: Tunables) -> None:
        """Go by others, without a jump of the output."""
        was, self.tunables = self.tunables, tunables
        self.ramp.rate = tunables.ramp_rate
        self.deadband.width, self.deadband.time = tunables.deadband, tunables.deadband_time
        self.pid.low, self.pid.high, self.pid.filter_time = tunables.low, tunables.high, tunables.filter_time
        if was.mode != tunables.mode or was.feed_forward is not tunables.feed_forward:
            self._begun = False
        self.pid.retune(self._gains())

    def begin_tuning(self, limit: float) -> None:
        """Let a relay swing the input around the working setpoint; `limit` is the longest time of one swing, in s."""
        tunables = self.tunables
        self.program = None
        self.relay = Relay(self.ramp.working, tunables.low, tunables.high, tunables.hysteresis, limit)

    # -- the cycle

    def cycle(self, reading: Reading, seconds: float) -> float | None:
        """Take a measurement, `seconds` after the one before.

        Returns:
            What the output shall be; None if it is nobody's business of this loop. `regulating` is False afterwards if
            a failure has switched it off.
        """
        self.measured = math.nan if reading.fault else reading.value
        why, policy = self._bad(reading)
        if why:
            return self._fail(why, policy, seconds)
        if not self.regulating:
            self.fault = ""
            self._bad_for = 0.0
            return None
        if self._bad_for:
            self._bad_for = 0.0
            self._begun = False
        self.fault = ""
        working = self._work(seconds)
        self.deadband.step(working - self.measured, seconds)
        self._judge()
        self.output = self._drive(working, seconds)
        return self.output

    def applied(self, output: float) -> None:
        """Hear what the output could do: what `cycle` returned, within its limits and slew rate."""
        if output != self.output:
            self.output = output
            self.pid.applied(output)

    def _work(self, seconds: float) -> float:
        if self.program is not None:
            working = self.program.step(seconds, self.measured)
            self.ramp.go(working, working)
            if self.program.done:
                self.program = None
            return working
        if math.isnan(self.ramp.working):
            self.ramp.go(self.measured, self.measured)
        return self.ramp.step(seconds)

    def _judge(self) -> None:
        """Whether a new setpoint is reached."""
        if self.new_target and self.program is None and not self.ramp.running:
            self.new_target = self.tunables.wait_for == "deadband" and not self.deadband.settled

    def _drive(self, working: float, seconds: float) -> float:
        tunables, pid = self.tunables, self.pid
        if self.manual is not None:
            self._begun = False
            return min(max(self.manual, tunables.low), tunables.high)
        if self.relay is not None and self.tuning:
            self._begun = False
            return self.relay.step(self.measured, seconds)
        if tunables.mode == "on_off":
            self._begun = False
            if abs(working - self.measured) > tunables.hysteresis:
                self._on = self.measured < working
            return tunables.high if self._on else tunables.low
        pid.retune(self._gains())
        ahead = tunables.feed_forward(working, self.measured) if tunables.feed_forward is not None else 0.0
        idle = tunables.idle_factor and abs(working - self.measured) <= tunables.deadband * tunables.idle_factor / 100
        if not self._begun or (idle and not math.isnan(self.output)):
            self._begun = True
            pid.begin(working, self.measured, tunables.low if math.isnan(self.output) else self.output, ahead)
            if idle and not math.isnan(self.output):
                return self.output
            return pid.step(working, self.measured, 0.0, ahead)
        return pid.step(working, self.measured, seconds, ahead)

    def _gains(self) -> Gains:
        found = self.tunables.gains
        for above, gains in self.tunables.schedule:
            if self.measured >= above:
                found = gains
        return found

    def _bad(self, reading: Reading) -> tuple[str, str]:
        if reading.fault:
            return reading.fault, self.tunables.on_input_failure
        if math.isnan(reading.value):
            return "no value", self.tunables.on_input_failure
        allowed = self.tunables.input_range
        if allowed is not None and not allowed[0] <= reading.value <= allowed[1]:
            return (
                f"{reading.value:g} is outside the input range [{allowed[0]:g}, {allowed[1]:g}]",
                self.tunables.on_over_range,
            )
        return "", ""

    def _fail(self, why: str, policy: str, seconds: float) -> float | None:
        self.fault = why
        if not self.regulating:
            return None
        self._bad_for += seconds or 1e-9
        self.deadband.step(math.nan, seconds)
        if self._bad_for <= self.tunables.tolerate or policy == "hold" or self.manual is not None:
            return self.output
        if policy == "off":
            self.off()
            return None
        self.output = self.tunables.safe_value
        return self.output
