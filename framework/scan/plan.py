"""What a scan is to do: where to go, how long to measure, with what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.counter import Counter
from ronda.framework.nexus import words
from ronda.framework.nexus.definitions.definition import Declaration

if TYPE_CHECKING:
    from ronda.framework.scan.choice import Choice
    from ronda.framework.scan.continuous import Continuous

Point = tuple[float, ...]
"""Where to measure: a position for each axis of the plan."""


@dataclass(frozen=True)
class Grid:
    """The lattice that the points of a mesh fill, the last axis first.

    Attributes:
        axes: names of its axes, the slowest first.
        positions: for each axis, where the lattice lies.
        backnforth: whether every second row is measured from its end.
        relative: whether positions are distances from where the axes stand at the start.
    """

    axes: tuple[str, ...]
    positions: tuple[tuple[float, ...], ...] = field(repr=False)
    backnforth: bool = False
    relative: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of points along each axis, the slowest first."""
        return tuple(len(positions) for positions in self.positions)

    def attribute(self, home: dict[str, float]) -> dict[str, Any]:
        """As it stands in the description of a scan.

        Args:
            home: where each axis stood at the start, in its unit.
        """
        absolute = [
            [position + (home[name] if self.relative else 0.0) for position in positions]
            for name, positions in zip(self.axes, self.positions, strict=True)
        ]
        return {"axes": list(self.axes), "positions": absolute, "backnforth": self.backnforth}


@dataclass(frozen=True)
class Plan:
    """A step scan, a time scan or a continuous scan.

    Attributes:
        command: as typed, for people and the file: `ascan(samy, -1, 1, 20, 0.1)`.
        title: for people; the command if empty.
        exposure: seconds for which each point is measured; the longest if `exposures` says more.
        counters: what is measured; at least one.
        points: number of points; None to go on until somebody stops it.
        axes: those that the scan moves.
        targets: for each point where to measure; empty without axes. With `relative`, distances from the start.
        relative: whether the axes go back to where they stood, however the scan ends.
        definition: the NeXus application definition that its file follows; None for none.
        name: what kind of scan it is: `ascan`.
        exposures: seconds for which each point is measured, if that is not the same for all; else empty.
        stab_time: seconds to wait at each point between motion and measuring.
        sleep_time: seconds to wait between two points, before the motion.
        grid: the lattice that the points of a mesh fill; None for other scans.
        scatter: whether the points cover an area, so that two axes say where one lies.
        channels: numbers that are known of each point before, by name of the channel that shows them, with its unit.
        attributes: more for the scan's description, as JSON.
        continuous: what makes it a continuous scan, which has no targets; None for others. Its axis is the last one.
        choice: who chooses its points while it runs, so that nobody knows targets and number before; None for others.
    """

    command: str
    title: str
    exposure: float
    counters: tuple[Counter, ...]
    points: int | None
    axes: tuple[Axis, ...] = ()
    targets: tuple[Point, ...] = field(default=(), repr=False)
    relative: bool = False
    definition: Declaration | None = None
    name: str = ""
    exposures: tuple[float, ...] = field(default=(), repr=False)
    stab_time: float = 0.0
    sleep_time: float = 0.0
    grid: Grid | None = None
    scatter: bool = False
    channels: dict[str, tuple[str, tuple[float, ...]]] = field(default_factory=dict, repr=False)
    attributes: dict[str, Any] = field(default_factory=dict)
    continuous: Continuous | None = None
    choice: Choice | None = None

    @property
    def most_points(self) -> int | None:
        """Number of points; where they are chosen, the highest; None if there is none."""
        return self.choice.most if self.choice is not None else self.points

    @property
    def returns(self) -> bool:
        """Whether an axis goes back to where it stood, however the scan ends."""
        fields = self.continuous.fields if self.continuous is not None else None
        chosen = self.choice is not None and self.choice.goes_back
        return self.relative or chosen or (fields is not None and fields.out is not None)

    @property
    def triggered(self) -> bool:
        """Whether hardware triggers bound its points."""
        return self.continuous is not None and self.continuous.hardware

    def indices(self) -> Iterator[int]:
        """The index of each point."""
        return count() if self.points is None else iter(range(self.points))

    def known(self) -> dict[str, tuple[str, tuple[float, ...]]]:
        """What is known of each point before it is measured: unit and values, by channel."""
        if not self.exposure_runs():
            return self.channels
        return {**self.channels, words.EXPOSURE_CHANNEL: ("s", self.exposures)}

    def exposure_runs(self) -> tuple[tuple[int, float], ...]:
        """Where the exposure time changes: index of the first point and seconds; empty if it is the same for all."""
        runs: list[tuple[int, float]] = []
        for index, exposure in enumerate(self.exposures):
            if not runs or runs[-1][1] != exposure:
                runs.append((index, exposure))
        return tuple(runs) if len(runs) > 1 else ()
