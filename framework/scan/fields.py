"""Dark and flat fields: the frames of a tomogram that are taken at rest, before and behind the projections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.shutter import Shutter
from ronda.framework.nexus.definitions.nxtomo import DARK, FLAT, PROJECTION
from ronda.framework.scan.presets import ScanPreset
from ronda.framework.tango.names import AxisAttribute

if TYPE_CHECKING:
    from ronda.framework.scan.scan import Scan


@dataclass(frozen=True)
class Fields:
    """What is taken at rest, and how.

    Attributes:
        darks: number of frames without beam, the first ones.
        flats, flats_after: number of frames without sample, before and behind the projections.
        shutter: keeps the beam off for dark fields; None without any.
        out: takes the sample out of the beam for flat fields; None without any.
        by: how far, in its unit.
    """

    darks: int
    flats: int
    flats_after: int
    shutter: Shutter | None = None
    out: Axis | None = None
    by: float = 0.0

    @property
    def before(self) -> int:
        """Number of frames before the projections."""
        return self.darks + self.flats

    @property
    def number(self) -> int:
        """Number of all these frames."""
        return self.before + self.flats_after

    def keys(self, projections: int) -> list[int]:
        """The image key of each frame of the scan, as NXtomo has it."""
        return [DARK] * self.darks + [FLAT] * self.flats + [PROJECTION] * projections + [FLAT] * self.flats_after

    def ways(self, inside: float) -> list[float]:
        """Where `out` is sent, one after the other, if the sample is in the beam at a position of it."""
        outside = inside + self.by
        return [outside, inside] * (bool(self.flats) + bool(self.flats_after))


class ReturnsIfOwnerDies(ScanPreset):
    """Lets a host agent bring the sample back into the beam if the program that runs the scan dies.

    Args:
        axis: moves the sample.
    """

    def __init__(self, axis: Axis) -> None:
        self._axis = axis
        self._home = 0.0

    def prepare(self, scan: Scan) -> None:
        """Look where it is before the scan."""
        del scan
        self._home = self._axis.setpoint

    def if_owner_dies(self) -> Sequence[Mapping[str, Any]]:
        """It is sent back."""
        return ({"write": f"{self._axis.remote.device}/{AxisAttribute.POSITION}", "value": self._home},)
