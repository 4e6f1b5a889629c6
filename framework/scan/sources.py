"""The devices that measure in a scan: arming them, and asking one that is late what it does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.counter import WIDE, Counter
from ronda.framework.clients.device import Device
from ronda.framework.clients.part import EVERY, TRIGGER, Part
from ronda.framework.clients.remote import Remote, side_by_side
from ronda.framework.clients.sampler import Sampler, width
from ronda.framework.errors import BadValue, NotFound, RondaError
from ronda.framework.nexus import words
from ronda.framework.scan.chain import every, linked, merged
from ronda.framework.scan.orders import ON_FAILURE, Order, Progress
from ronda.framework.stream.description import EACH_POINT, SUBSCAN, Channel
from ronda.framework.stream.description import Device as StreamDevice
from ronda.framework.tango.names import AcquisitionAttribute, AcquisitionCommand, DetectorCommand


@dataclass(frozen=True)
class Source:
    """A device that measures some counters in a scan.

    Attributes:
        name: of the device.
        remote: its Tango device.
        counters: that it measures.
        skipped: whether the scan goes on without it when it fails.
        part: what differs from the rest of the scan for all its counters; `every` is told of each of them.
        subscan: the number of the sub-scan that it measures in: 1 for the scan itself, else that of a timer's own.
        wired: whether pulses of the device that triggers it open its gate, for as long as that exposes.
        gate_time: for how long that exposes, in s; None for as long as the scan.
    """

    name: str
    remote: Remote
    counters: tuple[Counter, ...]
    skipped: bool = False
    part: Part = field(default_factory=Part)
    subscan: int = 1
    wired: bool = False
    gate_time: float | None = None

    @property
    def exposure_of_its_own(self) -> float | None:
        """Exposure time in s that it has whatever that of the scan is; None for that of the scan."""
        return self.gate_time if self.wired else self.part.time

    def exposure(self, exposure: float) -> float:
        """Its own exposure time in s, in a scan that has one for the others."""
        own = self.exposure_of_its_own
        return exposure if own is None else own

    def described(
        self, of_scan: float, line: Mapping[str, Any] | None = None, *, triggered: bool = False
    ) -> list[StreamDevice]:
        """How the stream describes it, and behind that the sources that it publishes beside its points.

        Args:
            of_scan: the longest exposure time of the scan, in s.
            line: what an axis sweeps over: axis, start, step and npoints; None in a scan that sweeps none.
            triggered: whether hardware triggers bound its points, which then last so long.

        Raises:
            OutOfRange, NotReady …: a detector cannot measure so, or a point would have too many samples to keep.
            BadValue: it has no such channel.
        """
        exposure = self.exposure(of_scan)
        channels = [
            Channel(
                one.name,
                shape=(width(exposure),) if one.mode in WIDE else (),
                unit=one.unit,
                attributes=_told(one),
            )
            for one in self.counters
            if not one.described
        ]
        told: dict[str, Any] = {"channels": [], "attributes": {}}
        if len(channels) < len(self.counters):
            names = {one.channel: one.name for one in self.counters}
            asked = {"exposure": exposure, "channels": names, "triggered": triggered, "line": line}
            told = json.loads(self.remote.command(DetectorCommand.DESCRIBE_SCAN, json.dumps(asked)))
        channels += [Channel(**{**one, "shape": tuple(one["shape"])}) for one in told["channels"]]
        attributes = {"tango": self.remote.device, "exposure": exposure, EACH_POINT: True, **told["attributes"]}
        if self.part.trigger:
            attributes[TRIGGER] = self.part.trigger
        if self.subscan > 1:
            attributes[SUBSCAN] = self.subscan
        seldom = {one.name: every(one) for one in self.counters if every(one) > 1}
        channels = [_seldom(one, seldom[one.name]) if one.name in seldom else one for one in channels]
        beside = [_beside(one, self.subscan) for one in told.get("beside", ())]
        return [StreamDevice(self.name, channels, attributes), *beside]

    def order(self, order: Order) -> Order:
        """What it is told of the order that all devices get: it may have an exposure time, or a timer, of its own."""
        pulses = self.part.trigger if self.wired else ""
        if self.subscan > 1:
            return Order(order.scan, self.exposure(order.exposure), pulses=pulses)
        own = self.exposure_of_its_own
        return (
            replace(order, pulses=pulses) if own is None else replace(order, exposure=own, exposures=(), pulses=pulses)
        )

    def disarm(self, scan: str) -> None:
        """Let it leave the scan, whatever it is doing; harmless if it is not in it."""
        self.remote.command(AcquisitionCommand.DISARM_SCAN, scan)

    def progress(self) -> Progress:
        """What it does now."""
        return Progress.from_json(self.remote.read(AcquisitionAttribute.SCAN_STATUS))


def _beside(told: Mapping[str, Any], subscan: int) -> StreamDevice:
    channels = [Channel(**{**one, "shape": tuple(one.get("shape", ()))}) for one in told["channels"]]
    attributes = dict(told.get("attributes", {})) | ({SUBSCAN: subscan} if subscan > 1 else {})
    return StreamDevice(str(told["name"]), channels, attributes)


def _seldom(channel: Channel, often: int) -> Channel:
    """A channel that is measured at some points only; its file says so."""
    fields = {**channel.attributes.get(words.FIELDS, {}), EVERY: {"value": often}}
    return replace(channel, attributes={**channel.attributes, EVERY: often, words.FIELDS: fields})


def _told(counter: Counter) -> dict[str, Any]:
    """What its device must know of a counter."""
    told = {"channel": counter.channel, "attribute": counter.attribute}
    if counter.formula:
        return {"channel": counter.channel, "formula": counter.formula}
    if counter.function:
        return {"channel": counter.channel, "function": counter.function, "inputs": list(counter.arguments)}
    return {**told, "mode": counter.mode} if counter.attribute else told


def arm(measuring: Sequence[Source], order: Order) -> None:
    """Let devices join a scan, side by side; when this returns all listen on the trigger line.

    Raises:
        Busy: one measures something else.
        OutOfRange: one cannot measure for this time.
        CommunicationFailed, TimedOut: one, or its instrument, does not answer.
    """
    orders = [(source.remote, source.order(order).to_json()) for source in measuring]
    side_by_side(orders, AcquisitionCommand.ARM_SCAN)


def disarm(measuring: Sequence[Source], scan: str) -> None:
    """Let devices leave a scan in order, side by side: they seal what they have published.

    Raises:
        CommunicationFailed, TimedOut: one does not answer.
    """
    side_by_side([(source.remote, scan) for source in measuring], AcquisitionCommand.DISARM_SCAN)


def sources(beamline: Beamline, counters: Sequence[Counter]) -> list[Source]:
    """The devices that measure these counters, each with its own.

    Raises:
        NotFound: `sampling(…)` or `calculated(…)` is to be measured, and the beamline has no server for it.
        BadValue: the parts of the chain that are replaced do not go together.
    """
    by_card: dict[str, list[Counter]] = {}
    sampled: dict[Counter, Counter] = {}
    for counter in counters:
        if counter.card:
            placed = counter
        elif counter.whole in sampled:  # all its channels tell of the same readings
            first = sampled[counter.whole]
            placed = replace(counter, card=first.card, unit=counter.unit or first.unit, remote=first.remote)
        else:
            placed = _place(beamline, counter, by_card)
            if counter.whole is not None:
                sampled[counter.whole] = placed
        by_card.setdefault(placed.card, []).append(placed)
    found = [
        Source(
            card,
            placed[0].remote,
            tuple(placed),
            beamline.configurations.get(card.lower(), {}).get(ON_FAILURE) == "skip",
            merged(card, placed),
        )
        for card, placed in by_card.items()
        if placed[0].remote is not None
    ]

    def device(name: str) -> str:
        """The device of a counter; other names are those of devices."""
        one = beamline.objects.get(name)
        return one.card if isinstance(one, Counter) and name not in by_card else name

    return _wired(beamline, linked(found, device))


def _wired(beamline: Beamline, found: Sequence[Source]) -> list[Source]:
    """The devices; those whose gate is wired to the device that triggers them count while that exposes."""
    masters = {source.name: source for source in found}
    wired = []
    for source in found:
        wiring = beamline.configurations.get(source.name.lower(), {}).get("wiring")
        trigger = source.part.trigger
        if trigger and isinstance(wiring, Mapping) and trigger in wiring.get("gate", ()):
            if source.part.time is not None:
                raise BadValue(
                    f"{source.name}: counts between pulses of {trigger}, for as long as that exposes; leave time= out"
                )
            source = replace(source, wired=True, gate_time=masters[trigger].exposure_of_its_own)
        wired.append(source)
    return wired


def _place(beamline: Beamline, counter: Counter, taken: Mapping[str, Sequence[Counter]]) -> Counter:
    """Give a counter made on the fly to a server, and learn its unit.

    Args:
        taken: what servers measure already; one whose counters have the same timer is preferred.
    """
    if counter.formula:
        calculators = beamline.devices("Calculated")
        if not calculators:
            raise NotFound(
                f"calculated({counter.formula!r}): the beamline {beamline.name} has no server for that; "
                "add a device with `kind: calculated`"
            )
        calculator = _least_used(calculators)
        return replace(counter, card=calculator.name, remote=calculator.remote)
    servers = beamline.devices("Sampling")
    if not servers:
        raise NotFound(
            f"sampling({counter.attribute!r}): the beamline {beamline.name} has no sampling server; "
            "add a device with `kind: sampling`"
        )
    sampler = Sampler(counter.attribute, beamline.make_proxy, beamline.tango_host)
    sampler.read()  # before anything moves: is it there, and a number?
    free = [one for one in servers if all(_timer(other) == _timer(counter) for other in taken.get(one.name, ()))]
    device = _least_used(free or servers)
    return replace(
        counter, card=device.name, unit=counter.unit or _unit(sampler.unit(), counter.mode), remote=device.remote
    )


def _timer(counter: Counter) -> float | None:
    return None if counter.part is None else counter.part.period


def _least_used(servers: Sequence[Device]) -> Device:
    """The first that is free, else the first."""
    for server in servers:
        try:
            if server.state == "ON":
                return server
        except RondaError:
            continue
    return servers[0]


def _unit(unit: str, mode: str) -> str:
    return f"{unit}*s" if mode == "INTEGRATE" and unit else "s" if mode == "INTEGRATE" else unit
