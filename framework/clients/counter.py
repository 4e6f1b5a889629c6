"""Counters: what can be measured at each point of a scan, and which device measures it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ronda.framework.clients.part import Part
from ronda.framework.errors import BadValue, RondaError
from ronda.framework.expression import Expression

if TYPE_CHECKING:  # those who only read the configuration need no Tango
    from ronda.framework.clients.remote import Remote

MODES = ("MEAN", "SINGLE", "LAST", "INTEGRATE", "STATS", "SAMPLES")
"""What of the readings of a sampling counter in an exposure time counts: mean, first, last, mean × time, statistics
(see `STATISTICS`), or mean and all readings (see `ALL_SAMPLES`)."""

STATISTICS = {"": "MEAN", "_min": "MIN", "_max": "MAX", "_std": "STD", "_p2p": "P2P"}
"""Channels of a counter with the mode `STATS`: what follows its name, and what it tells of the readings of a point:
mean, least, largest, standard deviation (of the readings, √(Σ(x - mean)²/N)), and largest - least."""

ALL_SAMPLES = {"": "MEAN", "_samples": "ALL", "_times": "TIMES"}
"""Channels of a counter with the mode `SAMPLES`: mean, all readings, and when each was taken, in s from the first."""

WIDE = frozenset({"ALL", "TIMES"})
"""What has one value for each reading."""

_PARTS = {"STATS": STATISTICS, "SAMPLES": ALL_SAMPLES}

COUNT_TIME = "count_time"
"""What formulas call the exposure time of a point, in s."""


@dataclass(frozen=True)
class Counter:
    """One quantity that an acquiring device measures.

    Attributes:
        name: what people call it, and its channel in scans.
        card: name of the device that measures it; empty for `sampling(…)` until a scan gives it to a sampling server.
        channel: what that device calls it.
        unit: of its values; empty for none.
        remote: that device; None as long as there is none.
        attribute: the attribute of any Tango device that a sampling counter reads; empty for the channel of a card.
        mode: what of the readings of that attribute counts, one of `MODES`.
        rate: whether its values grow with the exposure time, so that value/s means something.
        described: whether its device itself says how the stream describes its channels, frames and spectra among them.
        number: whether each of its values is a number, not a frame or spectrum.
        formula: how it is calculated from other counters; empty if it is measured, or a function calculates it.
        function: `module:function` that calculates it from other counters.
        arguments: names of the counters, and `count_time`, whose values that function is given.
        part: how it is measured where that differs from the rest of the scan; it does not make it another counter.
        whole: the counter of which it is one of several channels; None if it stands alone.
    """

    name: str
    card: str
    channel: str
    unit: str
    remote: Remote | None
    attribute: str = ""
    rate: bool = True
    described: bool = False
    number: bool = True
    mode: str = "MEAN"
    formula: str = ""
    whole: Counter | None = None
    function: str = ""
    arguments: tuple[str, ...] = ()
    part: Part | None = field(default=None, compare=False)

    def parts(self) -> tuple[Counter, ...]:
        """The counters, each one channel, that stand for it in a scan: itself, or what its mode makes of its readings.

        The first one has its name.
        """
        parts = _PARTS.get(self.mode, {})
        if not parts:
            return (self,)
        return tuple(
            replace(
                self,
                name=self.name + suffix,
                channel=self.channel + suffix,
                unit="s" if mode == "TIMES" else self.unit,
                mode=mode,
                number=mode not in WIDE,
                whole=self,
            )
            for suffix, mode in parts.items()
        )

    @property
    def inputs(self) -> list[str]:
        """Names of the counters from which it is calculated."""
        used = Expression(self.formula).names if self.formula else self.arguments
        return sorted(set(used) - {COUNT_TIME})

    @property
    def is_calculated(self) -> bool:
        """Whether it is calculated from other counters."""
        return bool(self.formula or self.function)

    def __info__(self) -> str:
        """What it measures and how, and whether its device answers; the shell shows it when the counter is typed."""
        kind = "" if self.number else "frame or spectrum"
        rows = [
            ("unit", self.unit),
            ("measures", self.attribute and f"{self.attribute}, {self.mode.lower()} of the readings in the exposure"),
            ("calculates", self.formula or (self.function and f"{self.function}({', '.join(self.arguments)})")),
            ("from", ", ".join(self.inputs) if self.is_calculated else ""),
            ("device", self._device()),
            ("channel", self.channel if self.channel != self.name else ""),
            ("values", kind or ("grow with the exposure time" if self.rate else "")),
        ]
        return "\n".join([f"{self.name}  counter", *(f"  {name:<10}  {text}" for name, text in rows if text)])

    def _device(self) -> str:
        if self.remote is None:
            return (
                self.card or "the beamline's sampling server, when a scan measures it" if self.attribute else self.card
            )
        try:
            said = self.remote.status().partition("\n")[0].removeprefix(f"{self.card}: ")
            return f"{self.card}, {self.remote.state()}: {said}"
        except RondaError as error:
            return f"!ERR  {' '.join(str(error).split())}"

    def __repr__(self) -> str:
        return f"<Counter {self.name}{f' of {self.card}' if self.card else ''}>"


def sampling(address: str, *, name: str = "", unit: str = "", mode: str = "MEAN") -> Counter:
    """A counter that reads an attribute of any Tango device over the exposure time.

    Args:
        address: `DOMAIN/FAMILY/MEMBER/ATTRIBUTE`, or `ALIAS/ATTRIBUTE`.
        name: of its channel; the attribute's name if empty.
        unit: of its values; what Tango says if empty, times s for `INTEGRATE`.
        mode: `MEAN` of the readings, `SINGLE` for the first, `LAST`, `INTEGRATE` for mean × time, `STATS` for mean and
            `_min _max _std _p2p`, or `SAMPLES` for mean and all readings.

    Raises:
        BadValue: this is no name of an attribute, or no mode.
    """
    if mode not in MODES:
        raise BadValue(f"sampling({address!r}): mode should be one of {', '.join(MODES)}, not {mode!r}")
    parts = address.removeprefix("tango://").split("/")
    if len(parts) < 2 or not all(parts):
        raise BadValue(
            f"sampling({address!r}): not the name of a Tango attribute; give DOMAIN/FAMILY/MEMBER/ATTRIBUTE or "
            "ALIAS/ATTRIBUTE"
        )
    return Counter(name or parts[-1], "", name or parts[-1], unit, None, attribute=address, rate=False, mode=mode)


def calculated(formula: str, *, name: str, unit: str = "") -> Counter:
    """A counter that is worked out from others at each point: `calculated("log(i0 / diode)", name="absorbance")`.

    Args:
        formula: with the names of counters, and `count_time` for the exposure time in s; see `Expression`.
        name: of its channel.
        unit: of its values.

    Raises:
        BadValue: this is no formula over counters.
    """
    if not Expression(formula).names - {COUNT_TIME}:
        raise BadValue(f"calculated({formula!r}): uses no counter")
    return Counter(name, "", name, unit, None, rate=False, formula=formula)


def part_names(name: str, mode: str) -> tuple[str, ...]:
    """Names of the channels of a sampling counter with this name and mode."""
    return tuple(name + suffix for suffix in _PARTS.get(mode, {"": mode}))


def as_given(counters: Sequence[Counter]) -> tuple[Counter, ...]:
    """The counters with those in one that are all the channels of one."""
    names = {counter.name for counter in counters}
    return tuple(
        dict.fromkeys(
            one.whole if one.whole and names.issuperset(part.name for part in one.whole.parts()) else one
            for one in counters
        )
    )
