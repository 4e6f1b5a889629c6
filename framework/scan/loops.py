"""Which loop measures the points of a scan: point by point, or sweeping."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ronda.framework.clients.beamline import Beamline
from ronda.framework.scan.choosing import Choosing
from ronda.framework.scan.home import Home
from ronda.framework.scan.latches import emitted_name
from ronda.framework.scan.measuring import Measuring
from ronda.framework.scan.orders import Order
from ronda.framework.scan.plan import Plan, Point
from ronda.framework.scan.points import Points
from ronda.framework.scan.presets import Presets
from ronda.framework.scan.sources import Source
from ronda.framework.scan.steering import Steering
from ronda.framework.scan.sweeping import Parts, Sweeping
from ronda.framework.scan.sweeping_hardware import HardwareSweeping
from ronda.framework.scan.sweeping_software import SoftwareSweeping
from ronda.framework.scan.sweeping_tomography import HardwareTomography, SoftwareTomography
from ronda.framework.stream.publisher import Publisher
from ronda.framework.stream.scan import Scan

Loop = Measuring | Sweeping


def targets_of(beamline: Beamline, plan: Plan) -> tuple[Home | None, Sequence[Point]]:
    """Where a relative scan began, and where to go, absolute; checked for each axis before anything moves.

    Of a tomogram: where the sample was, and the positions in the beam and out of it. Of points that are chosen later
    nothing but their bounds is known: these are checked.

    Raises:
        OutOfRange, NotAllowed, Busy, NotReady: an axis may not go there, or cannot now.
    """
    if plan.continuous is not None:
        plan.continuous.check(plan.axes)
        fields = plan.continuous.fields
        if fields is None or fields.out is None:
            return None, ()
        returning = Home(beamline, [fields.out])
        (inside,) = returning.positions
        fields.out.check([inside, inside + fields.by])
        return returning, ((inside,), (inside + fields.by,))
    if plan.choice is not None:
        for axis, bounds in zip(plan.axes, plan.choice.bounds, strict=True):
            axis.check(bounds)
        return Home(beamline, plan.axes) if plan.returns else None, ()
    home, targets = None, plan.targets
    if plan.relative:
        home = Home(beamline, plan.axes)
        targets = tuple(tuple(a + b for a, b in zip(home.positions, target, strict=True)) for target in targets)
    for place, axis in enumerate(plan.axes):
        axis.check([target[place] for target in targets])
    return home, targets


def order_of(scan: str, plan: Plan, *, suspended: bool) -> Order:
    """What devices are told when they are armed.

    Args:
        scan: its id.
        plan: what it is to do.
        suspended: whether suspenders may let points be measured again, so that nobody knows how many there will be.
    """
    continuous = plan.continuous
    if continuous is None:
        return Order(scan, plan.exposure, None if suspended else plan.points, exposures=plan.exposure_runs())
    if not continuous.hardware:
        return Order(scan, plan.exposure, plan.points)
    line = continuous.lines[0]
    triggers = emitted_name(continuous.axis.name)
    fields = continuous.fields
    at_rest = (0, 0) if fields is None else (fields.before, fields.flats_after)
    return Order(scan, line.time, plan.points, triggers=triggers, line_points=line.npoints, at_rest=at_rest)


def loop_of(
    scan: Scan,
    plan: Plan,
    targets: Sequence[Point],
    constants: Mapping[str, Sequence[int]],
    own: Publisher,
    measuring: Sequence[Source],
    coming: Callable[[], Points],
    steering: Steering,
    presets: Presets,
) -> tuple[Loop, Points]:
    """The loop for a plan, and what sees the points come; arguments as for `Measuring`, `coming` makes the latter."""
    points = coming()
    if plan.choice is not None:
        line = scan.trigger_line()
        return Choosing(scan, plan.choice, plan, constants, own, line, points, steering, presets, measuring), points
    if plan.continuous is None:
        line = scan.trigger_line()
        return Measuring(plan, targets, constants, own, line, points, steering, presets, measuring), points
    parts = Parts(scan, plan, own, measuring, steering, presets, constants)
    fields = plan.continuous.fields
    if fields is not None:
        kind = HardwareTomography if plan.continuous.hardware else SoftwareTomography
        return kind(parts, scan.trigger_line(), points, fields, targets), points
    if plan.continuous.hardware:
        points.keep = False  # the loop follows them itself, in blocks
        return HardwareSweeping(parts), points
    return SoftwareSweeping(parts, scan.trigger_line(), points), points
