"""Tables of plain text: columns as wide as they must be, in as many blocks as the terminal's width asks for."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

GAP = "  "

WHOLE = 1e12
"""Whole numbers below this are shown with all their digits."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: what stands above it.
        cells: its texts, from top to bottom.
    """

    title: str
    cells: Sequence[str]

    @property
    def width(self) -> int:
        """Characters that it needs."""
        return max(len(self.title), *map(len, self.cells)) if self.cells else len(self.title)


def table(labels: Column, columns: Sequence[Column], width: int) -> str:
    """A table aligned to the right, whose first column stands in each block.

    Args:
        labels: the first column, aligned to the left.
        columns: the others.
        width: characters of a line.
    """
    blocks: list[list[Column]] = [[]]
    taken = labels.width
    for column in columns:
        needed = len(GAP) + column.width
        if blocks[-1] and taken + needed > width:
            blocks.append([])
            taken = labels.width
        blocks[-1].append(column)
        taken += needed
    return "\n\n".join(_block(labels, block) for block in blocks)


def number_text(value: float, digits: int | None = None) -> str:
    """A number for people.

    Args:
        value: the number.
        digits: decimals; None shows whole numbers as such and others with six significant digits.
    """
    if digits is None:
        return f"{value:.0f}" if value == round(value, 0) and abs(value) < WHOLE else f"{value:.6g}"
    return f"{value:.{digits}f}"


def aligned(texts: Sequence[str]) -> list[str]:
    """Numbers as texts of equal width, one decimal point below the other; those without one end where it would be."""
    parts = [text.partition(".") for text in texts]
    before = max((len(whole) for whole, _, _ in parts), default=0)
    after = max((len(point) + len(rest) for _, point, rest in parts), default=0)
    return [f"{whole:>{before}}{point + rest:<{after}}" for whole, point, rest in parts]


def folded(text: str, width: int) -> str:
    """Lines that are too long in several: what follows stands below the text of the first one, right of its name.

    Args:
        text: lines, in which two blanks or more part a name from what is said about it.
        width: characters of a line.
    """
    return "\n".join(_folded(line, width) for line in text.split("\n"))


def _folded(line: str, width: int) -> str:
    if len(line) <= width:
        return line
    name = re.match(r" *\S+(?: \S+)* {2,}", line)
    begin = len(name[0]) if name else len(line) - len(line.lstrip(" "))
    indent = " " * (begin if begin <= width // 2 else 0)
    return textwrap.fill(line, width, subsequent_indent=indent, break_on_hyphens=False)


def _block(labels: Column, columns: Sequence[Column]) -> str:
    rows = [
        [labels.title.ljust(labels.width), *(column.title.rjust(column.width) for column in columns)],
        ["-" * labels.width, *("-" * column.width for column in columns)],
    ]
    for index, label in enumerate(labels.cells):
        rows.append([label.ljust(labels.width), *(column.cells[index].rjust(column.width) for column in columns)])
    return "\n".join(GAP.join(row).rstrip() for row in rows)
