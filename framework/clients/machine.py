"""The machine that makes the beam: `machine.current`, `machine.beam`."""

from __future__ import annotations

from ronda.framework.clients.device import Device
from ronda.framework.tango.names import MachineAttribute


class Machine(Device):
    """What the machine says; nothing of it can be set. A value that is not known at present is None."""

    def __info__(self) -> str:
        """All that it says; the shell shows it when the object is typed."""
        current, front_end, top_up = (self.current, self.front_end, self.seconds_to_top_up)
        rows = {
            "ring current": "unknown" if current is None else f"{current:.3f} mA",
            "front end": front_end or "unknown",
            "next top-up": "none planned" if top_up is None else f"in {top_up:.0f} s",
        }
        return "\n".join([self.status.partition("\n")[0], *(f"  {name:12}  {text}" for name, text in rows.items())])

    @property
    def current(self) -> float | None:
        """Current stored in the ring in mA."""
        return _number(self.read(MachineAttribute.RING_CURRENT))

    @property
    def front_end(self) -> str:
        """`open` or `closed`; empty while unknown."""
        is_open = self.read(MachineAttribute.FRONT_END_OPEN)
        return "" if is_open is None else "open" if is_open else "closed"

    @property
    def seconds_to_top_up(self) -> float | None:
        """Seconds until the next injection, 0 during one; None if none is planned."""
        return _number(self.read(MachineAttribute.SECONDS_TO_TOP_UP))

    @property
    def beam(self) -> bool:
        """Whether there is beam to measure with: the front end is open and the current not too low."""
        return bool(self.read(MachineAttribute.BEAM))


def _number(value: float | None) -> float | None:
    return None if value is None or value != value else float(value)
