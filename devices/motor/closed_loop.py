"""When a move by the encoder has arrived: within its window for a while, after not too many corrections."""

from __future__ import annotations

from enum import Enum, auto

from ronda.devices.motor.parameters import ClosedLoopParameters


class Verdict(Enum):
    """What to do about an axis that stands."""

    WAIT = auto()
    CORRECT = auto()
    ARRIVED = auto()
    GIVE_UP = auto()


class ClosedLoop:
    """Judges one move.

    Attributes:
        window: how far from the target the encoder may end, in units.
        patience: seconds until the next look, after the verdict WAIT.
        corrections: made so far.
    """

    def __init__(self, parameters: ClosedLoopParameters) -> None:
        self.window = parameters.window
        self.patience = 0.0
        self.corrections = 0
        self._settle_time = parameters.settle_time
        self._retries = parameters.retries
        self._stands_since: float | None = None
        self._within_since: float | None = None

    def look(self, error: float, now: float) -> Verdict:
        """Judge an axis that stands.

        Args:
            error: target minus encoder, in units.
            now: monotonic time in s.
        """
        if self._stands_since is None:
            self._stands_since = now
        if abs(error) <= self.window:
            if self._within_since is None:
                self._within_since = now
            left = self._within_since + self._settle_time - now
            return Verdict.ARRIVED if left <= 0 else self._wait(left)
        self._within_since = None
        left = self._stands_since + self._settle_time - now
        if left > 0:
            return self._wait(left)
        if self.corrections >= self._retries:
            return Verdict.GIVE_UP
        self.corrections += 1
        self._stands_since = None
        return Verdict.CORRECT

    def _wait(self, seconds: float) -> Verdict:
        self.patience = seconds
        return Verdict.WAIT
