"""The axes of the beamline for the page: where they are and what they do, by Tango events; moves and stops.

One thread keeps the subscriptions, another runs orders, so that a server that hangs holds up neither page nor scan.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import tango

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import BadValue, NotFound, RondaError
from ronda.framework.tango.names import AxisAttribute

AGAIN = 3.0
"""Seconds until a device that did not answer is tried again."""

SETTINGS = 5.0
"""Seconds between two looks at limits, which come as no events."""

ORDERS = 8
"""Moves, and stops, that are begun at the same time: each may wait for a server."""

LARGEST = 1e12
"""Positions must be nearer to 0: no axis goes there, and a float can hold it."""


@dataclass(frozen=True)
class ShownAxis:
    """What the page shows of an axis.

    Attributes:
        position: in `unit`; None if it is not known.
        state: as Tango spells it.
        limits: lowest and highest position, None for none.
        trouble: why it does not answer, as a sentence; empty if it does.
    """

    name: str
    unit: str
    digits: int
    about: str
    position: float | None = None
    state: str = "UNKNOWN"
    limits: tuple[float | None, float | None] = (None, None)
    trouble: str = ""


class Axes:
    """All axes of a beamline.

    Attributes:
        version: another number after each change.
    """

    def __init__(self, beamline: Beamline) -> None:
        self.version = 0
        self._axes: Mapping[str, Axis] = {
            name: one for name, one in beamline.objects.items() if isinstance(one, Axis) and name == one.name
        }
        self._shown = {
            name: ShownAxis(name, axis.unit, axis.digits, axis.description) for name, axis in self._axes.items()
        }
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._events: list[tuple[Any, int]] = []
        self._moves = ThreadPoolExecutor(ORDERS, "move")
        self._halts = ThreadPoolExecutor(ORDERS, "stop")  # their own: they wait for no move to a server that hangs
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to follow them."""
        self._thread.start()

    def stop(self) -> None:
        """End the subscriptions."""
        self._end.set()
        self._thread.join(2 * AGAIN)
        self._moves.shutdown(wait=False, cancel_futures=True)
        self._halts.shutdown(wait=False)

    def shown(self) -> list[dict[str, Any]]:
        """What there is to show, by name."""
        with self._lock:
            return [vars(one) for one in self._shown.values()]

    def move(self, name: str, to: float) -> Future[None]:
        """Start a move; the future is done when it has begun, or says why not.

        Raises:
            NotFound: there is no such axis.
            BadValue: the position is no number.
        """
        axis = self._axis(name)
        if isinstance(to, bool) or not isinstance(to, int | float) or not abs(to) < LARGEST:
            raise BadValue(f"{name}: cannot go to {to!r}; give a position in {axis.unit or 'its unit'}")

        def begin() -> None:
            axis.check([float(to)])
            axis.start(float(to))

        return self._moves.submit(begin)

    def halt(self, name: str) -> Future[None]:
        """Stop an axis; stop is for everyone who may move.

        Raises:
            NotFound: there is no such axis.
        """
        return self._halts.submit(self._axis(name).stop)

    def _axis(self, name: str) -> Axis:
        if name not in self._axes:
            raise NotFound(f"axis {name}: there is none of this name")
        return self._axes[name]

    def _change(self, name: str, **what: Any) -> None:
        with self._lock:
            new = replace(self._shown[name], **what)
            if new != self._shown[name]:
                self._shown[name] = new
                self.version += 1

    def _watch(self) -> None:
        """Subscribe to each axis as soon as it answers, and look at what no event tells."""
        waiting = dict(self._axes)
        while not self._end.is_set():
            for name, axis in list(waiting.items()):
                if self._end.is_set():
                    break
                with contextlib.suppress(RondaError, tango.DevFailed):
                    self._subscribe(name, axis)
                    del waiting[name]
            for name, axis in self._axes.items():
                if self._end.is_set():
                    break
                self._look(name, axis)
            self._end.wait(AGAIN if waiting else SETTINGS)
        for proxy, event in self._events:
            with contextlib.suppress(tango.DevFailed):
                proxy.unsubscribe_event(event)

    def _look(self, name: str, axis: Axis) -> None:
        """Ask an axis for everything; what is wrong with it stays its own."""
        try:
            low, high = axis.limits
            self._change(name, limits=(_finite(low), _finite(high)), state=axis.state)
        except RondaError as error:
            self._change(name, trouble=str(error), state="UNKNOWN", position=None)
            return
        except (TypeError, ValueError):
            self._change(name, limits=(None, None))
        try:
            self._change(name, position=_finite(axis.position), trouble="")
        except RondaError as error:
            self._change(name, trouble=str(error), position=None)
        except (TypeError, ValueError):  # a computed axis outside its domain has none
            self._change(name, trouble=f"{name}: has no position now", position=None)

    def _subscribe(self, name: str, axis: Axis) -> None:
        def taken(event: Any) -> None:
            if event.err:
                return  # the next look says why
            value = event.attr_value.value
            if event.attr_value.name.lower() == "state":
                self._change(name, state=str(value), trouble="")
            else:
                self._change(name, position=None if value is None else _finite(value), trouble="")

        proxy = axis.remote.proxy
        made: list[int] = []
        try:
            for attribute in ("State", AxisAttribute.POSITION):
                made.append(proxy.subscribe_event(attribute, tango.EventType.CHANGE_EVENT, taken))  # noqa: PERF401
        except tango.DevFailed:
            for event in made:  # it is tried again, with both
                with contextlib.suppress(tango.DevFailed):
                    proxy.unsubscribe_event(event)
            raise
        self._events += [(proxy, event) for event in made]


def _finite(value: float) -> float | None:
    """The number, None for one that JSON does not have."""
    return float(value) if abs(value) < float("inf") else None
