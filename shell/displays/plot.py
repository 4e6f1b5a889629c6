"""A quick plot of characters: a curve of dots, or shades over an area."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.scan.analysis.points import Column
from ronda.shell.displays.columns import number_text

Array = npt.NDArray[np.float64]

BRAILLE = 0x2800
"""First of the characters with two by four dots."""

DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""The bit of each dot in such a character, by row and column."""

SHADES = "·░▒▓█"
ASCII_SHADES = ".:+*#"
"""From the lowest to the highest value; a blank is where nothing was measured."""


def curve_plot(
    x: Column, y: Column, width: int, height: int, *, plain: bool = False, ends: tuple[float, float] | None = None
) -> str:
    """A curve, its points joined in the order in which they were measured.

    Args:
        x, y: positions and values of equal length; points that are no numbers are left out, and break the line.
        width, height: characters of the whole, labels and all.
        plain: whether the terminal has no characters but ASCII.
        ends: lowest and highest position of the plot; None for those of the points.
    """
    good = np.isfinite(x.values) & np.isfinite(y.values)
    if not good.any():
        return f"{y.name} has no points yet"
    (left, right), (low, high) = ends or _range(x.values[good]), _range(y.values[good])
    marks, columns, rows = _frame(low, high, width, height)
    across, down = (1, 1) if plain else (2, 4)
    dots = np.zeros((rows * down, columns * across), bool)
    column = _scaled(x.values, left, right, dots.shape[1])
    row = dots.shape[0] - 1 - _scaled(y.values, low, high, dots.shape[0])
    for number in range(len(good)):
        if good[number]:
            _join(dots, column, row, number - 1 if number and good[number - 1] else number, number)
    lines = _plain(dots) if plain else _braille(dots)
    return _framed(y.title, lines, marks, x, (left, right))


def area_plot(x: Column, y: Column, z: Column, width: int, height: int, *, plain: bool = False) -> str:
    """Shades over an area: in each cell the mean of the points that lie there.

    Args:
        x, y, z: positions across and upwards, and values, of equal length.
        width, height: characters of the whole, labels and all.
        plain: whether the terminal has no characters but ASCII.
    """
    good = np.isfinite(x.values) & np.isfinite(y.values) & np.isfinite(z.values)
    if not good.any():
        return f"{z.name} has no points yet"
    (left, right), (bottom, top) = _range(x.values[good]), _range(y.values[good])
    marks, columns, rows = _frame(bottom, top, width, height)
    # a lattice that is coarser than the characters has no empty columns or rows
    columns = min(columns, 1 + int(x.places()[good].max()))
    rows = min(rows, 1 + int(y.places()[good].max()))
    column = _scaled(x.values[good], left, right, columns)
    row = rows - 1 - _scaled(y.values[good], bottom, top, rows)
    total, count = np.zeros((rows, columns)), np.zeros((rows, columns))
    np.add.at(total, (row, column), z.values[good])
    np.add.at(count, (row, column), 1)
    low, high = _range(z.values[good])
    shades = ASCII_SHADES if plain else SHADES
    mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    shade = _scaled(mean, low, high, len(shades))
    wide = max(1, min(3, (width - len(marks[0]) - 2) // columns))  # a character is higher than wide
    lines = ["".join((shades[shade[r, c]] if count[r, c] else " ") * wide for c in range(columns)) for r in range(rows)]
    title = f"{z.title}: {shades[0]} {number_text(low)} to {shades[-1]} {number_text(high)}; upwards {y.title}"
    return _framed(title, lines, marks, x, (left, right))


def _range(values: Array) -> tuple[float, float]:
    """Lowest and highest, with some room if they are the same."""
    low, high = float(values.min()), float(values.max())
    room = 0.0 if high > low else abs(low) * 0.05 or 0.5
    return low - room, high + room


def _frame(low: float, high: float, width: int, height: int) -> tuple[tuple[str, str], int, int]:
    """The marks beside the upright line, and columns and rows that are left."""
    marks = number_text(high), number_text(low)
    return marks, max(width - max(map(len, marks)) - 2, 10), max(height - 3, 4)


def _scaled(values: Array, low: float, high: float, size: int) -> npt.NDArray[np.int64]:
    part = np.nan_to_num((values - low) / (high - low))
    return np.clip(np.rint(part * (size - 1)), 0, size - 1).astype(np.int64)


def _join(dots: npt.NDArray[np.bool_], column: Any, row: Any, begin: int, end: int) -> None:
    steps = int(max(abs(column[end] - column[begin]), abs(row[end] - row[begin]), 1)) + 1
    dots[
        np.rint(np.linspace(row[begin], row[end], steps)).astype(int),
        np.rint(np.linspace(column[begin], column[end], steps)).astype(int),
    ] = True


def _braille(dots: npt.NDArray[np.bool_]) -> list[str]:
    rows, columns = dots.shape[0] // 4, dots.shape[1] // 2
    codes = (dots.reshape(rows, 4, columns, 2) * DOTS[:, None, :]).sum(axis=(1, 3))
    return ["".join(chr(BRAILLE + code) if code else " " for code in line) for line in codes]


def _plain(dots: npt.NDArray[np.bool_]) -> list[str]:
    return ["".join("*" if dot else " " for dot in line) for line in dots]


def _framed(title: str, lines: list[str], marks: tuple[str, str], x: Column, ends: tuple[float, float]) -> str:
    label = max(map(len, marks))
    beside = [marks[0], *[""] * (len(lines) - 2), marks[1]] if len(lines) > 1 else [marks[0]]
    drawn = [f"{mark:>{label}} |{line}".rstrip() for mark, line in zip(beside, lines, strict=True)]
    wide = max(map(len, lines))
    left, right = number_text(ends[0]), number_text(ends[1])
    middle = x.title.center(max(wide - len(left) - len(right), len(x.title) + 2))
    return "\n".join([title, *drawn, " " * label + " +" + "-" * wide, " " * (label + 2) + left + middle + right])
