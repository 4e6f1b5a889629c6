"""The active measurement group under one name, whichever it is at present."""

from __future__ import annotations

from typing import Any

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.measurement_group import MeasurementGroup
from ronda.framework.errors import NotFound


class ActiveMeasurementGroup:
    """Stands for the active measurement group: `ACTIVE_MG.enable("i0")`.

    Args:
        beamline: whose group.
    """

    def __init__(self, beamline: Beamline) -> None:
        self._beamline = beamline

    def __info__(self) -> str:
        """The group's counters; the shell shows it when the object is typed."""
        return self._group().__info__()

    def __repr__(self) -> str:
        return f"<the active measurement group of {self._beamline.name}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._group(), name)

    def __dir__(self) -> list[str]:
        return [name for name in dir(MeasurementGroup) if not name.startswith("_")]

    def _group(self) -> MeasurementGroup:
        group = self._beamline.active_group.get()
        if group is None:
            raise NotFound(
                f"the beamline {self._beamline.name} has no measurement group; scans without counters measure all of "
                "them, `kind: measurement_group` in YAML makes a group"
            )
        return group
