"""What tests can make go wrong on an instrument's wire."""

from __future__ import annotations

from collections.abc import Callable


class Faults:
    """The faults of one instrument's communication. All times are real seconds, whatever the world's speed.

    Args:
        now: real time, in s.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._silent_until = 0.0
        self._closed_until = 0.0
        self._garbled = 0
        self.delay = 0.0
        """How much later than usual each answer comes."""

    def hang(self, seconds: float) -> None:
        """Answer nothing for a time, 0 to end that; what was asked meanwhile is carried out and answered after it."""
        self._silent_until = self._now() + seconds

    def garble(self, answers: int) -> None:
        """Send garbage instead of the next answers."""
        self._garbled = answers

    def refuse(self, seconds: float) -> None:
        """Close each new connection at once, for a time."""
        self._closed_until = self._now() + seconds

    @property
    def refusing(self) -> bool:
        """Whether new connections are closed at once."""
        return self._now() < self._closed_until

    def silence(self) -> float:
        """For how long nothing is answered yet, in s."""
        return max(self._silent_until - self._now(), 0.0)

    def distort(self, answer: bytes) -> bytes:
        """What goes over the wire instead of an answer."""
        if self._garbled == 0:
            return answer
        self._garbled -= 1
        return b"\x00\xff?garbage\x80;;,\n"
