"""What a continuous scan is to do: its lines, and whether hardware or software triggers bound its points."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import BadValue, NotAllowed, NotFound, OutOfRange
from ronda.framework.nexus import words
from ronda.framework.scan.chain import every, subscan
from ronda.framework.scan.fields import Fields
from ronda.framework.scan.sources import Source
from ronda.framework.scan.sweep import Line
from ronda.framework.stream.description import Channel
from ronda.framework.tango.names import AxisCommand

HARDWARE, SOFTWARE = "hardware", "software"

SOFTWARE_TIME = 0.01
"""Seconds of each point that are left for software triggers: for their way to the devices, and that of the data."""

VALID_CHANNEL = Channel(words.VALID, "|u1")


@dataclass(frozen=True)
class Swept:
    """How an axis sweeps over a line, as it says itself; u is its unit.

    Attributes:
        begins: where it must stand before, in u.
        end: where the last point ends, in u.
        rests: where it comes to rest, in u.
        velocity: over the points, in u/s.
        duration: from rest to rest, in s.
        triggers: whether it gives triggers at positions.
    """

    begins: float
    end: float
    rests: float
    velocity: float
    duration: float
    triggers: bool


@dataclass(frozen=True)
class Continuous:
    """The part of a plan that makes it a continuous scan.

    Attributes:
        axis: which sweeps.
        lines: its sweeps, one after the other.
        swept: how it does the first of them.
        slow: where the other axes of the plan stand during each line; empty if there are none.
        triggers: HARDWARE or SOFTWARE.
        why: the reason, as a sentence.
        left: seconds of each point that are left for the devices' read-out, with software triggers.
        fields: dark and flat fields taken before and behind the lines; None for none.
    """

    axis: Axis
    lines: tuple[Line, ...]
    swept: Swept
    slow: tuple[tuple[float, ...], ...] = field(default=(), repr=False)
    triggers: str = HARDWARE
    why: str = ""
    left: float = SOFTWARE_TIME
    fields: Fields | None = None

    @property
    def hardware(self) -> bool:
        """Whether hardware triggers bound its points."""
        return self.triggers == HARDWARE

    @property
    def exposure(self) -> float:
        """Seconds for which devices measure each point."""
        time = self.lines[0].time
        return time if self.hardware else time - self.left

    def check(self, axes: Sequence[Axis]) -> None:
        """See that all axes of the plan may go where they are sent.

        Raises:
            OutOfRange, NotAllowed, Busy, NotReady: one may not, or cannot now.
        """
        for place, axis in enumerate(axes[:-1] if self.slow else ()):
            axis.check([positions[place] for positions in self.slow])
        for line in dict.fromkeys(self.lines):
            swept = check_sweep(self.axis, line)
            self.axis.check([swept.begins, swept.rests])

    def targets(self, swept: Sequence[Swept]) -> list[tuple[float, ...]]:
        """Where the axes of the plan are sent, the swept one last.

        Args:
            swept: how each line is swept.
        """
        found = []
        for number, one in enumerate(swept):
            slow = self.slow[number] if self.slow else ()
            found += [(*slow, one.begins), (*slow, one.rests)]
        return found

    def channels(self, slow: Sequence[Axis]) -> list[Channel]:
        """What the scan itself publishes of each point, beside the time."""
        axis, role = self.axis, {words.ROLE: words.POSITIONER}
        ends = (f"{axis.name}_start", f"{axis.name}_end")
        return [
            *(Channel(one.name, unit=one.unit, attributes=role) for one in slow),
            Channel(axis.name, unit=axis.unit, attributes=role),
            *(Channel(name, unit=axis.unit) for name in ends),
            Channel(words.EXPOSURE_CHANNEL, unit="s"),
            VALID_CHANNEL,
        ]


def check_sweep(axis: Axis, line: Line) -> Swept:
    """How an axis sweeps over a line.

    Raises:
        OutOfRange: it cannot, or may not go there with its run-up.
        NotAllowed: it cannot sweep at all.
    """
    try:
        told = json.loads(axis.remote.command(AxisCommand.CHECK_SWEEP, line.to_json()))
    except NotFound as error:
        raise NotAllowed(
            f"{axis.name}: cannot sweep at constant velocity: it is computed from other axes, or served by others; "
            "sweep a motor of this beamline"
        ) from error
    return Swept(**told)


def gated(measuring: Sequence[Source]) -> list[Source]:
    """The devices that must count between triggers; others calculate from what these measure, or have a timer."""
    return [one for one in subscan(measuring) if not all(counter.is_calculated for counter in one.counters)]


def choose_triggers(
    beamline: Beamline, who: str, axis: Axis, swept: Swept, measuring: Sequence[Source], wish: str, time: float
) -> tuple[str, str]:
    """Hardware triggers if every device can, else software triggers.

    Args:
        beamline: whose wiring counts.
        who: name of the scan, for messages.
        axis: which sweeps.
        swept: how.
        measuring: the devices.
        wish: HARDWARE or SOFTWARE if the user wants it so; empty for the best.
        time: of each point, in s.

    Returns:
        HARDWARE or SOFTWARE; and a sentence that says why.

    Raises:
        BadValue: the wish means nothing.
        NotAllowed: hardware triggers are wished for, and a device cannot.
        OutOfRange: software triggers are too slow for this.
    """
    if wish not in ("", HARDWARE, SOFTWARE):
        raise BadValue(f"{who}: triggers= should be {HARDWARE!r} or {SOFTWARE!r}, not {wish!r}")
    why_not = [] if swept.triggers else [f"the controller of {axis.name} gives no triggers at positions"]
    cards = gated(measuring)
    for source in cards:
        configuration: Mapping[str, Any] = beamline.configurations.get(source.name.lower(), {})
        wiring = configuration.get("wiring")
        if source.part.time is not None or source.part.trigger or any(every(one) > 1 for one in source.counters):
            why_not.append(f"part(…) lets {source.name} measure otherwise than the rest")
        if not isinstance(wiring, Mapping):
            counters = ", ".join(counter.name for counter in source.counters)
            why_not.append(f"{source.name}, which measures {counters}, takes no hardware triggers")
        elif axis.name not in wiring.get("gate", ()):
            why_not.append(f"the gate of {source.name} is not wired to {axis.name} (`wiring` in YAML)")
    if wish != SOFTWARE and not why_not:
        gates = ", ".join(source.name for source in cards)
        return HARDWARE, f"{who}: hardware triggers of {axis.name} bound the points, at the gate of {gates}"
    if wish == HARDWARE:
        raise NotAllowed(f"{who}: hardware triggers cannot bound the points: {'; '.join(why_not)}")
    why = "as asked for" if wish else "; ".join(why_not)
    if time < 2 * SOFTWARE_TIME:
        raise OutOfRange(
            f"{who}: only software triggers can bound the points ({why}), and they need {2 * SOFTWARE_TIME:g} s or "
            f"longer for each, not {time:g} s"
        )
    return SOFTWARE, f"{who}: software triggers at equal times, because {why}" if not wish else (
        f"{who}: software triggers at equal times, {why}"
    )
