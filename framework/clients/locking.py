"""Keeping devices to oneself for a while: a lock on each, renewed by a thread of its own until it is given back."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import threading
import time
from collections.abc import Sequence
from types import TracebackType

import tango

from ronda.framework.clients.remote import Remote
from ronda.framework.errors import Busy, NotFound, RondaError
from ronda.framework.tango.names import LOCK_LEASE, AxisCommand

RENEWAL = LOCK_LEASE / 3
"""Seconds between two renewals: one may be lost."""


def who_we_are(user: str = "") -> str:
    """How others are told about this process: `alice@id01, process 4242`.

    Args:
        user: its user; the login name if empty.
    """
    if not user:
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # a user without a name, as in a container
            user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}, process {os.getpid()}"


CALL_LIMIT = 4.0
"""Seconds that a renewal on its way may take: a little longer than a Tango call."""


class Hold:
    """A `with` block in which no other process moves or changes some devices. Stop is for everyone all the same.

    Devices that know no locks, such as those of others, are used without.

    Args:
        remotes: the devices.
        purpose: what for, as others are told after who we are.
        user: see `who_we_are`.

    Attributes:
        lost: why a device is no longer ours; empty while all is well.
        purpose: as given.
    """

    def __init__(self, remotes: Sequence[Remote], purpose: str, user: str = "") -> None:
        self.lost = ""
        self.purpose = purpose
        self.words = f"{who_we_are(user)}, {purpose}"
        self._remotes = list(remotes)
        self._held: list[Remote] = []
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        names = ", ".join(remote.name for remote in self._held or self._remotes)
        return f"<{names} {'locked' if self._held else 'to be locked in a `with` block'} for {self.purpose}>"

    def __enter__(self) -> Hold:
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()

    def take(self) -> None:
        """Lock all of them, one call each, or none.

        Raises:
            Busy: somebody else has locked one.
            CommunicationFailed, TimedOut: one does not answer.
        """
        try:
            for remote in self._remotes:
                try:
                    remote.command(AxisCommand.LOCK, self.words)
                except NotFound:
                    continue
                self._held.append(remote)
        except BaseException:
            self.give_back()
            raise
        if self._held:
            self._thread = threading.Thread(target=self._renew, args=(tuple(self._held),), name="locks", daemon=True)
            self._thread.start()

    def give_back(self) -> None:
        """Unlock those that are locked; one that does not answer is free when its lease ends."""
        self._over.set()
        if self._thread is not None:
            # one that renews would lock them again, and a Tango call must not outlive the program
            deadline = time.monotonic() + CALL_LIMIT
            while self._thread.is_alive() and time.monotonic() < deadline:
                time.sleep(0.001)  # where greenlets run, the others go on meanwhile
        while self._held:
            with contextlib.suppress(RondaError):
                self._held.pop().command(AxisCommand.UNLOCK, self.words)

    def _renew(self, held: Sequence[Remote]) -> None:
        """A thread: whatever the program does, its locks are renewed as long as it lives."""
        if self._over.wait(RENEWAL):
            return  # most locks are short, and never come to Tango here
        with tango.EnsureOmniThread():
            own = [Remote(remote.name, remote.address, tango.DeviceProxy) for remote in held]
            while True:
                for remote in own:
                    try:
                        remote.command(AxisCommand.LOCK, self.words)
                    except Busy as error:
                        self.lost = str(error)
                    except RondaError:
                        continue  # its server may come back
                if self._over.wait(RENEWAL):
                    return
