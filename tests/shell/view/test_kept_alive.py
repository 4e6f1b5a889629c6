"""The live view as the host agent serves it: begun after all else, started again, ended with the beamline."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx


def test_the_page_is_there_dies_comes_back_and_goes(
    ronda: Any, bring_up: Callable[[Path], Any], tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    folder = tmp_path / "viewed"
    folder.mkdir()
    (folder / "beamline.yml").write_text("version: 1\nbeamline: {name: viewed, view: {token: true}}\n")
    beamline = bring_up(folder)

    def process() -> dict[str, Any]:
        return dict(beamline.servers()["view"])

    def runs() -> bool:
        return process()["state"] == "RUNNING"

    wait_for(runs, 150, "the live view runs")
    look, operate = (line.split()[-1] for line in ronda("view", folder).stdout.splitlines())
    assert look.split("#")[0] == operate.split("#")[0]
    assert len({look, operate}) == 2  # each with its token
    assert "<title>" in httpx.get(look, timeout=60).text
    first = process()["pid"]
    os.kill(first, signal.SIGKILL)

    def again() -> bool:
        now = process()  # read once: state and number belong together
        return now["state"] == "RUNNING" and now["pid"] not in (0, first)

    wait_for(again, 150, "it runs again")
    assert process()["restarts"] >= 1
    assert httpx.get(look, timeout=60).status_code == 200
    assert "view" in beamline.marked()
    ronda("down", folder)
    assert beamline.marked() == []
