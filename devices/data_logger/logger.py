"""The logging itself, apart from its Tango device: which devices are there, who follows them, where it all goes."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tango

from ronda.devices.data_logger import facility
from ronda.devices.data_logger.buffered import last_times, newest
from ronda.devices.data_logger.compacting import Compacting
from ronda.devices.data_logger.directory import RunningServers, configurations, known_devices
from ronda.devices.data_logger.facility import place_of
from ronda.devices.data_logger.logged import Logged
from ronda.devices.data_logger.parameters import DataLoggerParameters, LoggedParameters
from ronda.devices.data_logger.rules import Known, Rules
from ronda.devices.data_logger.server import LOOK, Server, Surroundings, by_server
from ronda.devices.data_logger.storing import Storing
from ronda.framework.archive.hdbpp.store import FacilityStore
from ronda.framework.archive.record import EVERYTHING, Event
from ronda.framework.archive.retention import FOREVER, Keep
from ronda.framework.archive.store import Store
from ronda.framework.errors import ConfigurationError, ServiceFailed
from ronda.framework.tango.errors import from_dev_failed

CONFIGURATION_PERIOD = 10.0
"""Seconds between two looks whether devices are configured differently."""

UNSEEN = 2.0
"""Seconds that an event may be on its way."""

NOT_RUN = "the logger did not run"

PATTERNS = frozenset("*?[")
"""Letters by which a pattern is known from a name."""


class Logger:
    """Keeps what the rules name; a process takes it into care."""

    def __init__(self, name: str, parameters: DataLoggerParameters, folder: Path, log: Any, own: str = "") -> None:
        """Nothing runs yet.

        Args:
            name: of its device, for messages.
            parameters: the checked entry.
            folder: of the archive.
            log: for what comes and goes.
            own: Tango name of its device, whose test signal is kept whatever the rules say.
        """
        self.name = name
        keep = [Keep(one.pattern, *map(_days, (one.readings, one.minutes, one.hours))) for one in parameters.keep]
        self.place = place_of(name, parameters.store, own)
        """The database in which events are stored; None if they are in the folder."""
        if self.place is None:
            self.storing = Storing(folder, parameters.buffer, log, lambda where: Store(where, keep), f"{name} store")
            self.compacting = Compacting(name, self.storing, log)
        else:
            place, space = self.place, 1e9 * parameters.store.space  # type: ignore[union-attr]  # so it was told
            self.storing = Storing(
                folder, parameters.buffer, log, lambda where: FacilityStore(where, place, space), f"{name} store"
            )
            self.compacting = Compacting(name, self.storing, log, facility.PERIOD)
            self._newest = facility.Newest(place)
        self.problem = ""
        """Why the Tango database does not tell which devices there are; empty if it does."""
        self._parameters = parameters
        self._log = log
        self._rules = Rules(parameters, own)
        self._around = Surroundings(self._rules, RunningServers(tango.Database, LOOK / 2), str, self._logged)
        self._servers: dict[str, Server] = {}
        self._nothing: list[str] = []
        self.known: list[Known] = []
        """Devices that the Tango database knew at the last look."""
        self.followed: list[Known] = []
        """Those that the rules name."""
        self._aliases: dict[str, str] = {}
        self._configurations: dict[str, str] = {}
        self._last: dict[str, float] = {}
        self._looked = 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{name} directory", daemon=True)
        self._database: Any = None

    # -- what a process asks for

    def start(self) -> None:
        """The server is ready: begin."""
        self.storing.start()
        self.compacting.start()
        self._thread.start()

    def check(self) -> None:
        """Nothing to say that its device does not."""

    def halt(self) -> None:
        """The server ends: nothing more shall come, then store what came."""
        self._ending.set()
        for server in list(self._servers.values()):
            server.end()
        self.compacting.end()
        self.storing.end()

    def at_rest(self) -> bool:
        """Whether everything is on the disk."""
        return self.storing.ended

    def close(self) -> None:
        """End, and let go of the archive."""
        self.halt()

    # -- what its device shows

    @property
    def subscribed(self) -> int:
        """How many attributes are had, by event or by reading."""
        return sum(server.subscribed for server in list(self._servers.values()))

    def missing(self) -> list[str]:
        """What the rules name and is not had, each with its reason."""
        found = [self.problem] if self.problem else []
        found += self._nothing
        for server in list(self._servers.values()):
            found += server.missing()
        return found

    def too_fast(self) -> list[str]:
        """Names of attributes of which values were left out of late because they came too fast."""
        return [one.name for server in list(self._servers.values()) for one in server.attributes() if one.too_fast()]

    def newest(self, attribute: str) -> Any:
        """The newest value of an attribute that is stored; None if there is none. One thread asks.

        Raises:
            ServiceFailed: the archive cannot be read.
        """
        return newest(self.storing.folder, attribute) if self.place is None else self._newest.value(attribute)

    def behind(self, limit: float) -> str:
        """What is wrong with the way to the database, as a clause; empty if nothing is, or there is none.

        Args:
            limit: seconds for which events may wait for it.
        """
        store = self.storing.store
        if not isinstance(store, FacilityStore):
            return ""
        if self.compacting.error:
            return f"{self.compacting.error}; {store.waiting()}"
        late = store.behind
        return f"values wait {late:.0f} s for {self.place}; {store.waiting()}" if late > limit else ""

    def full_name(self, device: str) -> str:
        """The Tango name behind an alias, in lower case; any other name as it is."""
        return self._aliases.get(device.lower(), device)

    # -- the thread

    def _run(self) -> None:
        while not self.storing.opened(1.0):
            if self._ending.is_set():
                return
        self._begin()
        with tango.EnsureOmniThread():
            while not self._ending.is_set():
                try:
                    self._look()
                    self.problem = ""
                except tango.DevFailed as failed:
                    self._database = None
                    self.problem = str(from_dev_failed(failed, "the Tango database"))
                except Exception:  # noqa: BLE001 - the thread must live, whatever it is
                    self._log.exception("looking for devices failed by a mistake of ours")
                self._ending.wait(self._parameters.look_period)

    def _begin(self) -> None:
        """Mark that from the last event on everything may be missing."""
        now, last = time.time(), self.storing.last_time
        if last is not None:
            try:
                self._last = last_times(self.storing.folder)
            except ServiceFailed as error:
                self._log.warning(f"a mark for all attributes at once says what may be missing: {error}")
            self.storing.put(Event(EVERYTHING, min(last, now), now, kind="gap", text=NOT_RUN))
        self.storing.put(Event(EVERYTHING, now, now, kind="start", text=f"{self.name} began"))

    def _look(self) -> None:
        """See which devices there are, and let those who follow their servers know."""
        if self._database is None:
            self._database = tango.Database()
        devices = known_devices(self._database)
        self._aliases = {device.alias.lower(): device.name for device in devices if device.alias}
        chosen = [device for device in devices if self._rules.of_device(device)]
        self.known, self.followed = devices, chosen
        servers = by_server(chosen)
        for name in [name for name in self._servers if name not in servers]:
            self._servers.pop(name).end()
        self._around.count = len(servers)
        for name, its in servers.items():
            if name not in self._servers:
                self._servers[name] = Server(name, self._around, self._log)
            self._servers[name].want(its)
        self._nothing = self._rules_without_devices(devices)
        if self._parameters.configuration and time.monotonic() >= self._looked:
            self._looked = time.monotonic() + CONFIGURATION_PERIOD
            self._look_at_configurations([device.name for device in chosen])

    def _logged(self, name: str, described: Any, rule: LoggedParameters) -> Logged:
        if self.place is not None:
            self.storing.put(facility.description(name, described))
        logged = Logged(name, described, rule, self.storing, self._parameters.future_limit)
        before, last = self._last.pop(name, None), self.storing.last_time
        if before is not None and last is not None:
            logged.restore(before)  # events that were on their way have times before that of the last one stored
            logged.gap(last - UNSEEN, NOT_RUN)
        return logged

    def _rules_without_devices(self, devices: Sequence[Known]) -> list[str]:
        """A rule that names one device, and there is none: perhaps a slip."""
        names = {device.name for device in devices} | {device.alias.lower() for device in devices}
        return [
            f"{rule.device}: the Tango database knows no such device"
            for rule in self._parameters.rules
            if not PATTERNS & set(rule.device) and rule.device.lower() not in names
        ]

    def _look_at_configurations(self, devices: Sequence[str]) -> None:
        """Keep the configuration of each device that has another one than before."""
        for device, settings in configurations(self._database, devices).items():
            text = json.dumps(settings, sort_keys=True, ensure_ascii=False)
            if self._configurations.get(device) != text:
                self._configurations[device] = text
                now = time.time()
                self.storing.put(Event(device, now, now, kind="configuration", text=text))


def _days(given: float | None) -> float:
    return FOREVER if given is None else given


def folder_of(name: str, told: str) -> Path:
    """The folder of an archive: in the state folder, or as told, in that of the YAML files if it is not absolute.

    Raises:
        ConfigurationError: that is not known.
    """
    folder = Path(told).expanduser() if told else Path("archive") / name
    if folder.is_absolute():
        return folder
    variable, what = ("RONDA_CONFIG_FOLDER", "the YAML files") if told else ("RONDA_STATE_FOLDER", "its host's state")
    below = os.environ.get(variable)
    if not below:
        raise ConfigurationError(
            f"{name}: its archive {folder} lies in the folder of {what}, and {variable} is not set in the environment; "
            "`ronda up` does this"
        )
    return Path(below) / folder
