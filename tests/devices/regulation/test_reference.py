"""The reference page names all attributes and commands, each in the section of its class."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from ronda.framework.tango import regulation as names

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "regulation.md").read_text()


def section(title: str) -> set[str]:
    """The first cells of the tables of a section."""
    text = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("RegulationController", [*names.RegulationControllerAttribute, *names.RegulationControllerCommand]),
        ("Input", [*names.InputAttribute, *names.InputCommand]),
        ("Output", [*names.OutputAttribute, *names.OutputCommand]),
        ("Loop and SoftLoop", [*names.LoopAttribute, *names.LoopCommand]),
        ("SoftLoop has also", [*names.SoftLoopAttribute, *names.SoftLoopCommand]),
    ],
)
def test_the_page_has_each_name_and_no_other(title: str, expected: Iterable[str]) -> None:
    assert section(title) == {str(name) for name in expected}
