"""The console of people: long sentences go on in the next line at a blank, not in the midst of a word."""

from __future__ import annotations

import textwrap
from typing import Any

from rich.console import Console
from rich.text import Text


class WordConsole(Console):
    """What is printed with `soft_wrap` is wrapped at words in a terminal; in a file or a pipe lines stay whole.

    A word that is longer than a line, such as a path, stays whole too, so that it can be copied.
    """

    def print(self, *objects: Any, soft_wrap: bool | None = None, markup: bool | None = None, **options: Any) -> None:
        """As of any console."""
        if soft_wrap and self.is_terminal:
            plain = markup is False
            objects = tuple(self._wrapped(one) if isinstance(one, str) and plain else one for one in objects)
            soft_wrap = not any(isinstance(one, Text) and _fits(one, self.width) for one in objects)
        super().print(*objects, soft_wrap=soft_wrap, markup=markup, **options)

    def _wrapped(self, text: str) -> str:
        return "\n".join(
            textwrap.fill(line, self.width, break_long_words=False, break_on_hyphens=False)
            if len(line) > self.width
            else line
            for line in text.split("\n")
        )


def _fits(text: Text, width: int) -> bool:
    """Whether each word fits into a line."""
    return all(len(word) <= width for word in text.plain.split())
