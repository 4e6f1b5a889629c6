"""The doors of one shell: opened and closed together, found by other programs, told of in the logbook."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import gevent
from gevent.os import make_nonblocking, nb_read

from ronda.framework.clients.work_session import SessionObjects
from ronda.framework.door.place import COMMANDS, Place, door_folder
from ronda.framework.errors import RondaError
from ronda.shell.doors.client import telling
from ronda.shell.doors.commands import CommandDoor
from ronda.shell.prompt.execution import Interpreter
from ronda.shell.prompt.user import user_name
from ronda.shell.verbs.scanning import ScanCommands

ANNOUNCE_PERIOD = 3600.0
"""Seconds between two times that others are told where the doors are; temporary files are kept for days."""

DOOR = "<door>"
"""Where a command came from, for the place of an error."""


class Doors:
    """What lets other programs of this user in.

    Args:
        interpreter: knows the names of the prompt, and how errors are told.
        shown: what the session has.
        say: writes into the logbook.
        tell: tells the person at the prompt.
        at_work: a `with` block in which a command runs.
        scans: those of the session; get one more observer.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        shown: SessionObjects,
        say: Callable[[str, str], None],
        tell: Callable[[str], None],
        at_work: Callable[[], AbstractContextManager[None]],
        scans: ScanCommands,
    ) -> None:
        self._shown = shown
        self._say = say
        self._tell = tell
        self._observers = scans.scans.observers
        self._commands = CommandDoor(
            interpreter.namespace,
            lambda: shown.objects,
            lambda error: interpreter.sentence(error, DOOR),
            say,
            tell,
            at_work,
            scans.name_files,
        )
        self._place: Place | None = None
        self._greenlets: list[gevent.Greenlet] = []

    def open(self, hears: int) -> None:
        """Let programs in, and tell of those who look on.

        Args:
            hears: a pipe of lines about these.

        Raises:
            ServiceFailed: the sockets cannot be made.
        """
        shown = self._shown
        place = Place(os.getpid(), shown.beamline.name, shown.session.name, user_name(), str(door_folder()))
        self._place = place
        self._commands.open(place.socket(COMMANDS))
        place.announce()
        self._greenlets = [gevent.spawn(self._hear, hears), gevent.spawn(_announce, place)]

    def telling(self) -> AbstractContextManager[None]:
        """While this lasts, programs hear what their commands print."""
        self._observers.insert(0, self._commands)  # before those who draw, who look whether a scan runs beside
        return telling(self._commands.printed)

    def close(self) -> None:
        """Let nobody in any more."""
        self._commands.close()
        if self._place is not None:
            self._place.withdraw()
        gevent.killall(self._greenlets, block=False)

    def _hear(self, hears: int) -> None:
        told = b""
        make_nonblocking(hears)
        while data := nb_read(hears, 4096):
            *lines, told = (told + data).split(b"\n")
            for line in lines:
                sentence = f"screen: {line.decode(errors='replace')}"
                self._say("note", sentence)
                self._tell(sentence)


def _announce(place: Place) -> None:
    while True:
        gevent.sleep(ANNOUNCE_PERIOD)
        with suppress(RondaError):  # the disk may have room again in an hour
            place.announce()
