"""How far an axis may go from where it stands."""

from __future__ import annotations

import math

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import BadValue, OutOfRange

FARTHEST = 1e6
"""An axis that may go so many units has no limits."""

HALVINGS = 30


def reach(who: str, axis: Axis, start: float, width: float | None) -> tuple[float, float]:
    """Between which positions something is to be looked for.

    Args:
        who: name of the scan, for messages.
        axis: which.
        start: where it stands.
        width: whole width around that, in the axis's unit; None for as far as it and those below it may go.

    Raises:
        BadValue: it has no limits, and no width is given.
        NotAllowed, Busy, NotReady: it cannot move now.
    """
    low, high = axis.limits
    if width is not None:
        return max(start - width / 2, low), min(start + width / 2, high)
    found = [_farthest(axis, start, end, sign) for end, sign in ((low, -1), (high, 1))]
    if not all(map(math.isfinite, found)):
        raise BadValue(f"{who}: {axis.name} has no limits; say where to look, as in width=1 ({axis.unit} around it)")
    return found[0], found[1]


def _farthest(axis: Axis, start: float, limit: float, sign: int) -> float:
    """The last position in one direction that is not refused; infinite if there is no end."""
    end = limit if math.isfinite(limit) else start + sign * FARTHEST
    if _may(axis, end):
        return end if math.isfinite(limit) else sign * math.inf
    inside, outside = start, end
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if _may(axis, middle) else (inside, middle)
    return inside


def _may(axis: Axis, position: float) -> bool:
    try:
        axis.check([position])
    except OutOfRange:
        return False
    return True
