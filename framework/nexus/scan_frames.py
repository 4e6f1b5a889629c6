"""All large frames of one scan on their way into its file: copied, or linked to where they are, and what is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ronda.framework.nexus.file import ScanFile
from ronda.framework.nexus.frames import FrameSaver
from ronda.framework.nexus.layout import channel_attributes, channel_path, entry_name
from ronda.framework.nexus.linked import LinkedFrames, linked_file
from ronda.framework.nexus.structure import stays_in_files, times_of
from ronda.framework.stream import Block, Description, Scan
from ronda.framework.stream.fill import fill_value

GATHERED_BYTES = 32 << 20
"""Frames are gathered up to so many bytes, in their ring, before they are written."""

DETECTOR_PATIENCE = 10.0
"""Seconds that a detector has to close its files after its scan has ended."""

Ranges = dict[str, list[tuple[int, int]]]


class ScanFrames:
    """For one thread.

    Args:
        roots: the data roots below which detectors' files lie.
        give: sets mode and group of files.
        ended: whether the scan has ended.

    Attributes:
        why: by channel, why the first of its lost frames is lost.
    """

    def __init__(
        self, scan: Scan, roots: Sequence[Path], give: Callable[[Path], None], ended: Callable[[], bool]
    ) -> None:
        self.why: dict[str, str] = {}
        self._scan = scan
        self._give = give
        self._saver = FrameSaver(roots, ended)
        self._linked: dict[str, LinkedFrames] = {}
        self._gathered_bytes = 0
        self._unflushed: dict[str, int] = {}
        self._flush_every: dict[str, int] = {}
        self._ended_at: float | None = None

    def open(self, path: Path) -> None:
        """Make the files that show detectors' files, before the scan's file links to them.

        Args:
            path: of the scan's file.

        Raises:
            OSError: they cannot be made.
        """
        entry = f"/{entry_name(self._scan.number)}"
        for device in self._scan.description.devices:
            for channel in device.channels:
                if stays_in_files(channel):
                    linked = LinkedFrames(
                        linked_file(path, channel),
                        channel,
                        channel_attributes(channel_path(entry, device, channel), channel),
                        fill_value(channel.numpy_dtype),
                        self._saver.reader.roots,
                        self._give,
                    )
                    linked.write()
                    self._linked[channel.name] = linked

    def gather(self, block: Block) -> None:
        """Take note of a block that will be saved."""
        for channel in self._scan.description.device(block.device).channels:
            if channel.storage == "reference" and channel.name not in self._linked:
                self._gathered_bytes += block.count * channel.point_bytes
                self._unflushed[channel.name] = self._unflushed.get(channel.name, 0) + block.count
                self._flush_every[channel.name] = self._saver.unflushed(block.data[channel.name][-1], channel)

    @property
    def many(self) -> bool:
        """Whether so much is gathered that it should be saved."""
        return self._gathered_bytes >= GATHERED_BYTES

    @property
    def ring_waits(self) -> bool:
        """Whether so much of a ring is not flushed that its device might soon have no room."""
        return any(count >= self._flush_every[name] for name, count in self._unflushed.items())

    def save(self, file: ScanFile, blocks: Sequence[Block]) -> None:
        """Bring the frames of some blocks of a device into the file; may be repeated.

        Raises:
            CommunicationFailed: a store gives no answer.
            DiskFull, OSError: the disk is full or failed.
        """
        device = self._scan.description.device(blocks[0].device)
        for channel in device.channels:
            if channel.storage != "reference":
                continue
            linked = self._linked.get(channel.name)
            for block in blocks:
                references = block.data[channel.name]
                if linked is None:
                    why = self._saver.save(file, device.name, channel, block.first, references)
                    if why:
                        self.why.setdefault(channel.name, why)
                    continue
                for first, stop, why in linked.add(block.first, references):
                    file.lose(device.name, channel.name, first, stop)
                    self.why.setdefault(channel.name, why)

    def saved(self) -> None:
        """All that was gathered is saved."""
        self._gathered_bytes = 0

    def write_links(self) -> None:
        """Show what is new of detectors' files.

        Raises:
            OSError: a file cannot be written.
        """
        for linked in self._linked.values():
            linked.write()

    def flushed(self) -> None:
        """The scan's file was flushed."""
        self._unflushed.clear()

    def look_for_absent(self, file: ScanFile) -> None:
        """Whether detectors' files hold what their references say, now that the scan has ended.

        Raises:
            CommunicationFailed: they do not yet; ask again.
        """
        now = time.monotonic()
        self._ended_at = self._ended_at or now
        for name, linked in self._linked.items():
            for first, stop, why in linked.absent(patient=now - self._ended_at < DETECTOR_PATIENCE):
                file.lose(self._scan.description.channel(name)[0].name, name, first, stop)
                self.why.setdefault(name, why)

    def close(self) -> None:
        """End threads and connections."""
        self._saver.close()


def sort_losses(missing: Mapping[str, list[tuple[int, int]]], description: Description) -> tuple[Ranges, Ranges]:
    """What a file says is missing: by device lost points, of which nothing is there, and by channel lost frames."""
    points: Ranges = {}
    frames: Ranges = {}
    for device in description.devices:
        whole = missing.get(times_of(device.name), [])
        if whole:
            points[device.name] = list(whole)
        for channel in device.channels:
            others = [one for one in missing.get(channel.name, []) if one not in whole]
            if others:
                frames[channel.name] = others
    return points, frames


def describe_losses(points: Ranges, frames: Ranges, why: Mapping[str, str]) -> str:
    """The same for people; empty if nothing is lost.

    Args:
        why: by channel, why its frames are lost.
    """
    told = [
        f"{device}: points {first} to {stop - 1} are lost"
        for device, ranges in points.items()
        for first, stop in ranges
    ]
    told += [
        f"{channel}: the frames of points {first} to {stop - 1} are lost"
        for channel, ranges in frames.items()
        for first, stop in ranges
    ]
    return "; ".join([*told, *why.values()])
