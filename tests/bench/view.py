"""What the live view costs and how fast it is: `python tests/bench/view.py [drawing|viewers]`; needs Chromium (Debian's `chromium`).

Brings up a copy of the demo with a page. Prints one line per figure: name, value with unit, the limit that we hold
ourselves to. Times of points are those that the devices gave them, by the clock of this machine.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from ronda.framework.stream import Channel, Description, Device, Scan, Stream
from ronda.framework.stream.publisher import Publisher

DEMO = Path(__file__).parents[2] / "config" / "demo"
MANY = 200_000
VIEWERS = 30
MESSAGE = 2000
POINTS = 1500
ROUNDS = 6
PART = 10_000
LATE = 40

DRAW = """async () => {
  const box = [...document.querySelectorAll('label')].find(one => one.innerText.trim() === 'derivative').querySelector('input');
  const times = [];
  for (let n = 0; n < 6; n++) {
    await new Promise(done => setTimeout(done, 300));
    const begin = performance.now();
    box.click();
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    times.push(performance.now() - begin);
  }
  return times;
}"""
"""Draws all points anew, and takes the time until the picture is handed to the screen, in ms."""

WATCH = """() => {
  window.drawn = {};
  new MutationObserver(() => {
    const plot = document.querySelector('.plot[data-points]');
    if (plot === null) return;
    const count = Number(plot.dataset.points);
    requestAnimationFrame(() => setTimeout(() => { window.drawn[count] ??= Date.now() / 1000; }));
  }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-points'] });
}"""
"""Notes when each number of points was on the screen first, s since 1970."""


def ronda(*arguments: object) -> str:
    """Run `ronda …`; returns its output."""
    done = subprocess.run(
        ["ronda", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"ronda {' '.join(map(str, arguments))} failed:\n{done.stdout}")
    return done.stdout


def figure(name: str, value: float, unit: str, limit: str) -> None:
    """Print one figure."""
    print(f"{name:56s} {value:8.2f} {unit:9s} (limit {limit})", flush=True)


def publishing(stream: Stream, points: int) -> tuple[Scan, Publisher]:
    """A running scan of one device, which is ourselves."""
    channels = [Channel("x"), Channel("y")]
    plot = {"plot": {"signals": ["y"], "axes": ["x"]}}
    scan = stream.open_scan(Description("bench()", [Device("dev", channels)], points=points, attributes=plot))
    scan.set_state("RUNNING")
    return scan, scan.publisher("dev")


def drawing(page: Page, stream: Stream) -> None:
    """Draw very many points."""
    scan, publisher = publishing(stream, MANY)
    for first in range(0, MANY, PART):
        x = np.arange(first, first + PART, dtype=float)
        publisher.publish_block({"x": x, "y": np.sin(x / 1e4)}, times=time.time() + x / 1e6)
    publisher.seal(MANY)
    scan.set_state("COMPLETED")
    page.wait_for_selector(f".plot[data-points='{MANY}']", timeout=300_000)
    figure(f"drawing {MANY} points", statistics.median(page.evaluate(DRAW)), "ms", "100")


def delay(page: Page, stream: Stream) -> None:
    """From a point that is taken to its place on the screen."""
    scan, publisher = publishing(stream, LATE)
    page.wait_for_selector(f".scan[data-number='{scan.number}']", timeout=60_000)
    page.evaluate(WATCH)
    taken = []
    for n in range(LATE):
        time.sleep(0.3)
        taken.append(time.time())
        publisher.publish({"x": float(n), "y": float(n % 5)}, time=taken[-1])
    page.wait_for_selector(f".plot[data-points='{LATE}']", timeout=60_000)
    time.sleep(1)
    publisher.seal(LATE)
    scan.set_state("COMPLETED")
    drawn = page.evaluate("window.drawn")
    late = sorted((drawn[str(n + 1)] - taken[n]) * 1e3 for n in range(2, LATE) if str(n + 1) in drawn)
    figure("point taken to point drawn, median", statistics.median(late), "ms", "150")
    figure("point taken to point drawn, longest", late[-1], "ms", "-")


@contextlib.contextmanager
def looking(address: str, how_many: int) -> Iterator[None]:
    """So many programs look at what is sent at an address, as pages do, in a process of their own.

    They stand for other computers, so they take what nobody else on this one wants.
    """
    code = [sys.executable, __file__, "--look", address, str(how_many)]
    with subprocess.Popen(code, stdout=subprocess.PIPE, text=True, start_new_session=True) as lookers:
        assert lookers.stdout is not None
        lookers.stdout.readline()  # all are connected
        yield
        lookers.terminate()


@contextlib.contextmanager
def sending(size: int) -> Iterator[str]:
    """A program that sends each who connects `size` bytes twenty times a second, and does nothing else."""
    code = [sys.executable, __file__, "--send", str(size)]
    with subprocess.Popen(code, stdout=subprocess.PIPE, text=True, start_new_session=True) as sender:
        assert sender.stdout is not None
        yield sender.stdout.readline().strip()
        sender.terminate()


def give_way(nice: int) -> None:
    """As the view does; the session is our own."""
    os.nice(nice)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(nice))


def look(address: str, how_many: int) -> None:
    """Take what `how_many` pages are sent, until somebody ends this program."""

    async def one(ready: asyncio.Semaphore) -> None:
        async with connect(address, max_size=None, compression=None) as socket:
            await socket.send(json.dumps({"do": "enter", "token": ""}))
            ready.release()
            async for _ in socket:
                pass

    async def all_of_them() -> None:
        ready = asyncio.Semaphore(0)
        tasks = [asyncio.create_task(one(ready)) for _ in range(how_many)]
        for _ in tasks:
            await ready.acquire()
        print("ready", flush=True)
        await asyncio.gather(*tasks)

    give_way(19)
    asyncio.run(all_of_them())


def send(size: int) -> None:
    """The program of `sending`."""
    message = bytes(size)

    async def serve_all() -> None:
        async def one(socket: ServerConnection) -> None:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await socket.send(message)
                    await asyncio.sleep(0.05)

        async with serve(one, "127.0.0.1", 0, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            print(f"ws://127.0.0.1:{port}", flush=True)
            await asyncio.get_running_loop().create_future()

    give_way(10)
    asyncio.run(serve_all())


def processor_time(program: str) -> float:
    """Seconds of processor time of our processes whose command line holds this."""
    spent = 0.0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if program in (process / "cmdline").read_text().replace("\0", " "):
                fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
                spent += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return spent


def per_point(folder: Path, stream: Stream) -> float:
    """Milliseconds for each point of a scan that a shell takes."""
    ronda("shell", folder, "-c", f"loopscan({POINTS}, 0.001, diode)")
    blocks = stream.scan("last").follow("diode", start="oldest")
    times = np.concatenate([block.times for block in blocks])
    return float((times[-1] - times[0]) / (len(times) - 1) * 1e3)


def viewers(folder: Path, stream: Stream, host: str) -> None:
    """What a scan's points cost more while many look, and what of that is the price of taking bytes here."""
    found: dict[str, list[float]] = {"alone": [], "one": [], "many": [], "dumb": []}
    spent: dict[str, list[float]] = {name: [] for name in found}

    def measure(what: str) -> None:
        begun, before = time.monotonic(), processor_time(f"ronda.shell.view {folder}")
        found[what].append(per_point(folder, stream))
        spent[what].append((processor_time(f"ronda.shell.view {folder}") - before) / (time.monotonic() - begun) * 100)

    for _ in range(ROUNDS):
        measure("alone")
        with looking(f"ws://{host}/view", VIEWERS):
            measure("many")
        with looking(f"ws://{host}/view", 1):
            measure("one")
        with sending(MESSAGE) as address, looking(address, VIEWERS):
            measure("dumb")
    alone = statistics.median(found["alone"])
    for what, told in (
        ("alone", "nobody looks"),
        ("one", "one looks"),
        ("many", f"{VIEWERS} look"),
        ("dumb", f"{VIEWERS} take {MESSAGE} bytes, not from the view"),
    ):
        now = statistics.median(found[what])
        figure(f"a point while {told}", now, "ms", "-")
        figure("  that is more", (now / alone - 1) * 100, "%", "5" if what == "many" else "-")
        figure("  processor time of the view, of one core", statistics.median(spent[what]), "%", "-")


def main(what: str) -> None:
    """Print all figures, or only those of `drawing` or `viewers`."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "demo"
        shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns(".ronda", "data"))
        file = folder / "beamline.yml"
        file.write_text(re.sub(r"(?m)^  name: demo\b.*", "  name: viewbench\n  view: {}", file.read_text()))
        ronda("up", folder, "--detach")
        try:
            address = ronda("view", folder).split()[2]
            told = dict(line.removeprefix("export ").split("=", 1) for line in ronda("env", folder).splitlines())
            stream = Stream.connect(told["RONDA_REDIS_URL"])
            if what != "viewers":
                with sync_playwright() as playwright:
                    browser = playwright.chromium.launch(
                        executable_path=shutil.which("chromium"), timeout=180_000, args=["--no-sandbox"]
                    )
                    page = browser.new_page(viewport={"width": 1280, "height": 800})
                    page.goto(address, timeout=120_000)
                    drawing(page, stream)
                    delay(page, stream)
                    browser.close()
            if what != "drawing":
                viewers(folder, stream, address.removeprefix("http://").rstrip("/"))
            stream.close()
        finally:
            ronda("down", folder)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--look"]:
        look(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1:2] == ["--send"]:
        send(int(sys.argv[2]))
    else:
        main(sys.argv[1] if len(sys.argv) > 1 else "all")
