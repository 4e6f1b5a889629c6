"""Many attributes on one axis of time: at each step the value that was known then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.archive.held import held
from ronda.framework.archive.reading import EVENT, Reader, View, event
from ronda.framework.archive.record import BREAKS, EVERYTHING, Value, device_of
from ronda.framework.errors import BadValue

MOST = 1_000_000
"""Values that an answer may have."""


@dataclass(frozen=True)
class Aligned:
    """Attributes on one axis of time.

    Attributes:
        time: the axis, in s since 1970.
        values: by attribute, one for each time: numbers with NaN, or objects with None, where none was known.
    """

    time: npt.NDArray[np.float64]
    values: dict[str, npt.NDArray[Any]]


def aligned(reader: Reader, attributes: Sequence[str], since: float, until: float, step: float) -> Aligned:
    """The values that were known of attributes at `since`, and every `step` seconds after it as far as `until`.

    Raises:
        BadValue: that would be too many.
    """
    count = int((until - since) / step + 1e-9) + 1
    if count * len(attributes) > MOST:
        raise BadValue(
            f"{count} times of {len(attributes)} attributes are more values than an answer may have ({MOST}): "
            f"ask for less time, fewer attributes, or a longer step than {step:g} s"
        )
    time = since + np.arange(count, dtype=np.float64) * step
    first = {one.attribute: one.value for one in held(reader, attributes, since)}
    return Aligned(time, {name: _column(reader, name, first[name], since, step, count) for name in attributes})


def _column(reader: Reader, name: str, first: Value, since: float, step: float, count: int) -> npt.NDArray[Any]:
    start, width = round(since * 1e6), round(step * 1e6)
    stop = start + (count - 1) * width
    kinds = ", ".join(f"'{kind}'" for kind in ("value", *BREAKS))

    def answer(view: View) -> list[tuple[Any, ...]]:
        return view.fetch(
            f"SELECT (epoch_us(time) - {start} + {width - 1}) // {width} AS place, {EVENT} FROM events "
            f"WHERE attribute IN (?, ?, ?) AND kind IN ({kinds}) "
            f"AND time > make_timestamptz({start}) AND time <= make_timestamptz({stop}) QUALIFY row_number() OVER "
            "(PARTITION BY place ORDER BY time DESC, attribute = ? DESC, attribute = ? DESC, file DESC, row DESC) = 1 "
            "ORDER BY place",
            *(name, device_of(name), EVERYTHING, name, device_of(name)),
        )

    column: list[Value] = [None] * count
    column[0], at = first, 0
    for place, *row in reader.question(answer, (name, device_of(name), EVERYTHING), start, stop):
        column[at + 1 : place] = [column[at]] * (place - at - 1)
        one = event(row)
        column[place] = one.value if one.kind == "value" else None
        at = place
    column[at + 1 :] = [column[at]] * (count - at - 1)
    if all(one is None or isinstance(one, (int, float)) for one in column):
        return np.array([np.nan if one is None else float(one) for one in column])  # type: ignore[arg-type]
    objects = np.empty(count, object)
    for number, value in enumerate(column):
        objects[number] = value
    return objects
