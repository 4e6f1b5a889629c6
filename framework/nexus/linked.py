"""Frames in a detector's own files: a virtual dataset beside the scan's file shows them as one, without copying."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py

from ronda.framework.errors import CommunicationFailed, NotAllowed
from ronda.framework.nexus.paths import clean
from ronda.framework.stream.answers import FrameLost
from ronda.framework.stream.blocks import FrameReference
from ronda.framework.stream.description import Channel
from ronda.framework.stream.frames.files import locate, opened_dataset

DATASET = "data"
"""The virtual dataset."""

REFERENCES = "references"
"""The same as the stream said it: JSON, by index of the first point."""


def linked_file(scan_file: Path, channel: Channel) -> Path:
    """The file that shows a channel's frames: `scan_0007_eiger.h5` beside `scan_0007.h5`."""
    return scan_file.with_name(f"{scan_file.stem}_{clean(channel.name)}.h5")


class LinkedFrames:
    """The file of one channel. It is small, and replaced as a whole: viewers that have it open keep the old one.

    Args:
        path: of the file.
        attributes: of the dataset.
        fill: what stands where no frame is.
        roots: the data roots below which detectors' files lie.
        give: sets mode and group of the file.

    Raises:
        OSError: what is there cannot be read.
    """

    def __init__(
        self,
        path: Path,
        channel: Channel,
        attributes: Mapping[str, Any],
        fill: Any,
        roots: Sequence[Path],
        give: Callable[[Path], None] = lambda _: None,
    ) -> None:
        self._path = path
        self._channel = channel
        self._attributes = dict(attributes)
        self._fill = fill
        self._roots = list(roots)
        self._give = give
        self._pieces: dict[int, FrameReference] = {}
        self._length = 0
        self._changed = True
        if path.exists():
            with h5py.File(path, "r", locking=False) as file:
                told = json.loads(file[REFERENCES][()])
                self._pieces = {int(first): FrameReference(**piece) for first, piece in told.items()}
                self._length = int(file[DATASET].shape[0])
            self._changed = False

    def add(self, first: int, references: Sequence[FrameReference]) -> list[tuple[int, int, str]]:
        """Show more frames; showing them again changes nothing.

        Args:
            first: index of the point of the first frame.

        Returns:
            For those that cannot be shown: index of the first, index after the last, why.
        """
        refused = []
        for reference in references:
            stop = first + reference.count
            why = self._why_not(reference)
            if why:
                refused.append((first, stop, why))
            else:
                self._pieces[first] = reference
            self._length = max(self._length, stop)
            self._changed = True
            first = stop
        return refused

    def write(self) -> None:
        """Replace the file, if there is anything new.

        Raises:
            OSError: it cannot be written.
        """
        if not self._changed:
            return
        shape, dtype = self._channel.shape, self._channel.numpy_dtype
        layout = h5py.VirtualLayout((self._length, *shape), dtype, maxshape=(None, *shape))
        for first, one in self._merged().items():
            source = h5py.VirtualSource(self._source(one), one.path, (one.first + one.count, *shape), dtype)
            layout[first : first + one.count] = source[one.first : one.first + one.count]
        part = self._path.with_name(f"{self._path.name}.part")
        with h5py.File(part, "w", locking=False) as file:
            dataset = file.create_virtual_dataset(DATASET, layout, fillvalue=self._fill)
            for name, value in self._attributes.items():
                dataset.attrs[name] = value
            file[REFERENCES] = json.dumps({first: asdict(one) for first, one in self._merged().items()})
        self._give(part)
        part.replace(self._path)
        self._changed = False

    def absent(self, *, patient: bool) -> list[tuple[int, int, str]]:
        """Frames that are not where their references say: index of the first, index after the last, why.

        Args:
            patient: raise if a file is not there or not long enough; the detector may not have closed it yet.

        Raises:
            CommunicationFailed: only if patient.
        """
        found = []
        for first, one in self._merged().items():
            there = 0
            try:
                with opened_dataset(one, self._channel, self._roots) as dataset:
                    there = min(max(len(dataset) - one.first, 0), one.count)
                    error: Exception = CommunicationFailed(
                        f"{dataset.file.filename}: {one.path} has only {len(dataset)} frames"
                    )
            except (CommunicationFailed, FrameLost) as failed:
                error = failed
            if there < one.count:
                if patient and isinstance(error, CommunicationFailed):
                    raise error
                found.append((first + there, first + one.count, str(error)))
        return found

    def _why_not(self, reference: FrameReference) -> str:
        if reference.store != "file":
            return (
                f"channel {self._channel.name}: its frames are said to be in files, but one is in a {reference.store}"
            )
        try:
            locate(reference, self._roots)
        except NotAllowed as error:
            return str(error)
        return ""

    def _merged(self) -> dict[int, FrameReference]:
        """The references, those joined that follow each other in the same file."""
        merged: dict[int, FrameReference] = {}
        last = -1
        for first in sorted(self._pieces):
            one = self._pieces[first]
            known = merged.get(last)
            if known is not None and last + known.count == first and _follows(known, one):
                merged[last] = FrameReference(
                    one.store, one.address, known.first, known.count + one.count, one.path, one.host
                )
            else:
                merged[first], last = one, first
        return merged

    def _source(self, reference: FrameReference) -> str:
        """The path of a detector's file as the virtual dataset names it: relative, so that both can be moved."""
        path = locate(reference, self._roots)
        home = self._path.parent.resolve()
        for root in self._roots:
            whole = root.expanduser().resolve()
            if path.is_relative_to(whole) and home.is_relative_to(whole):
                return os.path.relpath(path, home)
        return str(path)


def _follows(known: FrameReference, one: FrameReference) -> bool:
    return (known.store, known.address, known.path, known.host, known.first + known.count) == (
        one.store,
        one.address,
        one.path,
        one.host,
        one.first,
    )
