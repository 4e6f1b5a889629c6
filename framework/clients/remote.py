"""A Tango device as seen by a client: connected when first used, its failures told as errors of the closed list."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import tango

from ronda.framework.errors import BadValue, OutOfRange, RondaError, TimedOut
from ronda.framework.tango.errors import from_dev_failed
from ronda.framework.tango.names import FOR_EVERYONE

T = TypeVar("T")

MakeProxy = Callable[[str], Any]
"""Makes a client of a device from its name: `tango.DeviceProxy`, or `tango.gevent.DeviceProxy` under gevent."""

OUTSIDE = "API_WAttrOutsideLimit"
"""Tango's reason for refusing a value by itself."""

UNSPECIFIED = "Not specified"
"""What Tango says for a bound that is not set."""

ANSWER_LIMIT = 3.5
"""Seconds after which a command that was only asked for is given up: a little more than Tango itself waits."""


TALK = "ronda.client"
"""Logger that hears at level DEBUG of each call to a device; below it stands one for each device, by its name."""

Permit = Callable[[str], None]
"""Takes what begins a sentence, such as a device's name; raises NotAllowed if this program may change nothing now."""

LONGEST = 200
"""Characters of what was asked, in the log."""


class Remote:
    """One Tango device.

    Attributes:
        name: what people call it, for messages.
        address: its Tango name.
        for_everyone: commands that `permit` is not asked about.

    Every method raises an error of the closed list: CommunicationFailed or TimedOut if the device does not answer,
    NotFound if it is not known, or what the device itself reports.
    """

    def __init__(self, name: str, address: str, make_proxy: MakeProxy, permit: Permit = lambda _: None) -> None:
        """Nothing is connected yet.

        Args:
            name: what people call it.
            address: its Tango name, or `tango://HOST:PORT/…` with it.
            make_proxy: makes the connection when it is first needed.
            permit: asked before anything is changed; not before commands that are for everyone, such as Stop.
        """
        self.name = name
        self.address = address
        self.for_everyone: frozenset[str] = FOR_EVERYONE
        self._permit = permit
        self._make_proxy = make_proxy
        self._connected: Any = None
        self._written: dict[str, Any] = {}
        self._takes: dict[str, Any] = {}
        self._green = False
        self._talk = logging.getLogger(f"{TALK}.{name}")

    def __repr__(self) -> str:
        return f"<Tango device {self.device}>"

    @property
    def device(self) -> str:
        """Its Tango name within its database, `demo/axis/samx`."""
        return self.address.split("/", 3)[3] if "://" in self.address else self.address

    @property
    def proxy(self) -> Any:
        """The Tango client itself."""
        if self._connected is None:
            try:
                self._connected = self._make_proxy(self.address)
                self._green = self._connected.get_green_mode() == tango.GreenMode.Gevent
            except tango.DevFailed as failed:
                raise self._told(failed) from failed
        return self._connected

    def state(self) -> str:
        """State, as Tango spells it: `ON`, `MOVING` …"""
        return str(self._do(lambda: self.proxy.state(), "State"))

    def status(self) -> str:
        """What the device says about its state."""
        return str(self._do(lambda: self.proxy.status(), "Status"))

    def tango_class(self) -> str:
        """Its Tango class."""
        return str(self._do(lambda: self.proxy.info().dev_class))

    def read(self, attribute: str) -> Any:
        """The value of an attribute; None while the device has none."""
        return self._do(lambda: self.proxy.read_attribute(attribute), attribute).value

    def reading(self, attribute: str) -> Any:
        """The value of an attribute with its time and quality, as Tango gives it."""
        return self._do(lambda: self.proxy.read_attribute(attribute))

    def read_many(self, attributes: Sequence[str]) -> list[Any]:
        """The values of several attributes, in one exchange; the first that fails is raised."""

        def read() -> list[Any]:
            return [answer.value for answer in self.proxy.read_attributes(list(attributes))]

        return self._do(read, *attributes)

    def read_some(self, attributes: Sequence[str]) -> dict[str, Any]:
        """The values of those attributes that the device has and can tell, in one exchange."""

        def read() -> dict[str, Any]:
            answers = zip(attributes, self.proxy.read_attributes(list(attributes)), strict=True)
            return {name: answer.value for name, answer in answers if not answer.has_failed}

        return self._do(read, *attributes)

    def readings(self, attributes: Sequence[str]) -> list[Any]:
        """Several attributes as Tango gives them, in one exchange; each says itself whether it failed."""
        if not attributes:
            return []
        return list(self._do(lambda: self.proxy.read_attributes(list(attributes)), *attributes))

    def properties(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Properties that the Tango database holds for the device; an empty list for one that is not there."""
        return self._do(lambda: {name: list(found) for name, found in self.proxy.get_property(list(names)).items()})

    def write(self, attribute: str, value: Any) -> None:
        """Write an attribute.

        PyTango asks the device for the attribute's type at each write unless it is given, so it is kept.
        """
        self._permit(self.name)

        def write() -> None:
            described = self._written.pop(attribute, None) or self.proxy.get_attribute_config(attribute)
            try:
                self._to_the_end(self.proxy.write_attribute, described, value)
            except (TypeError, ValueError, OverflowError) as error:
                takes = tango.CmdArgType.values[int(described.data_type)]
                raise BadValue(f"{self.name}: {attribute} cannot be set to {value!r}, it takes a {takes}") from error
            except tango.DevFailed as failed:
                if any(each.reason == OUTSIDE for each in failed.args):  # Tango's own refusal does not say the limits
                    raise self._outside(attribute, value) from failed
                raise
            self._written[attribute] = described  # not after a failure: the device may be another one by now

        self._do(write, attribute, "=", value)

    def _outside(self, attribute: str, value: Any) -> RondaError:
        shown = self.proxy.get_attribute_config(attribute)
        bounds = (("at least", shown.min_value), ("at most", shown.max_value))
        allowed = " and ".join(f"{words} {bound}" for words, bound in bounds if bound != UNSPECIFIED)
        unit = "" if shown.unit == "No unit" else f" {shown.unit}".rstrip()
        return OutOfRange(
            f"{self.name}: {attribute} cannot be set to {value}{unit}, allowed is a finite number of {allowed}{unit}"
        )

    def command(self, name: str, argument: Any = None) -> Any:
        """Run a command; returns what it answers. The type that it takes is asked for once only, as in `write`."""
        if name not in self.for_everyone:
            self._permit(self.name)
        if argument is None:
            return self._do(lambda: self._to_the_end(self.proxy.command_inout, name), name)

        def run() -> Any:
            packed = self._packed(name, argument)
            takes = self._takes.pop(name)
            answer = self._to_the_end(self.proxy.command_inout, name, packed)
            self._takes[name] = takes  # as in `write`
            return answer

        return self._do(run, name, argument)

    def attributes(self) -> Any:
        """Tango's descriptions of all attributes."""
        return self._do(lambda: self.proxy.attribute_list_query())

    def described(self) -> Any:
        """Tango's whole descriptions of all attributes, with alarms and events."""
        return self._do(lambda: self.proxy.attribute_list_query_ex())

    def describe(self, described: Any) -> None:
        """Let Tango describe an attribute otherwise; it stores this in its database."""
        self._do(lambda: self.proxy.set_attribute_config([described]), described.name, "is described otherwise")

    def attribute_configuration(self, attribute: str) -> Any:
        """Tango's description of an attribute: unit, format, limits, type."""
        return self._do(lambda: self.proxy.get_attribute_config(attribute))

    def begin(self, name: str, argument: Any) -> int:
        """Ask for a command; returns a number for `answered`."""
        if name not in self.for_everyone:
            self._permit(self.name)
        return int(
            self._do(lambda: self.proxy.command_inout_asynch(name, self._packed(name, argument)), name, argument)
        )

    def answered(self, request: int) -> bool:
        """Whether a command has been answered; raises what it failed with."""

        def ask() -> bool:
            try:
                self.proxy.command_inout_reply(request)
            except tango.AsynReplyNotArrived:
                return False
            return True

        return self._do(ask)

    def _packed(self, name: str, argument: Any) -> Any:
        takes = self._takes[name] = self._takes.get(name) or self.proxy.command_query(name).in_type
        packed = tango.DeviceData()
        try:
            packed.insert(takes, argument)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadValue(f"{self.name}: {name} takes a {takes}, not {argument!r}") from error
        return packed

    def _to_the_end(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Call what changes something; an exception that comes from outside, such as Ctrl-C, waits for its end.

        Under gevent the call goes on in a thread when the greenlet that waits for it is interrupted: an order to stop
        could overtake an order to move then, and the axis would go on moving.
        """
        if not self._green:
            return call(*arguments)
        pending = call(*arguments, wait=False)
        if not hasattr(pending, "wait"):  # in a thread without a loop of its own it is the answer, no AsyncResult
            return pending
        try:
            return pending.get()
        finally:
            pending.wait(ANSWER_LIMIT)

    def _do(self, action: Callable[[], T], *what: object) -> T:
        """Make a call, and log what it asked and how long it took if somebody wants that."""
        begun = time.monotonic()
        try:
            answer = action()
        except tango.DevFailed as failed:
            told = self._told(failed)
            self._talk.debug("%s: %s", " ".join(map(str, what)), told)
            raise told from failed
        if what and self._talk.isEnabledFor(logging.DEBUG):
            asked = " ".join(map(str, what))[:LONGEST]
            self._talk.debug("%s, %.1f ms", asked, 1000 * (time.monotonic() - begun))
        return answer

    def _told(self, failed: tango.DevFailed) -> RondaError:
        """The error in our words; it begins with who."""
        return from_dev_failed(failed, self.name)


def side_by_side(orders: Sequence[tuple[Remote, Any]], command: str) -> None:
    """Run the same command of several devices at the same time; returns when all have answered.

    Args:
        orders: the devices, each with the command's argument.
        command: which.

    Raises:
        RondaError: the first failure, after all have answered.
        TimedOut: one did not answer.
    """
    if len(orders) == 1:
        remote, argument = orders[0]
        remote.command(command, argument)
        return
    failures: list[RondaError] = []
    asked: list[tuple[Remote, int]] = []
    for remote, argument in orders:
        try:
            asked.append((remote, remote.begin(command, argument)))
        except RondaError as error:
            failures.append(error)
    deadline = time.monotonic() + ANSWER_LIMIT
    while asked:
        waiting = []
        for remote, request in asked:
            try:
                if not remote.answered(request):
                    waiting.append((remote, request))
            except RondaError as error:
                failures.append(error)
        asked = waiting
        if asked and time.monotonic() > deadline:
            names = ", ".join(remote.name for remote, _ in asked)
            raise TimedOut(f"{names}: did not answer {command} within {ANSWER_LIMIT:g} s; see `ronda status`")
        time.sleep(0.0005 if asked else 0)
    if failures:
        raise failures[0]
