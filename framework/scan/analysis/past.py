"""Scans of other times and programs: in memory, or in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import NotFound
from ronda.framework.nexus import words
from ronda.framework.scan.analysis.contents import Contents, measured_in
from ronda.framework.scan.analysis.results import Array, Results
from ronda.framework.stream.catalogue import Record
from ronda.framework.stream.scan import Scan as StreamScan


class PastScan(Results):
    """A scan that memory has, whoever runs or ran it.

    Attributes:
        number, identifier, title, command: as it was described.
        stream: the scan in the stream.
    """

    def __init__(self, beamline: Beamline, record: Record) -> None:
        self.number = record.number
        self.identifier = record.identifier
        self.title, self.command = record.title or record.command, record.command
        self.stream: StreamScan = beamline.stream.scan(record.identifier)
        self._beamline = beamline

    def __repr__(self) -> str:
        return f"<Scan {self.number} {self.command} {self.state}>"

    @property
    def state(self) -> str:
        """Its state now."""
        return self.stream.state

    @property
    def sentence(self) -> str:
        """Why it has this state, if there is something to say."""
        return self.stream.record().sentence

    @property
    def file(self) -> str:
        """Path of its file; empty if it has none."""
        return self.stream.note(words.CONSUMER)

    @property
    def label(self) -> str:
        """`scan 12`."""
        return f"scan {self.number}"

    @property
    def where_from(self) -> Beamline | None:
        """Where it ran."""
        return self._beamline

    def contents(self) -> Contents:
        """What it has."""
        return Contents.of(self.stream.description)

    def channels(self) -> list[str]:
        """Names of all its channels."""
        return stream_channels(self.stream)

    def read(self, name: str) -> Array:
        """All points of a channel; those that have left memory come from its file."""
        return read_from_stream(self.stream, name)


class FileScan(Results):
    """A scan in a file, which is open only while it is read.

    Attributes:
        file: its path.
        number, title, command, state: as the file says.

    Raises:
        NotFound, ServiceFailed: there is no such file, or it is no file of a scan.
    """

    def __init__(self, path: Path) -> None:
        from ronda.framework.nexus.opening import open_scan  # with h5py

        self.file = str(path)
        entry = open_scan(path)
        with entry.file:
            self.number = int(entry["scan_number"][()])
            self.identifier = entry["entry_identifier"].asstr()[()]
            self.title, self.command = entry["title"].asstr()[()], entry["command"].asstr()[()]
            self.state = entry["end_reason"].asstr()[()]
            beside = [name for name in entry.file if f"/{name}" != entry.name]
            entries = [entry, *(entry.file[name] for name in sorted(beside))]
            self._entries = {name: one.name for one in reversed(entries) for name in measured_in(one)}
            self._contents = Contents.of_entries(entries)

    def __repr__(self) -> str:
        return f"<Scan {self.number} {self.command} {self.state}>"

    @property
    def label(self) -> str:
        """`scan 12`."""
        return f"scan {self.number}"

    @property
    def where_from(self) -> Beamline | None:
        """A file has no axes."""
        return None

    def contents(self) -> Contents:
        """What it has."""
        return self._contents

    def channels(self) -> list[str]:
        """Names of all its channels."""
        return list(self._entries)

    def read(self, name: str) -> Array:
        """All points of a channel."""
        from ronda.framework.nexus.opening import open_scan  # with h5py

        entry = open_scan(Path(self.file))
        with entry.file:
            return np.asarray(entry.file[self._entries[name]]["measurement"][name][()])


def stream_channels(scan: StreamScan) -> list[str]:
    """Names of the channels of a scan in memory."""
    return [
        channel.name
        for device in scan.description.devices
        if device.name not in words.AT_END
        for channel in device.channels
    ]


def read_from_stream(scan: StreamScan, name: str) -> Array:
    """All points of a channel of a scan in memory, from there and from its file."""
    from ronda.framework.nexus.layout import entry_name
    from ronda.framework.nexus.opening import tree  # with h5py, which a prompt need not wait for

    entry = entry_name(scan.number, scan.description.channel(name)[0].subscan)
    return np.asarray(tree(scan).file[entry]["measurement"][name][()])


def find(path: str) -> FileScan:
    """The scan in a file.

    Raises:
        NotFound: there is no such file.
    """
    file = Path(path).expanduser()
    if not file.exists():
        raise NotFound(f"{path}: there is no such file")
    return FileScan(file)
