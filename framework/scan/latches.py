"""What the stream and the file hold of hardware triggers: those that an axis emitted, and how a card's fit to them."""

from __future__ import annotations

from ronda.framework.nexus import words
from ronda.framework.stream.description import Channel, Device

TIME, POSITION, LINE, BOUNDS = "trigger_time", "trigger_position", "trigger_line", "trigger_bounds"
"""Of each trigger: s of the controller's clock, user position, number of the line, whether it bounds a point."""

JITTER_OF_TRIGGERS = "trigger_jitter"
"""Attribute of the source of triggers: by how much their times may be wrong, in s."""

TRIGGER_SPACING = "trigger_spacing"
"""Attribute of a device in a scan: seconds after a trigger for which it takes no further one."""

ENCODER_OF, EDGE, ALLOWED = "encoder_of", "edge", "tolerance"
"""Attributes of a channel of a card that latches an encoder at each trigger: the axis; START or END, for the trigger
that begins a point or ends it; how far from the controller's position it may be, in its unit, if that is given."""

START, END = "start", "end"

TRIGGER_WIDTH = "trigger_width"
"""Attribute of a device in a scan: seconds for which triggers must stay on, because it measures for so long."""

COUNTS = ("emitted", "received", "recorded", "missing", "late", "extra")
"""Of each line: numbers of triggers; `recorded` are those received whose counts or frame came to us."""

CLOCKS = {"clock_offset": "s", "clock_skew": ""}
"""Of each line: the card's clock less that of the controller, and by which part it is faster; with their units."""


def emitted_name(axis: str) -> str:
    """Name of the source of the triggers that an axis emits."""
    return f"{axis}_triggers"


def emitting_axis(source: str) -> str:
    """The axis whose triggers a source of this name tells of."""
    return source.removesuffix("_triggers")


def emitted_channels(axis: str) -> dict[str, str]:
    """Names of its channels by TIME, POSITION, LINE and BOUNDS."""
    return {what: f"{axis}_{what}" for what in (TIME, POSITION, LINE, BOUNDS)}


def emitted_device(axis: str, unit: str, jitter: float) -> Device:
    """How the stream describes that source, which the axis's own server publishes.

    Args:
        axis: its name.
        unit: of its positions.
        jitter: by how much their times may be wrong, in s.
    """
    named = emitted_channels(axis)
    channels = [
        Channel(named[TIME], unit="s"),
        Channel(named[POSITION], unit=unit),
        Channel(named[LINE], "<i4"),
        Channel(named[BOUNDS], "|u1"),
    ]
    return Device(emitted_name(axis), channels, {JITTER_OF_TRIGGERS: jitter})


def valid_name(card: str) -> str:
    """Channel of a card that counts between triggers: 1 for a point whose two triggers came in time, else 0."""
    return f"{card}_valid"


def valid_channel(card: str) -> Channel:
    """That channel."""
    return Channel(valid_name(card), "|u1", attributes={words.ROLE: words.VALIDITY})


def matching_name(card: str) -> str:
    """Name of the source that tells, line by line, how the triggers of a card fit to those emitted."""
    return f"{card}_matching"


def matching_device(card: str) -> Device:
    """How the stream describes that source."""
    channels = [Channel(f"{card}_{what}", "<i4") for what in COUNTS]
    channels += [Channel(f"{card}_{what}", unit=unit) for what, unit in CLOCKS.items()]
    return Device(matching_name(card), channels)
