"""What an operator points at on the page reaches the prompt, the logbook and the camera."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest

from tests.shell.view.conftest import Page, View
from tests.shell.view.test_view import saved


def test_a_click_moves_the_axis_of_who_waits_for_it(view: View, page: Callable[..., Page], demo: Any) -> None:
    shown = page(view.token)
    shown.until(saved(view.run("ascan(samy, 0, 0.5, 4, 0.01, diode)")).over(shown))
    with ThreadPoolExecutor(1) as prompt:
        told = prompt.submit(view.run, "goto_click(ask=False, timeout=140)")
        while not wait([told], 0.5).done:  # a click before the prompt waits is none
            assert "error" not in shown.ask(do="click", channel="diode", positions={"samy": 0.375}, index=3)
    assert "moved samy to 0.375 mm" in told.result()
    assert demo.device("samy").Position == pytest.approx(0.375)
    view.run("mv(samy, 0)")


def test_a_note_is_in_the_logbook(view: View, page: Callable[..., Page]) -> None:
    shown = page(view.token)
    shown.until(saved(view.run("loopscan(2, 0.01, diode)")).over(shown))
    answer = shown.ask(do="mark", note=" a crack here ", channel="diode", index=1, values={"diode": 3})
    number = shown.heading["number"]
    assert answer["told"] == f"scan {number} has ended: the note is in the logbook, not in the file"
    assert f"scan {number}, point 1: diode 3: a crack here" in view.run("elog_show(50, kind='note')")


def test_a_region_is_a_counter_of_the_camera(view: View, page: Callable[..., Page], demo: Any) -> None:
    shown = page(view.token)
    region = {"do": "region", "channel": "cam", "name": "pointed", "x": 10, "y": 20, "width": 30, "height": 40}
    told = shown.ask(**region)
    assert told["told"] == "cam_pointed_sum, _avg, _std, _min and _max are counters now"
    try:
        assert json.loads(demo.device("cam").Regions)["pointed"] == {"x": 10, "y": 20, "width": 30, "height": 40}
        assert "would not lie on the frame" in shown.ask(**{**region, "width": 100_000})["error"]
    finally:
        demo.device("cam").RemoveRegion("pointed")
    assert shown.ask(**{**region, "channel": "diode"})["error"].endswith(
        "is no camera of this beamline, so it has no regions"
    )


def test_who_may_only_look_points_at_nothing(view: View, page: Callable[..., Page], demo: Any) -> None:
    shown = page()
    before = demo.device("cam").Regions
    for order in ("click", "mark", "region"):
        answer = shown.ask(
            do=order, channel="cam", name="no", x=0, y=0, width=5, height=5, note="no", positions={"samy": 1}
        )
        assert "this page may only look" in answer["error"]
    assert demo.device("cam").Regions == before


@pytest.mark.parametrize(
    ("order", "what"),
    [
        ({"do": "click", "positions": {}}, "needs positions of axes"),
        ({"do": "click", "positions": {"samy": "1"}}, "samy is '1', which is no finite number"),
        ({"do": "click", "positions": {"samy": 10**400}}, "which is no finite number"),
        ({"do": "click", "positions": [1]}, "at most 8 numbers by name"),
        ({"do": "mark", "note": ""}, "a text of 1 to 500 characters"),
        ({"do": "mark", "note": "x", "pixel": [1.5]}, "one or two whole numbers"),
        ({"do": "region", "channel": "cam", "name": "r", "x": 0.5, "y": 0, "width": 1, "height": 1}, "in whole pixels"),
    ],
)
def test_what_makes_no_sense_is_refused(
    view: View, page: Callable[..., Page], order: dict[str, Any], what: str
) -> None:
    shown = page(view.token)
    if not shown.scans:
        shown.until(lambda: shown.heading)
    assert what in shown.ask(**order)["error"]
