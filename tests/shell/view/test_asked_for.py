"""What is plotted at a prompt is seen on the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.shell.view.conftest import Page, View
from tests.shell.view.test_view import is_ours, saved


def test_the_page_goes_to_what_is_plotted_until_a_scan_begins(view: View, page: Callable[..., Page]) -> None:
    scan = saved(view.run("loopscan(2, 0.01, diode, i0); loopscan(3, 0.01, diode)"))
    shown = page()
    shown.until(scan.over(shown))
    view.run(f"plotselect(diode); plot({scan.number - 1}, i0)")
    later = page()  # has it all from the start
    for one in (shown, later):
        one.until(lambda one=one: is_ours(one.heading, scan.number - 1))  # type: ignore[misc]
        one.until(lambda one=one: "plot" in one.asked and one.asked["plot"][0]["scan"] == one.heading["scan"])  # type: ignore[misc]
        assert one.asked["plot"][0]["counters"] == ["i0"]
        assert one.asked["selection"][0]["counters"] == ["diode"]
    newest = saved(view.run("loopscan(2, 0.01, diode)"))
    shown.until(newest.over(shown))


def test_arrays_that_are_plotted_are_drawn_and_can_be_closed(
    view: View, page: Callable[..., Page], opened: Callable[..., Any]
) -> None:
    shown, browser = page(), opened()
    browser.wait_for_selector(".axes tr")
    told = view.run("import numpy as np; plot(np.arange(12.).reshape(3, 4)); plot([1, 2, 3], [4, 5, 9])")
    assert "values" in told  # in the terminal too
    shown.until(lambda: "values" in shown.asked.get("drawing", ({}, {}))[1])
    np.testing.assert_array_equal(shown.asked["drawing"][1]["positions"], [1, 2, 3])
    np.testing.assert_array_equal(shown.asked["drawing"][1]["values"], [4, 5, 9])
    browser.wait_for_selector(".drawing[data-shape='3'] canvas")
    view.run("import numpy as np; plot(np.arange(12.).reshape(3, 4))")
    browser.wait_for_selector(".drawing[data-shape='3x4'] canvas")
    browser.get_by_role("button", name="close").click()
    browser.wait_for_selector(".drawing", state="detached")
