"""Which scan of this program uses which axes: two that run at the same time must not move the same one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import Busy
from ronda.framework.scan.home import real_axes


class Claims:
    """The axes in use. Locks keep other programs out; what one program has locked, all of it may move."""

    def __init__(self) -> None:
        self._users: dict[str, str] = {}

    @contextmanager
    def of(self, beamline: Beamline, axes: tuple[Axis, ...], user: str) -> Iterator[None]:
        """A `with` block in which these axes, and those they are computed from, belong to a scan.

        Args:
            user: the scan, for messages.

        Raises:
            Busy: another scan uses one.
        """
        names = {axis.name for axis in axes}
        names |= {one.name for axis in axes for one in real_axes(beamline, axis)}
        for name in sorted(names & set(self._users)):
            raise Busy(f"{user}: {name} is in use by {self._users[name]} of this session; wait for it, or stop it")
        self._users |= dict.fromkeys(names, user)
        try:
            yield
        finally:
            for name in names:
                del self._users[name]
