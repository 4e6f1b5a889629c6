"""The Tango device of a data logger: how it does, and what it is asked of the past."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import tango

from ronda.devices.caller import caller_of
from ronda.devices.data_logger.answers import Answers
from ronda.devices.data_logger.health import Health, Watch, trouble
from ronda.devices.data_logger.logger import Logger, folder_of
from ronda.devices.data_logger.parameters import DataLoggerParameters
from ronda.devices.data_logger.snapshots import SnapshotAnswers
from ronda.devices.device import RondaDevice, attribute, command
from ronda.framework.tango.names import LoggerAttribute, LoggerCommand

LOOK_PERIOD = 1.0
"""Seconds between two looks at how it does."""

FIELDS = {
    LoggerAttribute.SUBSCRIBED: "subscribed",
    LoggerAttribute.MISSING: "missing",
    LoggerAttribute.TOO_FAST: "too_fast",
    LoggerAttribute.RATE: "rate",
    LoggerAttribute.STORED: "stored",
    LoggerAttribute.WAITING: "waiting",
    LoggerAttribute.LAG: "lag",
    LoggerAttribute.DROPPED: "dropped",
    LoggerAttribute.REFUSED: "refused",
    LoggerAttribute.DISK_FREE: "disk_free",
    LoggerAttribute.SELF_TEST: "self_test",
}
"""What each attribute shows of `Health`."""

NAMES = 1000
"""Elements of Missing and TooFast at most."""


class DataLoggerDevice(RondaDevice):
    """Keeps what attributes of any Tango devices tell, in an archive; see docs/how-to/log-what-devices-tell.md."""

    # -- life

    def model(self, configuration: Mapping[str, Any]) -> type[DataLoggerParameters]:  # noqa: ARG002 - there is one kind
        """Its keys."""
        return DataLoggerParameters

    def opened(self) -> None:
        """Begin to log once the server is ready."""
        parameters: DataLoggerParameters = self.settings.values  # type: ignore[union-attr]  # there are settings now
        folder = folder_of(self.label, parameters.folder)
        self._entry = parameters
        self._logger = Logger(self.label, parameters, folder, self.log, self.get_name())
        self._answers = Answers(self.label, folder, self._logger.full_name)
        logger = self._logger
        self._snapshots = SnapshotAnswers(self.label, folder, lambda: logger.known, lambda: logger.followed)
        self._told = Health()
        self._watch = Watch(self._logger, parameters.test_period, self._send_test, self._ask_test)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{self.label} health", daemon=True)
        self.process.open(self)
        self.show(tango.DevState.ON, f"{self.label}: beginning")

    def closing(self) -> None:
        """Store what came, and let go of the archive."""
        self.process.close(self)

    # -- what the process asks for

    @property
    def name(self) -> str:
        """For messages."""
        return self.label

    def start(self) -> None:
        """The server is ready."""
        self._logger.start()
        self._thread.start()

    def check(self) -> None:
        """Its own thread looks."""

    def halt(self) -> None:
        """The server ends."""
        self._ending.set()
        self._logger.halt()

    def at_rest(self) -> bool:
        """Whether everything is on the disk."""
        return self._logger.at_rest()

    def close(self) -> None:
        """End."""
        self._ending.set()
        self._logger.close()

    # -- how it does

    def _run(self) -> None:
        with tango.EnsureOmniThread():
            while not self._ending.wait(LOOK_PERIOD):
                try:
                    self._tell(self._watch.look())
                except Exception:
                    self.log.exception("looking at the logger failed by a mistake of ours")

    def _tell(self, health: Health) -> None:
        before, self._told = self._told, health
        was, now = asdict(before), asdict(health)
        for name, field in FIELDS.items():
            if was[field] != now[field]:
                self.publish(name, _shown(now[field]))
        wrong = trouble(health, self._logger, before, 1e6 * self._entry.minimum_free)
        if wrong:
            self.show(tango.DevState.ALARM, f"{self.label}: {wrong}")
            return
        more = f", {len(health.missing)} missing" if health.missing else ""
        self.show(tango.DevState.ON, f"{self.label}: {health.subscribed} attributes{more}")

    def _send_test(self, value: int) -> None:
        self.publish(LoggerAttribute.TEST_SIGNAL, value)

    def _ask_test(self) -> Any:
        name = f"{self.get_name()}/{LoggerAttribute.TEST_SIGNAL}".lower()
        return self._logger.newest(name)

    @attribute(name=LoggerAttribute.SUBSCRIBED, dtype=int)
    def subscribed(self) -> int:
        """How many attributes are kept now, by event or by reading."""
        return self._told.subscribed

    @attribute(name=LoggerAttribute.MISSING, dtype=(str,), max_dim_x=NAMES)
    def missing(self) -> list[str]:
        """What the rules name and is not had, each with its reason."""
        return list(self._told.missing)

    @attribute(name=LoggerAttribute.TOO_FAST, dtype=(str,), max_dim_x=NAMES)
    def too_fast(self) -> list[str]:
        """Attributes of which values were left out in the last minute because they came faster than their rule says."""
        return list(self._told.too_fast)

    @attribute(name=LoggerAttribute.RATE, dtype=float, unit="1/s", format="%.1f")
    def rate(self) -> float:
        """Events stored in a second, over the last five."""
        return self._told.rate

    @attribute(name=LoggerAttribute.STORED, dtype=int)
    def stored(self) -> int:
        """Events stored since it began."""
        return self._told.stored

    @attribute(name=LoggerAttribute.WAITING, dtype=int)
    def waiting(self) -> int:
        """Events in memory that wait for the disk."""
        return self._told.waiting

    @attribute(name=LoggerAttribute.LAG, dtype=float, unit="s", format="%.2f")
    def lag(self) -> float:
        """Since when the oldest of them waits; below a second is normal."""
        return self._told.lag

    @attribute(name=LoggerAttribute.DROPPED, dtype=int)
    def dropped(self) -> int:
        """Events that found no place in memory since it began; a mark in the archive says where they are missing."""
        return self._told.dropped

    @attribute(name=LoggerAttribute.REFUSED, dtype=int)
    def refused(self) -> int:
        """Values that were refused since it began because their time stamp is in the future or before 1980."""
        return self._told.refused

    @attribute(name=LoggerAttribute.DISK_FREE, dtype=int, unit="byte")
    def disk_free(self) -> int:
        """What is free on the disk of the archive."""
        return self._told.disk_free

    @attribute(name=LoggerAttribute.FOLDER, dtype=str, events=False)
    def folder(self) -> str:
        """Where the archive is, on the host of the server."""
        return str(self._logger.storing.folder)

    @attribute(name=LoggerAttribute.TEST_SIGNAL, dtype=int)
    def test_signal(self) -> int:
        """A number that rises now and then, and is kept as any other attribute."""
        return self._watch.signal

    @attribute(name=LoggerAttribute.SELF_TEST, dtype=str)
    def self_test(self) -> str:
        """Whether the last test value came back out of the archive, and how long that took."""
        return self._told.self_test

    # -- what it is asked of the past

    @command(
        LoggerCommand.HISTORY,
        dtype_in=str,
        doc_in="JSON: attribute, since (`1 h`), until, points (1000, at most 10000)",
        dtype_out=str,
        doc_out="JSON: attribute, since, until, time, value, readings, decimated, rolled, breaks",
    )
    def history(self, question: str) -> str:
        """Say how an attribute went."""
        return self.wait(lambda: self._answers.history(question))

    @command(
        LoggerCommand.VALUE_AT,
        dtype_in=str,
        doc_in="JSON: attributes (1000 at most), time",
        dtype_out=str,
        doc_out="JSON: for each of them attribute, known, value, write_value, quality, time, reason",
    )
    def value_at(self, question: str) -> str:
        """Say what was known of attributes at a time."""
        return self.wait(lambda: self._answers.value_at(question))

    @command(
        LoggerCommand.ALIGNED,
        dtype_in=str,
        doc_in="JSON: attributes, since, until, step (`1 s`)",
        dtype_out=str,
        doc_out="JSON: time, and values by attribute",
    )
    def aligned(self, question: str) -> str:
        """Say how several attributes went, on one axis of time."""
        return self.wait(lambda: self._answers.aligned(question))

    @command(
        LoggerCommand.CONFIGURATION,
        dtype_in=str,
        doc_in="JSON: device, time (`now`)",
        dtype_out=str,
        doc_out="JSON: device, time, since, configuration, attributes",
    )
    def configuration_at(self, question: str) -> str:
        """Say how a device was configured at a time."""
        return self.wait(lambda: self._answers.configuration(question))

    @command(
        LoggerCommand.WHAT_CHANGED,
        dtype_in=str,
        doc_in="JSON: since, until, pattern (`*`)",
        dtype_out=str,
        doc_out="JSON: changes (1000 at most), more",
    )
    def whatchanged(self, question: str) -> str:
        """Say what differs between two times."""
        return self.wait(lambda: self._answers.whatchanged(question))

    @command(
        LoggerCommand.SEARCH,
        dtype_in=str,
        doc_in="JSON: pattern (`*`)",
        dtype_out=str,
        doc_out="JSON: attributes (1000 at most), more",
    )
    def search(self, question: str) -> str:
        """Say of which attributes something is stored."""
        return self.wait(lambda: self._answers.search(question))

    # -- snapshots

    @command(
        LoggerCommand.SAVE_SNAPSHOT,
        dtype_in=str,
        doc_in="JSON: name, devices (names or patterns; without: all that it follows), note, who, replace (false)",
        dtype_out=str,
        doc_out="JSON: name, time, who, note, devices (how many), settings (how many), missing (reasons by device)",
    )
    def save_snapshot(self, question: str) -> str:
        """Keep what devices are set to now, under a name."""
        who = str(caller_of(self) or "")
        return self.wait(lambda: self._snapshots.save(question, who))

    @command(LoggerCommand.SNAPSHOTS, dtype_in=str, doc_in="JSON: {}", dtype_out=str, doc_out="JSON: as SaveSnapshot")
    def snapshots(self, question: str) -> str:
        """Say which snapshots are kept."""
        return self.wait(lambda: self._snapshots.list(question))

    @command(
        LoggerCommand.SNAPSHOT,
        dtype_in=str,
        doc_in="JSON: name (or `now`, or a time such as `yesterday 18:00`), devices",
        dtype_out=str,
        doc_out="JSON: the snapshot, as its file has it",
    )
    def snapshot(self, question: str) -> str:
        """Say what devices were set to, by the name of a snapshot or by time."""
        return self.wait(lambda: self._snapshots.show(question))

    @command(
        LoggerCommand.COMPARE_SNAPSHOTS,
        dtype_in=str,
        doc_in="JSON: old, new (`now`): names or times; devices",
        dtype_out=str,
        doc_out="JSON: a list of device, setting, old, new",
    )
    def compare_snapshots(self, question: str) -> str:
        """Say what two snapshots have otherwise."""
        return self.wait(lambda: self._snapshots.compare(question))

    @command(
        LoggerCommand.RESTORE_SNAPSHOT,
        dtype_in=str,
        doc_in="JSON: name (or a time), devices, positions (false), apply (false: only say what would be done)",
        dtype_out=str,
        doc_out="JSON: steps, each with device, setting, verdict, now, wanted, reason, and done if applied; missing",
    )
    def restore_snapshot(self, question: str) -> str:
        """Set devices to what a snapshot says, or say what that would do."""
        return self.wait(lambda: self._snapshots.restore(question))


def _shown(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
