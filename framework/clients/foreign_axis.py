"""A motor that somebody else's Tango server serves, used as an axis: what it does not have is refused in words."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import BadValue, NotAllowed, NotFound, OutOfRange
from ronda.framework.tango.names import AxisAttribute

GRACE = 1.0
"""Seconds that a device has after a write until its state says that it moves."""

MOVING_STATES = ("MOVING", "RUNNING")

STOPS, ABORTS = ("Stop", "StopMove", "Halt", "Abort"), ("Abort", "Stop", "StopMove", "Halt")
"""Commands that stop a motor, the first that it has; upper and lower case do not count."""


class ForeignAxis(Axis):
    """An axis made of any Tango device with a position that can be written.

    It has no dial, offset, fix or lock: nobody but its own server could keep these. As an `Axis` of ours, by the driver
    `tango_attribute`, the same motor has them all.

    Args:
        remote: the device.
        position: attribute whose write moves it.
        stop: command that stops it; one of `STOPS` if empty.
        velocity: attribute of its velocity; none if it has no such attribute.
        moving_states: its states while it moves.
        tolerance: how near its target it must come, in its unit; five of its last digits if None.
    """

    def __init__(
        self,
        remote: Remote,
        *,
        position: str = "Position",
        stop: str = "",
        velocity: str = "Velocity",
        moving_states: Sequence[str] = MOVING_STATES,
        tolerance: float | None = None,
    ) -> None:
        described = remote.attribute_configuration(position)
        shown = "".join(letter for letter in str(described.format).partition(".")[2] if letter.isdigit())
        digits = int(shown) if shown else 4
        unit = str(described.unit)
        super().__init__(remote, {"unit": "" if unit == "No unit" else unit, "digits": digits})
        self._position, self._stop, self._velocity = position, stop, velocity
        self._moving_states = tuple(moving_states)
        self._tolerance = 5.0 * 10.0**-digits if tolerance is None else tolerance
        self._begun: tuple[float, float] | None = None
        self._tells_rest = False
        self._limits = _bound(described.min_value, -math.inf), _bound(described.max_value, math.inf)

    def __repr__(self) -> str:
        return f"<ForeignAxis {self.name}>"

    @property
    def position(self) -> float:
        """Where it is."""
        value = self.remote.read(self._position)
        return math.nan if value is None else float(value)

    @position.setter
    def position(self, position: float) -> None:
        raise self._not_ours(f"position {position}", f"; move({position}) moves it")

    @property
    def dial(self) -> float:
        """The same: only its own server knows another scale."""
        return self.position

    @dial.setter
    def dial(self, dial: float) -> None:
        self.position = dial

    @property
    def target(self) -> float:
        """Where it was last sent from here; where it stands if it was not."""
        return self.position if self._begun is None else self._begun[1]

    @property
    def setpoint(self) -> float:
        """Where it stands."""
        return self.position

    @property
    def sign(self) -> int:
        """Always 1."""
        return 1

    @sign.setter
    def sign(self, value: int) -> None:
        raise self._not_ours(f"sign {value}")

    @property
    def offset(self) -> float:
        """Always 0."""
        return 0.0

    @offset.setter
    def offset(self, value: float) -> None:
        raise self._not_ours(f"offset {value}")

    @property
    def state(self) -> str:
        """State, as Tango spells it; MOVING in each state in which it moves, and from the moment it was asked to."""
        state = self.remote.state()
        if state in self._moving_states:
            self._begun = None
            return "MOVING"
        if self._begun is not None:
            since, target = self._begun
            if time.monotonic() - since < GRACE and not self.is_at(self.position, target):
                return "MOVING"
            self._begun = None
        return state

    def is_at(self, position: float, target: float) -> bool:
        """Whether it has arrived."""
        return abs(position - target) <= self._tolerance

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest position that its server lets be written; infinite for none."""
        return self._limits

    @limits.setter
    def limits(self, value: tuple[float | None, float | None]) -> None:
        raise self._not_ours(f"limits {value}")

    @property
    def low_limit(self) -> float:
        """Lowest position; -inf for none."""
        return self._limits[0]

    @low_limit.setter
    def low_limit(self, value: float) -> None:
        raise self._not_ours(f"low limit {value}")

    @property
    def high_limit(self) -> float:
        """Highest position; inf for none."""
        return self._limits[1]

    @high_limit.setter
    def high_limit(self, value: float) -> None:
        raise self._not_ours(f"high limit {value}")

    @property
    def velocity(self) -> float:
        """Velocity of its moves."""
        return float(self.remote.read(self._velocity))

    @velocity.setter
    def velocity(self, velocity: float) -> None:
        self.remote.write(self._velocity, float(velocity))

    def check(self, targets: Sequence[float]) -> None:
        """Whether it may be moved to these positions, as far as can be known; errors as those of any axis."""
        low, high = self._limits
        for target in targets:
            if not math.isfinite(target):
                raise BadValue(f"{self.name}: cannot move to {target}; a position is a finite number of {self.unit}")
            if not low <= target <= high:
                raise OutOfRange(
                    f"{self.name}: cannot move to {target} {self.unit}, outside limits [{low}, {high}] {self.unit}"
                )
        self.check_state()

    def move(self, target: float, *, wait: bool = True) -> None:
        """Move to a position, as any axis."""
        self.check([target])
        super().move(target, wait=wait)

    def start(self, target: float) -> None:
        """Begin a move whose target was checked before."""
        self._begun = (time.monotonic(), float(target))
        try:
            with self._beginning(float(target)):
                self.remote.write(self._position, float(target))
        except BaseException:
            self._begun = None
            raise

    def stop(self) -> None:
        """Stand still."""
        self._begun = None
        self._end(self._stop or self._command(STOPS))

    def abort(self) -> None:
        """Stand still as fast as it can."""
        self._begun = None
        self._end(self._command(ABORTS))

    @property
    def fixed(self) -> str:
        """Empty: it can be fixed by its own server only."""
        return ""

    def fix(self, reason: str) -> None:
        """Refused."""
        raise self._not_ours(f"fix {reason!r}")

    @property
    def owner(self) -> str:
        """Empty: it knows no locks."""
        return ""

    def details(self) -> dict[str, Any]:
        """What its table shows."""
        found: dict[str, Any] = {AxisAttribute.POSITION: self.position}
        found[AxisAttribute.LOW_LIMIT], found[AxisAttribute.HIGH_LIMIT] = self._limits
        for velocity in self.remote.read_some([self._velocity]).values():
            found[AxisAttribute.VELOCITY] = velocity
        return found

    def _not_ours(self, what: str, hint: str = "") -> NotAllowed:
        return NotAllowed(
            f"{self.name}: is served by others, {what} cannot be set from here{hint}; "
            "as an axis with the driver tango_attribute it could"
        )

    def _end(self, command: str) -> None:
        """Stop is for everyone, whatever it is called."""
        self.remote.for_everyone |= {command}
        self.remote.command(command)

    def _command(self, names: Sequence[str]) -> str:
        has = {str(name).lower(): str(name) for name in self.remote.proxy.get_command_list()}
        for name in names:
            if name.lower() in has:
                return has[name.lower()]
        raise NotFound(f"{self.name}: has none of the commands {', '.join(names)}; name the one that stops it, stop=…")

    def _deceleration_time(self) -> float:
        return 5.0  # nobody tells us


def _bound(text: str, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:
        return otherwise
