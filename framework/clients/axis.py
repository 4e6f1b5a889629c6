"""An axis: where it is, where it may go, and moving it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ronda.framework.clients.locking import Hold, who_we_are
from ronda.framework.clients.remote import Remote
from ronda.framework.clients.settings import Changes, DeviceSettings
from ronda.framework.errors import (
    Busy,
    CommunicationFailed,
    HardwareFault,
    NotAllowed,
    NotFound,
    NotReady,
    OutOfRange,
    RondaError,
    TimedOut,
)
from ronda.framework.tango.names import NO_LIMIT, AxisAttribute, AxisCommand

SLICE = 0.1
"""Seconds that an axis is waited for in one call: so soon an interruption is noticed."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.0005, 0.02
"""Seconds between two looks at a moving axis that cannot be waited for in a call."""

PATIENCE = 1 / 50
"""The part of the time waited so far that such a pause takes, between these two."""

ARRIVED = 5.0
"""Steps, or last digits if it has none, by which an axis may stand beside its target and yet have arrived."""

MOVES = ("ON", "ALARM", "STANDBY")
"""States in which an axis can be asked to move; ALARM because one that stands on a switch may move off it."""

STOP_TIME = 2.0
"""Seconds beyond its deceleration within which a stopped axis must stand."""


def not_stopped(name: str, failure: Exception, because: BaseException | None = None) -> str:
    """A sentence about an axis that could not be stopped.

    Args:
        name: of the axis.
        failure: what came of the attempt.
        because: why it was to be stopped; a server that does not answer is not told twice.
    """
    silent = (CommunicationFailed, TimedOut)
    if isinstance(because, silent) and isinstance(failure, silent) and str(because).startswith(f"{name}:"):
        return f"{name} could not be told to stop either"
    return f"{name} could not be stopped: {failure}"


class Axis:
    """One axis. Positions are user positions in its unit if nothing else is said.

    Attributes:
        name: its name in YAML.
        unit: of its positions.
        digits: how many to show after the decimal point.
        description: what it moves, in words.
        remote: its Tango device.
        forbidden: says why this program does not move it now, as a clause; an empty text if it does.
        begins: is told before each order to move, with the target, or None for a motion without one; what it raises
            refuses the order.
        rests: is told when what was begun is over, or was stopped as far as that could be.
        group: the device that starts it together with others, its controller or calculation; None if there is none.

    Methods raise CommunicationFailed or TimedOut if its server does not answer, and the errors that it reports:
    NotAllowed if it is fixed, Busy if it moves or another program has locked it, NotFound for what it does not have.
    """

    def __init__(
        self,
        remote: Remote,
        configuration: Mapping[str, Any],
        settings: DeviceSettings | None = None,
        tell: Callable[[str], None] = print,
        group: Remote | None = None,
    ) -> None:
        """Nothing is connected yet.

        Args:
            remote: its Tango device.
            configuration: as in YAML.
            settings: what it was given at run time, against the file.
            tell: takes a sentence about what a change meant.
            group: see above.
        """
        self.name = remote.name
        self.remote = remote
        self.unit = str(configuration.get("unit", ""))
        self.digits = int(configuration.get("digits", 4))
        self.description = str(configuration.get("description", ""))
        steps = abs(float(configuration.get("steps_per_unit", 0.0)))
        self._step = 1.0 / steps if steps else 10.0**-self.digits
        self._modulo = float(configuration.get("modulo") or 0.0)
        self.group = group
        self._settings = settings
        self._tell = tell
        self._tells_rest = True
        self.forbidden: Callable[[], str] = str
        self.begins: Callable[[Axis, float | None], None] = lambda *_: None
        self.rests: Callable[[Axis], None] = lambda _: None

    def __repr__(self) -> str:
        return f"<Axis {self.name}>"

    def __info__(self) -> str:
        """A table of all that is to be known about it; the shell shows it when the axis is typed."""
        from ronda.framework.clients.axis_table import axis_table

        return axis_table(self)

    # -- where it is

    @property
    def position(self) -> float:
        """Where it is. Setting it calls the present place by another number: the offset changes, nothing moves."""
        return float(self.remote.read(AxisAttribute.POSITION))

    @position.setter
    def position(self, position: float) -> None:
        before, was = self._offset_and_position()
        self.define_position(position)
        self._tell(
            f"{self.name}: position {self.text(was)} is now called {self.text(position)} {self.unit}; "
            f"{self._offsets(before)}"
        )

    def timed_position(self) -> tuple[float, float, bool]:
        """When its server looked last (s since 1970), where the axis was then, and whether it moved."""
        read = self.remote.reading(AxisAttribute.POSITION)
        return read.time.totime(), float(read.value), str(read.quality) == "ATTR_CHANGING"

    @property
    def dial(self) -> float:
        """Where it is on its own scale. Setting it tells the controller; the user position stays."""
        return float(self.remote.read(AxisAttribute.DIAL_POSITION))

    @dial.setter
    def dial(self, dial: float) -> None:
        before, was = self.offset, self.dial
        self.remote.command(AxisCommand.DEFINE_DIAL_POSITION, float(dial))
        self._tell(
            f"{self.name}: dial position {self.text(was)} is now called {self.text(dial)} {self.unit}; "
            f"{self._offsets(before)}"
        )

    @property
    def target(self) -> float:
        """Where the latest move went to; where it stands before the first one."""
        return float(self.remote.read(AxisAttribute.TARGET))

    @property
    def setpoint(self) -> float:
        """The position last asked for, if it stands there; else where it stands."""
        target, position = self.remote.read_many([AxisAttribute.TARGET, AxisAttribute.POSITION])
        return float(target if self.is_at(position, target) else position)

    @property
    def state(self) -> str:
        """State, as Tango spells it: `ON` when it stands, `MOVING` …"""
        return self.remote.state()

    @property
    def status(self) -> str:
        """What it says about its state."""
        return self.remote.status()

    def is_at(self, position: float, target: float) -> bool:
        """Whether an axis that stands at `position` has arrived at `target`."""
        difference = position - target
        if self._modulo:  # 359.9 and -0.1 are the same place of a rotation
            difference -= self._modulo * round(difference / self._modulo)
        return abs(difference) <= ARRIVED * self._step

    def is_moving(self) -> bool:
        """Whether it moves now."""
        return self.state == "MOVING"

    # -- settings, which survive restarts

    @property
    def offset(self) -> float:
        """user position = sign × dial position + offset. Limits stay where they are on the dial."""
        return float(self.remote.read(AxisAttribute.OFFSET))

    @offset.setter
    def offset(self, offset: float) -> None:
        before = self.offset
        self.remote.write(AxisAttribute.OFFSET, float(offset))
        self._tell(f"{self.name}: {self._offsets(before)}")

    @property
    def sign(self) -> int:
        """Direction of the user position against the dial, 1 or -1. A change keeps the offset."""
        return int(self.remote.read(AxisAttribute.SIGN))

    @sign.setter
    def sign(self, sign: int) -> None:
        was = self.position
        self.remote.write(AxisAttribute.SIGN, int(sign))
        self._tell(f"{self.name}: position {self.text(was)} is now called {self.text(self.position)} {self.unit}")

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest position that it may be moved to; infinite for none."""
        low, high = self.remote.read_many([AxisAttribute.LOW_LIMIT, AxisAttribute.HIGH_LIMIT])
        return float(low), float(high)

    @limits.setter
    def limits(self, limits: tuple[float | None, float | None]) -> None:
        low = _writable(-math.inf if limits[0] is None else limits[0])
        high = _writable(math.inf if limits[1] is None else limits[1])
        writes = [(AxisAttribute.LOW_LIMIT, low), (AxisAttribute.HIGH_LIMIT, high)]
        if low >= self.high_limit:
            writes.reverse()  # at no time is the low one above the high one
        for attribute, value in writes:
            self.remote.write(attribute, value)

    @property
    def low_limit(self) -> float:
        """Lowest position that it may be moved to; -inf for none."""
        return float(self.remote.read(AxisAttribute.LOW_LIMIT))

    @low_limit.setter
    def low_limit(self, limit: float) -> None:
        self.remote.write(AxisAttribute.LOW_LIMIT, _writable(limit))

    @property
    def high_limit(self) -> float:
        """Highest position that it may be moved to; inf for none."""
        return float(self.remote.read(AxisAttribute.HIGH_LIMIT))

    @high_limit.setter
    def high_limit(self, limit: float) -> None:
        self.remote.write(AxisAttribute.HIGH_LIMIT, _writable(limit))

    @property
    def velocity(self) -> float:
        """Velocity of its moves, in unit/s; what the controller will really do."""
        return float(self.remote.read(AxisAttribute.VELOCITY))

    @velocity.setter
    def velocity(self, velocity: float) -> None:
        self.remote.write(AxisAttribute.VELOCITY, float(velocity))

    @property
    def acceleration_time(self) -> float:
        """Time from rest to full velocity, in s."""
        return float(self.remote.read(AxisAttribute.ACCELERATION_TIME))

    @acceleration_time.setter
    def acceleration_time(self, duration: float) -> None:
        self.remote.write(AxisAttribute.ACCELERATION_TIME, float(duration))

    @property
    def acceleration(self) -> float:
        """Acceleration in unit/s²: velocity by acceleration time; infinite if that is 0."""
        velocity, duration = self.remote.read_many([AxisAttribute.VELOCITY, AxisAttribute.ACCELERATION_TIME])
        return float(velocity) / float(duration) if duration else math.inf

    @acceleration.setter
    def acceleration(self, acceleration: float) -> None:
        self.acceleration_time = self.velocity / float(acceleration)

    @property
    def steps_per_unit(self) -> float:
        """Steps of the controller for one unit."""
        return float(self.remote.read(AxisAttribute.STEPS_PER_UNIT))

    def define_position(self, position: float) -> None:
        """Call the present place by another user position; nothing moves."""
        self.remote.command(AxisCommand.DEFINE_POSITION, float(position))

    # -- the YAML file

    def diff(self) -> Changes:
        """What was set at run time and differs from the YAML file: the file's value and the present one, by key."""
        return self._known_settings.diff()

    def save(self) -> Changes:
        """Write what was set at run time into the YAML file, comments kept; returns old and new values by key.

        Raises:
            ServiceFailed: the host agent does not answer.
            ConfigurationError: the file cannot be changed, for example because somebody has edited it.
        """
        changes = self._known_settings.save()
        for key, (old, new) in changes.items():
            self._tell(f"{self.name}.{key}: {old!r} → {new!r} in the file")
        if not changes:
            self._tell(f"{self.name} runs by its file, there is nothing to save")
        return changes

    def revert(self) -> Changes:
        """Forget what was set at run time and go by the YAML file again; returns old and new values by key.

        Raises:
            ServiceFailed: the host agent does not answer.
        """
        changes = self._known_settings.revert()
        for key, (old, new) in changes.items():
            self._tell(f"{self.name}.{key}: {old!r} → {new!r}, as in the file")
        if not changes:
            self._tell(f"{self.name} runs by its file, there is nothing to revert")
        return changes

    # -- moving

    def check(self, targets: Sequence[float]) -> None:
        """Whether it may be moved to these positions.

        Raises:
            BadValue: one is not a finite number.
            OutOfRange: one is outside the limits.
            NotAllowed: it is fixed.
            Busy: it is moving, or another program has locked it.
            NotReady: it is off or faulty.
        """
        self.remote.command(AxisCommand.CHECK_TARGETS, [float(target) for target in targets])
        self.check_state()

    def check_state(self) -> None:
        """Whether it can be asked to move now.

        Raises:
            Busy: it is moving.
            NotReady: it is off or faulty.
        """
        state = self.state
        if state == "MOVING":
            raise Busy(f"{self.name}: cannot move, it is moving already: {_one_line(self.status)}")
        if state not in MOVES:
            raise NotReady(f"{self.name}: cannot move, its state is {state}: {_one_line(self.status)}")

    def move(self, target: float, *, wait: bool = True) -> None:
        """Move to a position. Ctrl-C stops the axis, and so does any other exception while this waits.

        Args:
            target: where to.
            wait: whether to return only when it is there; else as soon as the hardware has taken the move.

        Raises:
            BadValue, OutOfRange: this is no place to go to.
            NotAllowed, Busy, NotReady: as `check`.
            HardwareFault: the controller refuses; or it stands elsewhere in the end.
        """
        try:
            self.start(target)
        except OutOfRange:
            self.check([target])  # says it in our words, not in Tango's
            raise
        if wait:
            self._waiting(lambda: self.arrive(target))

    def rmove(self, distance: float, *, wait: bool = True) -> None:
        """Move by a distance, counted from the position last asked for if it stands there; otherwise as `move`."""
        self.move(self.setpoint + distance, wait=wait)

    def start(self, target: float) -> None:
        """Begin a move whose target was checked before."""
        with self._beginning(float(target)):
            self.remote.write(AxisAttribute.POSITION, float(target))

    def jog(self, velocity: float) -> None:
        """Begin to move at a velocity, and return; it ends with `stop`, at the soft limit or at a limit switch.

        Args:
            velocity: in unit/s; its sign is the direction.
        """
        with self._beginning():
            self.remote.command(AxisCommand.JOG, float(velocity))

    def home(self, *, wait: bool = True) -> None:
        """Search for its reference mark, and make the dial right there. Interruptions as in `move`.

        Raises:
            HardwareFault: the mark was not found.
        """
        with self._beginning():
            self.remote.command(AxisCommand.HOME)
        if wait:
            self._waiting(self.home_end)

    def home_end(self) -> None:
        """Wait for the end of a search for the reference mark.

        Raises:
            HardwareFault: it was not found.
        """
        self.wait()
        if not self.remote.read(AxisAttribute.HOMED):
            raise HardwareFault(f"{self.name}: has not been homed: {_one_line(self.status)}")

    def search_limit(self, direction: int, *, wait: bool = True) -> None:
        """Run onto the limit switch at one end of the user scale, whatever the soft limits are.

        Args:
            direction: 1 for the high end, -1 for the low end.
            wait: whether to return only when it stands; interruptions as in `move`.
        """
        high = direction > 0
        with self._beginning():
            self.remote.command(AxisCommand.SEARCH_HIGH_LIMIT if high else AxisCommand.SEARCH_LOW_LIMIT)
        if wait:
            self.until_rest()

    def sync(self) -> None:
        """Accept where the hardware says that it is, after it was moved by hand."""
        self.remote.command(AxisCommand.SYNC)

    def enable(self) -> None:
        """Switch its power on; this may clear a fault."""
        self.remote.command(AxisCommand.ENABLE)

    def disable(self) -> None:
        """Switch its power off."""
        self.remote.command(AxisCommand.DISABLE)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it stands; returns whether it does.

        Args:
            timeout: seconds; None for as long as it takes.

        Raises:
            HardwareFault: it stands with a fault.
        """
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while self.await_rest(min(SLICE, deadline - time.monotonic())) is None:
            if time.monotonic() >= deadline:
                return False
        return True

    def await_rest(self, limit: float) -> float | None:
        """Wait until it stands, for `limit` seconds at most; returns where, None if it still moves.

        Raises:
            HardwareFault: it stands with a fault.
        """
        if self._tells_rest:
            try:
                position = float(self.remote.command(AxisCommand.AWAIT_REST, float(limit)))
                if math.isnan(position):
                    return None
                self.rests(self)
                return position
            except NotFound:
                self._tells_rest = False  # one that others serve, or a computed one
        begun = time.monotonic()
        while self.is_moving():
            elapsed = time.monotonic() - begun
            if elapsed >= limit:
                return None
            time.sleep(min(max(elapsed * PATIENCE, SHORTEST_PAUSE), LONGEST_PAUSE))
        if self.state == "FAULT":
            raise HardwareFault(f"{self.name}: {_one_line(self.status)}")
        self.rests(self)
        return self.position

    def arrive(self, target: float) -> None:
        """Wait for the end of a move.

        Args:
            target: where it should end.

        Raises:
            HardwareFault: it ends elsewhere, or with a fault.
        """
        position = None
        while position is None:
            position = self.await_rest(SLICE)
        if not self.is_at(position, target):
            raise HardwareFault(
                f"{self.name}: stands at {self.text(position)} {self.unit} instead of {self.text(target)} "
                f"{self.unit}; somebody stopped it, or it met a limit switch ({_one_line(self.status)})"
            )

    def stop(self) -> None:
        """Decelerate and stand still; harmless when it stands."""
        self.remote.command(AxisCommand.STOP)

    def abort(self) -> None:
        """Stand still as fast as the hardware can."""
        self.remote.command(AxisCommand.ABORT)

    def halt(self) -> str:
        """Stop it and wait until it stands; a clause about what came of that, empty if it stood already."""
        try:
            if not self.is_moving():
                return ""
            self.stop()
            if not self.wait(self._deceleration_time() + STOP_TIME):
                return f"{self.name} still moves, {STOP_TIME:g} s after it should have stopped"
            return f"{self.name} stopped at {self.text(self.position)} {self.unit}"
        finally:
            self.rests(self)

    # -- sharing it

    @property
    def fixed(self) -> str:
        """Why it must not move, and who said so; empty if it may."""
        return str(self.remote.read(AxisAttribute.FIXED))

    def fix(self, reason: str) -> None:
        """Refuse each move by whomever until `release`, also after restarts. A motion that runs goes on.

        Args:
            reason: why; everybody who tries is told.
        """
        self.remote.command(AxisCommand.FIX, [str(reason), who_we_are()])

    def release(self) -> None:
        """Let it be moved again."""
        self.remote.command(AxisCommand.RELEASE)

    @property
    def owner(self) -> str:
        """Which program has locked it, and for what; empty if none has."""
        return str(self.remote.read(AxisAttribute.OWNER))

    def hold(self, purpose: str) -> Hold:
        """`with samx.hold("alignment"):` - until the end of the block no other program moves or changes it.

        Raises:
            Busy: another program has it.
        """
        return Hold([self.remote], purpose)

    # -- tools

    def _permit(self) -> None:
        if why := self.forbidden():
            raise NotAllowed(f"{self.name}: {why}")

    @contextmanager
    def _beginning(self, target: float | None = None) -> Iterator[None]:
        """Around an order to move; one that is refused has begun nothing."""
        self._permit()
        self.begins(self, target)  # before: of an order that is interrupted nobody knows whether it was taken
        try:
            yield
        except RondaError:
            self.rests(self)
            raise

    def details(self) -> dict[str, Any]:
        """The attributes that its table shows, those that it has."""
        from ronda.framework.clients.axis_table import READ

        return self.remote.read_some(READ)

    def text(self, position: float) -> str:
        """A position with its digits."""
        return f"{position:.{self.digits}f}"

    def until_rest(self) -> None:
        """Wait until it stands; an exception while this waits, such as Ctrl-C, stops it."""
        self._waiting(self.wait)

    def _waiting(self, wait: Callable[[], object]) -> None:
        try:
            wait()
        except HardwareFault:
            raise  # it stands
        except BaseException as error:
            try:
                sentence = self.halt()
            except RondaError as failure:
                sentence = not_stopped(self.name, failure, error)
            if sentence:
                error.add_note(sentence)
            raise

    def _offset_and_position(self) -> tuple[float, float]:
        offset, position = self.remote.read_many([AxisAttribute.OFFSET, AxisAttribute.POSITION])
        return float(offset), float(position)

    def _offsets(self, before: float) -> str:
        return f"offset {before:.{self.digits}f} → {self.offset:.{self.digits}f} {self.unit}"

    def _deceleration_time(self) -> float:
        try:
            return self.acceleration_time
        except NotFound:
            return 0.0

    @property
    def _known_settings(self) -> DeviceSettings:
        if self._settings is None:
            raise NotAllowed(f"{self.name}: is not in the YAML files of this beamline, it has no settings there")
        return self._settings


def _writable(limit: float) -> float:
    return min(max(float(limit), -NO_LIMIT), NO_LIMIT)


def _one_line(text: str) -> str:
    return "; ".join(text.splitlines())
