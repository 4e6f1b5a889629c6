"""Fixtures of the live view: its process on the demo beamline, a page without browser, a page in Chromium."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from websockets.sync.client import ClientConnection, connect

from ronda.shell.view.access import FILE
from ronda.shell.view.growing import Growing
from ronda.shell.view.messages import decode

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class View:
    """The process that serves the page."""

    address: str
    token: str
    process: subprocess.Popen[str]
    run: Callable[[str], str]

    @property
    def host(self) -> str:
        """HOST:PORT."""
        return self.address.removeprefix("http://").rstrip("/")


@contextlib.contextmanager
def serving(demo: Any, ronda: Any, port: str = "0") -> Iterator[View]:
    """`ronda view` on the demo beamline, until it is ended."""
    program = Path(sys.executable).parent / "ronda"
    process = subprocess.Popen(
        [program, "view", demo.folder, "--port", port], env=ronda.environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    address = process.stdout.readline().split()[-1]
    token = (demo.folder / ".ronda" / "local" / FILE).read_text().splitlines()[1].split()[1]

    def run(code: str) -> str:
        return str(ronda("shell", demo.folder, "-c", code).stdout)

    try:
        yield View(address, token, process, run)
    finally:
        process.terminate()
        code = process.wait(150)
        process.stdout.close()
    assert code == 0


@pytest.fixture(scope="module")
def view(demo: Any, ronda: Any) -> Iterator[View]:
    """The page's process; `view.run(code)` runs code at the beamline's prompt."""
    with serving(demo, ronda) as one:
        yield one


@dataclass
class Page:
    """What a page knows, without a browser."""

    socket: ClientConnection
    scans: list[dict[str, Any]] = field(default_factory=list)
    axes: dict[str, dict[str, Any]] = field(default_factory=dict)
    heading: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, Growing] = field(default_factory=dict)
    arrays: dict[str, tuple[int, npt.NDArray[Any]]] = field(default_factory=dict)
    answers: list[dict[str, Any]] = field(default_factory=list)
    asked: dict[str, tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]] = field(default_factory=dict)
    arrays_of_answer: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def ask(self, **order: Any) -> dict[str, Any]:
        """Give an order and wait for its answer."""
        known = len(self.answers)
        self.socket.send(json.dumps(order))
        while len(self.answers) == known:
            self.take()
        return self.answers[-1]

    def until(self, condition: Callable[[], Any]) -> None:
        """Take messages until a condition holds."""
        deadline = time.monotonic() + 150
        while not condition():
            assert time.monotonic() < deadline, f"not within 150 s: {self.heading}"
            self.take()

    def take(self) -> None:
        """Take one message."""
        header, arrays = decode(self.socket.recv(timeout=150, decode=False))
        match header["type"]:
            case "scans":
                self.scans = header["scans"]
            case "axes":
                self.axes = {one["name"]: one for one in header["axes"]}
            case "scan":
                if header["scan"] != self.heading.get("scan"):
                    self.columns, self.arrays = {}, {}
                self.heading = header
            case "points":
                for (name, values), first in zip(arrays.items(), header["firsts"], strict=True):
                    self.columns.setdefault(name, Growing()).put(first, np.asarray(values, float))
            case "array":
                self.arrays[header["channel"]] = (header["index"], arrays[header["channel"]])
            case "plot" | "selection" | "drawing" as kind:
                self.asked[kind] = (header, arrays)
            case "answer":
                self.arrays_of_answer = arrays
                self.answers.append(header)


@pytest.fixture
def page(view: View) -> Iterator[Callable[..., Page]]:
    """`page(token)` opens a page that looks, or operates."""
    with contextlib.ExitStack() as opened:

        def look(token: str = "") -> Page:
            shown = Page(
                opened.enter_context(
                    connect(
                        f"ws://{view.host}/view", max_size=None, max_queue=None, open_timeout=150, ping_interval=None
                    )
                )
            )
            shown.ask(do="enter", token=token)
            return shown

        yield look


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian's package `chromium`)")
    from playwright.sync_api import sync_playwright

    os.environ.setdefault("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            timeout=180_000,
            args=["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(view: View, chromium: Any) -> Iterator[Callable[..., Any]]:
    """`opened(token)` opens the page; what goes wrong in it fails the test."""
    pages, wrong = [], []

    def look(token: str = "", address: str = view.address, **how: Any) -> Any:
        page = chromium.new_page(**{"viewport": {"width": 1400, "height": 900}, **how})
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.set_default_timeout(150_000)
        pages.append(page)
        page.goto(address + (f"#{token}" if token else ""))
        return page

    yield look
    for page in pages:
        page.close()
    assert wrong == []
