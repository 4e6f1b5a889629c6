"""Where the doors of running shells are: private sockets of their user, and who is at the other end of one."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ronda.framework.errors import NotAllowed, NotFound, ServiceFailed

LONGEST_PATH = 107
"""Bytes of a Unix socket's path that the kernel takes."""

COMMANDS, SCREEN = "commands", "screen"
"""The doors of one shell: one takes commands, the other one shares the screen."""


@dataclass(frozen=True)
class Caller:
    """The program at the other end of a socket, as the kernel knows it."""

    uid: int
    pid: int

    def __str__(self) -> str:
        return f"user {self.uid}, process {self.pid}"


@dataclass(frozen=True)
class Place:
    """The doors of one shell.

    Attributes:
        process: number of the shell's process.
        beamline, session: where it works.
        user: whose it is.
        folder: where its sockets are.
    """

    process: int
    beamline: str
    session: str
    user: str
    folder: str

    def __str__(self) -> str:
        at = f"{self.beamline}/{self.session}" if self.session else self.beamline
        return f"{at}, process {self.process} of {self.user}"

    def socket(self, door: str) -> Path:
        """The socket of one of its doors."""
        return Path(self.folder) / f"{self.process}.{door}"

    def announce(self) -> None:
        """Let others find it; again now and then, for what is old is removed from a folder of temporary files.

        Raises:
            ServiceFailed: it cannot be written.
        """
        target = Path(self.folder) / f"{self.process}.json"
        written = target.with_suffix(".new")
        try:
            written.touch(mode=0o600)
            written.write_text(json.dumps(asdict(self)), encoding="utf-8")
            written.rename(target)
        except OSError as error:
            raise ServiceFailed(f"the doors of this shell cannot be told of in {target}: {error.strerror}") from error
        for door in (COMMANDS, SCREEN):
            with contextlib.suppress(OSError):
                os.utime(self.socket(door))

    def withdraw(self) -> None:
        """Be found no longer."""
        for name in ("json", COMMANDS, SCREEN):
            with contextlib.suppress(OSError):
                (Path(self.folder) / f"{self.process}.{name}").unlink()


def door_folder() -> Path:
    """The folder of this user's doors, made if need be; nobody else can enter it.

    Raises:
        ServiceFailed: it cannot be made, or belongs to somebody else.
    """
    folder = Path(f"/tmp/ronda-{os.getuid()}/doors")  # noqa: S108 - private and checked
    for each in (folder.parent, folder):
        make_private(each)
    return folder


def make_private(folder: Path) -> None:
    """Create a folder that only we can enter; anybody may have put something of that name into a shared folder.

    Raises:
        ServiceFailed: it cannot be made, or belongs to somebody else.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # another beamline's end may remove the parent meanwhile
    except OSError as error:
        raise ServiceFailed(f"the folder {folder} for sockets cannot be created: {error.strerror}") from error
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise ServiceFailed(f"the folder {folder} for sockets belongs to somebody else; ask for its removal")
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def places(folder: Path | None = None) -> list[Place]:
    """The shells of this user on this computer that have doors, by process number."""
    found = []
    for file in sorted((door_folder() if folder is None else folder).glob("*.json")):
        try:
            place = Place(**json.loads(file.read_text(encoding="utf-8")))
            os.kill(place.process, 0)
        except ProcessLookupError:
            place.withdraw()  # it was killed
        except (OSError, ValueError, TypeError):
            continue
        else:
            found.append(place)
    return found


def place(which: str = "", folder: Path | None = None) -> Place:
    """The doors of one shell.

    Args:
        which: name of its beamline or session, or its process number; empty if there is only one.
        folder: where doors are; that of this user if None.

    Raises:
        NotFound: there is no such shell, or more than one.
    """
    all_there = places(folder)
    there = "; ".join(map(str, all_there)) or "none: `ronda shell --door` opens a shell with doors"
    meant = [one for one in all_there if which in ("", str(one.process), one.beamline, one.session)]
    if len(meant) != 1:
        asked = f"more than one is meant by {which!r}" if meant else f"none is meant by {which!r}"
        raise NotFound(f"shells with doors on this computer are {there}; {asked}; name one by its process number")
    return meant[0]


def listen(path: Path) -> socket.socket:
    """A socket at which only this user can knock, at a path of any length.

    Raises:
        ServiceFailed: it cannot be made.
    """
    make_private(path.parent)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        with _reached(path) as short:
            made.bind(short)
        made.listen(8)
    except OSError as error:
        made.close()
        raise ServiceFailed(f"the door {path} cannot be opened: {error.strerror or error}") from error
    finally:
        os.umask(before)
    return made


def connect(path: Path) -> socket.socket:
    """Knock at a door.

    Raises:
        NotFound: nobody is there.
        NotAllowed: it is the door of somebody else.
    """
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _reached(path) as short:
            made.connect(short)
        require_same_user(made, "the door")
    except PermissionError as error:
        made.close()
        raise NotAllowed(f"the door {path} is not yours") from error
    except OSError as error:
        made.close()
        raise NotFound(f"nobody is behind the door {path}: {error.strerror or error}") from error
    except BaseException:
        made.close()
        raise
    return made


def require_same_user(connected: socket.socket, what: str) -> Caller:
    """Who is at the other end, by the kernel's word.

    Raises:
        NotAllowed: another user is.
    """
    pid, uid, _ = struct.unpack(
        "3i", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    if uid != os.getuid():
        raise NotAllowed(f"{what} is for user {os.getuid()} only, not for user {uid} (process {pid})")
    return Caller(uid, pid)


@contextmanager
def _reached(path: Path) -> Iterator[str]:
    """A path that the kernel takes: one that is too long goes by the number of its open folder."""
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield str(path)
        return
    number = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{number}/{path.name}"
    finally:
        os.close(number)
