"""What a person sees of scans: where they are saved."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from ronda.framework.scan.saving import SavedFile
from ronda.shell.displays.watch import Watch


@pytest.mark.parametrize(
    ("file", "saved", "told"),
    [
        (SavedFile("/d/1.h5", closed=True), True, "scan 1 saved: /d/1.h5\n"),
        (SavedFile("/d/1.h5", coming=("sharp",)), True, "scan 1 saved: /d/1.h5 (results of sharp still come)\n"),
        (SavedFile("/d/1.h5", error="disk full", coming=("sharp",)), False, "scan 1 is not saved yet: disk full\n"),
    ],
)
def test_nobody_waits_for_results_when_what_was_measured_is_saved(file: SavedFile, saved: bool, told: str) -> None:
    asked: list[Any] = []

    def wait_for_file(_: float, *, results: bool) -> SavedFile:
        asked.append(results)
        return file

    out = io.StringIO()
    watch = Watch(Console(file=out, width=200))
    watch._not_named = [SimpleNamespace(number=1, wait_for_file=wait_for_file)]  # type: ignore[list-item]
    assert watch.name_files() is saved
    assert out.getvalue() == told
    assert asked == [False]


def test_what_a_pipeline_does_not_compute_is_told_once() -> None:
    out = io.StringIO()
    watch = Watch(Console(file=out, width=200))

    def scan(number: int, *without: str) -> Any:
        plan = SimpleNamespace(axes=(), points=1, choice=None)
        told = {"number": number, "title": "ct", "without": list(without), "plan": plan, "units": {"i0": ""}}
        return SimpleNamespace(**told, subscans=(), stream=None)

    away = "beam computes nothing: connecting"
    for number, without in enumerate([(), (away,), (away,), (), (away,)]):
        watch.on_prepared(scan(number, *without))
    told = [line for line in out.getvalue().splitlines() if "computes nothing" in line]
    assert told == [f"scan {number}: {away}" for number in (1, 4)]
