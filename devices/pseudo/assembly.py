"""What the pseudo axes of one calculation share: the real axes, the calculation, the move that runs."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ronda.devices.axis_group import AxisGroup, AxisState, refused
from ronda.devices.link import Link
from ronda.devices.process import Process
from ronda.devices.pseudo.contract import Calculation, CalculationParameters, PseudoAxisParameters, Role
from ronda.devices.pseudo.limits import check_target
from ronda.framework.errors import BadValue, ConfigurationError, NotAllowed, NotFound, NotReady, OutOfRange, RondaError

PATH = 33
"""Places on the way to a target at which the limits of the real axes are checked."""

SHORTEST_PERIOD = 0.02
"""Seconds between two looks at the real axes, however often they tell something."""


class PseudoUser(Protocol):
    """One pseudo axis, as its calculation knows it. Called in the worker's thread unless said otherwise."""

    label: str

    @property
    def parameters(self) -> PseudoAxisParameters:
        """What it goes by; any thread."""
        ...

    def started(self, target: float) -> None:
        """A move to this position has begun: show MOVING."""

    def take(self, position: float, moving: bool, complaint: tuple[str, str] | None, when: float) -> None:
        """Take where it is; `complaint` is the state and the sentence of what keeps it from being ON."""

    def lost(self, error: RondaError) -> None:
        """Nothing is known about it any more; any thread."""


class CalculationUser(Protocol):
    """The calculation's own device."""

    def linked(self) -> None:
        """All real axes answer."""

    def lost(self, error: RondaError) -> None:
        """One does not; any thread."""


class Assembly:
    """The calculation with its axes. They may join in any order."""

    def __init__(self, name: str) -> None:
        """Nobody has joined yet; `name` is the calculation's."""
        self.name = name
        self._lock = threading.Lock()
        self._calculation: Calculation | None = None
        self._device: CalculationUser | None = None
        self._real: AxisGroup | None = None
        self._link: Link | None = None
        self._axes: Mapping[Role, PseudoUser] = {}
        self._started: frozenset[Role] = frozenset()  # real axes that our last move has started, until all stand
        self._moving = False
        self._stops = 0
        self._complaint = ""
        self._looked = 0.0
        self._halt: Future[None] | None = None

    # -- the calculation and its axes join and leave

    def open(self, process: Process, calculation: Calculation, device: CalculationUser) -> None:
        """Take the calculation and begin to look for the real axes."""
        parameters: CalculationParameters = calculation.parameters
        with self._lock:
            self._calculation, self._device = calculation, device
            self._real = AxisGroup(self.name, parameters.real, self._real_changed)
            self._link = Link(self._real, self)
        process.open(self._link)

    def close(self, process: Process) -> None:
        """Let go of the real axes; a motion of them goes on."""
        with self._lock:
            link, self._link, self._calculation, self._device, self._real = self._link, None, None, None, None
        if link is not None:
            process.close(link)
        self._tell_axes(NotReady(f"{self.name} is not running, see its Status"))

    def add(self, axis: PseudoUser) -> None:
        """Take a pseudo axis.

        Raises:
            ConfigurationError: another one has its role.
        """
        role = axis.parameters.role
        with self._lock:
            holder = self._axes.get(role)
            if holder is not None and holder is not axis:
                raise ConfigurationError(f"{axis.label}: {holder.label} is already the {role} of {self.name}")
            self._axes = {**self._axes, role: axis}
            link = self._link
        if link is not None:
            link.poll_within(0.0)

    def remove(self, axis: PseudoUser) -> None:
        """Let go of a pseudo axis."""
        with self._lock:
            self._axes = {role: other for role, other in self._axes.items() if other is not axis}

    def reconfigure(self, parameters: CalculationParameters) -> None:
        """Take changed polling periods."""
        if self._calculation is not None:
            self._calculation.parameters = parameters
        if self._link is not None:
            self._link.poll_within(0.0)

    def labels(self) -> list[str]:
        """Names of the pseudo axes."""
        return sorted(axis.label for axis in self._axes.values())

    def real_labels(self) -> list[str]:
        """Names of the real axes."""
        return list(self._real.axes.values()) if self._real is not None else []

    def silence(self) -> str:
        """A clause about real axes that take long to answer, else empty."""
        return self._link.silence() if self._link is not None else ""

    # -- what pseudo axes ask for, in a Tango client's thread

    def move(self, who: str, what: str, moves: Mapping[Role, float]) -> None:
        """Move pseudo axes together; returns when all real axes have taken their part. All or none begin.

        Args:
            who: the device that asks, for messages.
            what: what it wants, as in `cannot <what>`.
            moves: targets by role.

        Raises:
            Busy: a real axis moves already.
            NotReady: one cannot move.
            OutOfRange: the target does not exist, or a real axis would leave its limits on the way.
        """
        stops = self._stops

        def begin() -> None:
            readings = self._known_real().read()
            self._known_real().require_rest(who, what, readings)
            real = self._path(who, what, moves, readings, check=True)
            if self._stops != stops:
                raise NotAllowed(f"{who}: cannot {what}: it was stopped meanwhile")
            targets = {
                role: float(way[-1])
                for role, way in real.items()
                if not math.isclose(way[-1], readings[role].setpoint, rel_tol=1e-12, abs_tol=1e-12)
            }
            try:
                self._known_real().start(targets)
            except RondaError as error:
                raise refused(who, what, error) from error
            self._complaint = ""
            self._started = frozenset(targets)
            self._moving = bool(targets)
            for role, target in moves.items():
                if role in self._axes:
                    self._axes[role].started(target)
            self._poll_within(0.0)

        self._known_link(who, what).run(who, what, begin)

    def move_by_name(self, who: str, targets: Mapping[str, float]) -> None:
        """Move pseudo axes by their names, see `move`.

        Raises:
            NotFound: one is not of this calculation.
            BadValue, OutOfRange: a target is no number, or outside an axis's own limits.
        """
        roles = {axis.label.lower(): role for role, axis in self._axes.items()}
        moves: dict[Role, float] = {}
        for name, target in targets.items():
            role = roles.get(name.lower())
            if role is None:
                raise NotFound(f"{who}: {name} is none of its axes; it has {', '.join(self.labels())}")
            check_target(name, self._axes[role].parameters, target)
            moves[role] = target
        what = "move " + ", ".join(f"{name} to {target}" for name, target in targets.items())
        self.move(who, what, moves)

    def real_targets(self, who: str, ways: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
        """Where the real axes would stand at points of pseudo axes, by name; the real axes are not asked.

        Raises:
            NotFound: one is not of this calculation.
            BadValue: not all have as many points.
            OutOfRange: a point does not exist, or is outside a pseudo axis's own limits.
        """
        roles = {axis.label.lower(): role for role, axis in self._axes.items()}
        unknown = [name for name in ways if name.lower() not in roles]
        if unknown:
            raise NotFound(f"{who}: {unknown[0]} is none of its axes; it has {', '.join(self.labels())}")
        lengths = {len(way) for way in ways.values()}
        if len(lengths) > 1:
            raise BadValue(f"{who}: give as many positions of each pseudo axis, not {sorted(lengths)}")
        points = [
            {roles[name.lower()]: target for name, target in zip(ways, point, strict=True)}
            for point in zip(*ways.values(), strict=True)
        ]

        def compute() -> dict[str, list[float]]:
            real = self._known_real()
            readings = real.read()
            found: dict[str, list[float]] = {str(name): [] for name in real.axes.values()}
            for moves in points:
                for role, target in moves.items():
                    check_target(self._axes[role].label, self._axes[role].parameters, target)
                path = self._path(who, "compute its real axes", moves, readings, check=False, ends=True)
                for role, name in real.axes.items():
                    found[str(name)].append(float(path[role][-1]) if role in path else readings[role].setpoint)
            return found

        return self._known_link(who, "compute its real axes").run(who, "compute its real axes", compute)

    def pseudo_positions(self, who: str, ways: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
        """Where the pseudo axes would be, by name, when the real ones are at these positions; nobody is asked.

        Raises:
            NotFound: one is no real axis of this calculation, or one is missing.
            BadValue: not all have as many points.
        """
        names = {role: str(name) for role, name in self._known_real().axes.items()}
        if set(ways) != set(names.values()):
            raise NotFound(f"{who}: computes from {', '.join(names.values())}, not from {', '.join(ways)}")
        lengths = {len(way) for way in ways.values()}
        if len(lengths) > 1:
            raise BadValue(f"{who}: give as many positions of each real axis, not {sorted(lengths)}")
        found = self._known_calculation().to_pseudo({role: np.array(ways[name]) for role, name in names.items()})
        (length,) = lengths
        return {
            axis.label: np.broadcast_to(np.asarray(found[role], float), (length,)).tolist()
            for role, axis in self._axes.items()
        }

    def check(self, who: str, role: Role, targets: Sequence[float]) -> None:
        """Refuse targets of one pseudo axis that the real axes cannot reach one after the other.

        Raises:
            as `move`, but for what may change until then: a motion, or power that is off.
        """

        def check() -> None:
            real = self._known_real()
            readings = real.read()
            self._take(readings)  # who asks looks next whether the axis stands

            def ends(target: float, *, check: bool) -> Mapping[Role, npt.NDArray[np.float64]]:
                what = f"move to {self._text(role, target)}"
                return self._path(who, what, {role: target}, readings, check=check, ends=True)

            ways = [ends(target, check=False) for target in targets]
            try:  # one question for all targets of a scan
                for each in readings:
                    real.check(each, {float(way[each][-1]) for way in ways if each in way})
            except RondaError:
                for target in targets:
                    ends(target, check=True)  # says which of them it is
                raise

        self._known_link(who, "check its targets").run(who, "check its targets", check)

    def define(self, who: str, what: str, role: Role, position: float) -> None:
        """Call the present place of a pseudo axis by another position: the real axes are redefined accordingly.

        Raises:
            Busy: a real axis moves.
            OutOfRange: there is no such position.
        """

        def define() -> None:
            readings = self._known_real().read()
            self._known_real().require_rest(who, what, readings)
            wanted = self._path(who, what, {role: position}, readings, check=False, ends=True)
            for each, way in wanted.items():
                if not math.isclose(way[-1], readings[each].setpoint, rel_tol=1e-12, abs_tol=1e-12):
                    try:
                        self._known_real().define(each, float(way[-1]))
                    except RondaError as error:
                        raise refused(who, what, error) from error
            self._take(self._known_real().read())

        self._known_link(who, what).run(who, what, define)

    def stop(self, who: str, *, abort: bool = False) -> None:
        """Stop all real axes before anything else that waits."""
        self._stops += 1

        def stop() -> None:
            real = self._known_real()
            real.stop(list(real.axes), abort=abort)
            self._poll_within(0.0)

        self._known_link(who, "stop").run_first(who, "stop", stop)

    def refresh(self, who: str) -> None:
        """Read all real axes now."""
        self._known_link(who, "be read").run(who, "be read", lambda: self._take(self._known_real().read()))

    # -- what the link asks for

    def connected(self) -> None:
        """All real axes answer."""

    def poll(self) -> float:
        """Look at the real axes; returns the seconds until the next look."""
        wait = self._looked + SHORTEST_PERIOD - time.monotonic()
        if wait > 0:
            return wait
        self._looked = time.monotonic()
        readings = self._known_real().read()
        self._take(readings)
        self._stop_the_others(readings)
        if self._device is not None:
            self._device.linked()
        periods: CalculationParameters = self._known_calculation().parameters
        return periods.poll_period if self._moving else periods.idle_poll_period

    def lost(self, error: RondaError) -> None:
        """A real axis cannot be reached."""
        self._tell_axes(error)
        if self._device is not None:
            self._device.lost(error)

    def halt(self) -> None:
        """Stop the move that we began, the server ends."""
        link, started = self._link, self._started
        if link is not None and started:
            self._stops += 1
            self._halt = link.submit(lambda: self._known_real().stop(sorted(started)), urgent=True)

    def at_rest(self) -> bool:
        """Whether our move has ended."""
        return self._halt is None or self._halt.done()

    # -- in the worker's thread

    def _take(self, readings: Mapping[Role, AxisState]) -> None:
        when = time.time()
        calculation = self._known_calculation()
        moving = any(reading.moving for reading in readings.values())
        self._moving = moving
        if not moving:
            self._started = frozenset()
        complaint = self._judge(readings)
        pseudo = calculation.to_pseudo({role: np.array([reading.position]) for role, reading in readings.items()})
        for role, axis in self._axes.items():
            axis.take(float(np.ravel(pseudo[role])[0]), moving, complaint, when)

    def _judge(self, readings: Mapping[Role, AxisState]) -> tuple[str, str] | None:
        """The state and the sentence of what is not as it should be."""
        return self._known_real().complaint(readings) or (("ALARM", self._complaint) if self._complaint else None)

    def _stop_the_others(self, readings: Mapping[Role, AxisState]) -> None:
        """One axis of our move has failed or was stopped on its way: the others shall not go on without it."""
        left = [role for role in self._started if readings[role].moving]
        lost = [role for role in self._started if not readings[role].moving and not readings[role].arrived]
        if left and lost and not self._complaint:
            first = lost[0]
            self._complaint = (
                f"{self._axis_name(first)} stopped at {readings[first].position:.10g} instead of "
                f"{readings[first].target:.10g}; the other axes of {self.name} were stopped"
            )
            self._known_real().stop(left)

    def _path(
        self,
        who: str,
        what: str,
        moves: Mapping[Role, float],
        readings: Mapping[Role, AxisState],
        *,
        check: bool,
        ends: bool = False,
    ) -> dict[Role, npt.NDArray[np.float64]]:
        """The way of each real axis to the targets of pseudo axes; the last place is where it shall go.

        Args:
            who, what: for messages.
            moves: targets by pseudo role; the other pseudo axes stay where they were sent.
            readings: of the real axes.
            check: whether the real axes are asked if they may go there.
            ends: whether only the last place matters.
        """
        calculation = self._known_calculation()
        now = {role: np.array([reading.setpoint]) for role, reading in readings.items()}
        pseudo_now = {role: float(np.ravel(value)[0]) for role, value in calculation.to_pseudo(now).items()}
        length = 1 if ends else PATH
        fractions = np.array([1.0]) if ends else np.linspace(0.0, 1.0, PATH)
        pseudo = {}
        for role, value in pseudo_now.items():
            target = moves.get(role, value)
            start = value if math.isfinite(value) else target
            pseudo[role] = np.where(fractions == 1.0, target, start + fractions * (target - start))
        real = {role: np.full(length, value[0]) for role, value in now.items()}
        ways = {
            role: np.broadcast_to(np.asarray(way, dtype=np.float64), (length,))
            for role, way in calculation.to_real(pseudo, real).items()
        }
        for role, way in ways.items():
            if not np.isfinite(way).all():
                raise OutOfRange(f"{who}: cannot {what}: {self._axis_name(role)} has no position for that")
        if check:
            for role, way in ways.items():
                try:
                    self._known_real().check(role, {float(np.min(way)), float(np.max(way)), float(way[-1])})
                except RondaError as error:
                    raise refused(who, what, error) from error
        return ways

    def _real_changed(self) -> None:
        self._poll_within(0.0)

    def _poll_within(self, delay: float) -> None:
        if self._link is not None:
            self._link.poll_within(delay)

    # -- what is there

    def _axis_name(self, role: Role) -> str:
        return self._known_real().axes[role]

    def _text(self, role: Role, position: float) -> str:
        axis = self._axes.get(role)
        return f"{position} {axis.parameters.unit}" if axis is not None else f"{position}"

    def _known_real(self) -> AxisGroup:
        if self._real is None:
            raise NotReady(f"{self.name} is not running, see its Status")
        return self._real

    def _known_calculation(self) -> Calculation:
        if self._calculation is None:
            raise NotReady(f"{self.name} is not running, see its Status")
        return self._calculation

    def _known_link(self, who: str, what: str) -> Link:
        link = self._link
        if link is None:
            raise NotReady(f"{who}: cannot {what}: {self.name} is not running, see its Status")
        return link

    def _tell_axes(self, error: RondaError) -> None:
        for axis in self._axes.values():
            axis.lost(error)
