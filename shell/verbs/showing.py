"""Showing on the page of the live view what somebody at the prompt wants to be looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue, RondaError
from ronda.framework.plain import plain
from ronda.shell.prompt.user import user_name
from ronda.shell.view.messages import encode

if TYPE_CHECKING:
    from ronda.framework.stream.board import Board

OF_BROWSERS = frozenset({"float64", "float32", "int32", "uint32", "int16", "uint16", "int8", "uint8"})
"""Types of numbers that a page has arrays of."""


class OnPage:
    """What prompts have shown on pages. It goes by the stream, so that each page has it, and a later one too.

    Args:
        board: where it is put.
        page: address of the live view as people are told it; empty if nobody knows one.
    """

    def __init__(self, board: Callable[[], Board], page: str = "") -> None:
        self._board = board
        self._page = page

    def scan(self, identifier: str, counters: Sequence[str], axis: str) -> str:
        """Have a scan shown.

        Args:
            identifier: of the scan.
            counters: which of its counters; empty for those that it has shown.
            axis: over which; empty for its own.

        Returns:
            a sentence for whoever asked; empty if there is nothing to say.
        """
        return self._put("plot", {"scan": identifier, "counters": list(counters), "axis": axis})

    def selection(self, counters: Sequence[str]) -> str:
        """Have these counters shown of each scan that has them; returns as `scan`."""
        return self._put("selection", {"counters": list(counters)})

    def drawing(self, arrays: Sequence[tuple[str, npt.NDArray[Any]]]) -> str:
        """Have arrays drawn; returns as `scan`.

        Args:
            arrays: names and numbers: one image of shape (rows, columns), or positions and curves of shape (n,).
        """
        fit = [(name, each if each.dtype.name in OF_BROWSERS else each.astype(np.float64)) for name, each in arrays]
        return self._put("drawing", {"user": user_name(), "time": time.time()}, fit)

    def _put(self, kind: str, told: dict[str, Any], arrays: Sequence[tuple[str, npt.NDArray[Any]]] = ()) -> str:
        try:
            self._board().put(kind, encode({"type": kind, **told}, arrays))
        except RondaError as error:
            return f"not on the page: {error}" if self._page else ""
        return f"on the page {self._page}" if self._page else ""


def numbers(given: Sequence[Any]) -> list[tuple[str, npt.NDArray[Any]]]:
    """What somebody wants to be drawn who gives arrays: an image, a curve, or positions and curves over them.

    Returns:
        names and numbers as `OnPage.drawing` takes them; the first of several is the positions.

    Raises:
        BadValue: they are none, or do not fit together.
    """
    try:
        arrays = [np.asarray(one) for one in given]
    except ValueError as error:
        raise BadValue(f"plot: takes arrays of numbers, not {plain(repr(given))[:80]}") from error
    for one in arrays:
        if one.dtype.kind not in "biuf" or not one.size or one.ndim not in (1, 2):
            raise BadValue(
                f"plot: takes numbers of shape (n,) or (rows, columns), not {one.dtype.name} of shape {one.shape}"
            )
    first = arrays[0]
    if first.ndim == 2:
        if len(arrays) > 1:
            raise BadValue(f"plot: takes one image, not one and {len(arrays) - 1} arrays more")
        return [("image", first)]
    if any(one.shape != first.shape for one in arrays):
        raise BadValue(
            f"plot: positions and values must be of one length, not {', '.join(str(a.shape) for a in arrays)}"
        )
    if len(arrays) == 1:
        return [("index", np.arange(len(first))), ("values", first)]
    names = ["values"] if len(arrays) == 2 else [f"values {n}" for n in range(1, len(arrays))]
    return list(zip(["positions", *names], arrays, strict=True))
