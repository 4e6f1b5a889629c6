"""Positions of points from encoders that a card latches at each trigger, and how they fit to the controller's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import ConfigurationError
from ronda.framework.nexus import words
from ronda.framework.scan.latches import ALLOWED, EDGE, ENCODER_OF, END, START
from ronda.framework.scan.sources import Source
from ronda.framework.scan.trigger_match import TOLERANCE
from ronda.framework.stream.description import Channel, Device
from ronda.framework.tango.names import AxisAttribute

Floats = npt.NDArray[np.float64]


class Latcher(NamedTuple):
    """A card's input that the encoder of an axis is wired to.

    Attributes:
        card: its name.
        counter: the counter that the input became.
        tolerance: how far from the controller's position it may be, in the axis's unit; None if that is not said.
        resolution: one count, in that unit.
        unit: of the axis.
    """

    card: str
    counter: str
    tolerance: float | None
    resolution: float
    unit: str


def latchers(beamline: Beamline, axes: Sequence[Axis], cards: Sequence[Source]) -> dict[str, Latcher]:
    """Which of the cards latches the encoder of each axis; by axis, of those that have one.

    Raises:
        ConfigurationError: a card has another unit than the axis.
    """
    found: dict[str, Latcher] = {}
    for axis in axes:
        for card in cards:
            inputs: Mapping[str, Any] = beamline.configurations.get(card.name.lower(), {}).get("encoders") or {}
            for name, keys in inputs.items():
                if keys["axis"] != axis.name or axis.name in found:
                    continue
                unit = keys.get("unit", "mm")
                if unit != axis.unit:
                    raise ConfigurationError(
                        f"{card.name}: its encoder {name} is in {unit}, and {axis.name} in {axis.unit}; give "
                        f"`unit: {axis.unit}` and steps_per_unit for it in YAML"
                    )
                found[axis.name] = Latcher(
                    card.name, name, keys.get("tolerance"), 1 / abs(keys["steps_per_unit"]), unit
                )
    return found


def with_latches(device: Device, latched: Mapping[str, Latcher]) -> Device:
    """A card as the stream describes it, with the channels of what it latches for these axes."""
    channels = {one.name: one for one in device.channels}
    for axis, latcher in latched.items():
        if latcher.card != device.name:
            continue
        told = {"channel": latcher.counter, ENCODER_OF: axis, "resolution": latcher.resolution}
        if latcher.tolerance is not None:
            told[ALLOWED] = latcher.tolerance
        for name, edge in ((latcher.counter, START), (f"{latcher.counter}_end", END)):
            one = channels.get(name) or Channel(name, unit=latcher.unit)
            channels[name] = replace(one, attributes={**one.attributes, **told, EDGE: edge})
    return replace(device, channels=list(channels.values()))


@dataclass
class _Latched:
    """Of one axis: what came from its card and is not published yet, and how it differed in the line in hand."""

    card: str
    allowed: float | None
    slack: float
    names: dict[str, str] = field(default_factory=dict)
    edges: dict[str, Floats] = field(default_factory=lambda: {START: np.empty(0), END: np.empty(0)})
    widest: float = 0.0
    wrong: int = 0
    worst: float = 0.0
    at: float = 0.0
    tolerated: float = 0.0


class LatchedPositions:
    """Takes what cards latch in a scan.

    Args:
        cards: the cards, as the stream describes them.
        axes: whose positions bound the points.
    """

    def __init__(self, cards: Sequence[Device], axes: Sequence[Axis]) -> None:
        self._units = {axis.name: axis.unit for axis in axes}
        self._axes: dict[str, _Latched] = {}
        for card in cards:
            for channel in card.channels:
                axis = channel.attributes.get(ENCODER_OF)
                if axis is None:
                    continue
                if axis not in self._axes:
                    (moved,) = (one for one in axes if one.name == axis)
                    told = channel.attributes
                    self._axes[axis] = _Latched(card.name, told.get(ALLOWED), _slack(moved, told["resolution"]))
                self._axes[axis].names[channel.attributes[EDGE]] = channel.name

    @property
    def channels(self) -> list[str]:
        """What is to be read from the stream."""
        return [name for one in self._axes.values() for name in one.names.values()]

    def take(self, card: str, data: Mapping[str, Floats]) -> None:
        """Take a block that a card has published."""
        for one in self._axes.values():
            if one.card == card:
                for edge, name in one.names.items():
                    one.edges[edge] = np.concatenate([one.edges[edge], data[name]])

    def settle(
        self, edges: Mapping[str, tuple[Floats, Floats]], valid: npt.NDArray[np.uint8]
    ) -> dict[str, tuple[Floats, Floats]]:
        """Where axes were at both ends of the first n points that are not published, and mark what does not fit.

        Args:
            edges: by axis, as their controller says; (n,) each.
            valid: is 0 for points that are marked; those are marked here as well that are too far from the
                controller's positions; (n,).
        """
        found = dict(edges)
        for axis, one in self._axes.items():
            told, count = edges[axis], len(valid)
            latched = one.edges[START][:count], one.edges[END][:count]
            one.widest = max(one.widest, float(np.max(np.abs(told[1] - told[0]), initial=0.0)))
            allowed = one.slack + TOLERANCE * one.widest if one.allowed is None else one.allowed
            differ = np.fmax(np.abs(latched[0] - told[0]), np.abs(latched[1] - told[1]))
            wrong = (valid != 0) & ~(differ <= allowed)
            if wrong.any():
                if not one.wrong:
                    one.at = float(told[0][np.argmax(wrong)])
                one.wrong += int(wrong.sum())
                one.worst, one.tolerated = max(one.worst, float(np.nanmax(differ[wrong], initial=0.0))), allowed
            valid[wrong] = 0
            known = [np.where(np.isnan(here), there, here) for here, there in zip(latched, told, strict=True)]
            found[axis] = known[0], known[1]
        return found

    def forget(self, count: int) -> None:
        """The first points are published."""
        for one in self._axes.values():
            one.edges = {edge: values[count:] for edge, values in one.edges.items()}

    def clear(self) -> None:
        """All that came is published."""
        for one in self._axes.values():
            one.edges = {edge: np.empty(0) for edge in one.edges}

    def remarks(self) -> list[str]:
        """What did not fit since this was asked last: a sentence for each axis."""
        told = []
        for axis, one in self._axes.items():
            if one.wrong:
                unit = self._units[axis]
                told.append(
                    f"{one.card}: from {one.at:.6g} {unit} on the encoder of {axis} was up to {one.worst:.4g} {unit} "
                    f"beside where its controller gave the triggers, and {one.tolerated:.3g} {unit} are allowed; the "
                    f"{one.wrong} points concerned are marked in {words.VALID}. The encoder has lost or got counts, or "
                    f"lags, or {axis} was not where its controller says"
                )
            one.wrong, one.worst = 0, 0.0
        return told


def _slack(axis: Axis, resolution: float) -> float:
    """How far an encoder may be from the controller's position, whatever the points are, in the axis's unit."""
    backlash = abs(float(axis.remote.read(AxisAttribute.BACKLASH) or 0.0))
    return backlash + resolution + 1 / abs(axis.steps_per_unit)
