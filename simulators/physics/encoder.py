"""An encoder on the carriage of a stage: what its counter shows."""

from __future__ import annotations

from ronda.simulators.physics.stage import Stage


class Encoder:
    """Counts where the carriage truly is; it sees play, lost steps, and a hand that moves the stage.

    Args:
        stage: whose carriage it watches.
        resolution: counts for one unit of the stage.
        zero: what it shows at the stage's position 0.
        drift: by how much its scale creeps, in units of the stage per simulated second.
    """

    def __init__(self, stage: Stage, resolution: float, zero: float = 0.0, drift: float = 0.0) -> None:
        self._stage = stage
        self._resolution = resolution
        self._zero = zero
        self._drift = drift

    @property
    def steady(self) -> bool:
        """Whether it shows the same as long as the carriage stands."""
        return self._drift == 0

    def counts(self, time: float) -> int:
        """What it shows at a time."""
        return round(self._exact(time))

    def pulses(self, time: float) -> int:
        """Its pulses up to a time, from position 0 on, as a counter sees them that others cannot redefine."""
        return round(self._exact(time) - self._zero)

    def redefine(self, counts: float, time: float) -> None:
        """Let it show another number at the present place."""
        self._zero += counts - self._exact(time)

    def _exact(self, time: float) -> float:
        return (self._stage.position(time) + self._drift * time) * self._resolution + self._zero
