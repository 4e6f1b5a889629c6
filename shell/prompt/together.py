"""Doing the same with several devices at once: each answer takes its time, but not one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import gevent

from ronda.framework.errors import RondaError

T = TypeVar("T")


def begin_all(actions: Sequence[Callable[[], T]]) -> list[gevent.Greenlet]:
    """Begin all; each greenlet's value will be what its action returned, or its error."""

    def attempt(action: Callable[[], T]) -> T | RondaError:
        try:
            return action()
        except RondaError as error:
            return error

    return [gevent.spawn(attempt, action) for action in actions]


def wait_all(greenlets: Sequence[gevent.Greenlet]) -> None:
    """Wait until all have ended.

    Raises:
        RondaError: the first that failed, at once; the others go on.
    """
    for greenlet in gevent.iwait(greenlets):
        if isinstance(greenlet.get(), RondaError):
            raise greenlet.value


def attempt_all(actions: Sequence[Callable[[], T]]) -> list[T | RondaError]:
    """Do all; what each returned, or its error."""
    greenlets = begin_all(actions)
    gevent.joinall(greenlets, raise_error=True)
    return [greenlet.value for greenlet in greenlets]


def do_all(actions: Sequence[Callable[[], T]]) -> list[T]:
    """Do all; what each returned.

    Raises:
        RondaError: the first that failed, at once; the others go on.
    """
    greenlets = begin_all(actions)
    wait_all(greenlets)
    return [greenlet.value for greenlet in greenlets]
