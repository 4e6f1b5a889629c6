"""What the beamline has beside the objects of a session: `samz = config.get("samz")`."""

from __future__ import annotations

import difflib
from typing import Any

from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import BadValue, NotFound


class Everything:
    """Gives any object of the beamline, also one that the session leaves out.

    Args:
        beamline: whose objects.
    """

    def __init__(self, beamline: Beamline) -> None:
        self._beamline = beamline

    def get(self, name: str) -> Any:
        """An axis, counter or device: samz = config.get("samz")."""
        if not isinstance(name, str):
            raise BadValue(f'config.get: takes a name, as in config.get("samz"), not {name!r}')
        found = self._beamline.objects.get(name)
        if found is None:
            near = difflib.get_close_matches(name, self._beamline.objects, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise NotFound(f"config.get: the beamline {self._beamline.name} has no {name}{hint}")
        return found

    def names(self) -> list[str]:
        """The names of all of them."""
        return sorted(self._beamline.objects)

    def __repr__(self) -> str:
        return f"<{len(self._beamline.objects)} objects of the beamline {self._beamline.name}; config.get(name)>"
