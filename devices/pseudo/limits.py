"""Limits of a pseudo axis: what stands in the YAML as numbers, and whether a target is within them."""

from __future__ import annotations

import math

from ronda.devices.pseudo.parameters import PseudoAxisParameters
from ronda.framework.errors import BadValue, OutOfRange


def limits_of(axis: PseudoAxisParameters) -> tuple[float, float]:
    """Lowest and highest position; infinite for none."""
    low, high = axis.limits
    return -math.inf if low is None else low, math.inf if high is None else high


def check_target(who: str, axis: PseudoAxisParameters, target: float) -> None:
    """Refuse a target that is no place to go to.

    Raises:
        BadValue: it is no number.
        OutOfRange: it is outside the limits.
    """
    if not math.isfinite(target):
        raise BadValue(f"{who}: cannot move to {target}; a position is a finite number of {axis.unit}")
    low, high = limits_of(axis)
    if not low <= target <= high:
        raise OutOfRange(f"{who}: cannot move to {target} {axis.unit}, outside limits [{low}, {high}] {axis.unit}")
