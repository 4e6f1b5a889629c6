"""The world that all simulated instruments share: one time, one seed, stages and shutters by name, one beam."""

from __future__ import annotations

import zlib
from functools import cached_property
from typing import TYPE_CHECKING

from ronda.simulators.physics.clock import Clock
from ronda.simulators.physics.shutter import Interlock, Shutter
from ronda.simulators.physics.signal import Signal
from ronda.simulators.physics.stage import Stage

if TYPE_CHECKING:
    import numpy as np

    from ronda.simulators.physics.beam import Beam
    from ronda.simulators.physics.encoder_line import EncoderLine
    from ronda.simulators.physics.pulses import PulseTrain
    from ronda.simulators.physics.trigger_line import TriggerLine


class World:
    """One simulated beamline.

    Args:
        clock: its time.
        seed: what makes its noise repeatable.
    """

    def __init__(self, clock: Clock, seed: int = 0) -> None:
        self.clock = clock
        self.seed = seed
        self.stages: dict[str, Stage] = {}
        self.shutters: dict[str, Shutter] = {}
        self.interlock = Interlock(self.shutters)
        self.lines: dict[str, TriggerLine] = {}
        """Trigger lines by the output that drives them, such as `motion:1`."""
        self.encoder_lines: dict[str, EncoderLine] = {}
        """Lines from encoders to inputs elsewhere, by the axis that has the encoder, such as `motion:1`."""
        self.pulses: dict[str, PulseTrain] = {}
        """Pulses of a machine by the name of its timing system."""
        self.piezo = Signal()
        """Voltage at the piezo of the monochromator's second crystal."""

    def add_stage(self, name: str, stage: Stage) -> None:
        """Let the beam know of a stage.

        Raises:
            ValueError: another stage has this name.
        """
        if name in self.stages:
            raise ValueError(f"two axes are called {name}; each name should stand once")
        self.stages[name] = stage

    def line(self, output: str) -> TriggerLine:
        """The trigger line of an output, which may be wired before the output is there."""
        from ronda.simulators.physics.trigger_line import TriggerLine

        if output not in self.lines:
            self.lines[output] = TriggerLine(self.chance(output))
        return self.lines[output]

    def encoder_line(self, axis: str) -> EncoderLine:
        """The line from the encoder of an axis, which may be wired before the axis is there."""
        from ronda.simulators.physics.encoder_line import EncoderLine

        return self.encoder_lines.setdefault(axis, EncoderLine())

    def add_shutter(self, name: str, shutter: Shutter) -> None:
        """Put a shutter into the beam.

        Raises:
            ValueError: another shutter has this name.
        """
        if name in self.shutters:
            raise ValueError(f"two shutters are called {name}; each name should stand once")
        self.shutters[name] = shutter

    @cached_property
    def beam(self) -> Beam:
        """The beam. Imported when first asked for: axes alone need no numpy, which takes longer than all the rest."""
        from ronda.simulators.physics.beam import Beam
        from ronda.simulators.physics.machine import Machine

        return Beam(Machine(), self.seed, self.stages, self.shutters, self.piezo)

    def chance(self, name: str) -> np.random.Generator:
        """Random numbers of its own for each name, the same in each run with the same seed."""
        import numpy as np

        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])
