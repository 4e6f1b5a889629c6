"""The Tango device of a loop whose PID is ours, from any input to any output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ronda.devices.device import attribute, command
from ronda.devices.regulation.algorithm.program import ProgramParameters
from ronda.devices.regulation.contract import Gains
from ronda.devices.regulation.endpoints import Endpoints
from ronda.devices.regulation.live import LivePublisher
from ronda.devices.regulation.loop import LoopDevice
from ronda.devices.regulation.loop_parameters import SoftLoopParameters
from ronda.devices.regulation.soft_loop_runner import LoopRunner
from ronda.devices.regulation.soft_loop_telling import place_of
from ronda.devices.settings import first_problem
from ronda.framework.config.parameters import Parameters
from ronda.framework.errors import BadValue, NotReady
from ronda.framework.host.entries import REGULATION
from ronda.framework.tango.regulation import LOOP_MODES, SoftLoopAttribute, SoftLoopCommand


class SoftLoopDevice(LoopDevice):
    """A loop of ours: what clients see and ask for. Its runner does the work."""

    def model(self, _: Mapping[str, Any]) -> type[Parameters]:
        """Its keys."""
        return SoftLoopParameters

    def opened(self) -> None:
        """Off, unless it is to resume."""
        super().opened()
        self._runner = LoopRunner(
            self,
            self.process.share(Endpoints, "regulation"),
            self.process.share(LivePublisher, "live"),
            self.process.stored.read(self.get_name(), REGULATION),
        )
        self.process.open(self._runner)

    def closing(self) -> None:
        """Work no more."""
        self.process.close(self._runner)

    def note(self, noted: Mapping[str, Any]) -> None:
        """Keep what is to be known after a restart."""
        self.process.stored.note(self.get_name(), REGULATION, dict(noted))

    # -- what people ask for

    def go(self, setpoint: float) -> None:
        """Take a setpoint, which counts from the next cycle on."""
        self._runner.go(setpoint)

    def begin(self) -> None:
        """Regulate from where everything is."""
        self._runner.begin()

    def hold(self) -> None:
        """End a ramp, a program or an auto-tuning."""
        self._runner.hold()

    def cut(self) -> None:
        """Switch off."""
        self._runner.cut()

    def gain(self, which: str) -> float:
        """As it is set; a gain schedule may let others count."""
        return float(getattr(self.keys, which))

    def tunables_changed(self) -> None:
        """Go by what has changed, without a jump of the output."""
        self._runner.tune()

    def shown_mode(self) -> str:
        """What it does with its output."""
        return "manual" if self._runner.regulator.manual is not None else str(self.keys.mode)

    def switch_mode(self, mode: str) -> None:
        """Go to another one, without a jump of the output."""
        if mode not in LOOP_MODES:
            raise BadValue(f"{self.label}: has no mode {mode!r}; it has {', '.join(LOOP_MODES)}")
        if mode == "manual":
            self._runner.drive()
            return
        self._change(mode=mode)
        self._runner.decide()

    def begin_tuning(self) -> None:
        """Let a relay swing the input."""
        self._runner.begin_tuning()

    def shown_tuning(self) -> str:
        """What the relay does."""
        relay = self._runner.regulator.relay
        return "" if relay is None else relay.told()

    def capabilities(self) -> list[str]:
        """All."""
        return ["ramp", "hold", "gains", "mode", "tuning", "program"]

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
        return list(self.keys.pid_range or self._runner.limits)

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
        return self._runner.regulator.parts.proportional

    @attribute(name=SoftLoopAttribute.INTEGRAL_PART, dtype=float, events=False)
    def integral_part(self) -> float:
        """Part of the output that comes from the errors so far."""
        return self._runner.regulator.parts.integral

    @attribute(name=SoftLoopAttribute.DERIVATIVE_PART, dtype=float, events=False)
    def derivative_part(self) -> float:
        """Part of the output that comes from how fast the input changes."""
        return self._runner.regulator.parts.derivative

    @attribute(name=SoftLoopAttribute.PROPOSED_GAINS, dtype=(float,), max_dim_x=3, events=False)
    def proposed_gains(self) -> list[float]:
        """Kp, Ki and Kd as the auto-tuning proposes them; empty if there are none."""
        relay = self._runner.regulator.relay
        found = None if relay is None else relay.proposed
        return [] if found is None else [found.kp, found.ki, found.kd]

    @attribute(name=SoftLoopAttribute.PROGRAM, dtype=str, events=False)
    def program(self) -> str:
        """The program that runs, as JSON; empty if none does."""
        program = self._runner.regulator.program
        return "" if program is None else program.program.model_dump_json()

    @attribute(name=SoftLoopAttribute.PROGRAM_STEP, dtype=str, events=False)
    def program_step(self) -> str:
        """Where the program is, as JSON: round, step, soaking, waiting, seconds_left; empty if none runs."""
        return place_of(self._runner.regulator)

    @attribute(name=SoftLoopAttribute.CYCLES, dtype=int, events=False)
    def cycles(self) -> int:
        """Cycles since it was started."""
        return self._runner.pace.cycles

    @attribute(name=SoftLoopAttribute.MISSED_CYCLES, dtype=int, events=False)
    def missed_cycles(self) -> int:
        """Cycles that were left out because the one before took too long; nothing is caught up."""
        return self._runner.pace.missed

    @attribute(name=SoftLoopAttribute.JITTER, dtype=float, events=False)
    def jitter(self) -> float:
        """By how much the last 1000 cycles began late, 99th percentile."""
        return self._runner.pace.jitter()

    # -- commands

    @command(SoftLoopCommand.MANUAL, dtype_in=float, doc_in="The output, in its unit")
    def manual(self, output: float) -> None:
        """Drive the output by hand; Start regulates again, without a jump."""
        self.wait(lambda: self._runner.drive(output))

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
        self.wait(lambda: self._runner.run(program))

    @command(SoftLoopCommand.STOP_TUNING)
    def stop_tuning(self) -> None:
        """End an auto-tuning and regulate at the working setpoint; harmless when none runs."""
        self.wait(self._runner.end_tuning)

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
        relay = self._runner.regulator.relay
        if relay is None or relay.proposed is None:
            raise NotReady(f"{self.label}: no gains are proposed; {self.shown_tuning() or 'StartTuning finds some'}")
        return relay.proposed
