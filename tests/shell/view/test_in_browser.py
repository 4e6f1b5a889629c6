"""The page in a real browser: what is drawn while it runs, and that one can work with it."""

from __future__ import annotations

import csv
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import h5py
import pytest
from ruamel.yaml import YAML

from tests.ports import free_port
from tests.shell.view.conftest import View, serving
from tests.shell.view.test_view import saved


def test_a_curve_is_drawn_and_the_values_under_the_cursor_are_those_of_the_file(
    view: View, opened: Callable[..., Any]
) -> None:
    page = opened()
    scan = saved(view.run("ascan(samy, -0.5, 0.8, 30, 0.01, diode); mv(samy, 0)"))
    page.wait_for_selector(f".scan[data-number='{scan.number}'] .plot[data-points='31']")
    assert "31 of 31 points" in page.inner_text(".scan header")
    page.wait_for_selector(".figures dd")  # the last that moves the plot
    over = page.locator(".u-over")
    with h5py.File(scan.path) as file:
        entry = file[next(iter(file))]
        x, y = entry["measurement/samy"][:], entry["measurement/diode"][:]
    for at in (0, 12, 30):
        part = (x[at] - x[0]) / (x[-1] - x[0])
        box = over.bounding_box()
        over.hover(position={"x": 0.5 + part * (box["width"] - 1), "y": box["height"] / 2})
        page.wait_for_function(
            "wanted => [...document.querySelectorAll('.u-legend .u-value')].map(one => one.innerText).join() === wanted",
            arg=f"{float(f'{x[at]:.7g}'):g},{y[at]:g}",
        )


def test_counters_go_to_the_left_axis_to_the_right_one_and_away(view: View, opened: Callable[..., Any]) -> None:
    page = opened()
    scan = saved(view.run("ascan(samy, -0.5, 0.8, 5, 0.01, diode, i0); mv(samy, 0)"))
    page.wait_for_selector(f".scan[data-number='{scan.number}'] .plot[data-points='6']")
    i0 = page.get_by_role("button", name="i0", exact=True)
    assert i0.get_attribute("aria-pressed") == "false"
    i0.click()
    page.wait_for_selector("[aria-label='diode, i0 against samy']")
    i0.click()
    page.wait_for_selector("[aria-label='diode against samy']")
    assert i0.get_attribute("class") == "right"
    i0.click()
    page.wait_for_selector("button[aria-pressed='false']:text-is('i0')")


def test_scans_are_drawn_side_by_side_and_saved_as_picture_and_numbers(view: View, opened: Callable[..., Any]) -> None:
    told = view.run("for _ in range(2): ascan(samy, -0.5, 0.8, 8, 0.01, diode); mv(samy, 0)")
    scan = saved(told)
    page = opened()
    page.wait_for_selector(f".scan[data-number='{scan.number}'] .plot[data-points='9']")
    former = page.locator(
        "option", has_text=re.compile(rf"^\s*{scan.number - 1}\s+ascan\(samy, -0\.5, 0\.8, 8")
    ).first.get_attribute("value")
    page.get_by_label("beside").select_option(former)
    page.wait_for_selector(f".u-legend .u-label:text-is('diode #{scan.number - 1}')")
    with page.expect_download() as given:
        page.get_by_role("button", name="CSV").click()
    with given.value.path().open() as file, h5py.File(scan.path) as saved_file:
        heading, *rows = csv.reader(file)
        entry = saved_file[next(iter(saved_file))]
        assert heading == ["samy", "diode"]
        assert [float(row[0]) for row in rows] == list(entry["measurement/samy"][:])
        assert [float(row[1]) for row in rows] == list(entry["measurement/diode"][:])
    with page.expect_download() as given:
        page.get_by_role("button", name="PNG").click()
    assert given.value.path().read_bytes().startswith(b"\x89PNG")
    plot = page.get_by_role("img", name="diode against samy")
    plot.press("Home")  # by keyboard: the first point, then the last
    plot.press("Enter")
    plot.press("End")
    plot.press("Enter")
    page.wait_for_selector("[aria-label='picked places'] :text('B − A samy 1.3')")


def test_a_mesh_fills_a_map_and_an_image_shows_its_latest_frame(view: View, opened: Callable[..., Any]) -> None:
    page = opened()
    scan = saved(view.run("amesh(samx, 0, 0.5, 4, samy, 0, 0.5, 3, 0.01, diode, cam); mv(samx, 0, samy, 0)"))
    page.wait_for_selector(f".scan[data-number='{scan.number}'] .map[data-points='20'] canvas")
    page.get_by_role("button", name="cam", exact=True).click()
    page.wait_for_selector(".map[data-index='19'] canvas")


def test_all_spectra_of_a_scan_are_an_image(view: View, opened: Callable[..., Any]) -> None:
    page = opened()
    scan = saved(view.run("loopscan(5, 0.01, mca)"))
    page.wait_for_selector(f".scan[data-number='{scan.number}']")
    page.get_by_role("button", name="mca", exact=True).click()
    page.get_by_label("waterfall of all points").check()
    page.wait_for_selector(".map[data-rows='5'] canvas")


def test_an_operator_moves_and_stops_an_axis_by_keyboard(view: View, opened: Callable[..., Any], demo: Any) -> None:
    page = opened(view.token)
    assert page.evaluate("location.hash") == ""  # the token is out of sight
    field = page.get_by_label("target of samx")
    field.fill("0.5")
    field.press("Enter")
    page.wait_for_function(
        "[...document.querySelectorAll('.axes tr')].some(row => /^samx\\s+0\\.5000\\s+mm\\s+ON/.test(row.innerText))"
    )
    assert demo.device("samx").Position == pytest.approx(0.5)
    field.fill("99")
    field.press("Enter")
    told = page.get_by_role("alert")
    told.wait_for()
    assert told.inner_text() == "samx: cannot move to 99.0 mm, outside limits [-10.0, 10.0] mm"
    field.fill("0")
    field.press("Enter")
    page.wait_for_function(
        "[...document.querySelectorAll('.axes tr')].some(row => /^samx\\s+0\\.0000\\s+mm\\s+ON/.test(row.innerText))"
    )


def test_a_region_that_is_dragged_is_a_counter_of_the_camera(view: View, opened: Callable[..., Any], demo: Any) -> None:
    scan = saved(view.run("loopscan(1, 0.01, cam)"))
    page = opened(view.token)
    page.wait_for_selector(f".scan[data-number='{scan.number}']")
    page.get_by_role("button", name="cam", exact=True).click()
    canvas = page.locator(".map[data-index='0'] canvas")
    canvas.wait_for()
    form, region = page.get_by_label("region of interest"), page.get_by_role("button", name="region", exact=True)
    deadline = time.monotonic() + 60
    while not form.is_visible():  # an image that was just drawn is deaf
        assert time.monotonic() < deadline
        if region.get_attribute("aria-pressed") == "false":
            region.click()
        box = canvas.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x - 40, y - 30)
        page.mouse.down()
        page.mouse.move(x, y)
        page.mouse.move(x + 40, y + 30)
        page.mouse.up()
        page.wait_for_timeout(100)
    page.get_by_label("name of the region").fill("dragged")
    page.get_by_label("name of the region").press("Enter")
    try:
        form.get_by_role("alert").wait_for()
        assert form.get_by_role("alert").inner_text() == ("cam_dragged_sum, _avg, _std, _min and _max are counters now")
        made = json.loads(demo.device("cam").Regions)["dragged"]
        told = re.findall(r"column (\d+), row (\d+), (\d+) × (\d+) pixels", form.inner_text())
        assert told == [tuple(str(made[part]) for part in ("x", "y", "width", "height"))]
    finally:
        demo.device("cam").RemoveRegion("dragged")


def test_a_click_moves_the_axis_of_who_waits_for_it_and_a_note_is_kept(
    view: View, opened: Callable[..., Any], demo: Any
) -> None:
    scan = saved(view.run("ascan(samy, 0, 0.5, 4, 0.01, diode)"))
    page = opened(view.token)
    page.wait_for_selector(f".scan[data-number='{scan.number}'] .plot[data-points='5']")
    over = page.locator(".u-over")
    with ThreadPoolExecutor(1) as prompt:
        told = prompt.submit(view.run, "goto_click(ask=False, timeout=140)")
        while not told.done():  # a click before the prompt waits is none
            box = over.bounding_box()
            over.click(position={"x": 0.75 * box["width"], "y": box["height"] / 2})
            page.wait_for_timeout(500)
    assert "moved samy to 0.375 mm" in told.result()
    assert demo.device("samy").Position == pytest.approx(0.375)
    note = page.get_by_label("note about this place")
    note.fill("a crack seen in the browser")
    note.press("Enter")
    page.wait_for_selector(f"text=scan {scan.number} has ended: the note is in the logbook, not in the file")
    assert "a crack seen in the browser" in view.run("mv(samy, 0); elog_show(50, kind='note')")


def test_panels_are_arranged_and_saved(view: View, opened: Callable[..., Any], demo: Any, wait_for: Any) -> None:
    file = demo.folder / "panels" / "view.yml"
    page = opened(view.token)
    page.get_by_role("button", name="new panel").click()
    page.get_by_label("add a device to panel 1").select_option("machine")
    page.wait_for_selector("article[aria-label=machine] tr")
    page.get_by_label("title of panel 1").fill("the ring")
    try:
        page.get_by_role("button", name="save panels").click()
        wait_for(file.exists, 60, "the panels are saved")
        page.wait_for_selector("button:disabled:has-text('save panels')")
        assert YAML(typ="safe").load(file)["panels"][0]["title"] == "the ring"
        again = opened()
        again.wait_for_selector("article[aria-label=machine] tr")
        assert again.get_by_label("title of panel 1").input_value() == "the ring"
    finally:
        file.unlink(missing_ok=True)


def test_the_file_of_a_scan_is_opened_and_closed_again(view: View, opened: Callable[..., Any]) -> None:
    scan = saved(view.run("loopscan(3, 0.01, diode)"))
    page = opened()
    page.wait_for_selector(f".scan[data-number='{scan.number}'] .plot[data-points='3']")
    page.get_by_role("button", name="file", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("treeitem", name=f"{scan.number}.1").wait_for()
    dialog.get_by_text("loopscan(3, 0.01, diode)").wait_for()  # h5web draws the entry's curve
    dialog.get_by_text("diode (count)").wait_for()
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (3840, "dark")])
def test_it_fits_telephones_and_walls(view: View, opened: Callable[..., Any], width: int, scheme: str) -> None:
    page = opened(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.wait_for_selector(".axes tr")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    plain = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert plain == ("rgb(20, 24, 29)" if scheme == "dark" else "rgb(255, 255, 255)")


def test_a_page_finds_its_server_again(opened: Callable[..., Any], ronda: Any, demo: Any) -> None:
    port = str(free_port())
    with serving(demo, ronda, port) as first:
        page = opened(address=first.address)
        page.wait_for_selector(".axes tr")
    page.wait_for_selector("[role=status]:has-text('no connection to its server')")
    with serving(demo, ronda, port) as again:
        scan = saved(again.run("loopscan(2, 0.01, diode)"))
        page.wait_for_selector(f".scan[data-number='{scan.number}']")
        page.wait_for_selector("[role=status]", state="detached")
