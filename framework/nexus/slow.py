"""What was archived during a scan, in a file of its own beside the scan's, to which that leads from the beginning.

The scan's file is final when it is closed, and nothing here opens it for writing. Until the values have come its link
`slow_control` leads nowhere; then to the whole file, which is written aside and renamed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ronda.framework.nexus.checksum import sync_folder
from ronda.framework.nexus.plain import read_text

LINK = "slow_control"
"""Name of the link in the scan's entry, and of the collection to which it leads."""


@dataclass(frozen=True)
class Told:
    """What was archived of one attribute.

    Attributes:
        attribute: its name.
        times: of each value, in s since the beginning of the scan; the first may be before it.
        values: numbers or words.
        message: why there are none, or where some may be missing; empty if all is well.
    """

    attribute: str
    times: Sequence[float]
    values: Sequence[Any]
    message: str = ""


@dataclass(frozen=True)
class Ended:
    """A scan that has ended.

    Attributes:
        number, identifier, title: as in its file.
        start, end: with zone.
    """

    number: int
    identifier: str
    title: str
    start: datetime
    end: datetime


def slow_file(scan: Path) -> Path:
    """The file beside that of a scan: `scan_0007.slow.h5`."""
    return scan.with_name(f"{scan.stem}.slow.h5")


def slow_entry(number: int) -> str:
    """The entry of a scan in it."""
    return f"{number}.slow"


def links(scan: Path, number: int) -> dict[str, tuple[str, str]]:
    """What the entry of a scan's file has as external links: file and path in it, by name."""
    return {LINK: (slow_file(scan).name, f"/{slow_entry(number)}/{LINK}")}


def ended_scan(path: Path) -> Ended:
    """When the scan in a closed file was.

    Raises:
        OSError, KeyError, ValueError: the file cannot be read, or is none of ours.
    """
    with h5py.File(path, "r", locking=False) as file:
        entry = next(group for group in file.values() if "scan_number" in group)
        start, end = (datetime.fromisoformat(read_text(entry, name)) for name in ("start_time", "end_time"))
        return Ended(
            int(entry["scan_number"][()]), read_text(entry, "entry_identifier"), read_text(entry, "title"), start, end
        )


def write_slow(scan: Path, about: Ended, found: Sequence[Told], message: str) -> Path:
    """Write the file beside a scan's; it is whole, and on the disk, when it has its name.

    Args:
        scan: the scan's file.
        about: the scan.
        found: what was archived.
        message: what is to be known about all of it; empty if all is well.

    Raises:
        OSError: it cannot be written.
    """
    path = slow_file(scan)
    part = path.with_name(f"{path.name}.part")
    try:
        with h5py.File(part, "w", locking=False) as file:
            name = slow_entry(about.number)
            file.attrs.update(NX_class="NXroot", default=name)
            entry = file.create_group(name)
            entry.attrs.update(NX_class="NXentry", default=LINK)
            entry["title"] = f"slow control during scan {about.number} {about.title}".rstrip()
            entry["entry_identifier"] = about.identifier
            entry["start_time"], entry["end_time"] = about.start.isoformat(), about.end.isoformat()
            entry["scan"] = h5py.ExternalLink(scan.name, f"/{about.number}.1")
            group = entry.create_group(LINK)
            group.attrs["NX_class"] = "NXcollection"
            said = [message, *(f"{one.attribute}: {one.message}" for one in found if one.message)]
            group["message"] = "; ".join(filter(None, said))
            for one in found:
                _log(group.create_group(one.attribute.replace("/", "__")), one, about.start)
        with suppress(PermissionError):
            shutil.copymode(scan, part)
            owner = scan.stat()
            os.chown(part, owner.st_uid, owner.st_gid)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)
    return path


def _log(group: h5py.Group, told: Told, start: datetime) -> None:
    group.attrs.update(NX_class="NXlog", attribute=told.attribute)
    group["message"] = told.message
    times = group.create_dataset("time", data=np.asarray(told.times, np.float64))
    times.attrs.update(units="s", start=start.isoformat())
    if all(one is None or isinstance(one, int | float) for one in told.values):
        numbers = [np.nan if one is None else float(one) for one in told.values]
        group.create_dataset("value", data=np.asarray(numbers, np.float64))
        return
    words = np.array(["" if one is None else str(one) for one in told.values], object)
    group.create_dataset("value", data=words, dtype=h5py.string_dtype())
