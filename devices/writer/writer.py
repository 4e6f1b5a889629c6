"""The Tango device of a writer: what it does, how far behind it is, and the few things that it can be told."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tango

from ronda.devices.device import RondaDevice, attribute, command
from ronda.devices.driver import Driver
from ronda.devices.link import Link
from ronda.devices.redis_of_server import connect_stream
from ronda.devices.writer.kind import WriterParameters
from ronda.devices.writer.slow_control import SlowControl
from ronda.framework.errors import ConfigurationError, RondaError
from ronda.framework.nexus.datasets import Datasets
from ronda.framework.nexus.ownership import Ownership
from ronda.framework.nexus.paths import Paths
from ronda.framework.nexus.saving import Progress
from ronda.framework.nexus.writer import Status, Writer
from ronda.framework.tango.names import WriterAttribute, WriterCommand

LOOK_PERIOD = 0.2
"""Seconds between two looks at what the writer does."""

FLUSH_LIMIT = 2.0
"""Seconds that the command Flush waits; Tango clients give up after 3."""

STATES = {
    "starting": tango.DevState.UNKNOWN,
    "idle": tango.DevState.ON,
    "writing": tango.DevState.RUNNING,
    "paused": tango.DevState.STANDBY,
    "held": tango.DevState.ALARM,
    "unreachable": tango.DevState.FAULT,
}


class Files(Driver):
    """The writer in the place where other devices have their hardware: connected while it runs."""

    parameters: WriterParameters

    def __init__(self, name: str, parameters: WriterParameters, environment: Mapping[str, str], log: Any) -> None:
        super().__init__(name, parameters)
        self._environment = environment
        self._log = log
        mode = int(parameters.file_mode, 8) if parameters.file_mode else None
        self._ownership = Ownership(mode, parameters.group, parameters.owner)
        paths = Paths(
            self._folder("data_root", parameters.data_root),
            parameters.scan_path,
            parameters.dataset_path,
            parameters.proposal_path,
            parameters.in_proposals.templates(),
        )
        self.datasets = Datasets(paths, self._ownership)
        self.writer = Writer(
            lambda: connect_stream(self.name, self._environment),
            paths,
            minimum_free=int(parameters.minimum_free * 1e6),
            ownership=self._ownership,
            roots=[self._folder("detector_roots", root) for root in parameters.detector_roots],
            slow=bool(parameters.slow_control),
            closed=self._closed,
        )
        self._slow = (
            SlowControl(name, paths, parameters.slow_control, parameters.logger, log)
            if parameters.slow_control
            else None
        )

    def connect(self) -> None:
        """Begin to follow the stream.

        Raises:
            ConfigurationError: files shall be given to an owner, and this process may not do it.
        """
        self._ownership.require_possible()
        self.writer.start()
        if self._slow is not None:
            self._slow.start()

    def disconnect(self) -> None:
        """Leave the files so that they can be resumed."""
        if self._slow is not None:
            self._slow.end()
        self.writer.stop()

    def _folder(self, key: str, told: str) -> Path:
        root = Path(told).expanduser()
        if root.is_absolute():
            return root
        folder = self._environment.get("RONDA_CONFIG_FOLDER")
        if not folder:
            raise ConfigurationError(
                f"{self.name}: {key} {told} is relative to the folder of the YAML files, and "
                "RONDA_CONFIG_FOLDER is not set in the environment; `ronda up` does this"
            )
        return Path(folder) / root

    def _closed(self, progress: Progress) -> None:
        self._log.info("closed", scan=progress.number, file=progress.file)
        if self._slow is not None:
            self._slow.closed(progress)


class WriterDevice(RondaDevice):
    """Saves each scan that asks for it into a file of its own; see docs/reference/file-layout.md."""

    # -- life

    def model(self, configuration: Mapping[str, Any]) -> type[WriterParameters]:  # noqa: ARG002 - there is one kind
        """Its keys."""
        return WriterParameters

    def opened(self) -> None:
        """Begin to follow the stream, once the server is ready."""
        parameters = self.settings.values  # type: ignore[union-attr]  # there are settings when this is called
        self._files = Files(self.label, parameters, os.environ, self.log)
        self._writer = self._files.writer
        self._datasets = self._files.datasets
        self._told: Status = self._writer.status()
        self._link = Link(self._files, self)
        self.process.open(self._link)

    def closing(self) -> None:
        """Leave the files so that they can be resumed."""
        self.process.close(self._link)

    # -- what the link asks for

    def connected(self) -> None:
        """The writer runs."""

    def poll(self) -> float:
        """See what the writer does and tell; returns the seconds until the next look."""
        before, now = self._told, self._writer.status()
        self._told = now
        self.show(STATES[now.state], f"{self.label}: {now.sentence}")
        if now.last_error and now.last_error != before.last_error:
            self.log.warning(now.last_error)
        for name, old, new in (
            (WriterAttribute.PROGRESS, before.progress, now.progress),
            (WriterAttribute.LAG_SECONDS, before.lag_seconds, now.lag_seconds),
            (WriterAttribute.LAG_BYTES, before.lag_bytes, now.lag_bytes),
            (WriterAttribute.OPEN_FILES, before.open_files, now.open_files),
            (WriterAttribute.LAST_ERROR, before.last_error, now.last_error),
        ):
            if old != new:
                self.publish(name, new)
        return LOOK_PERIOD

    def lost(self, error: RondaError) -> None:
        """The writer could not be started."""
        self.show(tango.DevState.FAULT, str(error))

    def halt(self) -> None:
        """The server ends: flush, and leave the files so that they can be resumed."""
        self._writer.end()

    def at_rest(self) -> bool:
        """Whether all files are closed."""
        return self._writer.ended

    # -- attributes

    @attribute(name=WriterAttribute.PROGRESS, dtype=str)
    def progress(self) -> str:
        """JSON list of the scans being written and the last ones closed: id, number, file, state, points by device."""
        return self._writer.status().progress

    @attribute(name=WriterAttribute.LAG_SECONDS, dtype=float, unit="s", format="%.1f")
    def lag_seconds(self) -> float:
        """Since when there is data that is not in a file; a second or two is normal."""
        return self._told.lag_seconds

    @attribute(name=WriterAttribute.LAG_BYTES, dtype=int, unit="byte")
    def lag_bytes(self) -> int:
        """How much data is not in a file."""
        return self._told.lag_bytes

    @attribute(name=WriterAttribute.OPEN_FILES, dtype=int)
    def open_files(self) -> int:
        """Number of files open."""
        return self._told.open_files

    @attribute(name=WriterAttribute.FREE_BYTES, dtype=int, unit="byte", events=False)
    def free_bytes(self) -> int:
        """How much more it may write: what is free on the disk of the data root, less what must stay free."""
        return self._writer.free_bytes()

    @attribute(name=WriterAttribute.LAST_ERROR, dtype=str)
    def last_error(self) -> str:
        """The last thing that went wrong, even if it is over."""
        return self._told.last_error

    # -- commands

    @command(WriterCommand.FLUSH)
    def flush(self) -> None:
        """Flush all open files; returns when that is done."""
        self.wait(lambda: self._writer.flush(FLUSH_LIMIT))

    @command(WriterCommand.PAUSE)
    def pause(self) -> None:
        """Leave what comes in memory; scans go on until that is full."""
        self._writer.pause()

    @command(WriterCommand.RESUME)
    def resume(self) -> None:
        """Go on after a pause."""
        self._writer.resume()

    @command(
        WriterCommand.DESCRIBE_DATASET,
        dtype_in=str,
        doc_in="JSON: proposal, proposal_session, collection, sample, dataset, session, user, beamline; what is empty "
        "may be left out",
        dtype_out=str,
        doc_out="JSON: the data `root`; its `folder`, empty if it has none of its own; whether it `exists`; the "
        "`last_number` of its scans",
    )
    def describe_dataset(self, which: str) -> str:
        """Say where the files of a dataset are, and what is there."""
        return self.wait(lambda: json.dumps(self._datasets.describe(which)))

    @command(
        WriterCommand.CLAIM_DATASET,
        dtype_in=str,
        doc_in="JSON, as for DescribeDataset",
        dtype_out=bool,
        doc_out="Whether the dataset is new; its folder is made",
    )
    def claim_dataset(self, which: str) -> bool:
        """Begin a dataset, unless it was begun before, by whomever."""
        return self.wait(lambda: self._datasets.claim(which))

    @command(
        WriterCommand.REWRITE,
        dtype_in=str,
        doc_in="Id of the scan, its number, or `last`",
        dtype_out=str,
        doc_out="Path of the file; Progress tells when it is closed",
    )
    def rewrite(self, scan: str) -> str:
        """Make the file of a scan again from what memory holds; returns at once."""
        return str(self.wait(lambda: self._writer.rewrite(scan)))
