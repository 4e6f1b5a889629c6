"""Going somewhere with several axes: all, or none if one may not go there."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from ronda.framework.clients.axis import Axis, not_stopped
from ronda.framework.clients.locking import Hold
from ronda.framework.clients.together import orders
from ronda.framework.errors import RondaError


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
        except BaseException as error:
            _stop([one for one, _ in moves], error)
            raise


def _stop(axes: Sequence[Axis], because: BaseException) -> None:
    """Stop all, whatever one of them answers; what came of it is noted at the error."""
    for one in axes:  # all are told before one is waited for
        with contextlib.suppress(RondaError):
            one.stop()
    for one in axes:
        try:
            sentence = one.halt()
        except RondaError as failure:
            sentence = not_stopped(one.name, failure, because)
        if sentence and sentence not in getattr(because, "__notes__", []):  # who waited for it may have said so
            because.add_note(sentence)
