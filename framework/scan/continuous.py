"""What a continuous scan is to do: its lines, and whether hardware or software triggers bound its points."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import BadValue, HardwareFault, NotAllowed, NotFound, OutOfRange
from ronda.framework.nexus import words
from ronda.framework.scan.chain import every, subscan
from ronda.framework.scan.fields import Fields
from ronda.framework.scan.latched_positions import latchers
from ronda.framework.scan.latches import TRIGGER_SPACING
from ronda.framework.scan.sources import Source
from ronda.framework.scan.sweep import LONGEST_SPACING, Line
from ronda.framework.scan.trigger_match import JITTER
from ronda.framework.stream.description import Channel
from ronda.framework.tango.names import AxisCommand

HARDWARE, SOFTWARE = "hardware", "software"

SOFTWARE_TIME = 0.01
"""Seconds of each point that are left for software triggers: for their way to the devices, and that of the data."""

Edges = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""Where an axis was at the begin and at the end of each of n points, in its unit."""

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
        triggers: whether it gives triggers at positions, so many in a line.
        run_up: from its start to the first point, in s; None if that is as long as it brakes.
        clock: whether its controller keeps the times of triggers; if not, each line sets the clocks.
        jitter: by how much these times may be wrong, in s.
        widths: whether it can set for how long triggers stay on.
    """

    begins: float
    end: float
    rests: float
    velocity: float
    duration: float
    triggers: bool
    run_up: float | None = None
    clock: bool = True
    jitter: float = JITTER
    widths: bool = False

    def before(self, measured: float) -> float:
        """From its start to the first point, in s, of points that take so long together (s)."""
        return (self.duration - measured) / 2 if self.run_up is None else self.run_up


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

    @property
    def swept_line(self) -> dict[str, Any] | None:
        """Axis, start, step (in its unit) and npoints of its lines; None if none of its axes sweeps evenly."""
        line = self.lines[0]
        return {"axis": self.axis.name, "start": line.start, "step": line.step, "npoints": line.npoints}

    @property
    def moving(self) -> tuple[Axis, ...]:
        """The axes whose positions bound the points, `axis` first."""
        return (self.axis,)

    @property
    def shown(self) -> tuple[Axis, ...]:
        """The axes whose positions each point has, in the order of a plot."""
        return self.moving

    def how(self, number: int) -> Swept:
        """How a line is swept, as the hardware's server says now.

        Raises:
            OutOfRange, NotAllowed: it cannot be.
        """
        return check_sweep(self.axis, self.lines[number])

    def begins(self, number: int) -> list[tuple[Axis, float]]:
        """Where axes must stand before a line."""
        return [(self.axis, self.how(number).begins)]

    def arm(self, number: int, told: Mapping[str, Any]) -> None:
        """Let triggers come in a line; `told` says for which scan."""
        self.axis.remote.command(AxisCommand.ARM_SWEEP, self.lines[number].to_json(**told))

    def start(self, number: int) -> None:
        """Begin to sweep over a line."""
        self.axis.begins(self.axis, None)
        self.axis.remote.command(AxisCommand.START_SWEEP, self.lines[number].to_json())

    def velocity(self, number: int, axis: Axis, elapsed: float) -> float:
        """Of an axis in a line, so many s after its first point began, in its unit/s, with its sign."""
        del axis, elapsed
        return math.copysign(self.swept.velocity, self.lines[number].step)

    def require_end(self, number: int, axis: Axis, position: float) -> None:
        """See that an axis stands where its sweep should have ended.

        Raises:
            HardwareFault: it stands elsewhere.
        """
        require_at(axis, position, self.how(number).rests)

    def computed(self, found: Mapping[str, Edges]) -> dict[str, Edges]:
        """Positions of the axes that are computed from those found, by name, at the begin and end of each point."""
        del found
        return {}

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

    def reach(self) -> list[tuple[Axis, float, float]]:
        """Axes that go further than to their targets, with their lowest and highest positions."""
        return []

    def channels(self, slow: Sequence[Axis]) -> list[Channel]:
        """What the scan itself publishes of each point, beside the time."""
        role = {words.ROLE: words.POSITIONER}
        return [
            *(Channel(one.name, unit=one.unit, attributes=role) for one in (*slow, *self.shown)),
            *(Channel(f"{one.name}_{end}", unit=one.unit) for one in self.shown for end in ("start", "end")),
            Channel(words.EXPOSURE_CHANNEL, unit="s"),
            VALID_CHANNEL,
        ]


def require_at(axis: Axis, position: float, rests: float) -> None:
    """See that an axis stands where its sweep should have ended.

    Raises:
        HardwareFault: it stands elsewhere.
    """
    if not axis.is_at(position, rests):
        raise HardwareFault(
            f"{axis.name}: stands at {position:.10g} {axis.unit}, its sweep should have ended at {rests:.10g} "
            f"{axis.unit}: {axis.status.partition(chr(10))[0]}"
        )


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


CHANGING = ("counter", "camera")
"""Kinds of devices that can change between software and hardware triggers within a scan."""

INPUTS = ("gate", "trigger")
"""Inputs of devices for the triggers that bound points: a gate counts between them, a trigger starts a frame."""


def is_wired(beamline: Beamline, axis: Axis, source: Source) -> bool:
    """Whether the trigger output of an axis feeds the gate, or the trigger input, of a device."""
    wiring = _wiring(beamline, source)
    return wiring is not None and any(axis.name in wiring.get(each, ()) for each in INPUTS)


def _wiring(beamline: Beamline, source: Source) -> Mapping[str, Any] | None:
    """What is wired to the inputs of a device; None if it has none."""
    configuration: Mapping[str, Any] = beamline.configurations.get(source.name.lower(), {})
    wiring = configuration.get("wiring")
    return wiring if isinstance(wiring, Mapping) else None


def _input(beamline: Beamline, source: Source) -> str:
    """Which of its inputs is for triggers that bound points."""
    wiring = _wiring(beamline, source) or {}
    return next((each for each in INPUTS if each in wiring), INPUTS[0])


def _gives_none(axis: Axis) -> str:
    return f"the controller of {axis.name} gives no triggers at positions, or not so many in a line"


@dataclass(frozen=True)
class Room:
    """Lines that leave room for what devices need between the triggers that set the clocks.

    Attributes:
        lines: with their spacing.
        swept: how the first of them is swept.
        without: why frames cannot be started by triggers, as there is no room; empty if they can.
    """

    lines: list[Line]
    swept: Swept
    without: str = ""

    @classmethod
    def find(
        cls,
        beamline: Beamline,
        axis: Axis,
        lines: Sequence[Line],
        swept: Swept,
        measuring: Sequence[Source],
        check: Callable[[Line], Swept],
    ) -> Room:
        """Leave room where a controller gives these triggers on its way, and cannot wait for a detector's frames.

        Args:
            beamline: whose wiring counts.
            axis: which sweeps.
            lines: over which.
            swept: how the first of them is swept without more room.
            measuring: the devices.
            check: how a line is swept; an error says why it cannot.
        """
        time = lines[0].time
        frames = [
            source
            for source in gated(measuring)
            if _input(beamline, source) == "trigger" and is_wired(beamline, axis, source)
        ]
        if swept.clock or not frames or time > LONGEST_SPACING:
            return cls(list(lines), swept)
        try:
            needed = {source.name: _spacing(source, time) for source in frames}
        except OutOfRange as error:
            return cls(list(lines), swept, str(error))
        slowest = max(needed, key=lambda name: needed[name])
        spacing = needed[slowest]
        whose = f"the triggers of {axis.name} that set the clocks must be {spacing:g} s apart for frames of {slowest}"
        if spacing > LONGEST_SPACING:
            return cls(list(lines), swept, f"{whose}, and they are {LONGEST_SPACING:g} s apart at most")
        spaced = [replace(line, spacing=spacing) for line in lines]
        try:
            found = [check(line) for line in dict.fromkeys(spaced)]
        except OutOfRange as error:
            return cls(list(lines), swept, f"{whose}, and there is no room for it: {error}")
        return cls(spaced, found[0])


def _spacing(source: Source, time: float) -> float:
    """How long a device takes no further trigger after each, with points of so many s, in s."""
    device = source.described(time, triggered=True)[0]
    return float(device.attributes.get(TRIGGER_SPACING, 0.0))


def choose_triggers(
    beamline: Beamline,
    who: str,
    axis: Axis,
    swept: Swept,
    measuring: Sequence[Source],
    wish: str,
    time: float,
    *,
    at_rest: bool = False,
    moving: Sequence[Axis] = (),
    without: str = "",
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
        at_rest: whether there are points at rest as well, which software triggers.
        without: why triggers cannot start frames, see `Room`.
        moving: all axes whose positions bound the points; the axis alone if none are given.

    Returns:
        HARDWARE or SOFTWARE; and a sentence that says why.

    Raises:
        BadValue: the wish means nothing.
        NotAllowed: hardware triggers are wished for, and a device cannot.
        OutOfRange: software triggers are too slow for this.
        ConfigurationError: a card latches the encoder of an axis in another unit.
    """
    if wish not in ("", HARDWARE, SOFTWARE):
        raise BadValue(f"{who}: triggers= should be {HARDWARE!r} or {SOFTWARE!r}, not {wish!r}")
    why_not = [] if swept.triggers else [_gives_none(axis)]
    cards = gated(measuring)
    for source in cards:
        what = _input(beamline, source)
        if source.part.time is not None or source.part.trigger or any(every(one) > 1 for one in source.counters):
            why_not.append(f"part(…) lets {source.name} measure otherwise than the rest")
        if _wiring(beamline, source) is None:
            counters = ", ".join(counter.name for counter in source.counters)
            why_not.append(f"{source.name}, which measures {counters}, takes no hardware triggers")
        elif not is_wired(beamline, axis, source):
            why_not.append(f"the {what} of {source.name} is not wired to {axis.name} (`wiring` in YAML)")
        elif at_rest and beamline.configurations.get(source.name.lower(), {}).get("kind") not in CHANGING:
            why_not.append(f"{source.name} cannot change between software and hardware triggers within a scan")
        elif what == "trigger" and time > LONGEST_SPACING:
            why_not.append(f"frames of {source.name} longer than {LONGEST_SPACING:g} s need no hardware triggers")
        elif what == "trigger" and without:
            why_not.append(without)
    if wish != SOFTWARE and not why_not:
        inputs: dict[str, list[str]] = {}
        for source in cards:
            inputs.setdefault(_input(beamline, source), []).append(source.name)
        places = " and ".join(f"at the {what} of {', '.join(names)}" for what, names in inputs.items())
        latched = latchers(beamline, moving or (axis,), cards)
        told = "".join(f"; {one.card} latches the encoder of {name}" for name, one in latched.items())
        return HARDWARE, f"{who}: hardware triggers of {axis.name} bound the points, {places}{told}"
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
