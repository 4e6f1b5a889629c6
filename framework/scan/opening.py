"""What a scan says about itself in the stream when it is opened: its channels, and what stands in its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import BadValue
from ronda.framework.nexus import words
from ronda.framework.nexus.layout import require_definition
from ronda.framework.policy.policy import Belonging
from ronda.framework.scan.baseline import Baseline
from ronda.framework.scan.chain import periods
from ronda.framework.scan.continuous import VALID_CHANNEL, gated
from ronda.framework.scan.detector_settings import DetectorSettings
from ronda.framework.scan.durations import durations_device
from ronda.framework.scan.latched_positions import latchers, with_latches
from ronda.framework.scan.latches import emitted_device, matching_device, valid_channel
from ronda.framework.scan.plan import Plan, Point
from ronda.framework.scan.positions import positions
from ronda.framework.scan.sources import Source
from ronda.framework.scan.trigger_width import width_of
from ronda.framework.stream.description import EACH_POINT, SUBSCAN, Channel, Description, Device

OWN = "scan"
"""Name of the source of what the engine itself knows: positions and times."""

ELAPSED = "elapsed_time"
"""Channel of the seconds from the first trigger to each one."""


class Opening(NamedTuple):
    """What a scan is opened with.

    Attributes:
        description: for the stream.
        units: of each channel by name, in the order of a table: axes (or elapsed time) first, then counters.
        start_positions: where all axes of the beamline stand.
    """

    description: Description
    units: dict[str, str]
    start_positions: dict[str, float]


def opening(
    beamline: Beamline,
    plan: Plan,
    measuring: Sequence[Source],
    constants: Mapping[str, Sequence[int]],
    *,
    consumers: Sequence[str],
    session: str,
    user: str,
    belonging: Belonging,
    baseline: Baseline,
    home: Point,
    suspenders: Sequence[str],
    after_scan: Sequence[Mapping[str, Any]],
) -> Opening:
    """Ask all axes where they stand, and describe the scan.

    Args:
        beamline: where it happens.
        plan: what it is to do.
        measuring: the devices that measure.
        constants: what the scan publishes for its definition, by channel, see `constants_of_points`.
        consumers: who must not lose anything of it.
        session, user: stand in its description.
        belonging: where its data belong.
        baseline: what is recorded besides.
        home: where the axes of a relative scan were sent last; empty for others.
        suspenders: what can let it wait, for people.
        after_scan: hooks that are to be run when it has ended.

    Raises:
        BadValue: its channels do not fit its application definition.
        NotAllowed: a device needs triggers as the axis cannot give them.
    """
    place = belonging.place
    metadata = {**belonging.metadata, **plan.attributes.get(words.METADATA, {})}
    asked = DetectorSettings(beamline, measuring)
    axes = beamline.axes()
    start = positions(axes)
    recorded = baseline.begin()
    units = {axis.name: axis.unit for axis in axes}
    moved = plan.axes
    across = moved if plan.continuous is None or plan.grid is not None else plan.continuous.shown
    across = across[: 2 if plan.scatter else 1]
    own = [Channel(axis.name, unit=axis.unit, attributes={words.ROLE: words.POSITIONER}) for axis in moved]
    continuous = plan.continuous
    if continuous is not None:
        own = continuous.channels(moved[: len(moved) - len(continuous.moving)])
    own.append(Channel(ELAPSED, unit="s", attributes={} if moved else {words.ROLE: words.POSITIONER}))
    constant = [Channel(name, "<i4") for name in constants]
    known = [Channel(name, unit=unit) for name, (unit, _) in plan.known().items()]
    flags = [Channel(words.PLANNED, "<i4"), VALID_CHANNEL] if suspenders and continuous is None else []
    measured = _with_settings(plan, measuring, asked.begin())
    shown = {
        channel.name: channel.unit
        for device in measured
        if device.subscan == 1 and device.attributes.get(EACH_POINT)
        for channel in device.channels
        if channel.shape == ()
    }
    timers = [timer_device(number, period) for number, period in periods(measuring).items()]
    triggered: list[Device] = []
    if continuous is not None and continuous.hardware:
        latched = latchers(beamline, continuous.moving, gated(measuring))
        measured = [with_latches(one, latched) for one in measured]
        cards = [source.name for source in gated(measuring)]
        width_of(measured, continuous.axis.name, can=continuous.swept.widths)  # refused before anything moves
        triggered = [emitted_device(one.name, one.unit, continuous.swept.jitter) for one in continuous.moving]
        triggered += map(matching_device, cards)
        measured = [
            replace(one, channels=[*one.channels, valid_channel(one.name)]) if one.name in cards else one
            for one in measured
        ]
    devices = [Device(OWN, [*own, *constant, *known, *flags], {EACH_POINT: True})]
    devices += [*timers, *measured, *triggered]
    if start:
        devices.append(Device(words.POSITIONERS_END, [_at_end(name, units) for name in start]))
    devices += [device] if (device := baseline.device()) else []
    devices.append(durations_device())
    description = Description(
        command=plan.command,
        devices=devices,
        consumers=consumers,
        title=plan.title,
        user=user,
        session=session,
        sample=place.sample,
        dataset=place.dataset,
        proposal=place.proposal,
        proposal_session=place.proposal_session,
        collection=place.collection,
        points=plan.points,
        attributes={
            words.POSITIONERS: {name: {"value": value, "unit": units[name]} for name, value in start.items()},
            words.PLOT: {
                "signals": [counter.name for counter in plan.counters],
                "axes": [axis.name for axis in across] or [ELAPSED],
            },
            words.NAME: plan.name,
            words.EXPOSURE: plan.exposure,
            words.TRIGGERS: continuous.why if continuous else "",
            words.GRID: plan.grid.attribute(_by_axis(plan, home)) if plan.grid else None,
            words.BEAMLINE: beamline.name,
            words.DEFINITION: plan.definition.attribute() if plan.definition else None,
            "axes": {axis.name: axis.remote.device for axis in moved},
            words.AFTER_SCAN: list(after_scan),
            words.SUSPENDERS: list(suspenders),
            words.SAMPLE_DESCRIPTION: place.sample_description,
            **plan.attributes,
            words.METADATA: metadata,
            words.BASELINE: recorded,
            words.REMARKS: list(baseline.remarks),
            words.TECHNIQUE: metadata.get(words.TECHNIQUE) or _technique(plan),
        },
    )
    require_definition(description)
    if continuous is not None:
        own = [channel for channel in own if channel.name == ELAPSED or channel.attributes]
    told = {channel.name: channel.unit for channel in [*own, *known]} | shown
    return Opening(description, told, start)


def timer_name(subscan: int) -> str:
    """Name of the source of what the timer of a sub-scan knows."""
    return f"{OWN}.{subscan}"


def timer_channel(subscan: int) -> str:
    """Channel of the seconds from the first trigger of a sub-scan to each one."""
    return f"{ELAPSED}_{subscan}"


def timer_device(subscan: int, period: float) -> Device:
    """The timer of a sub-scan, which triggers each `period` s, as the stream describes it."""
    channel = Channel(timer_channel(subscan), unit="s", attributes={words.ROLE: words.POSITIONER})
    settings = {words.SETTINGS: {"period": {"value": period, "unit": "s"}}}
    return Device(timer_name(subscan), [channel], {EACH_POINT: True, SUBSCAN: subscan, **settings})


def _with_settings(plan: Plan, measuring: Sequence[Source], settings: Mapping[str, Mapping[str, Any]]) -> list[Device]:
    """The devices with what they are set to, what triggers them, and the exposure time if all their points have one."""
    found, line = [], None if plan.continuous is None else plan.continuous.swept_line
    for source in measuring:
        device, *beside = source.described(plan.exposure, line, triggered=plan.triggered)
        own = dict(settings.get(device.name, {}))
        if source.part.time is not None or source.subscan > 1 or not plan.exposure_runs():
            own["count_time"] = {"value": device.attributes["exposure"], "unit": "s"}
        if source.part.trigger:
            own["trigger"] = {"value": source.part.trigger, "unit": ""}
        found += [replace(device, attributes={**device.attributes, words.SETTINGS: own}), *beside]
    return found


def _technique(plan: Plan) -> str:
    """What the application definition says of the technique: `XAS` of NXxas."""
    return plan.definition.name.removeprefix("NX").upper() if plan.definition else ""


def constants_of_points(plan: Plan) -> dict[str, list[int]]:
    """What a scan publishes for its definition: one number for each point, by channel.

    Raises:
        BadValue: there are not as many as points.
    """
    found: dict[str, list[int]] = {}
    for name, given in plan.definition.constants.items() if plan.definition else ():
        if plan.points is None:
            raise BadValue(f"{plan.command}: {name} is one number for each point; give a scan with a number of points")
        found[name] = [given] * plan.points if isinstance(given, int) else list(given)
        if len(found[name]) != plan.points:
            raise BadValue(
                f"{plan.command}: {name} has {len(found[name])} values and the scan {plan.points} "
                "points; give one for each, or one number for all"
            )
    return found


def end_positions(beamline: Beamline, start: Mapping[str, float]) -> dict[str, float]:
    """Where those axes stand now that have a start position; NaN for one that does not answer. By channel."""
    now = positions([axis for axis in beamline.axes() if axis.name in start])
    return {f"{name} at end": now.get(name, float("nan")) for name in start}


def _by_axis(plan: Plan, home: Point) -> dict[str, float]:
    return {axis.name: position for axis, position in zip(plan.axes, home, strict=False)}


def _at_end(axis: str, units: dict[str, str]) -> Channel:
    return Channel(f"{axis} at end", unit=units[axis], attributes={words.POSITIONER: axis})
