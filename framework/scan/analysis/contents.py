"""What a scan has: axes, counters, and the times over which counters of its sub-scans are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ronda.framework.nexus import words
from ronda.framework.stream.description import STATUS_ROLE, Channel, Description

ELAPSED = "elapsed_time"
"""Channel over which scans are looked at that move nothing."""


@dataclass(frozen=True)
class Spectral:
    """A channel that has a row of numbers at each point.

    Attributes:
        unit: of its values.
        name: of what they are over: `energy`, or `channel`.
        over_unit: of that.
        polynomial: where each value is, from its number on: coefficients, lowest power first.
    """

    unit: str
    name: str = "channel"
    over_unit: str = ""
    polynomial: tuple[float, ...] = (0.0, 1.0)

    @classmethod
    def of(cls, channel: Channel) -> Spectral:
        """From its description."""
        for name, field_ in channel.attributes.get(words.FIELDS, {}).items():
            if "polynomial" in field_:
                return cls(channel.unit, name, str(field_.get("unit", "")), tuple(field_["polynomial"]))
        return cls(channel.unit)


@dataclass(frozen=True)
class Contents:
    """What a scan has.

    Attributes:
        axes: what it moves, by channel, with its unit; the one that a plot has first comes first.
        counters: what it measures as one number for each point, with its unit; that of the plot comes first.
        area: whether its points cover an area, so that there is no curve over one axis.
        timers: for each counter of a sub-scan the channel of the seconds over which it is looked at, by channel.
        spectra: what has a row of numbers at each point, by channel; not known of scans in files.
    """

    axes: dict[str, str]
    counters: dict[str, str]
    area: bool
    timers: dict[str, str] = field(default_factory=dict)
    spectra: dict[str, Spectral] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, description: Description) -> Contents:
        """From what a scan has said about itself."""
        axes: dict[str, str] = {}
        counters: dict[str, str] = {}
        timers: dict[str, str] = {}
        spectra: dict[str, Spectral] = {}
        times = {
            device.subscan: channel.name
            for device in description.devices
            for channel in device.channels
            if device.subscan > 1 and channel.attributes.get(words.ROLE) == words.POSITIONER
        }
        for device in description.devices:
            if device.name in words.AT_END:
                continue
            for channel in device.channels:
                role = channel.attributes.get(words.ROLE)
                if len(channel.shape) == 1:
                    spectra[channel.name] = Spectral.of(channel)
                if role == words.POSITIONER and channel.name != ELAPSED and device.subscan == 1:
                    axes[channel.name] = channel.unit
                elif role not in (words.VALIDITY, STATUS_ROLE) and channel.shape == () and "tango" in device.attributes:
                    counters[channel.name] = channel.unit
                    if device.subscan in times:
                        timers[channel.name] = times[device.subscan]
        plot = description.attributes.get(words.PLOT)
        plot = plot if isinstance(plot, Mapping) else {}
        area = bool(description.attributes.get(words.GRID)) or len(plot.get("axes", [])) > 1
        signals = plot.get("signals", [])
        beside = [name for name in signals if name in timers]
        signals = [name for name in signals if name not in timers] + beside
        return cls(_first(axes, plot.get("axes", [])), _first(counters, signals), area, timers, spectra)

    @classmethod
    def of_entries(cls, entries: Sequence[Any]) -> Contents:
        """From the entries of a file, that of the scan first and those of its sub-scans after it."""
        (axes, counters), *beside = map(_numbers, entries)
        timers: dict[str, str] = {}
        for times, measured in beside:
            counters |= measured
            timers |= dict.fromkeys(measured, next(iter(times), ELAPSED))
        axes.pop(ELAPSED, None)
        plot = entries[0].get("plotselect")
        if plot is None:
            return cls(axes, counters, False, timers)
        signals = [str(plot.attrs.get("signal", "")), *map(str, plot.attrs.get("auxiliary_signals", []))]
        over = list(map(str, plot.attrs.get("axes", [])))
        area = "scan_shape" in entries[0] or len([name for name in over if name in axes]) > 1
        return cls(_first(axes, over), _first(counters, signals), area, timers)


def measured_in(entry: Any) -> list[str]:
    """Names of the channels of an entry of a file."""
    return [name for name in entry["measurement"] if name != "epoch"]


def _numbers(entry: Any) -> tuple[dict[str, str], dict[str, str]]:
    """What an entry has as one number for each point, found by the classes of its groups: what moved, and the rest."""
    moved: dict[str, str] = {}
    counters: dict[str, str] = {}
    for name in measured_in(entry):
        dataset = entry["measurement"][name]
        unit = str(dataset.attrs.get("units", ""))
        if str(dataset.attrs.get("target", "")).endswith("/value"):
            moved[name] = unit
        elif name != ELAPSED and dataset.ndim == 1 and dataset.dtype.kind in "iuf":
            counters[name] = unit
    return moved, counters


def _first(found: dict[str, str], wished: Sequence[str]) -> dict[str, str]:
    """The same, with those wished at the beginning."""
    return {name: found[name] for name in [*(one for one in wished if one in found), *found]}
