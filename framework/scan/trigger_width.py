"""For how long the triggers of a continuous scan stay on: as long as devices measure that do so meanwhile."""

from __future__ import annotations

from collections.abc import Iterable

from ronda.framework.errors import NotAllowed
from ronda.framework.scan.latches import TRIGGER_WIDTH
from ronda.framework.stream.description import Device

SAME = 0.01
"""Part by which widths may differ that devices want; the shortest of them is taken."""


def width_of(measuring: Iterable[Device], axis: str, *, can: bool = True) -> float:
    """Seconds for which triggers stay on; 0 for as long as they do by themselves.

    Args:
        measuring: the devices, as the scan describes them.
        axis: name of the axis that gives the triggers, for messages.
        can: whether its controller can set for how long.

    Raises:
        NotAllowed: it cannot, or devices want different times.
    """
    wanted = {one.name: float(one.attributes[TRIGGER_WIDTH]) for one in measuring if one.attributes.get(TRIGGER_WIDTH)}
    if not wanted:
        return 0.0
    shortest, longest = min(wanted, key=wanted.__getitem__), max(wanted, key=wanted.__getitem__)
    if not can:
        raise NotAllowed(
            f"{shortest}: measures for as long as its trigger stays on, and {axis} cannot set for how long; let "
            'triggers only begin its frames (`trigger_mode` in the YAML), or give triggers="software"'
        )
    if wanted[longest] > (1 + SAME) * wanted[shortest]:
        raise NotAllowed(
            f"{shortest} and {longest}: measure for as long as the triggers of {axis} stay on, one for "
            f"{wanted[shortest]:g} s, the other for {wanted[longest]:g} s; let triggers only begin the frames of one "
            "of them (`trigger_mode` in the YAML), or leave it out"
        )
    return wanted[shortest]
