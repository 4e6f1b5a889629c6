"""Going somewhere with several axes: all, or none if one may not go there."""

from __future__ import annotations

from collections.abc import Sequence

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.locking import Hold
from ronda.framework.clients.together import orders


def go_together(moves: Sequence[tuple[Axis, float]], why: str) -> None:
    """Move axes at the same time, and wait until all have arrived; one that fails stops the others.

    Args:
        moves: axes with their targets, in their units.
        why: what others are told who want to move them meanwhile.

    Raises:
        OutOfRange, Busy, NotAllowed, HardwareFault: an axis cannot go there; none has moved, or all have stopped.
    """
    with Hold([one.remote for one, _ in moves], why):
        for one, target in moves:
            one.check([target])
        try:
            for order in orders(moves):
                order.start()
            for one, target in moves:
                one.arrive(target)
        except BaseException:
            for one, _ in moves:
                one.halt()
            raise
