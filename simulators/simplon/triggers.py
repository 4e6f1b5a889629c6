"""The trigger input of a detector: which pulses begin an exposure, and which come while it cannot take them."""

from __future__ import annotations

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
        """The same where one pulse switches the signal on and the next one off again.

        Args:
            busy: how long it takes no further pulse when one has switched it off, in s.
        """
        found = []
        for pulse in self._pulses():
            if self._on_since is not None:
                found.append(Exposure(self._on_since, pulse - self._on_since))
                self._on_since, self._free_at = None, pulse + busy
                self.taken += 1
            elif pulse < self._free_at:
                self.ignored += 1
            else:
                self._on_since = pulse
        return found

    def forget(self) -> None:
        """What came while it was not armed is lost on it."""
        self._pulses()

    def _pulses(self) -> list[float]:
        now = self._world.clock.now()
        for line in self._lines:
            line.settle(now)
        pulses = sorted(time for heard in self._heard for time in heard)
        for heard in self._heard:
            heard.clear()
        return pulses
