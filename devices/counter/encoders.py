"""Encoders of axes at the inputs of a counter card: what their counts say of where the axes are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tango

from ronda.devices.counter.contract import EncoderInputParameters
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import NotReady, RondaError
from ronda.framework.tango.names import AxisAttribute

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reference:
    """position = place + (count − counts) / scale, all of one axis.

    Attributes:
        place: user position where the axis stood, in its unit.
        counts: what the input showed there.
        scale: counts for one unit of the user position; negative if it counts the other way.
    """

    place: float
    counts: float
    scale: float

    def position(self, counts: float) -> float:
        """User position at which the input shows these counts; arrays do as well."""
        return self.place + (counts - self.counts) / self.scale


class Encoders:
    """The encoder inputs of one card. Its counters begin anywhere, so they are compared with the axes at rest.

    Args:
        card: its name, for messages.
        inputs: parameters of the inputs in use, by name, in the order in which the driver gives their counts.
    """

    def __init__(self, card: str, inputs: Mapping[str, EncoderInputParameters]) -> None:
        self._card = card
        self._inputs = inputs
        self._places = {name: place for place, name in enumerate(inputs)}
        self._references: dict[str, Reference] = {}
        self._fresh: set[str] = set()
        """Those that were compared in the scan in hand: its axes may move already when the card is armed again."""

    @property
    def names(self) -> list[str]:
        """Of the inputs in use."""
        return list(self._inputs)

    def place(self, name: str) -> int:
        """Of an input among all in use."""
        return self._places[name]

    def stand(self, names: Sequence[str]) -> dict[str, tuple[float, float]]:
        """Where the axes of these inputs stand (user position), and their sign; by input, of those not known yet.

        Raises:
            NotReady: one moves, or does not say where it is.
        """
        found = {}
        for name in names:
            if name in self._fresh:
                continue
            axis = self._inputs[name].axis
            remote = Remote(axis, axis, tango.DeviceProxy)
            try:
                moving = remote.state() == "MOVING"
                place, sign = _position(remote), float(remote.read(AxisAttribute.SIGN))
            except (RondaError, TypeError) as error:
                raise NotReady(
                    f"{self._card}: cannot tell what the counts of {name} mean, because {axis} does not say where it "
                    f"is: {error}"
                ) from error
            if moving:
                raise NotReady(
                    f"{self._card}: cannot tell what the counts of {name} mean while {axis} moves; begin when it stands"
                )
            found[name] = place, sign
        return found

    def refer(self, standing: Mapping[str, tuple[float, float]], counts: Sequence[float]) -> None:
        """Take what the inputs show where the axes stand.

        Args:
            standing: as `stand` gives it.
            counts: of all inputs in use.
        """
        for name, (place, sign) in standing.items():
            scale = sign * self._inputs[name].steps_per_unit
            self._references[name] = Reference(place, counts[self._places[name]], scale)
            self._fresh.add(name)

    def scan_left(self) -> None:
        """The scan is over: compare them anew in the next one."""
        self._fresh.clear()

    def positions(self, counts: Sequence[float]) -> dict[str, float]:
        """User positions by input, from counts of all of them; of those that were compared with their axes."""
        return {
            name: reference.position(counts[self._places[name]])
            for name, reference in self._references.items()
            if len(counts) > self._places[name]
        }

    def columns(self, names: Sequence[str], counts: Floats) -> Floats:
        """User positions (n, len(names)) of these inputs, from counts (n, inputs in use)."""
        import numpy as np

        found = [self._references[name].position(counts[:, self._places[name]]) for name in names]  # type: ignore[arg-type]  # arrays do as well
        return np.stack(found, axis=1) if found else np.empty((len(counts), 0))


def _position(remote: Remote) -> float:
    """Where an axis stands: by its own encoder if the controller reads it, else by the controller's count."""
    try:
        return float(remote.read(AxisAttribute.ENCODER_POSITION))
    except (RondaError, TypeError):
        return float(remote.read(AxisAttribute.POSITION))
