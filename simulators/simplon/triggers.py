"""The trigger input of a detector: which pulses begin an exposure, and which come while it cannot take them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ronda.simulators.physics.world import World


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a pulse has begun.

    Attributes:
        begins: when, in s of the world's clock.
        seconds: how long the signal stayed on; 0 where that does not matter.
    """

    begins: float
    seconds: float = 0.0


class TriggerInput:
    """One input, wired to one or more outputs by a box that passes the pulses of each.

    Args:
        outputs: of other instruments, as CONTROLLER:OUTPUT.

    Attributes:
        taken: pulses that began an exposure since it was armed.
        ignored: pulses that came while one was being taken.
    """

    def __init__(self, world: World, outputs: list[str]) -> None:
        self._world = world
        self._lines = [world.line(output) for output in outputs]
        self._heard = [line.listen() for line in self._lines]
        self._free_at = 0.0
        self._on_since: float | None = None
        self._on_for = 0.0
        self.taken = self.ignored = 0

    def arm(self) -> None:
        """Take pulses from now on."""
        self._free_at = self._world.clock.now()
        self._on_since = None
        self.taken = self.ignored = 0

    def busy(self, time: float) -> bool:
        """Whether an exposure goes on at a time, or is being read out."""
        return time < self._free_at or self._on_since is not None

    def exposures(self, busy: float) -> list[Exposure]:
        """The exposures that pulses have begun since this was asked last.

        Args:
            busy: how long it takes no further pulse then, in s.
        """
        found = []
        for pulse in self._pulses():
            if pulse < self._free_at:
                self.ignored += 1
            else:
                self._free_at = pulse + busy
                self.taken += 1
                found.append(Exposure(pulse))
        return found

    def enabled(self, busy: float) -> list[Exposure]:
        """The same where an exposure lasts as long as the signal is on.

        Pulses that have a width are that signal, and a pulse that comes while it is on makes it longer; of those that
        have none one switches it on and the next one off again.

        Args:
            busy: how long it takes no further pulse when the signal has gone off, in s.
        """
        found: list[Exposure] = []

        def end(seconds: float) -> None:
            assert self._on_since is not None  # noqa: S101 - whoever calls has seen it
            found.append(Exposure(self._on_since, seconds))
            self._free_at, self._on_since = self._on_since + seconds + busy, None
            self.taken += 1

        for pulse, width in self._signals():
            if self._on_since is not None and pulse > self._on_since + self._on_for:
                end(self._on_for)
            if self._on_since is not None and not width:
                end(pulse - self._on_since)
            elif self._on_since is not None:
                self._on_for = max(self._on_for, pulse + width - self._on_since)
                self.ignored += 1
            elif pulse < self._free_at:
                self.ignored += 1
            else:
                self._on_since, self._on_for = pulse, width or math.inf
        if self._on_since is not None and self._world.clock.now() >= self._on_since + self._on_for:
            end(self._on_for)
        return found

    def forget(self) -> None:
        """What came while it was not armed is lost on it."""
        self._signals()

    def _pulses(self) -> list[float]:
        return [pulse for pulse, _ in self._signals()]

    def _signals(self) -> list[tuple[float, float]]:
        """When pulses began that were not looked at yet, and how long each is, in s; in order."""
        now = self._world.clock.now()
        for line in self._lines:
            line.settle(now)
        found = [(time, line.width) for line, heard in zip(self._lines, self._heard, strict=True) for time in heard]
        for heard in self._heard:
            heard.clear()
        return sorted(found)
