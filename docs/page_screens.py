"""Makes the pictures of the live view in `docs/how-to/watch-from-a-browser.md`: `python docs/page_screens.py`.

It brings up a copy of the demo with a page in a folder of its own, takes two scans, and photographs the page with
Chromium (Debian's package `chromium`). `python docs/page_screens.py --at http://…/` photographs a page that is there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
SCREENS = {
    "page": (1280, 800, "light"),
    "page-dark": (1280, 800, "dark"),
    "page-telephone": (390, 844, "light"),
    "page-wall": (3840, 2160, "dark"),
}
"""Width, height and colours of each picture."""


def ronda(*arguments: object) -> str:
    """Run `ronda …`; returns its output."""
    return subprocess.run(["ronda", *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S607 - as a user would


def photograph(address: str, target: Path) -> None:
    """Write all pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            timeout=180_000,
            args=["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        for name, (width, height, scheme) in SCREENS.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
            page.set_default_timeout(120_000)
            page.goto(address)
            page.wait_for_selector(".plot[data-points]")
            page.wait_for_selector(".picture polyline[points*=',']", state="attached")
            page.screenshot(path=target / f"{name}.png")
            page.close()
        browser.close()


def main() -> None:
    """Bring up, take scans, photograph."""
    target = HERE / "screens"
    if sys.argv[1:2] == ["--at"]:
        photograph(sys.argv[2], target)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "demo"
        shutil.copytree(HERE.parent / "config" / "demo", folder, ignore=shutil.ignore_patterns(".ronda", "data"))
        file = folder / "beamline.yml"
        file.write_text(re.sub(r"(?m)^  name: demo\b.*", "  name: demo\n  view: {}", file.read_text()))
        ronda("up", folder, "--detach")
        try:
            ronda("shell", folder, "-c", "dscan(samx, -1, 1, 30, 0.01, diode); dscan(samy, -0.5, 0.8, 60, 0.02, diode)")
            photograph(ronda("view", folder).split()[2], target)
        finally:
            ronda("down", folder)


if __name__ == "__main__":
    main()
