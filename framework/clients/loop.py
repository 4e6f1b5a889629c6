"""A regulation loop: `temp.setpoint = 300`, `temp.wait()`; an axis for scans, and counters that say what it does."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.counter import Counter
from ronda.framework.clients.remote import Remote
from ronda.framework.clients.settings import DeviceSettings
from ronda.framework.errors import BadValue, HardwareFault, NotAllowed, OutOfRange, RondaError
from ronda.framework.tango.names import AxisAttribute
from ronda.framework.tango.regulation import LoopAttribute, LoopCommand, SoftLoopAttribute, SoftLoopCommand

PAUSE = 0.1
"""Seconds between two looks at a loop that is on its way."""

TELL_PERIOD = 10.0
"""Seconds between two sentences on how far it is, while `wait(progress=True)` waits."""


HISTORY = {
    "time": LoopAttribute.HISTORY_TIME,
    "input": LoopAttribute.HISTORY_INPUT,
    "setpoint": LoopAttribute.HISTORY_SETPOINT,
    "output": LoopAttribute.HISTORY_OUTPUT,
}
"""Columns of its history, by name."""


class Loop(Axis):
    """One loop. As an axis its position is the input, and it stands when the setpoint is reached by its own rule.

    An interrupted move ends the ramp and holds the working setpoint: the output is never cut but by `off`.

    Attributes:
        output_unit: unit of the output.
        draw: shows its history where a person looks; the shell puts its own there.
    """

    def __init__(
        self,
        remote: Remote,
        configuration: Mapping[str, Any],
        settings: DeviceSettings | None = None,
        tell: Callable[[str], None] = print,
    ) -> None:
        """Nothing is connected yet."""
        super().__init__(remote, {"unit": "K", "digits": 3, **configuration}, settings, tell)
        self.output_unit = str(configuration.get("output_unit", "%"))
        self.draw: Callable[[Loop], None] = undrawn
        self._tells_rest = False

    def __repr__(self) -> str:
        return f"<Loop {self.name}>"

    def __info__(self) -> str:
        """What it does, and how it is tuned; the shell shows it when the loop is typed."""
        title = f"{self.name}  {self.description}".rstrip()
        try:
            state, status = self.state, self.status.partition("\n")[0].removeprefix(f"{self.name}: ")
            found = self.remote.read_some(list(LoopAttribute))
        except RondaError as error:
            return f"{title}\n  !ERR       {' '.join(str(error).split())}"
        unit = self.unit
        rows = {
            "state": f"{state}: {status}",
            "input": self._told(found, LoopAttribute.INPUT, unit),
            "setpoint": f"{self._told(found, LoopAttribute.SETPOINT, unit)}, working setpoint "
            f"{self._told(found, LoopAttribute.WORKING_SETPOINT, unit)}",
            "output": self._told(found, LoopAttribute.OUTPUT, self.output_unit, "{:.6g}".format),
            "ramp rate": f"{found.get(LoopAttribute.RAMP_RATE, math.nan):g} {unit}/min",
            "gains": ", ".join(
                f"{name} {found[key]:g}"
                for name, key in (("kp", LoopAttribute.KP), ("ki", LoopAttribute.KI), ("kd", LoopAttribute.KD))
                if key in found
            ),
            "deadband": f"± {found.get(LoopAttribute.DEADBAND, math.nan):g} {unit} "
            f"for {found.get(LoopAttribute.DEADBAND_TIME, math.nan):g} s",
        }
        return "\n".join([title, *(f"  {name:<9}  {text}" for name, text in rows.items() if text)])

    # -- regulating

    @property
    def setpoint(self) -> float:
        """Where it goes, or is held. Setting it regulates, goes there with the ramp rate, and returns at once."""
        return _number(self.remote.read(LoopAttribute.SETPOINT))

    @setpoint.setter
    def setpoint(self, setpoint: float) -> None:
        self._permit()
        self.remote.write(LoopAttribute.SETPOINT, float(setpoint))

    @property
    def working_setpoint(self) -> float:
        """Where the ramp is now."""
        return _number(self.remote.read(LoopAttribute.WORKING_SETPOINT))

    @property
    def input(self) -> float:
        """What is measured; NaN while the input has a fault."""
        return _number(self.remote.read(LoopAttribute.INPUT))

    @property
    def output(self) -> float:
        """Where the output is."""
        return _number(self.remote.read(LoopAttribute.OUTPUT))

    @property
    def error(self) -> float:
        """Working setpoint minus input."""
        return _number(self.remote.read(LoopAttribute.ERROR))

    @property
    def ramp_rate(self) -> float:
        """How fast the working setpoint moves, in unit/min; 0: at once."""
        return float(self.remote.read(LoopAttribute.RAMP_RATE))

    @ramp_rate.setter
    def ramp_rate(self, rate: float) -> None:
        self.remote.write(LoopAttribute.RAMP_RATE, float(rate))

    @property
    def deadband(self) -> float:
        """The setpoint is reached while the input is within ± this around it."""
        return float(self.remote.read(LoopAttribute.DEADBAND))

    @deadband.setter
    def deadband(self, width: float) -> None:
        self.remote.write(LoopAttribute.DEADBAND, float(width))

    @property
    def deadband_time(self) -> float:
        """How long it must stay there, in s."""
        return float(self.remote.read(LoopAttribute.DEADBAND_TIME))

    @deadband_time.setter
    def deadband_time(self, duration: float) -> None:
        self.remote.write(LoopAttribute.DEADBAND_TIME, float(duration))

    @property
    def gains(self) -> tuple[float, float, float]:
        """kp, ki, kd; a change lets the output where it is."""
        kp, ki, kd = self.remote.read_many([LoopAttribute.KP, LoopAttribute.KI, LoopAttribute.KD])
        return float(kp), float(ki), float(kd)

    @gains.setter
    def gains(self, gains: Sequence[float]) -> None:
        for attribute, gain in zip((LoopAttribute.KP, LoopAttribute.KI, LoopAttribute.KD), gains, strict=True):
            self.remote.write(attribute, float(gain))

    @property
    def in_deadband(self) -> bool:
        """Whether the input is within the deadband around the working setpoint."""
        return bool(self.remote.read(LoopAttribute.IS_IN_DEADBAND))

    @property
    def is_regulating(self) -> bool:
        """Whether it drives its output."""
        return bool(self.remote.read(LoopAttribute.IS_REGULATING))

    def on(self) -> None:
        """Regulate from where everything is."""
        self.remote.command(LoopCommand.START)

    def off(self) -> None:
        """Regulate no more; the output goes to its safe value."""
        self.remote.command(LoopCommand.OFF)

    def manual(self, output: float) -> None:
        """Drive the output by hand; `on` regulates again, without a jump."""
        self.remote.command(SoftLoopCommand.MANUAL, float(output))

    def run(self, *steps: Mapping[str, float], repeats: int = 1, deviation: float | None = None) -> None:
        """Begin a program in the background: `temp.run({"to": 400, "rate": 10, "soak": 600}, {"to": 300})`.

        Args:
            steps: setpoint, rate per minute (0: at once) and soak in s of each.
            repeats: how often.
            deviation: while the input is further than this from the working setpoint, the program waits.
        """
        program = {"steps": [dict(step) for step in steps], "repeats": repeats, "deviation": deviation}
        self.remote.command(SoftLoopCommand.RUN_PROGRAM, json.dumps(program))

    def tune(self) -> None:
        """Begin to find gains; `proposed_gains` says what was found, nothing is changed."""
        self.remote.command(LoopCommand.START_TUNING)

    @property
    def proposed_gains(self) -> tuple[float, ...]:
        """kp, ki and kd as the auto-tuning proposes them; empty as long as it does not."""
        found = self.remote.read(SoftLoopAttribute.PROPOSED_GAINS)
        return () if found is None else tuple(float(gain) for gain in found)

    def wait(self, timeout: float | None = None, *, progress: bool = False) -> bool:
        """Wait until the setpoint is reached; returns whether it is.

        Args:
            timeout: seconds; None for as long as it takes.
            progress: whether to say now and then how far it is.

        Raises:
            HardwareFault: it cannot regulate, or was switched off.
        """
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        told = time.monotonic()
        while (state := self.state) == "MOVING":
            now = time.monotonic()
            if now >= deadline:
                return False
            if progress and now - told >= TELL_PERIOD:
                told = now
                self._tell(f"{self.status.partition(chr(10))[0]}, now {self.text(self.input)} {self.unit}")
            time.sleep(min(PAUSE, deadline - now))
        if state != "ON":
            raise HardwareFault(self.status.partition("\n")[0])
        return True

    def history(self) -> dict[str, npt.NDArray[np.float64]]:
        """What it did of late: `time` (s since 1970), `input`, `setpoint` (the working one) and `output`.

        The arrays have the same length, shape (n,); what nobody knew then is NaN.
        """
        columns = self.remote.read_many(list(HISTORY.values()))
        length = min(0 if column is None else len(column) for column in columns)  # rows come while they are read
        return {
            name: np.asarray(column if length else (), np.float64)[:length]
            for name, column in zip(HISTORY, columns, strict=True)
        }

    def plot(self) -> None:
        """Plot what it did of late: input, working setpoint and output over time."""
        self.draw(self)

    def counters(self) -> list[Counter]:
        """What it can record at each point of a scan: `temp_input`, `temp_setpoint`, `temp_output`, `temp_error`."""
        return [
            Counter(
                f"{self.name}_{word}",
                "",
                f"{self.name}_{word}",
                unit,
                None,
                attribute=f"{self.remote.device}/{attribute}",
                rate=False,
            )
            for word, attribute, unit in (
                ("input", LoopAttribute.INPUT, self.unit),
                ("setpoint", LoopAttribute.WORKING_SETPOINT, self.unit),
                ("output", LoopAttribute.OUTPUT, self.output_unit),
                ("error", LoopAttribute.ERROR, self.unit),
            )
        ]

    # -- as an axis

    @property
    def position(self) -> float:
        """What is measured."""
        return self.input

    @position.setter
    def position(self, position: float) -> None:
        raise NotAllowed(
            f"{self.name}: what it measures cannot be renamed; {self.name}.setpoint = {position} goes there"
        )

    @property
    def dial(self) -> float:
        """The same as the position."""
        return self.input

    @dial.setter
    def dial(self, dial: float) -> None:
        self.position = dial

    @property
    def target(self) -> float:
        """The setpoint."""
        return self.setpoint

    def is_at(self, position: float, target: float) -> bool:
        """Whether it is where it should be: its deadband decides, and noise does not count."""
        del position
        return abs(self.setpoint - target) <= 10.0**-self.digits

    @property
    def offset(self) -> float:
        """Always 0."""
        return 0.0

    @offset.setter
    def offset(self, offset: float) -> None:
        raise NotAllowed(f"{self.name}: a loop has no offset, it cannot be {offset}")

    @property
    def sign(self) -> int:
        """Always 1."""
        return 1

    @sign.setter
    def sign(self, sign: int) -> None:
        raise NotAllowed(f"{self.name}: a loop has no sign, it cannot be {sign}")

    @property
    def velocity(self) -> float:
        """Ramp rate in unit/s; infinite without one."""
        return self.ramp_rate / 60.0 or math.inf

    @velocity.setter
    def velocity(self, velocity: float) -> None:
        self.ramp_rate = 60.0 * velocity

    @property
    def acceleration_time(self) -> float:
        """Always 0."""
        return 0.0

    @acceleration_time.setter
    def acceleration_time(self, duration: float) -> None:
        raise NotAllowed(f"{self.name}: a ramp has no acceleration, it cannot take {duration} s")

    def check(self, targets: Sequence[float]) -> None:
        """Whether it may be sent to these setpoints; errors as those of any axis."""
        low, high = self.limits
        for target in targets:
            if not math.isfinite(target):
                raise BadValue(f"{self.name}: cannot go to {target}; a setpoint is a finite number of {self.unit}")
            if not low <= target <= high:
                raise OutOfRange(
                    f"{self.name}: cannot go to {target} {self.unit}, outside limits [{low}, {high}] {self.unit}"
                )

    def start(self, target: float) -> None:
        """Begin to go to a setpoint that was checked before."""
        self.setpoint = target

    def await_rest(self, limit: float) -> float | None:
        """Wait until the setpoint is reached, for `limit` seconds at most; returns the input, None if it is not."""
        return self.input if self.wait(limit) else None

    @property
    def fixed(self) -> str:
        """Empty: loops are not fixed."""
        return ""

    def fix(self, reason: str) -> None:
        """Refused."""
        raise NotAllowed(f"{self.name}: a loop cannot be fixed ({reason!r}); switch it off")

    @property
    def owner(self) -> str:
        """Empty: loops are not locked."""
        return ""

    def details(self) -> dict[str, Any]:
        """What tables of axes show."""
        low, high = self.limits
        return {
            AxisAttribute.POSITION: self.input,
            AxisAttribute.TARGET: self.setpoint,
            AxisAttribute.LOW_LIMIT: low,
            AxisAttribute.HIGH_LIMIT: high,
        }

    def _deceleration_time(self) -> float:
        return 1.0

    def _told(
        self, found: Mapping[str, Any], attribute: str, unit: str, text: Callable[[float], str] | None = None
    ) -> str:
        value = found.get(attribute)
        return "unknown" if value is None or math.isnan(value) else f"{(text or self.text)(value)} {unit}"


def undrawn(loop: Loop) -> None:
    """Without a screen.

    Raises:
        NotAllowed: always.
    """
    raise NotAllowed(
        f"{loop.name}: is plotted at the prompt of `ronda shell` only; {loop.name}.history() gives the numbers"
    )


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
