"""The simulated world's own time."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """Seconds of the simulated world since it began; they may pass faster than real ones.

    Args:
        speed: simulated seconds for each real one.
        source: where real seconds come from; tests give their own.
    """

    def __init__(self, speed: float = 1.0, source: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._speed = speed
        self._real_start = self._made = source()
        self._epoch_ns = time.time_ns()
        self._start = 0.0

    def now(self) -> float:
        """Simulated time, in s."""
        return self._start + (self._source() - self._real_start) * self._speed

    def real(self, time: float) -> float:
        """The moment of real time, in s of the source, at which it is this simulated time; as the speed is now."""
        return self._real_start + (time - self._start) / self._speed

    def epoch_ns(self, at: float) -> int:
        """The same moment as nanoseconds since 1970, by the machine's clock as it was when this was made."""
        return self._epoch_ns + round((self.real(at) - self._made) * 1e9)

    @property
    def speed(self) -> float:
        """Simulated seconds for each real one; a change leaves the time of this moment as it is."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        if not speed > 0:
            raise ValueError(f"the clock's speed should be greater than 0, not {speed!r}")
        real = self._source()
        self._start += (real - self._real_start) * self._speed
        self._real_start = real
        self._speed = speed
