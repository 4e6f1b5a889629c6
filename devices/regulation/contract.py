"""What a driver of a regulation controller provides: its inputs, its outputs, and the loops that it runs itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ronda.devices.driver import Driver
from ronda.devices.regulation.parameters import InputParameters, LoopParameters, OutputParameters
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import parameter
from ronda.framework.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Reading:
    """What an input measures, or where an output is.

    Attributes:
        value: in the unit of the input or output; NaN when there is none.
        fault: why the value is not to be trusted, as a clause: `sensor open`, `over range`. Empty if it is good.
    """

    value: float
    fault: str = ""


@dataclass(frozen=True, slots=True)
class LoopReading:
    """What a loop of the controller does.

    Attributes:
        setpoint: where it is to go, in the unit of the loop.
        working_setpoint: where the controller's ramp is now; the setpoint if it does not ramp. NaN if the controller
            does not tell: our device then reckons it from the ramp rate.
        output: what its PID gives, in the unit of the output; NaN if it does not tell.
        regulating: whether its PID drives the output (automatic); False while off or manual.
        ramping: whether the working setpoint is on its way; None if the controller does not tell.
        fault: why it does not regulate though it should, as a clause; empty if nothing is wrong.
    """

    setpoint: float
    working_setpoint: float = math.nan
    output: float = math.nan
    regulating: bool = True
    ramping: bool | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Gains:
    """Of output = kp·e + ki·∫e dt − kd·d(input)/dt, with e = setpoint − input. A driver converts to its controller's.

    Attributes:
        kp: output unit per input unit.
        ki: output unit per input unit and second.
        kd: output unit times second per input unit.
    """

    kp: float
    ki: float = 0.0
    kd: float = 0.0


class RegulationParameters(DeviceParameters):
    """A regulation controller. A driver adds the keys that it needs, such as `address`."""

    poll_period: float = parameter(
        "Time between two looks at all inputs, outputs and loops", 0.5, unit="s", ge=0.01, le=60, live=True
    )


class RegulationController(Driver):
    """One controller. Only what it has is needed: an instrument that only measures defines `read_inputs` alone.

    Optional hooks are marked so; what a driver does not define its devices say they cannot, or do in software (ramps).

    Attributes:
        InputParameters, OutputParameters, LoopParameters: models of what it has; a driver may derive its own.
        modes: names of the modes that its loops know, for `read_mode` and `write_mode`.
        inputs, outputs, loops: their parameters, by name in YAML.
    """

    Parameters: ClassVar[type[RegulationParameters]] = RegulationParameters
    InputParameters: ClassVar[type[InputParameters]] = InputParameters
    OutputParameters: ClassVar[type[OutputParameters]] = OutputParameters
    LoopParameters: ClassVar[type[LoopParameters]] = LoopParameters
    modes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str, parameters: Any) -> None:
        super().__init__(name, parameters)
        self.inputs: Mapping[str, Any] = parameters.inputs
        self.outputs: Mapping[str, Any] = parameters.outputs
        self.loops: Mapping[str, Any] = parameters.loops

    # -- inputs and outputs

    def read_inputs(self, names: Sequence[str]) -> Mapping[str, Reading]:
        """What inputs measure, in one exchange if the controller can. A broken sensor is a `fault`, not an error."""
        raise NotAllowed(f"{self.name}: this driver has no inputs")

    def read_outputs(self, names: Sequence[str]) -> Mapping[str, Reading]:
        """Where outputs are, in their units."""
        raise NotAllowed(f"{self.name}: this driver has no outputs")

    def write_output(self, name: str, value: float) -> None:
        """Set an output by hand; a loop of the controller that drives it must be off. Limits were checked.

        Raises:
            HardwareFault: the controller refuses.
        """
        raise NotAllowed(f"{self.name}: this driver cannot set outputs")

    def guard_output(self, name: str, seconds: float, safe_value: float) -> None:
        """Optional: let the controller itself bring an output to a value when it is not written for so long.

        0 s ends it. Called before software of ours begins to feed the output, and again after each `connect`.
        """
        raise NotAllowed(f"{self.name}: this controller has no watchdog")

    # -- loops that the controller runs itself

    def read_loops(self, names: Sequence[str]) -> Mapping[str, LoopReading]:
        """What loops do, in as few exchanges as the controller can."""
        raise NotAllowed(f"{self.name}: this driver has no loops")

    def write_setpoint(self, name: str, setpoint: float) -> None:
        """Where to go: with the controller's ramp if `write_ramp_rate` gave it one, else at once."""
        raise NotAllowed(f"{self.name}: this driver has no loops")

    def regulate(self, name: str, on: bool) -> None:
        """Let the PID drive the output, or switch the loop off: the output then goes to its safe state (heater off)."""
        raise NotAllowed(f"{self.name}: this driver cannot switch loops on and off")

    def hold(self, name: str) -> None:
        """Optional: end a ramp where it is and go on regulating there; else the device writes the working setpoint."""
        raise NotAllowed(f"{self.name}: this controller cannot hold a ramp")

    def read_gains(self, name: str) -> Gains:
        """Optional: the gains, converted to our units."""
        raise NotAllowed(f"{self.name}: this driver does not know the gains")

    def write_gains(self, name: str, gains: Gains) -> None:
        """Optional: set the gains."""
        raise NotAllowed(f"{self.name}: this driver cannot set gains")

    def read_ramp_rate(self, name: str) -> float:
        """Optional: the controller's ramp rate in units per minute; 0 if it does not ramp."""
        raise NotAllowed(f"{self.name}: this controller has no ramp")

    def write_ramp_rate(self, name: str, rate: float) -> None:
        """Optional: set it; 0 ends ramping. Without this hook our device moves the setpoint in small steps."""
        raise NotAllowed(f"{self.name}: this controller has no ramp")

    def read_mode(self, name: str) -> str:
        """Optional: in which of `modes` a loop is."""
        raise NotAllowed(f"{self.name}: the loops of this controller have no modes")

    def write_mode(self, name: str, mode: str) -> None:
        """Optional: set the mode, one of `modes`."""
        raise NotAllowed(f"{self.name}: the loops of this controller have no modes")

    def start_tuning(self, name: str) -> None:
        """Optional: begin the controller's own auto-tuning."""
        raise NotAllowed(f"{self.name}: this controller does not tune itself")

    def tuning(self, name: str) -> str:
        """Optional: what the auto-tuning does, in words; empty when none runs."""
        return ""

    # -- anything

    def query(self, line: str) -> str:
        """Optional: a line in the controller's own language, for experts."""
        raise NotAllowed(f"{self.name}: takes no lines of its own")
