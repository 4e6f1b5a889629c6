"""The wires of an encoder to a counter elsewhere, which sees its pulses, unless tests let some get lost or late."""

from __future__ import annotations

from ronda.simulators.physics.encoder import Encoder


class EncoderLine:
    """One cable, from the encoder of an axis to an input that counts its pulses."""

    def __init__(self) -> None:
        self._encoder: Encoder | None = None
        self._jumps: list[tuple[float, int]] = []
        self._lag = 0.0

    @property
    def driven(self) -> bool:
        """Whether an encoder is connected to it."""
        return self._encoder is not None

    def drive(self, encoder: Encoder) -> None:
        """Connect the encoder."""
        self._encoder = encoder

    def jump(self, counts: int, time: float) -> None:
        """Let so many counts too many be seen from a time on, as if the cable was disturbed; negative for lost ones."""
        self._jumps.append((time, counts))

    def lag(self, seconds: float) -> None:
        """Let what is seen be so many s old from now on, as behind a filter that is too slow."""
        self._lag = seconds

    def counts(self, time: float) -> int:
        """Counts that came up to a time, on a scale of its own: what the controller sets its encoder to is not seen."""
        assert self._encoder is not None  # noqa: S101 - whoever starts the simulators has seen it
        jumped = sum(counts for when, counts in self._jumps if when <= time)
        return self._encoder.pulses(time - self._lag) + jumped
