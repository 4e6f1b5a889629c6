"""Where the time of a scan went: motion, setup, exposure, readout, waiting."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from ronda.framework.nexus import words
from ronda.framework.stream.description import Channel, Device

SHOWN = 0.001
"""Shorter ones, in s, are not worth a word."""


@dataclass
class Durations:
    """Seconds that a scan has spent so far.

    Attributes:
        motion: moving axes, stabilisation included.
        setup: preparing points: presets, publishing positions, telling observers, waits that were asked for.
        exposure: measuring, as asked for.
        readout: from the end of the exposure until all devices had published the point.
        waiting: paused, or suspended.
    """

    motion: float = 0.0
    setup: float = 0.0
    exposure: float = 0.0
    readout: float = 0.0
    waiting: float = 0.0

    @property
    def dead(self) -> float:
        """Time that was not exposure, nor waiting."""
        return self.motion + self.setup + self.readout

    def channels(self) -> dict[str, float]:
        """By channel of the device that publishes them."""
        return {_channel(name): seconds for name, seconds in asdict(self).items()}

    def __str__(self) -> str:
        parts = [f"{name} {seconds:.3g} s" for name, seconds in asdict(self).items() if seconds >= SHOWN]
        return ", ".join(parts)


def durations_device() -> Device:
    """How the stream describes the device that publishes them when the scan ends."""
    names = [field.name for field in fields(Durations)]
    channels = [Channel(_channel(name), unit="s", attributes={words.POSITIONER: name}) for name in names]
    return Device(words.DURATIONS, channels)


def _channel(name: str) -> str:
    return f"time of {name}"
