"""What all our Tango devices have in common: configuration, run-time settings, state, errors, events."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

import structlog
import tango
import tango.server

from ronda.devices.attributes import limit_properties
from ronda.devices.caller import caller_of
from ronda.devices.log import brief, talk_of
from ronda.devices.process import Process
from ronda.devices.settings import Settings
from ronda.framework.config.parameters import Parameters
from ronda.framework.errors import NotReady, RondaError
from ronda.framework.tango.errors import to_dev_failed
from ronda.framework.tango.names import DeviceAttribute, DeviceCommand

T = TypeVar("T")

IMPLEMENTATION = "implementation"
"""Key of a configuration that names the Python class of the device; it is for the server."""

NAME = "name"
"""Key of a configuration that holds the device's name in YAML."""

CHANGE_EVENTS = (tango.EventType.CHANGE_EVENT, tango.EventType.ALARM_EVENT)
ARCHIVE_EVENTS = (tango.EventType.ARCHIVE_EVENT,)
"""The events that a push of a change, and one for archivers, cause."""


def _answers(method: Callable[..., T], *, always: bool = False) -> Callable[..., T]:
    """Let a method fail as Tango clients expect: a DevFailed that begins with our sentence.

    Args:
        method: of a RondaDevice.
        always: whether it works while the device is not open, because its configuration is wrong.
    """

    @functools.wraps(method)
    def answering(device: RondaDevice, *arguments: Any) -> T:
        try:
            if not always:
                device.require_open()
            if not device.talk.isEnabledFor(logging.DEBUG):
                return method(device, *arguments)
            begun = time.monotonic()
            answer = method(device, *arguments)
            call = f"{method.__name__}({', '.join(map(brief, arguments))})"
            device.talk.debug("%s -> %s, %.1f ms", call, brief(answer), 1000 * (time.monotonic() - begun))
            return answer
        except RondaError as error:
            device.talk.debug("%s: %s", method.__name__, error)
            raise to_dev_failed(error, device.get_name()) from error
        except Exception as error:
            device.log.exception(f"{method.__name__} failed")
            sentence = (
                f"{device.label}: {method.__name__} failed by a mistake of ours ({type(error).__name__}: {error})"
            )
            raise to_dev_failed(RondaError(f"{sentence}; the server's log says more"), device.get_name()) from error

    return answering


def _noting(fset: Callable[..., None], name: str) -> Callable[..., None]:
    """Let a method that writes an attribute note who did."""

    @functools.wraps(fset)
    def writing(device: RondaDevice, *arguments: Any) -> None:
        fset(device, *arguments)
        device.note_change(name)

    return writing


class attribute(tango.server.attribute):  # noqa: N801 - it stands where tango.server.attribute would
    """A Tango attribute whose methods may raise errors of the closed list. `events` if the device pushes them."""

    def __init__(self, fget: Any = None, *, events: bool = True, **configuration: Any) -> None:
        if events:
            configuration |= {
                "change_event_implemented": True,
                "change_event_detect": False,
                "archive_event_implemented": True,
                "archive_event_detect": True,
            }
        super().__init__(_answers(fget) if fget else None, **configuration)

    def setter(self, fset: Callable[..., None]) -> Any:
        """Take the method that writes the attribute."""
        return super().setter(_answers(_noting(fset, str(self._kwargs.get("name") or fset.__name__))))


def command(name: str, *, always: bool = False, **configuration: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make a method a Tango command of this name, which may raise errors of the closed list.

    Args:
        name: of the command.
        always: whether it works while the device's configuration is wrong.
        configuration: for `tango.server.command`.
    """

    def decorate(method: Callable[..., Any]) -> Any:
        answering = _answers(method, always=always)
        answering.__name__ = str(name)
        return tango.server.command(answering, **configuration)

    return decorate


class RondaDevice(tango.server.Device):
    """A device configured from YAML. It answers State, Status and events from memory, never by asking hardware.

    Subclasses say their `model`, and fill `opened`, `closing` and `settings_changed`.

    Attributes:
        process: what it shares with the other devices of its server; bound when the server starts.
        place: keys of the configuration that are no parameters but say where the device belongs, beside those above.
        label: its name in YAML.
        talk: the log of all that clients ask and get, which is written while they want it.
        settings: what it goes by; None as long as its configuration is wrong.
        is_open: whether it works; False while its configuration is wrong.
        changing: held while settings change. Take it only inside `wait`, or Tango's own lock may wait for it.
    """

    green_mode = tango.GreenMode.Synchronous
    process: ClassVar[Process]
    place: ClassVar[frozenset[str]] = frozenset()

    label: str
    log: Any
    talk: logging.Logger
    settings: Settings[Any] | None
    is_open: bool
    configuration: Mapping[str, Any]
    changing: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for method in list(vars(cls).values()):
            # Tango calls a command's method by the command's name
            if hasattr(method, "__tango_command__"):
                setattr(cls, method.__tango_command__[0], method)

    # -- for subclasses

    def model(self, configuration: Mapping[str, Any]) -> type[Parameters]:
        """The model of this device's parameters.

        Raises:
            ConfigurationError: the configuration does not say which.
        """
        raise NotImplementedError

    def opened(self) -> None:
        """The settings are there: begin to work. Must not wait for hardware."""

    def closing(self) -> None:
        """Tango initialises the device anew, or the server ends."""

    def settings_changed(self) -> None:
        """The configuration changed while running: take what is new in `settings`."""

    def remarks(self) -> list[str]:
        """Sentences that stand in Status after the first one."""
        return []

    # -- life

    def init_device(self) -> None:
        """Read the configuration and begin; never fails, never waits for hardware: the state tells."""
        super().init_device()
        self.label = self.get_name().rpartition("/")[2]
        self.log = structlog.get_logger().bind(device=self.label)
        self.talk = talk_of(self.label)
        self.settings = None
        self.is_open = False
        self.changing = threading.RLock()
        self._state_shown: tuple[Any, str] = (None, "")
        self._state_told: tuple[Any, str] = (None, "")
        self._changed_by = ""
        self.set_change_event("State", True, False)
        self.set_change_event("Status", True, False)
        self.show(tango.DevState.UNKNOWN, f"{self.label}: starting")
        try:
            self.configuration = self.process.stored.configuration(self.get_name())
            self.label = str(self.configuration.get(NAME, self.label))
            self.talk = talk_of(self.label)
            parameters = self._parameters(self.configuration)
            model = self.model(self.configuration)
            self.settings = Settings.check(model, self.label, parameters, self.process.stored.settings(self.get_name()))
            for sentence in self.settings.rejected.values():
                self.log.warning(sentence)
            self.opened()
            self.is_open = True
            self.process.heed(self)
        except RondaError as error:
            self.log.error(str(error))  # noqa: TRY400 - it is a sentence, the traceback says nothing more
            self.show(tango.DevState.FAULT, str(error))
        except Exception as error:
            self.log.exception("initialisation failed")
            self.show(
                tango.DevState.FAULT,
                f"{self.label}: could not start by a mistake of ours ({type(error).__name__}: {error}); see the log",
            )

    def delete_device(self) -> None:
        """Let go of what `opened` took."""
        if self.is_open:
            self.is_open = False
            with tango.AutoTangoAllowThreads(self):
                self.closing()
        super().delete_device()

    def dev_state(self) -> tango.DevState:
        """The state as last shown; alarm bounds on attributes never cause a read of the hardware."""
        return self.get_state()

    def dev_status(self) -> str:
        """The status as last shown, and what is wrong with the stored settings."""
        rejected = self.settings.rejected.values() if self.settings is not None else []
        return "\n".join([self.get_status(), *rejected, *(self.remarks() if self.is_open else [])])

    @command(
        DeviceCommand.APPLY_CONFIGURATION,
        doc_in="Take what changed in the configuration that the Tango database holds, as far as no restart is needed",
    )
    def apply_configuration(self) -> None:
        """Take the live keys of the changed configuration, and the run-time settings, which keep winning."""
        with tango.AutoTangoAllowThreads(self), self.changing:
            if self.settings is None:
                raise NotReady(self.get_status())
            configuration = self.process.stored.configuration(self.get_name())
            runtime = self.process.stored.settings(self.get_name())
            self.settings, waiting = self.settings.reconfigured(self.label, self._parameters(configuration), runtime)
            self.configuration = configuration
            if waiting:
                self.log.warning(f"changed, but waiting for a restart of the server: {', '.join(waiting)}")
            self.settings_changed()
        self.log.info("configuration applied")

    # -- who changes it

    @attribute(name=DeviceAttribute.CHANGED_BY, dtype=str)
    def changed_by(self) -> str:
        """What a client changed last, and who: `Velocity by jane@id01, process 4242`; empty since the start."""
        return self._changed_by

    def client(self) -> str:
        """The client of the present call, in words; empty if it is none."""
        return str(caller_of(self) or "")

    def note_change(self, what: str, who: str = "") -> None:
        """Tell who changed something; loggers keep it. Any thread.

        Args:
            what: name of the attribute, or of the setting.
            who: in words; without, the client of the present call, and nothing is told if there is none.
        """
        who = who or self.client()
        said = f"{what} by {who}"
        if not who or said == self._changed_by:
            return
        self._changed_by = said
        self.publish(DeviceAttribute.CHANGED_BY, said)

    # -- tools

    def heed_log_level(self) -> None:
        """Write all that passes into the log while Tango's level of it is DEBUG, which clients may set."""
        level = logging.DEBUG if self.get_logger().is_debug_enabled() else logging.INFO
        if self.talk.level != level:
            self.talk.setLevel(level)

    def require_open(self) -> None:
        """Refuse what needs a valid configuration.

        Raises:
            NotReady: there is none.
        """
        if not self.is_open:
            raise NotReady(self.get_status())

    def wait(self, work: Callable[[], T]) -> T:
        """Do what may take time without keeping other clients from this device."""
        with tango.AutoTangoAllowThreads(self):
            return work()

    def change_settings(self, changes: Mapping[str, Any]) -> None:
        """Store values that a user chose, then go by them.

        Raises:
            BadValue: the configuration does not allow a value.
            ServiceFailed: the database does not answer; nothing changed.
        """
        with tango.AutoTangoAllowThreads(self), self.changing:
            if self.settings is None:
                raise NotReady(self.get_status())
            changed = self.settings.changed(self.label, changes)
            self.process.stored.write_settings(self.label, self.get_name(), changed.runtime, self.settings.runtime)
            self.settings = changed
        self.log.info("setting changed", **changes)
        self.note_change(", ".join(key.title().replace("_", "") for key in changes))

    def show(self, state: tango.DevState, sentence: str) -> None:
        """Take a state with its sentence, and tell subscribers what changed. Any thread."""
        self.take_state(state, sentence)
        self.tell_state()

    def take_state(self, state: tango.DevState, sentence: str) -> None:
        """Take a state with its sentence; the events follow with `tell_state`. Any thread."""
        sentence = sentence.encode("latin-1", "replace").decode("latin-1")  # no more goes over Tango
        if (state, sentence) == self._state_shown:
            return  # hundreds of axes that stand say so each second
        self._state_shown = (state, sentence)
        self.set_status(sentence)
        self.set_state(state)

    def tell_state(self) -> None:
        """Tell subscribers what changed in State and Status since they were last told. Any thread."""
        (state, sentence), (told_state, told_sentence) = self._state_shown, self._state_told
        self._state_told = self._state_shown
        if (state, sentence) != (told_state, told_sentence) and self._heard("Status"):
            self.push_change_event("Status", self.dev_status())
        if state != told_state and self._heard("State"):
            self.push_change_event("State", state)

    def publish(
        self,
        name: str,
        value: Any,
        when: float | None = None,
        quality: tango.AttrQuality = tango.AttrQuality.ATTR_VALID,
    ) -> None:
        """Tell subscribers and archivers the value of an attribute. Any thread."""
        when = time.time() if when is None else when
        shown = self.get_device_attr().get_attr_by_name(name)
        if _heard(shown, CHANGE_EVENTS):
            self.push_change_event(name, value, when, quality)
        if _heard(shown, ARCHIVE_EVENTS):
            self.push_archive_event(name, value, when, quality)

    def _heard(self, name: str) -> bool:
        """Whether anybody hears of changes of an attribute."""
        return _heard(self.get_device_attr().get_attr_by_name(name), CHANGE_EVENTS)

    def show_limits(self, name: str, low: float, high: float) -> None:
        """Let Tango's own description of an attribute say what may be written; Tango stores it in its database.

        Args:
            name: of the attribute.
            low: lowest value; -inf for none.
            high: highest value; inf for none.
        """
        wanted = limit_properties(low, high)
        with tango.AutoTangoMonitor(self):
            attribute = self.get_device_attr().get_w_attr_by_name(name)
            shown = attribute.get_properties()
            if all(_number(getattr(shown, key)) == _number(wanted.get(key)) for key in ("min_value", "max_value")):
                return
            shown.min_value = wanted.get("min_value", "Not specified")
            shown.max_value = wanted.get("max_value", "Not specified")
            try:
                attribute.set_properties(shown)
            except tango.DevFailed as failed:
                self.log.warning(f"the limits of {name} hold, but Tango shows old ones: {failed.args[0].desc}")

    def _parameters(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        no_parameters = self.place | {IMPLEMENTATION, NAME}
        return {key: value for key, value in configuration.items() if key not in no_parameters}


def _heard(shown: Any, kinds: tuple[tango.EventType, ...]) -> bool:
    """Whether anybody hears of such events of an attribute; to ask costs a tenth of one that nobody hears."""
    for kind in kinds:  # noqa: SIM110 - a generator takes twice the time, and hundreds of values a second are published
        if shown.is_event_subscribed(kind):
            return True
    return False


def _number(text: str | None) -> float | None:
    """The number in a Tango attribute property; None if it is not set."""
    try:
        return float(text or "")
    except ValueError:
        return None
