"""The loop over the lines of a continuous scan: what sweeping with hardware and with software triggers share."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.nexus import words
from ronda.framework.nexus.definitions.nxtomo import IMAGE_KEY, INVALID
from ronda.framework.scan import motion
from ronda.framework.scan.continuous import Continuous, Edges
from ronda.framework.scan.durations import Durations
from ronda.framework.scan.measuring import rest
from ronda.framework.scan.opening import ELAPSED
from ronda.framework.scan.plan import Plan
from ronda.framework.scan.presets import Presets
from ronda.framework.scan.sources import Source
from ronda.framework.scan.steering import Steering
from ronda.framework.stream.publisher import Publisher
from ronda.framework.stream.scan import Scan

SLICE = 0.1
"""Longest wait for data in one read, in s: so soon a stop is noticed."""


@dataclass(frozen=True)
class Parts:
    """What both ways of sweeping need.

    Attributes:
        scan: in the stream.
        plan: what is to be done; it is a continuous one.
        own: publishes what the engine itself knows.
        measuring: the devices.
        steering: lets it wait.
        presets: what is done around each point; here, around each line.
        constants: one number for each point that is known before, by channel.
    """

    scan: Scan
    plan: Plan
    own: Publisher
    measuring: Sequence[Source]
    steering: Steering
    presets: Presets
    constants: Mapping[str, Sequence[int]] = field(default_factory=dict)


class Sweeping:
    """Sweeps over the lines of one scan, whose devices are armed. Subclasses say what happens during a sweep.

    Attributes:
        moved: whether an axis has been sent somewhere.
        durations: where the time went.
        remarks: sentences about triggers that were missing, late or extra.
    """

    def __init__(self, parts: Parts) -> None:
        assert parts.plan.continuous is not None  # noqa: S101 - whoever makes it has seen it
        self.moved = False
        self.durations = Durations()
        self.remarks: list[str] = []
        self._parts = parts
        self._plan = parts.plan
        self._continuous: Continuous = parts.plan.continuous
        self._slow_axes = parts.plan.axes[:-1]
        self._slow: tuple[float, ...] = ()
        self._published = 0
        self._first = 0
        """Index of the first point of the first line."""

    def run(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Sweep over all lines; gives index and values by channel of the latest point now and then.

        Raises:
            HardwareFault: the axis stands elsewhere than it should, or gives too few triggers.
            DeviceFailed, NotReady, TimedOut, CommunicationFailed: a device does not measure.
        """
        steering, presets, points = self._parts.steering, self._parts.presets, self._continuous.lines[0].npoints
        for number in range(len(self._continuous.lines)):
            if number:
                rest(self._plan.sleep_time, steering.check)
            waited = steering.waited
            steering.wait_until_free()
            begun = time.monotonic()
            presets.prepare_point(self._first + number * points)
            self._go_to_begin(number)
            arrived = time.monotonic()
            self.durations.motion += arrived - begun
            steering.wait_until_free()
            presets.start_point(self._first + number * points)
            yield from self._sweep(number)
            presets.stop_point()
            self.durations.waiting += steering.waited - waited
        yield from self._finish()

    def end_motion(self) -> None:
        """The scan did not come to its own end, and the axes stand: nothing else is to be ended."""

    def collect_rest(self) -> int:
        """The devices have left it: publish what belongs to the points that are there; returns how many there are."""
        return self._parts.own.index

    # -- for subclasses

    def _sweep(self, number: int) -> Iterator[tuple[int, dict[str, Any]]]:
        raise NotImplementedError

    def _finish(self) -> Iterator[tuple[int, dict[str, Any]]]:
        yield from ()

    # -- tools

    def _go_to_begin(self, number: int) -> None:
        """Take all axes to where the run-up of a line begins."""
        self.moved = True
        begins = self._continuous.begins(number)
        slow = self._slow_of(number)
        check = self._parts.steering.check
        if slow and slow != self._slow:
            begins = [*zip(self._slow_axes, slow, strict=True), *begins]
            self._slow = slow
        motion.move([axis for axis, _ in begins], [place for _, place in begins], check)
        rest(self._plan.stab_time, check)

    def _slow_of(self, number: int) -> tuple[float, ...]:
        """Where the slow axes stand during a line."""
        return self._continuous.slow[number] if self._continuous.slow else ()

    def _own_block(
        self,
        slow: tuple[float, ...],
        index: int,
        edges: Mapping[str, Edges],
        elapsed: npt.NDArray[np.float64],
        exposure: npt.NDArray[np.float64],
        valid: npt.NDArray[np.uint8],
    ) -> dict[str, npt.NDArray[Any]]:
        """What the scan itself publishes of n points from an index on; edges are where axes were, by name."""
        count = len(valid)
        block: dict[str, npt.NDArray[Any]] = {
            one.name: np.full(count, position) for one, position in zip(self._slow_axes, slow, strict=False)
        }
        for name, known in self._parts.constants.items():
            values = np.array(known[index : index + count], "<i4")
            block[name] = np.where(valid, values, INVALID).astype("<i4") if name == IMAGE_KEY else values
        for axis, (first, last) in {**edges, **self._continuous.computed(edges)}.items():
            block |= {axis: (first + last) / 2, f"{axis}_start": first, f"{axis}_end": last}
        return block | {
            ELAPSED: elapsed,
            words.EXPOSURE_CHANNEL: exposure,
            words.VALID: valid,
        }
