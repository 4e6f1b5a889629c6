"""A loop whose PID is ours, at work: its thread, its input and output, and what it does when these fail."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from typing import Any, Protocol, TypeVar

from ronda.devices.regulation.algorithm.pace import Pace
from ronda.devices.regulation.algorithm.program import ProgramParameters
from ronda.devices.regulation.algorithm.regulator import Regulator
from ronda.devices.regulation.contract import Reading
from ronda.devices.regulation.endpoints import Endpoints, InputEnd, OutputEnd
from ronda.devices.regulation.live import LivePublisher
from ronda.devices.regulation.loop_state import LoopState
from ronda.devices.regulation.soft_loop_telling import row_of, state_of, tunables
from ronda.devices.worker import Worker
from ronda.framework.errors import BadValue, HardwareFault, NotAllowed, NotReady, RondaError, TimedOut

T = TypeVar("T")

ANSWER_LIMIT = 2.8
"""Seconds that a command waits for the loop; Tango clients give up after 3."""

IDLE_PERIOD = 1.0
"""Least seconds between two looks at the input of a loop that is off."""

SWING_LIMIT = 3600.0
"""Longest time of one swing of an auto-tuning, in s."""


class LoopUser(Protocol):
    """The loop's device."""

    label: str
    log: Any

    @property
    def keys(self) -> Any:
        """The loop's keys as they are now."""
        ...

    def took(self, now: LoopState) -> None:
        """Take what the loop does."""

    def note(self, noted: Mapping[str, Any]) -> None:
        """Keep what is to be known after a restart."""


class LoopRunner:
    """Runs a loop in a thread of its own, at a fixed rate in monotonic time. The process takes care of it.

    Args:
        user: the loop's device.
        endpoints: where inputs and outputs are found.
        live: takes a row for each cycle.
        noted: what was noted before the last restart.

    Attributes:
        regulator: what decides.
        pace: of the cycles.
        limits: lowest and highest output that it may ask for; infinite before the output was asked.
    """

    def __init__(self, user: LoopUser, endpoints: Endpoints, live: LivePublisher, noted: Mapping[str, Any]) -> None:
        self.name = user.label
        self._user = user
        self._endpoints = endpoints
        self._live = live
        self._noted = noted
        self._lock = threading.RLock()
        self.limits = (-math.inf, math.inf)
        self._safe = 0.0
        self.regulator = Regulator(self._tunables())
        self.pace = Pace(1.0, time.monotonic())
        self._input: InputEnd | None = None
        self._output: OutputEnd | None = None
        self._cycled_at: float | None = None
        self._output_bad_since: float | None = None
        self._output_fault = ""
        self._reached = 0.0
        self._ended_by = ""
        self._resuming = bool(noted.get("regulating")) and user.keys.resume
        if noted.get("regulating") and not user.keys.resume:
            self._ended_by = "off: its server ended while it regulated; Start goes on"
        self._worker = Worker(self.name, self._cycle)
        self._rest: Future[None] | None = None

    # -- what the process asks for

    def start(self) -> None:
        """The server is ready."""
        self._worker.start()

    def check(self) -> None:
        """Calls in hand end by themselves."""

    def halt(self) -> None:
        """The server ends: let go of the output as its YAML says."""
        if self.regulator.regulating:

            def let_go() -> None:
                self.regulator.off()
                self._release("lost")

            self._rest = self._worker.submit(let_go, urgent=True)

    def at_rest(self) -> bool:
        """Whether it has let go."""
        return self._rest is None or self._rest.done()

    def close(self) -> None:
        """End; an output that is fed goes to safety by itself."""
        self._worker.close(0.5)

    # -- what people ask for

    def go(self, setpoint: float) -> None:
        """Take a setpoint, which counts from the next cycle on."""
        with self._lock:
            running = self.regulator.regulating and self.regulator.manual is None
            if running:
                self.regulator.go(setpoint)
                self._show()
        if not running:
            self._inside("start", lambda: self._begin(setpoint))
        self._note()

    def begin(self) -> None:
        """Regulate from where everything is."""
        self._inside("start", self._begin)
        self._note()

    def hold(self) -> None:
        """End a ramp, a program or an auto-tuning."""
        with self._lock:
            if self.regulator.regulating:
                self.regulator.hold()
                self._show()
        self._note()

    def cut(self) -> None:
        """Switch off."""
        with self._lock:
            self.regulator.off()
            self._ended_by = self._output_fault = ""
        try:
            self._inside("be switched off", lambda: self._release("off"), urgent=True)
            self._show()
        finally:
            self._note()

    def tune(self) -> None:
        """Go by what has changed in the keys, without a jump of the output."""
        frequency = self._user.keys.sampling_frequency
        with self._lock:
            self.regulator.tune(self._tunables())
            if self.regulator.regulating and self.pace.period != 1.0 / frequency:
                self.pace = Pace(frequency, time.monotonic())
        self._worker.poll_within(0.0)

    def drive(self, output: float | None = None) -> None:
        """Drive the output by hand; None leaves it where it is.

        Raises:
            BadValue: it is outside what the loop may ask for.
            NotReady: the loop is off, and so where the output is nobody knows.
        """
        low, high = self.limits
        unit = self._user.keys.output_unit
        if output is None:
            if not self.regulator.regulating:
                raise NotReady(f"{self.name}: cannot go to manual, it is off; Manual takes an output and starts it")
            output = self.regulator.output
        if not math.isfinite(output) or not low <= output <= high:
            raise BadValue(
                f"{self.name}: cannot set the output to {output:g} {unit}, outside [{low:g}, {high:g}] {unit}"
            )
        if not self.regulator.regulating:
            self._inside("start", self._begin)
        with self._lock:
            self.regulator.hold()
            self.regulator.manual = output
        self._note()

    def decide(self) -> None:
        """Drive the output by hand no more."""
        with self._lock:
            self.regulator.manual = None

    def run(self, program: ProgramParameters) -> None:
        """Begin a program."""
        if not self.regulator.regulating or self.regulator.manual is not None:
            self._inside("start", self._begin)
        with self._lock:
            self.regulator.run(program)
            self._show()

    def begin_tuning(self) -> None:
        """Let a relay swing the input.

        Raises:
            NotReady: the loop does not regulate.
        """
        with self._lock:
            if not self.regulator.regulating or self.regulator.manual is not None:
                raise NotReady(f"{self.name}: cannot tune itself, it does not regulate; give it a setpoint first")
            self.regulator.begin_tuning(SWING_LIMIT)

    def end_tuning(self) -> None:
        """Regulate at the working setpoint; harmless when no auto-tuning runs."""
        with self._lock:
            if self.regulator.tuning:
                self.regulator.hold()

    # -- in the loop's thread

    def _ends(self) -> tuple[InputEnd, OutputEnd]:
        """Input and output, which may come later than the loop."""
        if self._input is None or self._output is None:
            self._input = self._endpoints.input(self._user.keys.input)
            self._output = self._endpoints.output(self._user.keys.output)
        return self._input, self._output

    def _begin(self, setpoint: float | None = None) -> None:
        """Take over the output as it is."""
        keys = self._user.keys
        source, sink = self._ends()
        self.limits = keys.pid_range or sink.limits()
        self._safe = sink.safe_value()
        reading = source.measure()
        if reading.fault:
            raise HardwareFault(f"{self.name}: cannot start, its input {keys.input} has a fault: {reading.fault}")
        present = sink.take_over(self.name)  # refused if somebody else drives it
        present = min(max(self._safe if math.isnan(present) else present, self.limits[0]), self.limits[1])
        self._reached = sink.feed(self.name, present)
        with self._lock:
            regulator = self.regulator
            regulator.tune(self._tunables())
            regulator.measured = reading.value
            regulator.start(present)
            if setpoint is not None:
                regulator.go(setpoint)
            self._ended_by = self._output_fault = ""
            self._output_bad_since = None
            self.pace = Pace(keys.sampling_frequency, time.monotonic())
            self._show()
        self._worker.poll_within(0.0)

    def _cycle(self) -> float:
        now = time.monotonic()
        regulator = self.regulator
        if regulator.regulating and now < self.pace.due:
            return self.pace.due - now
        seconds = 0.0 if self._cycled_at is None else now - self._cycled_at
        self._cycled_at = now
        source, sink = self._ends()
        if self._resuming:
            self._resume()
        if not regulator.regulating:
            regulator.cycle(source.measure(), seconds)
            self._show()
            return max(IDLE_PERIOD, 1.0 / float(self._user.keys.sampling_frequency))
        self.pace.begun(now)
        reading: Reading = source.measure()
        with self._lock:
            if not regulator.regulating:
                return 0.0  # somebody switched it off while the input was measured
            output = regulator.cycle(reading, seconds)
            switched_off = not regulator.regulating
        if switched_off:
            self._give_up(f"off: {regulator.fault}")
        elif output is not None:
            self._feed(sink, output)
        self._live.add(self.name, self._user.keys, row_of(regulator, time.time()))
        self._show()
        return max(self.pace.due - time.monotonic(), 0.0)

    def _feed(self, sink: OutputEnd, output: float) -> None:
        try:
            self._reached = sink.feed(self.name, output)
        except NotAllowed as error:
            self.regulator.off()
            self._give_up(f"off: {error}")
        except RondaError as error:
            now, policy = time.monotonic(), self._user.keys.on_failure
            since = self._output_bad_since = self._output_bad_since or now
            self._output_fault = f"its output does not take values: {error}"
            self.regulator.applied(self._reached)  # so that the integral does not run away meanwhile
            if now - since > policy.tolerate and policy.output == "off":
                self.regulator.off()
                self._give_up(f"off: {self._output_fault}")
        else:
            if self._output_bad_since is not None:
                self._output_bad_since, self._output_fault = None, ""
            self.regulator.applied(self._reached)

    def _give_up(self, why: str) -> None:
        """A failure has switched it off."""
        self._user.log.error(f"{self.name}: {why}")
        self._ended_by = why
        self._output_fault = ""
        try:
            self._release("off")
        except RondaError as error:
            self._ended_by = f"{why}; and its output did not take that: {error}"
        self._note()

    def _release(self, how: str) -> None:
        if self._output is not None:
            self._output.release(self.name, how)

    def _resume(self) -> None:
        """Go on as before the restart; tried again until it works."""
        setpoint = self._noted.get("setpoint")
        try:
            self._begin(None if setpoint is None else float(setpoint))
        except RondaError as error:
            self._ended_by = f"waiting to resume: {error}"
            return
        self._resuming = False
        self._user.log.info("resumed", setpoint=setpoint)

    # -- tools

    def _inside(self, what: str, call: Callable[[], T], *, urgent: bool = False) -> T:
        """Let the loop's thread do something between two cycles."""
        future = self._worker.submit(call, urgent=urgent)
        try:
            return future.result(ANSWER_LIMIT)
        except CancelledError as error:
            raise NotReady(f"{self.name}: cannot {what}: it is being initialised; try again") from error
        except TimeoutError as error:
            later = (
                "it will as soon as its input and output answer"
                if urgent or not future.cancel()
                else "nothing was done"
            )
            raise TimedOut(
                f"{self.name}: cannot {what} yet: its input or output has not answered for {ANSWER_LIMIT:g} s; {later}"
            ) from error

    def _note(self) -> None:
        regulator = self.regulator
        noted: dict[str, Any] = {"regulating": regulator.regulating and regulator.manual is None}
        if not math.isnan(regulator.setpoint):
            noted["setpoint"] = regulator.setpoint
        self._noted = noted
        self._user.note(noted)

    def _tunables(self) -> Any:
        return tunables(self._user.keys, self.limits, self._safe)

    def _show(self) -> None:
        self._user.took(state_of(self.regulator, self._user.keys, self._safe, self._ended_by, self._output_fault))
