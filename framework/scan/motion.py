"""Moving the axes of a scan to a point, together, and making sure that they are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from ronda.framework.clients.axis import SLICE, Axis
from ronda.framework.clients.together import orders
from ronda.framework.errors import HardwareFault, RondaError

STOP_LIMIT = 10.0
"""Seconds that axes have to come to rest after a stop."""


def move(axes: Sequence[Axis], targets: Sequence[float], check: Callable[[], None]) -> list[float]:
    """Move axes together; returns where they stand.

    Args:
        axes: which.
        targets: for each where to, checked against its limits before.
        check: called again and again while they move; raises to give up. The axes go on moving then.

    Raises:
        HardwareFault: an axis stands elsewhere than at its target.
    """
    for order in orders(zip(axes, targets, strict=True)):
        order.start()
    positions = wait(axes, check)
    for axis, target, position in zip(axes, targets, positions, strict=True):
        if not axis.is_at(position, target):
            raise HardwareFault(
                f"{axis.name}: stands at {position:.10g} {axis.unit}, not at {target:.10g} {axis.unit}: {axis.status}"
            )
    return positions


def wait(axes: Sequence[Axis], check: Callable[[], None]) -> list[float]:
    """Wait until all stand; returns where.

    Raises:
        HardwareFault: one stands with a fault.
    """
    while True:
        check()
        positions = [axis.await_rest(SLICE / len(axes)) for axis in axes]
        found = [position for position in positions if position is not None]
        if len(found) == len(axes):
            return found


def halt(axes: Sequence[Axis], each: Callable[[Sequence[Callable[[], None]]], object]) -> list[str]:
    """Stop those that move, all before any is waited for; a clause about each that moved or could not be stopped.

    Args:
        axes: which.
        each: does several things, see `Beamline.each`: a server that hangs should not hold up the stop of another one.
    """
    told: dict[str, str] = {}
    stopped: list[Axis] = []

    def stop(axis: Axis) -> None:
        try:
            if axis.is_moving():
                axis.stop()
                stopped.append(axis)
        except RondaError as error:  # the others must be stopped too
            told[axis.name] = f"{axis.name} could not be stopped: {error}"
            axis.rests(axis)  # as far as that could be

    each([partial(stop, axis) for axis in axes])
    deadline = time.monotonic() + STOP_LIMIT
    for axis in stopped:
        try:
            at_rest = axis.wait(max(deadline - time.monotonic(), 0.0))
            told[axis.name] = f"{axis.name} stopped at {axis.text(axis.position)} {axis.unit}"
            if not at_rest:
                told[axis.name] = f"{axis.name} still moves, {STOP_LIMIT:g} s after it was stopped: {axis.status}"
        except RondaError as error:
            told[axis.name] = f"{axis.name} was stopped: {error}"
    return list(told.values())
