"""The positions of a stage at many times at once, for what stands in the beam on it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ronda.simulators.physics.stage import Stage


def rests(stage: Stage, start: float, end: float) -> bool:
    """Whether a stage stands still from one time to another."""
    latest = stage.trajectory
    if latest.end <= start:
        return True
    motion = stage.motion(start)
    return motion is stage.motion(end) and (motion.end <= start or end <= motion.start)


def positions(
    stages: Mapping[str, Stage], name: str, times: NDArray[np.float64], without: float
) -> NDArray[np.float64]:
    """Where the carriage of a stage is, in its own unit: at each time, or one position if it stands all the while.

    Args:
        stages: all stages, by name.
        name: of the stage.
        times: in s, rising.
        without: the position if there is no such stage.
    """
    stage = stages.get(name)
    if stage is None:
        return np.array([without])
    if rests(stage, times[0], times[-1]):
        return np.array([stage.position(float(times[0]))])
    return np.array([stage.position(time) for time in times.tolist()])
