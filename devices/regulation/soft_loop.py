"""The Tango device of a loop whose PID is ours, from any input to any output."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from pydantic import ValidationError

from ronda.devices.device import attribute, command
from ronda.devices.regulation.algorithm.pace import Pace
from ronda.devices.regulation.algorithm.program import ProgramParameters
from ronda.devices.regulation.algorithm.regulator import Regulator, Tunables
from ronda.devices.regulation.contract import Gains, Reading
from ronda.devices.regulation.endpoints import Endpoints, InputEnd, OutputEnd
from ronda.devices.regulation.live import LivePublisher
from ronda.devices.regulation.loop import LoopDevice, LoopState
from ronda.devices.regulation.loop_parameters import SoftLoopParameters
from ronda.devices.settings import first_problem
from ronda.devices.worker import Worker
from ronda.framework.config.parameters import Parameters
from ronda.framework.errors import BadValue, HardwareFault, NotAllowed, NotReady, RondaError, TimedOut
from ronda.framework.expression import Expression
from ronda.framework.host.entries import REGULATION
from ronda.framework.tango.regulation import LOOP_MODES, SoftLoopAttribute, SoftLoopCommand

T = TypeVar("T")

ANSWER_LIMIT = 2.8
"""Seconds that a command waits for the loop; Tango clients give up after 3."""

IDLE_PERIOD = 1.0
"""Least seconds between two looks at the input of a loop that is off."""

SWING_LIMIT = 3600.0
"""Longest time of one swing of an auto-tuning, in s."""


class SoftLoopDevice(LoopDevice):
    """A loop in a thread of its own, at a fixed rate in monotonic time."""

    def model(self, _: Mapping[str, Any]) -> type[Parameters]:
        """Its keys."""
        return SoftLoopParameters

    def opened(self) -> None:
        """Off, unless it is to resume."""
        super().opened()
        self._lock = threading.RLock()
        self._regulator = Regulator(self._tunables())
        self._endpoints = self.process.share(Endpoints, "regulation")
        self._input: InputEnd | None = None
        self._output: OutputEnd | None = None
        self._range = (-math.inf, math.inf)
        self._safe = 0.0
        self._pace = Pace(1.0, time.monotonic())
        self._cycled_at: float | None = None
        self._output_bad_since: float | None = None
        self._ended_by = ""
        self._output_fault = ""
        self._live = self.process.share(LivePublisher, "live")
        self._noted = self.process.stored.read(self.get_name(), REGULATION)
        self._resuming = bool(self._noted.get("regulating")) and self.keys.resume
        if self._noted.get("regulating") and not self.keys.resume:
            self._ended_by = "off: its server ended while it regulated; Start goes on"
        self._worker = Worker(self.label, self._cycle)
        self.process.open(_Care(self))

    def closing(self) -> None:
        """Let go of the output."""
        self._worker.close(0.5)

    # -- what people ask for

    def go(self, setpoint: float) -> None:
        """Take a setpoint, which counts from the next cycle on."""
        with self._lock:
            running = self._regulator.regulating and self._regulator.manual is None
            if running:
                self._regulator.go(setpoint)
                self._show_now()
        if not running:
            self._in_loop("start", lambda: self._begin(setpoint))
        self._note()

    def begin(self) -> None:
        """Regulate from where everything is."""
        self._in_loop("start", self._begin)
        self._note()

    def hold(self) -> None:
        """End a ramp, a program or an auto-tuning."""
        with self._lock:
            if self._regulator.regulating:
                self._regulator.hold()
                self._show_now()
        self._note()

    def cut(self) -> None:
        """Switch off."""
        with self._lock:
            self._regulator.off()
            self._ended_by = ""
            self._output_fault = ""
        try:
            self._in_loop("be switched off", lambda: self._release("off"), urgent=True)
            self._show_now()
        finally:
            self._note()

    def gain(self, which: str) -> float:
        """As it is set; a gain schedule may let others count."""
        return float(getattr(self.keys, which))

    def tunables_changed(self) -> None:
        """Go by what has changed, without a jump of the output."""
        with self._lock:
            self._regulator.tune(self._tunables())
            if self._regulator.regulating and self._pace.period != 1.0 / self.keys.sampling_frequency:
                self._pace = Pace(self.keys.sampling_frequency, time.monotonic())
        self._worker.poll_within(0.0)

    def shown_mode(self) -> str:
        """What it does with its output."""
        return "manual" if self._regulator.manual is not None else str(self.keys.mode)

    def switch_mode(self, mode: str) -> None:
        """Go to another one, without a jump of the output."""
        if mode not in LOOP_MODES:
            raise BadValue(f"{self.label}: has no mode {mode!r}; it has {', '.join(LOOP_MODES)}")
        if mode == "manual":
            with self._lock:
                output = self._regulator.output
                regulating = self._regulator.regulating
            if not regulating:
                raise NotReady(f"{self.label}: cannot go to manual, it is off; Manual takes an output and starts it")
            self.take_manual(output)
            return
        self._change(mode=mode)
        with self._lock:
            self._regulator.manual = None

    def take_manual(self, output: float) -> None:
        """Drive the output by hand."""
        low, high = self._range
        if not math.isfinite(output) or not low <= output <= high:
            raise BadValue(
                f"{self.label}: cannot set the output to {output:g} {self.keys.output_unit}, outside "
                f"[{low:g}, {high:g}] {self.keys.output_unit}"
            )
        if not self._regulator.regulating:
            self._in_loop("start", self._begin)
        with self._lock:
            self._regulator.hold()
            self._regulator.manual = output
        self._note()

    def begin_tuning(self) -> None:
        """Let a relay swing the input."""
        with self._lock:
            if not self._regulator.regulating or self._regulator.manual is not None:
                raise NotReady(f"{self.label}: cannot tune itself, it does not regulate; give it a setpoint first")
            self._regulator.begin_tuning(SWING_LIMIT)

    def shown_tuning(self) -> str:
        """What the relay does."""
        relay = self._regulator.relay
        return "" if relay is None else relay.told()

    def capabilities(self) -> list[str]:
        """All."""
        return ["ramp", "hold", "gains", "mode", "tuning", "program"]

    # -- in the loop's thread

    def _begin(self, setpoint: float | None = None) -> None:
        """Take over the output as it is."""
        keys = self.keys
        if self._input is None or self._output is None:
            self._input = self._endpoints.input(keys.input)
            self._output = self._endpoints.output(keys.output)
        low, high = self._output.limits()
        self._range = keys.pid_range or (low, high)
        self._safe = self._output.safe_value()
        reading = self._input.measure()
        if reading.fault:
            raise HardwareFault(f"{self.label}: cannot start, its input {keys.input} has a fault: {reading.fault}")
        present = self._output.present()
        present = min(max(self._safe if math.isnan(present) else present, self._range[0]), self._range[1])
        self._output.feed(self.label, present)  # refused if somebody else drives it
        with self._lock:
            regulator = self._regulator
            regulator.tune(self._tunables())
            regulator.measured = reading.value
            regulator.start(present)
            if setpoint is not None:
                regulator.go(setpoint)
            self._ended_by = self._output_fault = ""
            self._output_bad_since = None
            self._pace = Pace(keys.sampling_frequency, time.monotonic())
            self._show_now()
        self._worker.poll_within(0.0)

    def _cycle(self) -> float:
        now = time.monotonic()
        regulator = self._regulator
        if regulator.regulating and now < self._pace.due:
            return self._pace.due - now
        seconds = 0.0 if self._cycled_at is None else now - self._cycled_at
        self._cycled_at = now
        if self._input is None or self._output is None:
            self._input = self._endpoints.input(self.keys.input)
            self._output = self._endpoints.output(self.keys.output)
        if self._resuming:
            self._resume()
        if not regulator.regulating:
            regulator.cycle(self._input.measure(), seconds)
            self._show_now()
            return max(IDLE_PERIOD, 1.0 / float(self.keys.sampling_frequency))
        pace = self._pace
        pace.begun(now)
        reading: Reading = self._input.measure()
        with self._lock:
            output = regulator.cycle(reading, seconds)
            switched_off = not regulator.regulating
        if switched_off:
            self._give_up(f"off: {regulator.fault}")
        elif output is not None:
            self._feed(output)
        self._publish_live()
        self._show_now()
        return max(self._pace.due - time.monotonic(), 0.0)

    def _feed(self, output: float) -> None:
        assert self._output is not None  # noqa: S101 - it was found before
        try:
            reached = self._output.feed(self.label, output)
        except NotAllowed as error:
            self._regulator.off()
            self._give_up(f"off: {error}")
        except RondaError as error:
            now = time.monotonic()
            since = self._output_bad_since = self._output_bad_since or now
            self._output_fault = f"its output does not take values: {error}"
            if now - since > self.keys.on_failure.tolerate and self.keys.on_failure.output == "off":
                self._regulator.off()
                self._give_up(f"off: {self._output_fault}")
        else:
            if self._output_bad_since is not None:
                self._output_bad_since, self._output_fault = None, ""
                self._regulator.tune(self._regulator.tunables)
            self._regulator.applied(reached)

    def _give_up(self, why: str) -> None:
        """A failure has switched it off."""
        self.log.error(f"{self.label}: {why}")
        self._ended_by = why
        self._output_fault = ""
        try:
            self._release("off")
        except RondaError as error:
            self._ended_by = f"{why}; and its output did not take that: {error}"
        self._note()

    def _release(self, how: str) -> None:
        if self._output is not None:
            self._output.release(self.label, how)

    def _resume(self) -> None:
        """Go on as before the restart; tried again until it works."""
        setpoint = self._noted.get("setpoint")
        try:
            self._begin(None if setpoint is None else float(setpoint))
        except RondaError as error:
            self._ended_by = f"waiting to resume: {error}"
            return
        self._resuming = False
        self.log.info("resumed", setpoint=setpoint)

    def _show_now(self) -> None:
        regulator = self._regulator
        fault = self._output_fault
        if regulator.fault and regulator.regulating:
            fault = f"its input {self.keys.input} has a fault: {regulator.fault}; the output {self._does_on_fault()}"
        elif self._ended_by.startswith("off: ") and not regulator.regulating:
            fault = self._ended_by
        self.took(
            LoopState(
                regulator.setpoint,
                regulator.ramp.working,
                regulator.measured,
                regulator.output if regulator.regulating else math.nan,
                regulator.deadband.inside,
                regulator.ramping,
                regulator.regulating,
                regulator.new_target,
                fault,
                self._doing(),
            )
        )

    def _doing(self) -> str:
        regulator = self._regulator
        if not regulator.regulating:
            return self._ended_by
        if regulator.manual is not None:
            return f"manual, the output is at {regulator.output:g} {self.keys.output_unit}"
        if regulator.relay is not None and regulator.tuning:
            return f"tuning itself: {regulator.relay.told()}"
        if regulator.program is not None:
            place = regulator.program.place
            what = "waits for the input" if place.waiting else "soaks" if place.soaking else "ramps"
            return (
                f"program, round {place.round} of {regulator.program.program.repeats}, step {place.step} {what} "
                f"to {regulator.program.target:g} {self.keys.unit}"
            )
        return ""

    def _does_on_fault(self) -> str:
        at_safe = self._regulator.output == self._safe
        return "is at its safe value" if at_safe else "stays as it is"

    def _publish_live(self) -> None:
        regulator = self._regulator
        parts = regulator.parts
        self._live.add(
            self.label,
            self.keys,
            (
                time.time(),
                regulator.measured,
                regulator.setpoint,
                regulator.ramp.working,
                regulator.output,
                parts.proportional,
                parts.integral,
                parts.derivative,
            ),
        )

    # -- tools

    def _in_loop(self, what: str, call: Callable[[], T], *, urgent: bool = False) -> T:
        """Let the loop's thread do something between two cycles."""
        future = self._worker.submit(call, urgent=urgent)
        try:
            return future.result(ANSWER_LIMIT)
        except CancelledError as error:
            raise NotReady(f"{self.label}: cannot {what}: it is being initialised; try again") from error
        except TimeoutError as error:
            later = (
                "it will as soon as its input and output answer"
                if urgent or not future.cancel()
                else "nothing was done"
            )
            raise TimedOut(
                f"{self.label}: cannot {what} yet: its input or output has not answered for {ANSWER_LIMIT:g} s; {later}"
            ) from error

    def _note(self) -> None:
        """What is to be known after a restart."""
        regulator = self._regulator
        setpoint = regulator.setpoint
        noted: dict[str, Any] = {"regulating": regulator.regulating and regulator.manual is None}
        if not math.isnan(setpoint):
            noted["setpoint"] = setpoint
        self._noted = noted
        self.process.stored.note(self.get_name(), REGULATION, noted)

    def _tunables(self) -> Tunables:
        keys = self.keys
        low, high = keys.pid_range or getattr(self, "_range", (-math.inf, math.inf))
        if low > high:
            low, high = high, low
        formula = Expression(keys.feed_forward)
        ahead: Callable[[float, float], float] | None = None
        if formula.names or float(formula({})):

            def ahead(setpoint: float, measured: float) -> float:
                return float(formula({"setpoint": setpoint, "input": measured}))

        return Tunables(
            Gains(keys.kp, keys.ki, keys.kd),
            low,
            high,
            getattr(self, "_safe", 0.0),
            keys.filter_time,
            keys.mode,
            keys.hysteresis,
            keys.deadband,
            keys.deadband_time,
            keys.deadband_idle_factor,
            keys.wait_mode,
            keys.ramp_rate,
            keys.ramp_from,
            keys.input_range,
            tuple((each.above, Gains(each.kp, each.ki, each.kd)) for each in keys.schedule),
            ahead,
            keys.on_failure.input,
            keys.on_failure.over_range,
            keys.on_failure.tolerate,
        )

    # -- attributes

    @attribute(name=SoftLoopAttribute.SAMPLING_FREQUENCY, dtype=float, events=False)
    def sampling_frequency(self) -> float:
        """Cycles per second."""
        return float(self.keys.sampling_frequency)

    @sampling_frequency.write
    def write_sampling_frequency(self, frequency: float) -> None:
        """Set it; it counts from the next cycle on."""
        self._change(sampling_frequency=frequency)

    @attribute(name=SoftLoopAttribute.DEADBAND_IDLE_FACTOR, dtype=float, events=False)
    def deadband_idle_factor(self) -> float:
        """The output rests while the error is below this part of the deadband; 0: it never does."""
        return float(self.keys.deadband_idle_factor)

    @deadband_idle_factor.write
    def write_deadband_idle_factor(self, factor: float) -> None:
        """Set it; it counts from the next cycle on."""
        self._change(deadband_idle_factor=factor)

    @attribute(name=SoftLoopAttribute.PID_RANGE, dtype=(float,), max_dim_x=2, events=False)
    def pid_range(self) -> list[float]:
        """Lowest and highest output that it asks for."""
        return list(self.keys.pid_range or self._range)

    @pid_range.write
    def write_pid_range(self, pair: Any) -> None:
        """Set it; it counts from the next cycle on."""
        if len(pair) != 2:
            raise BadValue(f"{self.label}: PidRange is two numbers, the lowest and the highest output")
        self._change(pid_range=(float(pair[0]), float(pair[1])))

    @attribute(name=SoftLoopAttribute.FEED_FORWARD, dtype=str, events=False)
    def feed_forward(self) -> str:
        """Part of the output known beforehand, a formula of setpoint and input."""
        return str(self.keys.feed_forward)

    @feed_forward.write
    def write_feed_forward(self, formula: str) -> None:
        """Set it; it counts from the next cycle on."""
        self._change(feed_forward=formula)

    @attribute(name=SoftLoopAttribute.PROPORTIONAL_PART, dtype=float, events=False)
    def proportional_part(self) -> float:
        """Part of the output that comes from the error."""
        return self._regulator.parts.proportional

    @attribute(name=SoftLoopAttribute.INTEGRAL_PART, dtype=float, events=False)
    def integral_part(self) -> float:
        """Part of the output that comes from the errors so far."""
        return self._regulator.parts.integral

    @attribute(name=SoftLoopAttribute.DERIVATIVE_PART, dtype=float, events=False)
    def derivative_part(self) -> float:
        """Part of the output that comes from how fast the input changes."""
        return self._regulator.parts.derivative

    @attribute(name=SoftLoopAttribute.PROPOSED_GAINS, dtype=(float,), max_dim_x=3, events=False)
    def proposed_gains(self) -> list[float]:
        """Kp, Ki and Kd as the auto-tuning proposes them; empty if there are none."""
        relay = self._regulator.relay
        found = None if relay is None else relay.proposed
        return [] if found is None else [found.kp, found.ki, found.kd]

    @attribute(name=SoftLoopAttribute.PROGRAM, dtype=str, events=False)
    def program(self) -> str:
        """The program that runs, as JSON; empty if none does."""
        program = self._regulator.program
        return "" if program is None else program.program.model_dump_json()

    @attribute(name=SoftLoopAttribute.PROGRAM_STEP, dtype=str, events=False)
    def program_step(self) -> str:
        """Where the program is, as JSON: round, step, soaking, waiting, seconds_left; empty if none runs."""
        program = self._regulator.program
        if program is None:
            return ""
        place = program.place
        return json.dumps(
            {
                "round": place.round,
                "step": place.step,
                "soaking": place.soaking,
                "waiting": place.waiting,
                "seconds_left": program.seconds_left(),
            }
        )

    @attribute(name=SoftLoopAttribute.CYCLES, dtype=int, events=False)
    def cycles(self) -> int:
        """Cycles since it was started."""
        return self._pace.cycles

    @attribute(name=SoftLoopAttribute.MISSED_CYCLES, dtype=int, events=False)
    def missed_cycles(self) -> int:
        """Cycles that were left out because the one before took too long; nothing is caught up."""
        return self._pace.missed

    @attribute(name=SoftLoopAttribute.JITTER, dtype=float, events=False)
    def jitter(self) -> float:
        """By how much the last 1000 cycles began late, 99th percentile."""
        return self._pace.jitter()

    # -- commands

    @command(SoftLoopCommand.MANUAL, dtype_in=float, doc_in="The output, in its unit")
    def manual(self, output: float) -> None:
        """Drive the output by hand; Start regulates again, without a jump."""
        self.wait(lambda: self.take_manual(output))

    @command(
        SoftLoopCommand.RUN_PROGRAM,
        dtype_in=str,
        doc_in='JSON: {"steps": [{"to": 400, "rate": 10, "soak": 600}, ...], "repeats": 1, "deviation": 5}; '
        "rate per minute, soak in s",
    )
    def run_program(self, text: str) -> None:
        """Begin a program of ramps and soaks; the state is MOVING until its end."""
        try:
            program = ProgramParameters.model_validate_json(text)
        except ValidationError as error:
            raise BadValue(f"{self.label}: this is no program: {first_problem(error)}") from error
        for step in program.steps:
            self.check_setpoint(step.to)

        def begin() -> None:
            if not self._regulator.regulating or self._regulator.manual is not None:
                self._in_loop("start", self._begin)
            with self._lock:
                self._regulator.run(program)
                self._show_now()

        self.wait(begin)

    @command(SoftLoopCommand.STOP_TUNING)
    def stop_tuning(self) -> None:
        """End an auto-tuning and regulate at the working setpoint; harmless when none runs."""
        with self._lock:
            if self._regulator.tuning:
                self._regulator.hold()

    @command(SoftLoopCommand.TAKE_PROPOSED_GAINS)
    def take_proposed_gains(self) -> None:
        """Go by the gains that the auto-tuning proposes."""
        gains = self.proposed_gains_or_refuse()
        self._change(kp=gains.kp, ki=gains.ki, kd=gains.kd)

    def proposed_gains_or_refuse(self) -> Gains:
        """What the auto-tuning proposes.

        Raises:
            NotReady: nothing.
        """
        relay = self._regulator.relay
        if relay is None or relay.proposed is None:
            raise NotReady(f"{self.label}: no gains are proposed; {self.shown_tuning() or 'StartTuning finds some'}")
        return relay.proposed


class _Care:
    """What the process asks of a loop's thread."""

    def __init__(self, device: SoftLoopDevice) -> None:
        self._device = device
        self._rest: Any = None

    @property
    def name(self) -> str:
        """For messages."""
        return self._device.label

    def start(self) -> None:
        """The server is ready."""
        self._device._worker.start()  # noqa: SLF001 - it is the device's other half

    def check(self) -> None:
        """Calls in hand end by themselves."""

    def halt(self) -> None:
        """The server ends: let go of the output as its YAML says."""
        device = self._device
        if device._regulator.regulating:  # noqa: SLF001 - as above

            def let_go() -> None:
                device._regulator.off()  # noqa: SLF001 - as above
                device._release("lost")  # noqa: SLF001 - as above

            self._rest = device._worker.submit(let_go, urgent=True)  # noqa: SLF001 - as above

    def at_rest(self) -> bool:
        """Whether it has let go."""
        return self._rest is None or self._rest.done()

    def close(self) -> None:
        """The device does."""
