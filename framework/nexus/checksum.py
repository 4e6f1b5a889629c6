"""Checksums of finished files, as `sha256sum -c` reads them: a file that has one is final."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

SUFFIX = ".sha256"


def checksum_file(path: Path) -> Path:
    """Where the checksum of a file stands."""
    return path.with_name(f"{path.name}{SUFFIX}")


def compute(path: Path) -> str:
    """The checksum of a file as it is.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_checksum(path: Path, give: Callable[[Path], None] = lambda _: None) -> None:
    """Note the checksum of a finished file beside it.

    Args:
        give: sets mode and group of the new file.

    Raises:
        OSError: it cannot be read, or its folder not be written.
    """
    part = path.with_name(f"{path.name}{SUFFIX}.part")
    part.unlink(missing_ok=True)  # were it a symbolic link, we would write where it leads
    part.write_text(f"{compute(path)}  {path.name}\n")
    give(part)
    part.replace(checksum_file(path))


def intact(path: Path) -> bool | None:
    """Whether a file is what it was when it was finished; None if no checksum was noted.

    Raises:
        OSError: it cannot be read.
    """
    try:
        noted = checksum_file(path).read_text().split(maxsplit=1)
    except FileNotFoundError:
        return None
    return bool(noted) and noted[0] == compute(path)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk.

    Raises:
        OSError: the disk failed.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
