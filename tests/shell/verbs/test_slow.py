"""What is archived, over the time of a scan, or at its points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ronda.framework.errors import BadValue, NotFound
from ronda.framework.scan.analysis.results import Contents, Results
from ronda.shell.verbs.slow import is_archived, over_scan

BEGIN = 1_800_000_000.0


class Scan(Results):
    """Five points of a scan of samx, one second each."""

    label = "scan 12"
    where_from = None

    def __init__(self, **more: Any) -> None:
        self.values = {
            "samx": np.arange(5.0),
            "diode": np.array([3.0, 4.0, 9.0, 4.0, 3.0]),
            "epoch": BEGIN + np.arange(5.0),
            **more,
        }

    def contents(self) -> Contents:
        return Contents({"samx": "mm"}, {"diode": "count"}, area=False)

    def channels(self) -> list[str]:
        return list(self.values)

    def read(self, name: str) -> Any:
        return self.values[name]


class Logger:
    """Answers as a data logger does."""

    def __init__(self, before: Any, values: list[tuple[float, Any]], breaks: tuple[float, ...] = ()) -> None:
        self.before, self.values, self.breaks = before, values, breaks
        self.asked: list[tuple[Any, ...]] = []

    def value_at(self, names: list[str], time: float) -> list[dict[str, Any]]:
        self.asked.append((names, time))
        return [{"value": self.before, "reason": "" if self.before is not None else "its device was away"}]

    def history(self, name: str, since: float, until: float, points: int) -> dict[str, Any]:
        self.asked.append((name, since, until, points))
        times, values = zip(*self.values, strict=True) if self.values else ((), ())
        return {
            "time": [BEGIN + time for time in times],
            "value": list(values),
            "breaks": [{"time": BEGIN + time} for time in self.breaks],
        }


def drawn(logger: Logger, *counters: str, axis: str | None = None, scan: Scan | None = None) -> Any:
    return over_scan(lambda ask: ask(logger), scan or Scan(), ["oven/Input"], counters, axis)


def test_alone_it_is_drawn_over_the_time_of_the_scan_as_it_went() -> None:
    points = drawn(Logger(20.0, [(1.5, 21.0), (2.5, 22.0)]))
    assert points.axes[0].title == "elapsed_time [s]"
    assert points.axes[0].values.tolist() == [0, 1.5, 1.5, 2.5, 2.5, 4]
    assert points.counters[0].values.tolist() == [20, 20, 21, 21, 22, 22]


def test_with_an_axis_or_a_counter_it_is_what_was_known_at_each_point() -> None:
    points = drawn(Logger(20.0, [(1.5, 21.0)]), axis="samx")
    assert points.axes[0].title == "samx [mm]"
    assert [(one.name, one.values.tolist()) for one in points.counters] == [("oven/Input", [20, 20, 21, 21, 21])]
    points = drawn(Logger(20.0, [(1.5, 21.0)]), "diode")
    assert [one.name for one in points.counters] == ["diode", "oven/Input"]


def test_where_it_was_not_known_the_line_is_interrupted() -> None:
    points = drawn(Logger(20.0, [(3.0, 23.0)], breaks=(1.5,)), axis="samx")
    assert np.array_equal(points.counters[0].values, [20, 20, np.nan, 23, 23], equal_nan=True)


def test_only_the_time_of_the_scan_is_asked_for() -> None:
    logger = Logger(20.0, [])
    drawn(logger)
    assert logger.asked == [(["oven/Input"], BEGIN), ("oven/Input", BEGIN, BEGIN + 4, 10_000)]


def test_words_are_refused_and_what_was_not_known_is_told() -> None:
    with pytest.raises(BadValue, match="oven/Input: has words"):
        drawn(Logger("ON", [(1.0, "OFF")]))
    with pytest.raises(NotFound, match="oven/Input: no value of it was known during the scan: its device was away"):
        drawn(Logger(None, []))


def test_a_scan_without_points_is_told() -> None:
    with pytest.raises(NotFound, match="scan 12: has no points yet"):
        drawn(Logger(1.0, []), scan=Scan(epoch=np.array([])))


@pytest.mark.parametrize(("name", "archived"), [("oven/Input", True), ("diode", False), (3, False), (None, False)])
def test_names_of_attributes_have_a_slash(name: object, archived: bool) -> None:
    assert is_archived(name) is archived
