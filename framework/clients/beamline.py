"""A running beamline as its clients see it: its devices by name, and its stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import tango

from ronda.framework.clients.attenuator import Attenuator
from ronda.framework.clients.axis import Axis
from ronda.framework.clients.counter import Counter
from ronda.framework.clients.data_logger import DataLogger
from ronda.framework.clients.detector import BeamSynchronous, Camera, Detector, Digitiser, Mca
from ronda.framework.clients.device import Device
from ronda.framework.clients.foreign_axis import ForeignAxis
from ronda.framework.clients.loop import Loop, undrawn
from ronda.framework.clients.machine import Machine
from ronda.framework.clients.measurement_group import ActiveGroup, MeasurementGroup
from ronda.framework.clients.multiposition import Multiposition
from ronda.framework.clients.pipeline import PIPELINE_CLASS, Pipeline
from ronda.framework.clients.quantity import Quantity
from ronda.framework.clients.remote import MakeProxy, Remote
from ronda.framework.clients.settings import DeviceSettings
from ronda.framework.clients.shutter import Shutter
from ronda.framework.clients.signal_unit import SignalUnit
from ronda.framework.errors import NotAllowed, NotFound, RondaError, ServiceFailed
from ronda.framework.host.entries import Registered, beamline_object
from ronda.framework.host.names import HOST_FAMILY
from ronda.framework.host.registration import Registry
from ronda.framework.stream.seat import Seat
from ronda.framework.stream.stream import Stream

AXES = ("Axis", "PseudoAxis")
"""Tango classes of devices that are axes."""

LOOPS = ("Loop", "SoftLoop")
"""Tango classes of regulation loops."""

ACTIVE_GROUP = "active_measurement_group"
"""Property of the object `ronda-BEAMLINE` in the Tango database: which measurement group was made the active one."""

DETECTORS: Mapping[str, type[Detector]] = {
    "Camera": Camera,
    "Mca": Mca,
    "Digitiser": Digitiser,
    "BeamSynchronous": BeamSynchronous,
}
"""Tango classes of detectors with frames, spectra or samples."""


class Beamline:
    """The devices that the Tango database knows of a beamline, and its stream. A dead device hinders nobody else.

    Attributes:
        name: its short name.
        tango_host: `HOST:PORT` of its Tango database.
        redis_url: where its stream is.
        make_proxy: makes clients of Tango devices.
        objects: Axis, Counter or Device by name in YAML; `refresh` reads them again.
        configurations: what the YAML files say of each device, by its name in lower case.
        servers: the Tango server of each device, `Ronda/BEAMLINE-SERVER`, by the device's Tango name in lower case.
        dry: why axes do not move now, in a dry run; empty if they do.
        numbered: where the number of the last scan on disk is known, see `ronda.framework.scan.numbering`.
        settings_of: the settings of devices that measure, by address, see `ronda.framework.scan.detector_settings`.
        tell: takes sentences about what a change meant, such as the old and the new offset.
        active_group: the measurement group whose counters are measured when none are given.
        each: does several things, one after the other; or at the same time, in a program that can.
        begins, rests: are told of motions that this program begins, and of their ends, see `Axis`.
        changed: called when `objects` has other counters than before.
        seat: our place in a session where one has control and the others look; None if we are in none.
    """

    def __init__(
        self, tango_host: str, redis_url: str, name: str, environment: Mapping[str, str], make_proxy: MakeProxy
    ) -> None:
        """Nothing is connected yet; `connect` is what clients call."""
        self.name = name
        self.tango_host = tango_host
        self.redis_url = redis_url
        self.make_proxy = make_proxy
        self.objects: Mapping[str, Axis | Counter | Device] = {}
        self.configurations: Mapping[str, Mapping[str, Any]] = {}
        self.servers: Mapping[str, str] = {}
        self.dry = ""
        self.numbered: set[tuple[str, ...]] = set()
        self.settings_of: dict[str, list[Quantity]] = {}
        self.tell: Callable[[str], None] = print
        self.draw: Callable[[Loop], None] = undrawn
        self.active_group = ActiveGroup(self._active, self._set_active, self.groups)
        self.changed: Callable[[], None] = lambda: None
        self.each: Callable[[Sequence[Callable[[], None]]], object] = _one_after_the_other
        self.begins: Callable[[Axis, float | None], None] = lambda *_: None
        self.rests: Callable[[Axis], None] = lambda _: None
        self.seat: Seat | None = None
        self._joins: Any = ()
        self._environment = environment
        self._stream: Stream | None = None
        self._kept_database: Any = None

    @classmethod
    def connect(
        cls,
        tango_host: str,
        redis_url: str,
        name: str,
        environment: Mapping[str, str],
        make_proxy: MakeProxy = tango.DeviceProxy,
    ) -> Beamline:
        """Learn the devices of a beamline from its Tango database; no device and no Redis is contacted yet.

        Args:
            tango_host: `HOST:PORT`.
            redis_url: as in RONDA_REDIS_URL.
            name: the beamline's short name.
            environment: holds RONDA_REDIS_USER and RONDA_REDIS_PASSWORD if the stream needs them.
            make_proxy: makes clients of Tango devices from their names.

        Raises:
            ServiceFailed: the Tango database does not answer.
        """
        beamline = cls(tango_host, redis_url, name, environment, make_proxy)
        beamline.refresh()
        return beamline

    @property
    def stream(self) -> Stream:
        """The connection to the stream, made when first used.

        Raises:
            ServiceFailed, NotAllowed, ConfigurationError: Redis cannot be used.
        """
        if self._stream is None:
            self._stream = Stream.connect(
                self.redis_url,
                user=self._environment.get("RONDA_REDIS_USER"),
                password=self._environment.get("RONDA_REDIS_PASSWORD"),
            )
        return self._stream

    def refresh(self) -> None:
        """Read from the Tango database which devices there are.

        Raises:
            ServiceFailed: it does not answer.
        """
        registered = self.registered()
        found: dict[str, Axis | Counter | Device] = {}
        channels: list[Counter] = []
        for device in registered.values():
            one, its_channels = self._objects_of(device)
            found[one.name] = one
            channels += its_channels
        for channel in channels:
            self._add_counter(found, channel)
        self.objects = found
        self.servers = {device.name.lower(): device.server for device in registered.values()}
        self.configurations = {
            device.name.rpartition("/")[2].lower(): device.configuration for device in registered.values()
        }

    def registered(self) -> dict[str, Registered]:
        """What the Tango database holds of its devices now, by Tango name in lower case.

        Raises:
            ServiceFailed: it does not answer.
        """
        try:
            return Registry(self.tango_host, self.name).read()
        except tango.DevFailed as failed:
            raise self._no_database() from failed

    def renew_counters(self, detector: Detector) -> None:
        """Ask a detector what it measures now: regions come and go at run time, also by other clients.

        Raises:
            CommunicationFailed, TimedOut: it does not answer.
        """
        counters = detector.counters()
        rest = {
            name: one
            for name, one in self.objects.items()
            if not (isinstance(one, Counter) and one.card == detector.name)
        }
        for counter in counters:
            self._add_counter(rest, counter)
        self.objects = rest
        self.changed()

    def axes(self) -> list[Axis]:
        """All axes."""
        return [one for one in self.objects.values() if isinstance(one, Axis)]

    def counters(self) -> list[Counter]:
        """All counters."""
        return [one for one in self.objects.values() if isinstance(one, Counter)]

    def groups(self) -> list[MeasurementGroup]:
        """All measurement groups."""
        return [one for one in self.objects.values() if isinstance(one, MeasurementGroup)]

    def pipelines(self) -> list[Pipeline]:
        """All pipelines of live analysis."""
        return [one for one in self.objects.values() if isinstance(one, Pipeline)]

    def shutter(self, name: str = "") -> Shutter:
        """A shutter.

        Args:
            name: of it; empty for the safety shutter, or the only one.

        Raises:
            NotFound: there is no such shutter, or none can be meant.
        """
        if name:
            found = self[name]
            if not isinstance(found, Shutter):
                raise NotFound(f"{name}: is not a shutter; {_shutters(self)}")
            return found
        shutters = [one for one in self.objects.values() if isinstance(one, Shutter)]
        meant = [one for one in shutters if one.safety] or shutters
        if len(meant) != 1:
            raise NotFound(
                f"which shutter? {_shutters(self)}; `safety: true` in YAML marks the one that is meant without a name"
            )
        return meant[0]

    def devices(self, tango_class: str) -> list[Device]:
        """The devices of a class that has no own class here, such as `CounterCard`."""
        return [one for one in self.objects.values() if isinstance(one, Device) and one.tango_class == tango_class]

    def __getitem__(self, name: str) -> Axis | Counter | Device:
        found = self.objects.get(name)
        if found is None:
            raise NotFound(f"{name}: the beamline {self.name} has no such device, axis or counter")
        return found

    def remote(self, name: str, address: str) -> Remote:
        """A client of any Tango device of our database."""
        full = address if "://" in address else f"tango://{self.tango_host}/{address}"
        return Remote(name, full, self.make_proxy, self.permit)

    def permit(self, who: str) -> None:
        """Refuse to change anything while we only look on in a session.

        Args:
            who: begins the sentence: the device, or the command.

        Raises:
            NotAllowed: somebody else has control of the session.
        """
        if self.seat is None and self._joins:
            try:
                self._sit(take=False)
            except RondaError as error:
                raise NotAllowed(
                    f"{who}: who has control of the session {self._joins[0]} is not known ({error}); try again, or "
                    "work without a session"
                ) from error
        if self.seat is not None:
            self.seat.permit(who)

    def join(self, session: str, user: str, *, take: bool, ready: Callable[[Seat], None] = lambda _: None) -> None:
        """Work in a session where one has control and the others look, from now on.

        Args:
            session: its name.
            user: who works in it.
            take: whether to take control at once if nobody has it; else the first motion or scan does.
            ready: takes the seat before anything is done with it.

        Raises:
            RondaError: Redis does not answer; the first motion or scan tries again.
        """
        self._joins = (session, user, ready)
        self._sit(take=take)

    def _sit(self, *, take: bool) -> None:
        session, user, ready = self._joins
        seat = self.stream.seat(session, user)
        ready(seat)
        self.seat = seat
        seat.begin(take=take)

    def agents(self) -> Sequence[Remote]:
        """The agents of its hosts.

        Raises:
            ServiceFailed: the Tango database does not answer.
        """
        try:
            names = list(self._database().get_device_exported(f"{self.name}/{HOST_FAMILY}/*"))
        except tango.DevFailed as failed:
            raise self._no_database() from failed
        return [self.remote(name.rpartition("/")[2], name) for name in names]

    def foreign_axis(self, address: str, name: str = "", **names: Any) -> ForeignAxis:
        """Any Tango device with a position that can be written, as an axis: `foreign_axis("other/motor/1")`.

        Args:
            address: its Tango name.
            name: what people call it; the last part of the address if empty.
            names: what its attributes and commands are called, see `ForeignAxis`.

        Raises:
            NotFound: it has no such attribute, or nobody knows the device.
        """
        axis = ForeignAxis(self.remote(name or address.rpartition("/")[2], address), **names)
        self._watched(axis)
        return axis

    def close(self) -> None:
        """Let go of our place in a session, and of the stream."""
        self._joins = ()
        if self.seat is not None:
            self.seat.end()
            self.seat = None
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _database(self) -> Any:
        host, _, port = self.tango_host.rpartition(":")
        return tango.Database(host, int(port))

    def kept(self, name: str) -> str:
        """What the Tango database keeps for the whole beamline under a name; empty if nothing.

        Raises:
            ServiceFailed: the Tango database does not answer.
        """
        found = self._ask_database(lambda database: database.get_property(beamline_object(self.name), name))
        return str(found[name][0]) if found[name] else ""

    def _active(self) -> str:
        return self.kept(ACTIVE_GROUP)

    def _set_active(self, name: str) -> None:
        self.permit(name)
        self._ask_database(lambda database: database.put_property(beamline_object(self.name), {ACTIVE_GROUP: [name]}))

    def _ask_database(self, action: Callable[[Any], Any]) -> Any:
        """Each scan asks, so the connection is kept; after a restart of the database a new one is made."""
        if self._kept_database is not None:
            try:
                return action(self._kept_database)
            except tango.DevFailed:
                self._kept_database = None
        try:
            made = self._database()
            answer = action(made)
        except tango.DevFailed as failed:
            raise self._no_database() from failed
        self._kept_database = made
        return answer

    @staticmethod
    def _add_counter(found: dict[str, Axis | Counter | Device], counter: Counter) -> None:
        name = counter.name
        if name in found:  # two cards may have channels of the same name; frames have the name of their detector
            name = f"{counter.card}_{counter.channel}"
            if counter.number:
                counter = replace(counter, name=name)
        found[name] = counter

    def _watched(self, axis: Axis) -> Axis:
        axis.forbidden = lambda: self.dry
        axis.begins = lambda axis, target: self.begins(axis, target)
        axis.rests = lambda axis: self.rests(axis)
        return axis

    def _no_database(self) -> ServiceFailed:
        return ServiceFailed(
            f"the Tango database at {self.tango_host} does not answer; if the beamline is up, its agent starts it "
            "again within seconds, see `ronda status`"
        )

    def _objects_of(self, device: Registered) -> tuple[Axis | Device, list[Counter]]:
        configuration = device.configuration
        name = str(configuration.get("name") or device.alias or device.name)
        remote = self.remote(name, device.name)
        if device.tango_class in AXES:
            settings = DeviceSettings(remote, device.server.rpartition("-")[2], self.agents)
            group = configuration.get("controller") or configuration.get("calculation")
            together = self.remote(str(group), str(group)) if group else None
            axis = Axis(remote, configuration, settings, lambda sentence: self.tell(sentence), together)
            return self._watched(axis), []
        if device.tango_class in LOOPS:
            settings = DeviceSettings(remote, device.server.rpartition("-")[2], self.agents)
            loop = Loop(remote, configuration, settings, lambda sentence: self.tell(sentence))
            loop.forbidden = lambda: self.dry
            loop.draw = lambda each: self.draw(each)
            return loop, []
        if device.tango_class == "MeasurementGroup":
            kept = DeviceSettings(remote, device.server.rpartition("-")[2], self.agents)
            baseline = [
                Quantity(
                    quantity, keys["attribute"], keys.get("unit") or None, lambda address: self.remote(address, address)
                )
                for quantity, keys in configuration.get("baseline", {}).items()
            ]
            return MeasurementGroup(remote, device.tango_class, kept, self.counters, self.active_group, baseline), []
        if device.tango_class == "Multiposition":
            return Multiposition(remote, device.tango_class, configuration), []
        if device.tango_class == "Attenuator":
            return Attenuator(remote, device.tango_class), []
        if device.tango_class == "Shutter":
            return Shutter(remote, device.tango_class, configuration), []
        if device.tango_class == "Machine":
            return Machine(remote, device.tango_class), []
        if device.tango_class == PIPELINE_CLASS:
            return Pipeline(remote, configuration), []
        if device.tango_class == "DataLogger":
            return DataLogger(remote, device.tango_class), []
        if device.tango_class in ("DigitalIo", "AnalogueIo"):
            return SignalUnit(remote, device.tango_class, configuration), []
        if device.tango_class in DETECTORS:
            settings = DeviceSettings(remote, device.server.rpartition("-")[2], self.agents)
            detector = DETECTORS[device.tango_class](remote, device.tango_class, settings, self.renew_counters)
            return detector, detector.counters_by({**configuration, **device.runtime_settings})
        card = Device(remote, device.tango_class)
        return card, _counters(device.tango_class, name, remote, configuration)


def _shutters(beamline: Beamline) -> str:
    names = [one.name for one in beamline.objects.values() if isinstance(one, Shutter)]
    return f"the shutters are {', '.join(names)}" if names else f"the beamline {beamline.name} has none"


def _counters(tango_class: str, card: str, remote: Remote, configuration: Mapping[str, Any]) -> list[Counter]:
    """What an acquiring device measures."""
    if tango_class == "CounterCard":
        channels: Mapping[str, Any] = configuration.get("channels", {})
        counted = [Counter(name, card, name, str(keys.get("unit", "count")), remote) for name, keys in channels.items()]
        encoders: Mapping[str, Any] = configuration.get("encoders", {})
        latched = [
            Counter(name, card, name, str(keys.get("unit", "mm")), remote, rate=False)
            for name, keys in encoders.items()
        ]
        return [*counted, *latched]
    if tango_class == "Sampling":
        sampled: Mapping[str, Any] = configuration.get("counters", {})
        whole = [
            Counter(
                name,
                card,
                name,
                keys.get("unit", ""),
                remote,
                attribute=keys["attribute"],
                rate=False,
                mode=keys.get("mode", "MEAN"),
            )
            for name, keys in sampled.items()
        ]
        return [*whole, *(part for one in whole for part in one.parts()[1:])]
    if tango_class == "Calculated":
        formulas: Mapping[str, Any] = configuration.get("counters", {})
        return [
            Counter(
                name,
                card,
                name,
                keys.get("unit", ""),
                remote,
                rate=False,
                formula=keys.get("formula") or "",
                function=keys.get("function") or "",
                arguments=tuple(keys.get("inputs") or ()),
            )
            for name, keys in formulas.items()
        ]
    return []


def _one_after_the_other(actions: Sequence[Callable[[], None]]) -> None:
    for action in actions:
        action()
