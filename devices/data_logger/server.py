"""Following one Tango server: its devices' attributes are subscribed or read, whenever it comes, goes or restarts."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tango

from ronda.devices.data_logger.directory import RunningServers
from ronda.devices.data_logger.logged import Logged
from ronda.devices.data_logger.parameters import LoggedParameters
from ronda.devices.data_logger.rules import Known, Rules
from ronda.framework.errors import TimedOut
from ronda.framework.tango.errors import from_dev_failed
from ronda.framework.tango.values import is_kept

LOOK = 0.5
"""Seconds between two looks whether the server is the same one and answers; more where there are many."""

LOOKS = 400.0
"""Looks in a second of all that follow one server each, at most."""

FIRST_RETRY, LAST_RETRY = 0.5, 10.0
"""Seconds until what could not be had is tried again: doubled from the first to the last."""

LIST_PERIOD = 30.0
"""Seconds after which a device is asked again which attributes it has."""

SURE = 3.0
"""Seconds after which a subscription is taken to work though no event came: it is made in the background, and what the
server sends meanwhile is lost."""

UNSEEN = 1.0
"""Seconds before the last answer of a server that died from which on its events may have been lost."""

SILENT = 20.0
"""The same for one whose heartbeat the Tango library misses."""

NO_EVENTS = ("API_AttributePollingNotStarted", "API_EventPropertiesNotSet", "API_AttributeNotDataReadyEnabled")
"""Tango's reasons why an attribute has no events of a kind."""

MISSED = "API_MissedEvents"

KINDS = {"change": tango.EventType.CHANGE_EVENT, "archive": tango.EventType.ARCHIVE_EVENT}


class Surroundings:
    """What all followers of one logger share.

    Attributes:
        rules: what is kept.
        running: tells which servers run.
        count: how many servers are followed.
        address: of a device from its name, with the database's.
        logged: makes the object that keeps an attribute.
    """

    def __init__(
        self,
        rules: Rules,
        running: RunningServers,
        address: Callable[[str], str],
        logged: Callable[[str, Any, LoggedParameters], Logged],
    ) -> None:
        self.rules = rules
        self.running = running
        self.count = 1
        self.address = address
        self.logged = logged


@dataclass
class _Attribute:
    """An attribute of a device that is followed."""

    logged: Logged
    attribute: str
    event: int | None = None  # the subscription
    polled: bool = False
    due: float = 0.0  # when it is read next, or tried again; monotonic
    sure: float | None = None  # until when a subscription may not work yet; monotonic
    reason: str = ""  # why it is not had
    retry: float = FIRST_RETRY

    def had(self, *, polled: bool = False) -> None:
        """It is subscribed, or read."""
        self.polled, self.due, self.reason, self.retry = polled, 0.0, "", FIRST_RETRY

    def not_had(self, reason: str) -> None:
        """It is tried again after a while."""
        self.reason, self.due = reason, time.monotonic() + self.retry
        self.retry = min(2 * self.retry, LAST_RETRY)


@dataclass
class _Device:
    known: Known
    rules: list[LoggedParameters]
    proxy: Any = None
    listed: float = 0.0  # when its attributes are asked for next; monotonic
    reason: str = ""
    attributes: dict[str, _Attribute] = field(default_factory=dict)


class Server:
    """Follows one server in a thread of its own: one that hangs holds up no other."""

    def __init__(self, name: str, surroundings: Surroundings, log: Any) -> None:
        """Begin.

        Args:
            name: `PROGRAM/INSTANCE`.
            surroundings: what it shares with others.
            log: for what comes and goes.
        """
        self.name = name
        self._around = surroundings
        self._log = log
        self._wanted: dict[str, Known] = {}
        self._devices: dict[str, _Device] = {}
        self._up = False
        self._identity: tuple[Any, ...] | None = None
        self._alive = time.time()  # its last sign of life
        self._silent = False  # the Tango library misses its heartbeat
        self._reason = "is being looked for"
        self._admin: Any = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"logger {name}", daemon=True)
        self._thread.start()

    # -- any thread

    def want(self, devices: Iterable[Known]) -> None:
        """Follow these devices from now on, and no others."""
        self._wanted = {device.name: device for device in devices}

    def end(self) -> None:
        """Follow nothing any more; does not wait."""
        self._ending.set()

    @property
    def subscribed(self) -> int:
        """How many attributes are had, by event or by reading."""
        return sum(
            one.event is not None or one.polled
            for device in list(self._devices.values())
            for one in list(device.attributes.values())
        )

    def missing(self) -> list[str]:
        """What is not had, each with its reason; a device that is away is one."""
        found = []
        for device in list(self._devices.values()):
            if self._reason or device.reason:
                found.append(f"{device.known.name}: {self._reason or device.reason}")
                continue
            found += [f"{one.logged.name}: {one.reason}" for one in list(device.attributes.values()) if one.reason]
        return found

    def attributes(self) -> list[Logged]:
        """All that are followed."""
        return [one.logged for device in list(self._devices.values()) for one in list(device.attributes.values())]

    # -- the thread

    def _run(self) -> None:
        with tango.EnsureOmniThread():
            while not self._ending.is_set():
                begun = time.monotonic()
                try:
                    self._look()
                    pause = self._pause()
                except tango.DevFailed as failed:
                    self._reason = str(from_dev_failed(failed, self.name))
                    pause = LOOK
                except Exception:  # noqa: BLE001 - the thread must live, whatever it is
                    self._log.exception(f"following {self.name} failed by a mistake of ours")
                    pause = LAST_RETRY
                self._ending.wait(max(0.01, pause - (time.monotonic() - begun)))
            for device in list(self._devices.values()):
                self._leave(device, "is kept no more")

    def _look(self) -> None:
        for name in [name for name in self._devices if name not in self._wanted]:
            self._leave(self._devices.pop(name), "is kept no more")
        for name, known in list(self._wanted.items()):
            if name not in self._devices:
                self._devices[name] = _Device(known, self._around.rules.of_device(known))
        self._look_whether_it_runs()
        if self._up:
            for device in list(self._devices.values()):
                if self._ending.is_set():
                    return
                self._follow(device)

    def _pause(self) -> float:
        now = time.monotonic()
        due = [
            one.due - now
            for device in self._devices.values()
            for one in device.attributes.values()
            if one.polled and self._up
        ]
        return max(0.02, min([max(LOOK, self._around.count / LOOKS), *due]))

    def _look_whether_it_runs(self) -> None:
        """Compare the server with the one that was there, and see whether it answers."""
        identity = self._identity
        with contextlib.suppress(tango.DevFailed):  # the database is away; the ping tells what there is to know
            identity = self._around.running.process_of(self.name)
        if self._up and identity != self._identity:
            self._lose("was started again" if identity else "was ended")
        if self._up and self._silent:
            self._lose("gave no sign of life", SILENT)
        self._identity = identity
        if identity is None:
            self._reason = "its server is not running"
            return
        try:
            if self._admin is None:
                self._admin = self._proxy(f"dserver/{self.name}")
            self._admin.ping()
        except tango.DevFailed as failed:
            if self._up and not isinstance(from_dev_failed(failed), TimedOut):
                self._lose("died")
            self._reason = "its server does not answer"
            return  # one that hangs has lost nothing yet
        self._alive, self._reason = time.time(), ""
        if not self._up:
            self._up, self._silent = True, False

    def _proxy(self, device: str) -> Any:
        proxy = tango.DeviceProxy(self._around.address(device))
        proxy.set_green_mode(tango.GreenMode.Synchronous)
        return proxy

    def _lose(self, how: str, unseen: float = UNSEEN) -> None:
        """It died or restarted: what it told since its last sign of life may not have come."""
        self._log.info(f"{self.name} {how}")
        self._up, self._reason, self._admin = False, how, None
        for device in self._devices.values():
            self._leave(device, f"its server {how}", since=self._alive - unseen)

    def _leave(self, device: _Device, how: str, since: float | None = None) -> None:
        for one in device.attributes.values():
            had = one.event is not None or one.polled
            if one.event is not None:
                with contextlib.suppress(tango.DevFailed, KeyError):
                    device.proxy.unsubscribe_event(one.event)
            one.event, one.polled, one.sure, one.due = None, False, None, 0.0
            if had:
                if since is not None:
                    one.logged.gap(since, how)
                one.logged.end(how)
        device.proxy, device.listed = None, 0.0

    # -- one device of a server that runs

    def _follow(self, device: _Device) -> None:
        now = time.monotonic()
        if now >= device.listed:
            try:
                if device.proxy is None:
                    device.proxy = self._proxy(device.known.name)
                self._list(device, device.proxy.attribute_list_query_ex())
                device.reason = ""
                device.listed = now + LIST_PERIOD
            except tango.DevFailed as failed:
                device.reason = _words(failed, device)
                device.listed = now + 2 * FIRST_RETRY
                if device.proxy is None:
                    return
        for one in device.attributes.values():
            if one.event is None and not one.polled and now >= one.due:
                self._get(device, one)
            if self._ending.is_set():
                return
        self._read(device, time.monotonic())

    def _list(self, device: _Device, described: Iterable[Any]) -> None:
        """Take the attributes that a device has now."""
        there: dict[str, tuple[Any, LoggedParameters]] = {}
        for each in described:
            rule = self._around.rules.of_attribute(device.known, device.rules, each.name) if is_kept(each) else None
            if rule is not None:
                there[each.name] = (each, rule)
        for name in [name for name in device.attributes if name not in there]:
            one = device.attributes.pop(name)
            if one.event is not None:
                with contextlib.suppress(tango.DevFailed, KeyError):
                    device.proxy.unsubscribe_event(one.event)
            one.logged.end("its device has no such attribute any more")
        for name, (each, rule) in there.items():
            if name in device.attributes:
                device.attributes[name].logged.describe(each)
            else:
                full = f"{device.known.name}/{name}".lower()
                device.attributes[name] = _Attribute(self._around.logged(full, each, rule), name)

    def _get(self, device: _Device, one: _Attribute) -> None:
        """Subscribe an attribute, or begin to read it."""
        how = one.logged.rule.how
        if how in ("period", "poll"):
            one.logged.begin()
            one.had(polled=True)
            return
        try:
            kind = KINDS.get(how, tango.EventType.CHANGE_EVENT)
            one.event = device.proxy.subscribe_event(one.attribute, kind, self._taker(one), tango.EventSubMode.SyncRead)
            one.sure = time.monotonic() + SURE
            one.had()
        except tango.DevFailed as failed:
            if how == "auto" and any(each.reason in NO_EVENTS for each in failed.args):
                one.logged.begin()
                one.had(polled=True)
            else:
                one.not_had(_words(failed, device))

    def _taker(self, one: _Attribute) -> Callable[[Any], None]:
        """What takes the events of an attribute, in a thread of the Tango library."""
        logged = one.logged
        first = tango.EventReason.SubSuccess

        def take(event: Any) -> None:
            if event.err:
                self._take_error(one, event.errors)
            elif event.event_reason == first:
                logged.begin()  # its value counts once events are sure to come
            else:
                one.sure = None
                if event.attr_value is not None:
                    logged.take(event.attr_value)

        return take

    def _take_error(self, one: _Attribute, errors: Any) -> None:
        reason = errors[0].reason
        if reason == MISSED:
            one.logged.missed("events were lost on their way")
        elif reason == "API_EventTimeout":
            self._silent = True
        else:
            one.logged.failed(str(from_dev_failed(tango.DevFailed(*errors))))

    def _read(self, device: _Device, now: float) -> None:
        """Read what is due: what is polled, and what was subscribed a while ago and told nothing since."""
        due = []
        for one in device.attributes.values():
            if one.sure is not None and now >= one.sure:
                due.append(one)
            elif one.polled and now >= one.due:
                one.due = max(one.due + one.logged.rule.period, now)
                due.append(one)
        if not due:
            return
        try:
            readings = device.proxy.read_attributes([one.attribute for one in due])
        except tango.DevFailed as failed:
            sentence = str(from_dev_failed(failed, device.known.name))
            for one in due:
                if one.polled:
                    one.logged.failed(sentence)
            return
        for one, reading in zip(due, readings, strict=True):
            if one.sure is None and not one.polled:
                continue  # an event came meanwhile, which is newer
            one.sure = None
            if reading.has_failed:
                one.logged.failed(str(from_dev_failed(tango.DevFailed(*reading.get_err_stack()))))
            else:
                one.logged.take(reading)


def _words(failed: tango.DevFailed, device: _Device) -> str:
    name = device.known.name
    return str(from_dev_failed(failed, name)).removeprefix(f"{name}: ")


def by_server(devices: Iterable[Known]) -> Mapping[str, list[Known]]:
    """Devices, by the server that serves them."""
    found: dict[str, list[Known]] = {}
    for device in devices:
        found.setdefault(device.server, []).append(device)
    return found
