"""What a scan and an acquiring device tell each other over Tango, as JSON in a DevString."""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import asdict, dataclass, replace
from typing import Self

from ronda.framework.errors import BadValue

ON_FAILURE = "on_failure"
"""Key of an acquiring device's configuration: `fatal`, `skip` or `retry`, what its failure means for a scan."""


GATED = "gated"
"""What a device does while hardware triggers bound its points: not before it does so may they come."""


@dataclass(frozen=True)
class Order:
    """The argument of `ArmScan`.

    Attributes:
        scan: id of the scan; its description in the stream says which channels the device measures.
        exposure: seconds for which each point is measured.
        points: number of points after which the device has done its part; None if that is not known.
        first: index of the first point to take.
        exposures: where the exposure time changes, as pairs of the index (in the plan) of the first point and seconds,
            in order; empty if `exposure` is that of all points, else `exposure` is the longest.
        point: index in the plan, in the order for one point.
        triggers: name of the source in the stream that tells of the hardware triggers which bound the points; empty
            if they are measured at software triggers.
        line_points: with hardware triggers, how many points each line has.
        at_rest: with hardware triggers, how many points before and behind the lines are measured at software triggers.
        pulses: name of the device whose pulses open and close the gate at each point; empty if the device itself does.
    """

    scan: str
    exposure: float
    points: int | None = None
    first: int = 0
    exposures: tuple[tuple[int, float], ...] = ()
    point: int = 0
    triggers: str = ""
    line_points: int = 0
    at_rest: tuple[int, int] = (0, 0)
    pulses: str = ""

    def at(self, index: int) -> Order:
        """The order for one point, which has the exposure time of that point."""
        if not self.exposures:
            return replace(self, point=index)
        place = bisect_right(self.exposures, (index, float("inf"))) - 1
        return replace(self, exposure=self.exposures[max(place, 0)][1], point=index)

    def to_json(self) -> str:
        """As text."""
        told = asdict(self)
        del told["point"]
        return json.dumps(told)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From text.

        Raises:
            BadValue: it is not such an order.
        """
        try:
            fields = json.loads(text)
            runs = tuple((int(first), float(exposure)) for first, exposure in fields.pop("exposures", ()))
            before, after = fields.pop("at_rest", (0, 0))
            fields["at_rest"] = (int(before), int(after))
            order = cls(str(fields.pop("scan")), float(fields.pop("exposure")), exposures=runs, **fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadValue(
                'ArmScan takes JSON such as {"scan": ID, "exposure": 0.1, "points": 11, "first": 0}, '
                f"not {text[:100]!r}"
            ) from error
        numbers = [order.first] if order.points is None else [order.first, order.points]
        if not min([order.exposure, *(exposure for _, exposure in runs)]) > 0 or any(
            not isinstance(number, int) or number < 0 for number in numbers
        ):
            raise BadValue(
                f"ArmScan: exposure must be above 0 s, points and first whole and not negative: {text[:100]}"
            )
        return order


@dataclass(frozen=True)
class Progress:
    """The value of `ScanStatus`.

    Attributes:
        scan: id of the scan that the device takes part in; empty for none.
        index: index of the next point that it will take.
        doing: `idle`, `armed` (waits for a trigger), `arming` (gets ready for hardware triggers), `gated` (these
            bound its points), `measuring`, `publishing`, or `held` (no room in the stream).
        sentence: why it is held, or how its latest scan ended.
    """

    scan: str = ""
    index: int = 0
    doing: str = "idle"
    sentence: str = ""

    def to_json(self) -> str:
        """As text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From text.

        Raises:
            BadValue: it is not such a status.
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise BadValue(f"ScanStatus should be JSON, not {text[:100]!r}") from error
