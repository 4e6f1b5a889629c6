"""Where rings lie: a private folder in the host's shared memory, and names that say whose they are and never clash."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ronda.framework.errors import ServiceFailed

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - in a folder of our own there

UNFINISHED_SECONDS = 60.0
"""After so long a ring that never got its name is rubbish: its owner died while making it."""

FORGOTTEN_SECONDS = 7 * 86400.0
"""After so long without an owner a ring of another stream is rubbish too: nobody of that stream looked after it."""

RING_NAME = re.compile(r"[0-9a-f]{12}-[A-Za-z0-9_.\-]{1,80}-[0-9a-f]{32}")
"""`STREAM-DEVICE-RANDOM`: a hash of the stream's address, the device, 128 random bits that nobody guesses."""


def ring_folder(*, make: bool = False) -> Path:
    """The folder of this user's rings.

    Args:
        make: make it if it is not there.

    Raises:
        ServiceFailed: somebody else made it, or others may enter it.
    """
    shared = SHARED_MEMORY if SHARED_MEMORY.is_dir() else Path(tempfile.gettempdir())
    folder = shared / f"ronda-{os.getuid()}"
    if make:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
    with suppress(FileNotFoundError):
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise ServiceFailed(
                f"{folder}: is not a folder of this user that others cannot enter "
                f"(mode {stat.filemode(found.st_mode)}, user {found.st_uid}); remove it"
            )
    return folder


def find_ring(name: str) -> Path | None:
    """The file of a ring on this host; None if this host has no such ring of this user."""
    if not RING_NAME.fullmatch(name):
        return None
    try:
        path = ring_folder() / name
    except ServiceFailed:
        return None  # what lies in a folder of somebody else is not ours
    return path if path.is_file() and not path.is_symlink() else None


def new_name(stream: str, device: str) -> str:
    """A name for a new ring.

    Args:
        stream: address of the stream that will hold references to it.
    """
    return f"{_mark(stream)}-{device[:80]}-{secrets.token_hex(16)}"


def rings(stream: str) -> list[Path]:
    """The rings on this host whose frames the stream refers to, of living and of dead owners."""
    mark = _mark(stream)
    folder = ring_folder()
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.name.startswith(mark) and RING_NAME.fullmatch(path.name)]
    return sorted(found, key=_born)


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Whether nobody owns a ring any more; while that is true inside, nobody else claims it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield os.fstat(descriptor).st_nlink > 0
    finally:
        os.close(descriptor)


def remove_rubbish() -> None:
    """Remove rings that were never finished, and old ones of whatever stream whose owners are dead."""
    folder = ring_folder()
    for path in folder.iterdir() if folder.is_dir() else ():
        limit = UNFINISHED_SECONDS if path.name.startswith(".") else FORGOTTEN_SECONDS
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > limit:
                with claimed(path) as ownerless:
                    if ownerless:
                        path.unlink()


def _mark(stream: str) -> str:
    return hashlib.sha256(stream.encode()).hexdigest()[:12]


def _born(path: Path) -> float:
    try:
        return path.stat().st_ctime
    except FileNotFoundError:
        return 0.0
