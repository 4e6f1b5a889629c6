"""Axes that a device of ours moves as a client of their Tango devices: reading them all, moving them together."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import tango

from ronda.devices.driver import Driver
from ronda.devices.link import HARDWARES_OWN
from ronda.framework.errors import Busy, CommunicationFailed, NotReady, RondaError
from ronda.framework.tango.errors import from_dev_failed
from ronda.framework.tango.names import AxisAttribute, AxisCommand, MotorControllerCommand

READ = (AxisAttribute.POSITION, AxisAttribute.TARGET, "State", "Status")

MAY_MOVE = ("ON", "ALARM", "STANDBY")
"""States in which an axis can be asked to move."""

BAD_STATES = ("FAULT", "UNKNOWN", "INIT", "OFF", "DISABLE", "ALARM")
"""States that something is to be said about, the worst first."""

ARRIVED = 5.0
"""Last digits by which an axis may stand beside its target and yet have arrived."""


@dataclass(frozen=True)
class AxisState:
    """What an axis says.

    Attributes:
        position: user position, in its unit.
        target: where its latest move went to.
        state: as Tango spells it.
        status: its sentence.
        arrived: whether it stands at its target, within its last digits.
    """

    position: float
    target: float
    state: str
    status: str
    arrived: bool

    @property
    def moving(self) -> bool:
        """Whether it moves."""
        return self.state == "MOVING"

    @property
    def setpoint(self) -> float:
        """Where it was sent, if it stands there; else where it is."""
        return self.target if self.arrived else self.position


class AxisGroup(Driver):
    """Clients of some axes, all used in the worker's thread of a link.

    Args:
        name: of the device that moves them.
        axes: their names by role, which is what they are to that device.
        changed: called, from any thread, when an axis tells something new.
    """

    def __init__(self, name: str, axes: Mapping[str, str], changed: Callable[[], None]) -> None:
        super().__init__(name, None)
        self.axes = dict(axes)
        self._changed = changed
        self._proxies: dict[str, Any] = {}
        self._subscribed: list[tuple[Any, int]] = []
        self._digits: dict[str, float] = {}
        self._controller: dict[str, str] = {}
        self._controllers: dict[str, Any] = {}

    def connect(self) -> None:
        """Reach all axes and follow their events.

        Raises:
            CommunicationFailed: one of them does not answer.
        """
        for role, axis in self.axes.items():
            try:
                proxy = tango.DeviceProxy(axis)
                self._proxies[role] = proxy
                self._controller[role] = controller = _controller_of(proxy)
                if controller and controller not in self._controllers:
                    self._controllers[controller] = tango.DeviceProxy(controller)
                self._digits[role] = _last_digit(proxy.get_attribute_config(AxisAttribute.POSITION).format)
                for attribute in (AxisAttribute.POSITION, AxisAttribute.TARGET, "State"):
                    event = proxy.subscribe_event(attribute, tango.EventType.CHANGE_EVENT, self._take)
                    self._subscribed.append((proxy, event))
            except tango.DevFailed as failed:
                raise CommunicationFailed(f"{self.name}: its axis {axis} does not answer: {_words(failed)}") from failed

    def disconnect(self) -> None:
        """Follow nothing any more."""
        for proxy, event in self._subscribed:
            with contextlib.suppress(tango.DevFailed, KeyError):
                proxy.unsubscribe_event(event)
        self._subscribed.clear()
        self._proxies.clear()
        self._controllers.clear()

    def read(self) -> dict[str, AxisState]:
        """All axes as they are now; the questions are sent to all of them at once.

        Raises:
            CommunicationFailed: one of them does not answer.
        """
        found = self._read(self._proxies)
        # one that came to rest between the reading of its position and of its state is read again: it stands now
        late = [role for role, state in found.items() if not state.moving and not state.arrived]
        return {**found, **self._read(late)}

    def _read(self, roles: Iterable[str]) -> dict[str, AxisState]:
        asked = {role: self._proxies[role].read_attributes_asynch(list(READ)) for role in roles}
        found = {}
        for role, question in asked.items():
            try:
                answers = self._proxies[role].read_attributes_reply(question, 0)
            except tango.DevFailed as failed:
                raise CommunicationFailed(
                    f"{self.name}: its axis {self.axes[role]} does not answer: {_words(failed)}"
                ) from failed
            found[role] = self._reading(role, answers)
        return found

    def require_rest(self, who: str, what: str, states: Mapping[str, AxisState]) -> None:
        """Refuse what needs axes that stand and can be moved.

        Raises:
            Busy: one moves.
            NotReady: one cannot be moved.
        """
        for role, state in states.items():
            if state.moving:
                raise Busy(f"{who}: cannot {what}: {self.axes[role]} is moving; stop it first")
            if state.state not in MAY_MOVE:
                raise NotReady(f"{who}: cannot {what}: {self.axes[role]} is {state.state}: {state.status}")

    def complaint(self, states: Mapping[str, AxisState]) -> tuple[str, str] | None:
        """The state and the sentence of what is worst with the axes; None if all is well."""
        for kind in BAD_STATES:
            for role, state in states.items():
                if state.state == kind:
                    return ("UNKNOWN" if kind == "INIT" else kind), self._by(role, state.status.partition("\n")[0])
        return None

    def check(self, role: str, positions: Iterable[float]) -> None:
        """Let an axis say whether it may be moved to these positions.

        Raises:
            RondaError: as the axis says.
        """
        self._ask(role, lambda proxy: proxy.command_inout(AxisCommand.CHECK_TARGETS, list(positions)))

    def start(self, targets: Mapping[str, float]) -> None:
        """Let axes move, all at once.

        Raises:
            RondaError: what one of them says; those that had begun are stopped then.
        """
        together: dict[str, list[str]] = {}
        for role in targets:
            together.setdefault(self._controller[role] or role, []).append(role)
        asked: list[tuple[list[str], Callable[[], None]]] = [
            (roles, self._begin_one(roles[0], targets[roles[0]]))
            if len(roles) == 1
            else (roles, self._begin_together(controller, {role: targets[role] for role in roles}))
            for controller, roles in together.items()
        ]
        refused: RondaError | None = None
        begun: list[str] = []
        for roles, answer in asked:
            try:
                answer()
                begun += roles
            except RondaError as error:
                refused = refused or error
        if refused is not None:
            self.stop(begun)
            raise refused

    def stop(self, roles: Sequence[str], *, abort: bool = False) -> None:
        """Stop axes, all at once; each is asked, even if another one does not answer.

        Raises:
            RondaError: what the first that failed says.
        """
        command = AxisCommand.ABORT if abort else AxisCommand.STOP
        asked = {role: self._proxies[role].command_inout_asynch(command) for role in roles if role in self._proxies}
        refused: RondaError | None = None
        for role, question in asked.items():
            try:
                self._ask(role, partial(_done, question))
            except RondaError as error:
                refused = refused or error
        if refused is not None:
            raise refused

    def define(self, role: str, position: float) -> None:
        """Let an axis call the place where it stands by another user position.

        Raises:
            RondaError: as the axis says.
        """
        self._ask(role, lambda proxy: proxy.command_inout(AxisCommand.DEFINE_POSITION, position))

    def _begin_one(self, role: str, target: float) -> Callable[[], None]:
        """Ask an axis to move; what is returned waits for its answer."""
        question = self._proxies[role].write_attribute_asynch(AxisAttribute.POSITION, target)
        return lambda: self._ask(role, partial(_written, question))

    def _begin_together(self, controller: str, targets: Mapping[str, float]) -> Callable[[], None]:
        """Ask a controller to move several of its axes in one go; what is returned waits for its answer."""
        proxy = self._controllers[controller]
        argument = json.dumps({self.axes[role]: target for role, target in targets.items()})
        question = proxy.command_inout_asynch(MotorControllerCommand.MOVE_TOGETHER, argument)

        def answer() -> None:
            try:
                proxy.command_inout_reply(question, 0)
            except tango.DevFailed as failed:
                raise from_dev_failed(failed) from failed

        return answer

    def _ask(self, role: str, question: Callable[[Any], Any]) -> None:
        try:
            question(self._proxies[role])
        except tango.DevFailed as failed:
            error = from_dev_failed(failed)
            raise type(error)(self._by(role, str(error))) from failed

    def _by(self, role: str, sentence: str) -> str:
        """A sentence that begins with the axis's name."""
        axis = self.axes[role]
        return sentence if sentence.lower().startswith(f"{axis.lower()}:") else f"{axis}: {sentence}"

    def _reading(self, role: str, answers: Sequence[Any]) -> AxisState:
        position, target, state, status = answers
        for answer in (state, status):
            if answer.has_failed:
                raise CommunicationFailed(f"{self.name}: its axis {self.axes[role]} does not tell its state")
        at = float("nan") if position.has_failed or position.value is None else float(position.value)
        to = at if target.has_failed or target.value is None else float(target.value)
        return AxisState(at, to, str(state.value), str(status.value), abs(at - to) <= ARRIVED * self._digits[role])

    def _take(self, event: Any) -> None:
        del event  # what it says is read anew, so that all axes are known at one time
        self._changed()


def refused(who: str, what: str, error: RondaError) -> RondaError:
    """The error of an axis, with who wanted what before it; a link does this itself for what hardware says."""
    return error if isinstance(error, HARDWARES_OWN) else type(error)(f"{who}: cannot {what}: {error}")


def _last_digit(text: str) -> float:
    """The value of the last digit that a Tango format shows: 0.0001 for `%.4f`."""
    digits = "".join(letter for letter in text.partition(".")[2] if letter.isdigit())
    return float(10.0 ** -int(digits)) if digits else 1e-6


def _controller_of(axis: Any) -> str:
    """Name of the device that moves an axis together with others; empty if there is none."""
    if AxisAttribute.CONTROLLER not in axis.get_attribute_list():
        return ""
    return str(axis.read_attribute(AxisAttribute.CONTROLLER).value)


def _written(question: int, proxy: Any) -> None:
    proxy.write_attribute_reply(question, 0)


def _done(question: int, proxy: Any) -> None:
    proxy.command_inout_reply(question, 0)


def _words(failed: tango.DevFailed) -> str:
    return str(from_dev_failed(failed))
