"""An attenuator: `att(3)`, `att.transmission = 0.01`."""

from __future__ import annotations

from ronda.framework.clients.moved import MovedDevice
from ronda.framework.tango.names import AttenuatorAttribute


class Attenuator(MovedDevice):
    """Foils in the beam, by number of the filter or by transmission at the present energy."""

    def __info__(self) -> str:
        """All filters with their transmissions; the shell shows it when the object is typed."""
        here = self.filter
        rows = [
            f"{'→' if number == here else ' '} {number:3d}  {transmission:9.3g}  {name}"
            for number, (name, transmission) in enumerate(zip(self.filters, self.transmissions, strict=True))
        ]
        return "\n".join([f"{self.name} at {self.energy:.5f} keV", "    nr  transmission  foils", *rows])

    def __call__(self, number: int, *, wait: bool = True) -> None:
        """Move to a filter by its number. Ctrl-C stops it.

        Raises:
            OutOfRange: there is no such filter, or an axis cannot go there.
            Busy, NotReady, NotAllowed: an axis cannot be moved.
            HardwareFault: it does not arrive.
        """
        self._go(AttenuatorAttribute.FILTER, int(number), wait=wait)

    @property
    def filter(self) -> int:
        """Number of the filter in the beam, 0 for the most transparent; -1 between places."""
        return int(self.read(AttenuatorAttribute.FILTER))

    @property
    def filters(self) -> list[str]:
        """What each filter consists of, by number."""
        return list(self.read(AttenuatorAttribute.FILTER_NAMES))

    @property
    def transmissions(self) -> list[float]:
        """What each filter lets through at the present energy, by number."""
        return [float(value) for value in self.read(AttenuatorAttribute.TRANSMISSIONS)]

    @property
    def transmission(self) -> float:
        """Part of the photons that passes. Setting it moves to the filter that is nearest, as a ratio."""
        return float(self.read(AttenuatorAttribute.TRANSMISSION))

    @transmission.setter
    def transmission(self, transmission: float) -> None:
        self._go(AttenuatorAttribute.TRANSMISSION, float(transmission), wait=True)

    @property
    def energy(self) -> float:
        """Photon energy in keV."""
        return float(self.read(AttenuatorAttribute.ENERGY))
