"""Counting once, straight over Tango: nothing goes through the stream."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.counter import COUNT_TIME, Counter
from ronda.framework.clients.remote import Remote
from ronda.framework.clients.sampler import Sampler, sample_over
from ronda.framework.errors import HardwareFault, NotReady, TimedOut
from ronda.framework.expression import Expression
from ronda.framework.tango.names import (
    CalculatedCommand,
    CounterCardAttribute,
    CounterCardCommand,
    DetectorAttribute,
    channel_attribute,
)

LOOK_PERIOD = 0.005
"""Seconds between two looks at a card that should have ended."""

LATE_LIMIT = 5.0
"""Seconds after which a card that goes on counting is taken for broken."""


def count(beamline: Beamline, exposure: float, counters: Sequence[Counter]) -> dict[str, float]:
    """Count for `exposure` seconds with all cards at the same time; returns each counter's value, if that is a number.

    Raises:
        Busy: a card counts already.
        OutOfRange: a card cannot count for so long.
        HardwareFault, TimedOut, CommunicationFailed: as a device says, or does not.
    """
    sampled = [one for one in counters if one.attribute and one.number]
    once: dict[str, bool] = {}
    for one in sampled:
        once[one.attribute] = once.get(one.attribute, True) and one.mode == "SINGLE"
    samplers = [
        Sampler(attribute, beamline.make_proxy, beamline.tango_host, once=only) for attribute, only in once.items()
    ]
    cards = {
        one.card: one.remote
        for one in counters
        if not one.attribute and not one.is_calculated and one.remote is not None
    }
    before = {name: float(card.read(CounterCardAttribute.INTEGRATION_TIME)) for name, card in cards.items()}
    begun: list[Remote] = []
    values: dict[str, float] = {}
    try:
        for name, card in cards.items():
            if before[name] != exposure:
                card.write(CounterCardAttribute.INTEGRATION_TIME, exposure)
            card.command(CounterCardCommand.START)
            begun.append(card)
        if samplers:
            readings = dict(zip(once, sample_over(samplers, exposure, lambda: False), strict=True))
            values = {one.name: readings[one.attribute].number(one.mode) for one in sampled}
        else:
            time.sleep(exposure)
        for card in cards.values():
            _wait(card, exposure)
            begun.remove(card)
    finally:
        for card in begun:
            card.command(CounterCardCommand.STOP)
        for name, card in cards.items():
            if before[name] != exposure:
                card.write(CounterCardAttribute.INTEGRATION_TIME, before[name])
    for name, card in cards.items():
        own = [one for one in counters if one.card == name and not one.attribute and one.number]
        if own and own[0].described:
            names, told = card.read_many([DetectorAttribute.COUNTER_NAMES, DetectorAttribute.COUNTER_VALUES])
            found = dict(zip(names, told, strict=True))
            read = [found.get(one.channel, math.nan) for one in own]
        else:
            read = card.read_many([channel_attribute(one.channel) for one in own])
        values |= {one.name: float(value) for one, value in zip(own, read, strict=True)}
    known = {**values, COUNT_TIME: exposure}
    calculated = {one.name: one for one in counters if one.is_calculated}
    for name in TopologicalSorter({one.name: one.inputs for one in calculated.values()}).static_order():
        if name in calculated:
            values[name] = known[name] = _calculated(calculated[name], known)
    return {one.name: values[one.name] for one in counters if one.number}


def _calculated(counter: Counter, known: Mapping[str, float]) -> float:
    if counter.formula:
        return float(Expression(counter.formula)(known))
    if counter.remote is None:
        raise NotReady(f"{counter.name}: has no device that could calculate it")
    given = {name: known[name] for name in {*counter.inputs, COUNT_TIME}}
    asked = json.dumps({"counter": counter.channel, "values": given})
    return float(counter.remote.command(CalculatedCommand.CALCULATE, asked))


def _wait(card: Remote, exposure: float) -> None:
    deadline = time.monotonic() + LATE_LIMIT
    while (state := card.state()) == "RUNNING":
        if time.monotonic() > deadline:
            raise TimedOut(f"{card.name}: still counts {LATE_LIMIT:g} s after the {exposure:g} s that it should")
        time.sleep(LOOK_PERIOD)
    if state != "ON":
        raise HardwareFault(f"{card.name}: {card.status()}")
