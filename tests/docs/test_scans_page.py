"""The examples on the page of scans run at the prompt of the demo, and there is one for each scan."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def home(demo):
    """Afterwards the axes stand where they stood, and no chain is left."""
    energy = demo.device("energy").Position
    yield
    back = f"mv(samx, 0, samy, 0, samz, 0, rot, 0, pitch2, 0, energy, {energy}); MG1.revert()"
    demo.ronda("shell", demo.folder, "-c", back)


def lines_of(page: str, section: str = "") -> str:
    """What is to be typed in a section of a page, or in all of it."""
    text = (DOCS / page).read_text()
    part = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0] if section else text
    typed = "".join(BLOCK.findall(part))
    assert typed
    return typed


def test_there_is_an_example_for_each_scan() -> None:
    text = (DOCS / "reference" / "scans.md").read_text()
    table = text.partition("\n## The scans\n")[2].partition("\n## ")[0]
    named = {
        name for row in table.splitlines() if row.startswith("| `") for name in re.findall(r"`(\w+)", row.split("|")[1])
    }
    named |= {"rockit", "a4scan", "d3scan", "d4scan"}
    typed = lines_of("reference/scans.md", "The scans") + lines_of("how-to/let-a-scan-choose-its-points.md")
    shown = set(re.findall(r"(\w+)\(", typed))
    assert len(named) > 25
    assert named - {"with"} <= shown


@pytest.mark.timeout(400)
def test_the_example_of_each_scan_runs(demo, home) -> None:
    typed = lines_of("reference/scans.md", "The scans")
    typed += f"{lines_of('how-to/map-fluorescence.md').splitlines()[0]}\n"  # the coarse map
    done = demo.ronda("shell", demo.folder, "-c", typed, timeout=300)

    scans = [
        line
        for line in typed.splitlines()
        if "scan" in line or re.match(r"sct|fulltomo|ftrajectory|\w+mesh|\w*spiral|lineup", line)
    ]
    assert len(re.findall(r"^scan \d+ saved: ", done.stdout, re.MULTILINE)) == len(scans)
    assert "peak is at samy" in done.stdout


@pytest.mark.timeout(400)
def test_parts_of_the_chain_are_replaced_as_the_pages_say(demo, home) -> None:
    typed = lines_of("reference/scans.md", "The chain")
    for section in (
        "Slow devices, and others that are measured otherwise",
        "Slow devices at a rate of their own",
        "What a group measures otherwise",
    ):
        typed += lines_of("how-to/choose-what-is-measured.md", section)
    done = demo.ronda("shell", demo.folder, "-c", typed, timeout=300)

    assert len(re.findall(r"^scan \d+ saved: ", done.stdout, re.MULTILINE)) == 7
    assert " nan " in done.stdout
    assert "beside it, each 0.5 s, as " in done.stdout
    assert "elapsed_time_2 [s]" in done.stdout  # the plot
