"""Regions of interest of a detector: they come and go at run time, and each gives numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ronda.devices.detector import DetectorDevice
from ronda.devices.device import attribute, command
from ronda.framework.errors import BadValue
from ronda.framework.tango.names import RegionAttribute, RegionCommand


class RegionDetectorDevice(DetectorDevice):
    """A detector whose parameters have `rois`, regions by name."""

    @attribute(name=RegionAttribute.REGIONS, dtype=str, events=False)
    def regions(self) -> str:
        """The regions of interest, by name, as JSON."""
        return json.dumps({name: each.model_dump() for name, each in self.parameters.rois.items()})

    @command(
        RegionCommand.ADD_REGION,
        dtype_in=str,
        doc_in="JSON: name, and what a region has in the YAML",
    )
    def add_region(self, text: str) -> None:
        """Add a region of interest, or replace the one of this name; it stays also after a restart."""
        try:
            told = json.loads(text)
            name = str(told.pop("name"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadValue(f"{self.label}: AddRegion takes JSON with a name, not {text[:100]!r}") from error
        self._change_regions({**self._told_regions(), name: told})

    @command(RegionCommand.REMOVE_REGION, dtype_in=str, doc_in="Name of the region")
    def remove_region(self, name: str) -> None:
        """Remove a region of interest."""
        rest = self._told_regions()
        if name not in rest:
            known = ", ".join(rest) or "none"
            raise BadValue(f"{self.label}: there is no region {name!r} to remove; it has {known}")
        del rest[name]
        self._change_regions(rest)

    def _told_regions(self) -> dict[str, Any]:
        return {name: each.model_dump(mode="json") for name, each in self.parameters.rois.items()}

    def _change_regions(self, regions: Mapping[str, Any]) -> None:
        self._change("rois", dict(regions))
