"""Counters: what can be measured at each point of a scan, and which device measures it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ronda.framework.errors import BadValue
from ronda.framework.expression import Expression

if TYPE_CHECKING:  # those who only read the configuration need no Tango
    from ronda.framework.clients.remote import Remote

MODES = ("MEAN", "SINGLE", "LAST", "INTEGRATE")
"""What of the readings of a sampling counter in an exposure time counts: mean, first, last, or mean × time."""

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
        formula: how it is calculated from other counters; empty if it is measured.
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

    @property
    def inputs(self) -> list[str]:
        """Names of the counters from which it is calculated."""
        return sorted(Expression(self.formula).names - {COUNT_TIME}) if self.formula else []

    def __repr__(self) -> str:
        return f"<Counter {self.name}{f' of {self.card}' if self.card else ''}>"


def sampling(address: str, *, name: str = "", unit: str = "", mode: str = "MEAN") -> Counter:
    """A counter that reads an attribute of any Tango device over the exposure time.

    Args:
        address: `DOMAIN/FAMILY/MEMBER/ATTRIBUTE`, or `ALIAS/ATTRIBUTE`.
        name: of its channel; the attribute's name if empty.
        unit: of its values; what Tango says if empty, times s for `INTEGRATE`.
        mode: `MEAN` of the readings, `SINGLE` for the first, `LAST`, or `INTEGRATE` for mean × time.

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
