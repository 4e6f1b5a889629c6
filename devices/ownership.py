"""Whether a device may be moved, and by whom: it may be fixed for everybody, or locked by one client."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ronda.devices.caller import Caller
from ronda.framework.errors import BadValue, Busy, NotAllowed
from ronda.framework.tango.names import LOCK_LEASE

STORED = ("reason", "by", "since")
"""Keys of what is stored of a fixed device."""


class Ownership:
    """Who may move one device. Any thread.

    A client is a process. What one client has locked, all of it may use: each of its locks has a purpose in words, and
    the device is free again when all have been given back, or none was renewed for `LOCK_LEASE` seconds.

    Args:
        who: the device's name, for messages.
        stored: how it was fixed, as given to `store` earlier; empty if it was not.
        store: keeps how it is fixed: what to keep, and what to go back to if that fails.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        who: str,
        stored: Mapping[str, Any],
        store: Callable[[Mapping[str, Any], Mapping[str, Any]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._who = who
        self._fixed = {key: str(stored[key]) for key in STORED} if all(key in stored for key in STORED) else {}
        self._store = store
        self._clock = clock
        self._guard = threading.Lock()
        self._owner: Caller | None = None
        self._purposes: dict[str, float] = {}
        """When each of the owner's locks ends."""

    # -- fixed

    def fix(self, reason: str, caller: Caller | None, by: str = "") -> None:
        """Refuse every move until `release`; it survives restarts.

        Args:
            reason: why, in words.
            caller: who says so.
            by: what that client calls itself.

        Raises:
            BadValue: there is no reason.
            ServiceFailed: it cannot be stored, and has not changed.
        """
        if not reason.strip():
            raise BadValue(f"{self._who}: say why it must not move, as in fix('glued to the cryostat')")
        fixed = {
            "reason": " ".join(reason.split()),
            "by": by or str(caller or "its server"),
            "since": time.strftime("%d %b %Y %H:%M"),
        }
        self._store(fixed, self._fixed)
        self._fixed = fixed

    def release(self) -> None:
        """Let it be moved again; anybody may, whoever has fixed it.

        Raises:
            ServiceFailed: it cannot be stored, and has not changed.
        """
        if self._fixed:
            self._store({}, self._fixed)
            self._fixed = {}

    @property
    def fixed(self) -> str:
        """Why it must not move, and who said so; empty if it may."""
        fixed = self._fixed
        return f"{fixed['reason']} ({fixed['by']}, {fixed['since']})" if fixed else ""

    # -- locked

    def lock(self, purpose: str, caller: Caller | None) -> None:
        """Keep other clients from it; the same again renews it.

        Args:
            purpose: who needs it, for what: `opid01@id01, process 42, ascan(samx, 0, 1, 10, 0.1)`.
            caller: the client.

        Raises:
            BadValue: there is no purpose.
            Busy: another client has locked it.
        """
        purpose = " ".join(purpose.split())
        if not purpose:
            raise BadValue(f"{self._who}: say who locks it and for what, so that others can be told")
        with self._guard:
            self._require_free("be locked", caller)
            self._owner = caller
            self._purposes[purpose] = self._clock() + LOCK_LEASE

    def unlock(self, purpose: str, caller: Caller | None) -> None:
        """Give back one lock of this client; does nothing if there is none of that purpose.

        Raises:
            Busy: another client has locked it.
        """
        with self._guard:
            self._require_free("be unlocked", caller)
            self._purposes.pop(" ".join(purpose.split()), None)

    @property
    def owner(self) -> str:
        """Who has locked it and for what; empty if nobody has."""
        with self._guard:
            self._drop_expired()
            return next(iter(self._purposes), "")

    # -- what is allowed

    def require_free(self, what: str, caller: Caller | None) -> None:
        """Refuse a change by anybody but its owner.

        Args:
            what: the change, to follow "cannot".
            caller: who wants it.

        Raises:
            Busy: another client has locked it.
        """
        with self._guard:
            self._require_free(what, caller)

    def require_movable(self, what: str, caller: Caller | None) -> None:
        """Refuse a motion.

        Raises:
            NotAllowed: it is fixed.
            Busy: another client has locked it.
        """
        if fixed := self.fixed:
            raise NotAllowed(f"{self._who}: cannot {what}: it is fixed: {fixed}; release it first")
        self.require_free(what, caller)

    def remark(self) -> str:
        """A sentence about both for Status; empty if there is nothing to say."""
        said = [f"is fixed: {self.fixed}"] if self.fixed else []
        if owner := self.owner:
            said.append(f"is in use by {owner}")
        return f"{self._who}: {' and '.join(said)}" if said else ""

    def _require_free(self, what: str, caller: Caller | None) -> None:
        self._drop_expired()
        if self._purposes and caller != self._owner:
            purpose = next(iter(self._purposes))
            raise Busy(f"{self._who}: cannot {what}: it is in use by {purpose}; stop that, or wait for its end")

    def _drop_expired(self) -> None:
        now = self._clock()
        self._purposes = {purpose: end for purpose, end in self._purposes.items() if end > now}
