"""The loop over points that are chosen while the scan runs."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from ronda.framework.errors import NotReady
from ronda.framework.scan import motion
from ronda.framework.scan.awaited import Awaited
from ronda.framework.scan.choice import Choice, Found
from ronda.framework.scan.measuring import Measuring
from ronda.framework.scan.plan import Point
from ronda.framework.stream.scan import Scan


class Choosing(Measuring):
    """Measures points one after the other, each chosen when the one before it is known.

    A point that a suspender spoils is measured again, whatever the suspender says: nothing can be decided by it.

    Args:
        scan: in the stream.
        choice: who chooses.
        arguments: as for `Measuring`, without targets.
    """

    repeats_spoilt = True

    def __init__(self, scan: Scan, choice: Choice, *arguments: Any) -> None:
        plan, *rest = arguments
        self._chosen: list[Point] = []
        super().__init__(plan, self._chosen, *rest)
        self._choice = choice
        self._results = Awaited(scan, choice.results, self._steering.check)

    def indices(self) -> Iterator[int]:
        """The index of each point, when it is chosen.

        Raises:
            BadValue, OutOfRange, NotAllowed, Busy: axes may not go to what was chosen.
            NotReady: there are as many points as are allowed, and more are wanted.
            and what the choosing raises.
        """
        axes, most = self._plan.axes, self._choice.most
        course = self._choice.decide()
        try:
            point = next(course)
            while len(self._chosen) < most:
                self._chosen.append(self._choice.allowed(self._plan.command, axes, point))
                yield len(self._chosen) - 1
                results = self._results.collect(self._entry - 1)
                point = course.send(MappingProxyType({**self.latest, **results}))
        except StopIteration as end:
            if end.value is not None:
                self._arrive(end.value)
            return
        finally:
            course.close()
        raise NotReady(f"{self._plan.command}: is not done after {most} points, and may not measure more")

    def _arrive(self, found: Found | Point) -> None:
        """Leave the axes where something was found."""
        axes = self._plan.axes
        place = [found.place[axis.name] for axis in axes] if isinstance(found, Found) else found
        targets = self._choice.allowed(self._plan.command, axes, place)
        if targets != self._at:
            motion.move(axes, targets, self._steering.check)
        if not isinstance(found, Found):
            found = Found({axis.name: position for axis, position in zip(axes, targets, strict=True)})
        self.found = found
