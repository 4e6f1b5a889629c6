"""Opening a fast shutter for a scan, or for each of its points, and putting it back as it was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ronda.framework.clients.shutter import Shutter
from ronda.framework.errors import BadValue, NotAllowed, NotReady
from ronda.framework.scan.presets import PointPreset, ScanPreset
from ronda.framework.tango.names import ShutterAttribute

if TYPE_CHECKING:
    from ronda.framework.scan.scan import Scan


class ShutterPreset(ScanPreset, PointPreset):
    """Lets the beam onto the sample while a scan measures: `scans.add_preset(ShutterPreset(fsh, per="point"))`.

    Args:
        shutter: a fast shutter; safety shutters are refused, no scan moves them.
        per: `scan` opens it before the first point, `point` for each point and closes it behind.

    Raises:
        NotAllowed: it is a safety shutter.
        BadValue: `per` is something else.
    """

    def __init__(self, shutter: Shutter, per: Literal["scan", "point"] = "scan") -> None:
        if shutter.safety:
            raise NotAllowed(f"{shutter.name}: is a safety shutter, which no scan moves; use shopen and shclose")
        if per not in ("scan", "point"):
            raise BadValue(f"ShutterPreset: per should be 'scan' or 'point', not {per!r}")
        self._shutter = shutter
        self._per = per
        self._was_open = False

    def __repr__(self) -> str:
        return f"<preset ShutterPreset of {self._shutter.name} per {self._per}>"

    # The two kinds of presets call their methods with and without an index.

    def prepare(self, scan: Scan, index: int | None = None) -> None:
        """Look how it stands before the scan; close it for a scan that opens it point by point."""
        del scan
        if index is not None:
            return
        state = self._shutter.state
        if state not in ("OPEN", "CLOSED"):
            raise NotReady(f"{self._shutter.name}: cannot be used in a scan, it is {state}: {self._shutter.status}")
        self._was_open = state == "OPEN"
        if self._per == "point" and self._was_open:
            self._shutter.close()

    def start(self, scan: Scan, index: int | None = None) -> None:
        """Open it."""
        del scan
        if (index is None) == (self._per == "scan"):
            self._shutter.open()

    def stop(self, scan: Scan, index: int | None = None) -> None:
        """Close it behind a point, and put it back as it was found at the end."""
        del scan
        if index is None:
            self._shutter.open() if self._was_open else self._shutter.close()
        elif self._per == "point":
            self._shutter.close()

    def if_owner_dies(self) -> Sequence[Mapping[str, Any]]:
        """It is put back then too."""
        position = "open" if self._was_open else "closed"
        return ({"write": f"{self._shutter.remote.device}/{ShutterAttribute.POSITION}", "value": position},)
