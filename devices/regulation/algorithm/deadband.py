"""Whether the input has come to its setpoint and stays there."""

from __future__ import annotations


class Deadband:
    """The setpoint is reached when the input has been within ± width of it for some time.

    Attributes:
        width: half of the band, in the unit of the input.
        time: how long it must stay, in s.
        inside: whether it is in the band now.
        settled: whether it has stayed for long enough.
    """

    def __init__(self, width: float, time: float) -> None:
        self.width, self.time = width, time
        self.inside = self.settled = False
        self._since = 0.0

    def leave(self) -> None:
        """Begin anew: the setpoint changed."""
        self.inside = self.settled = False
        self._since = 0.0

    def step(self, error: float, seconds: float) -> None:
        """Take the present error; a NaN is outside."""
        was, self.inside = self.inside, abs(error) <= self.width
        if not self.inside:
            self._since, self.settled = 0.0, False
            return
        self._since += seconds if was else 0.0
        self.settled = self._since >= self.time
