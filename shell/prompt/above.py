"""What is printed while somebody types appears above the line that is being typed, which stays as it is.

prompt_toolkit's `patch_stdout` prints from a thread, which cannot take turns with greenlets; this prints within the
prompt's own event loop, ten times a second at most, however much there is.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from prompt_toolkit import Application
from prompt_toolkit.application import get_app_or_none

PERIOD = 0.1
"""Seconds between two times that the line being typed is drawn again because of output."""


class Above:
    """Collects what is printed while a prompt waits, and prints it above."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._scheduled = False
        self._printed = 0.0

    def take(self, text: str, application: Application[Any]) -> None:
        """Print a text above the line that is typed, in a moment."""
        self._texts.append(text)
        loop = application.loop
        if not self._scheduled and "\n" in text and loop is not None:
            self._scheduled = True
            wait = max(self._printed + PERIOD - time.monotonic(), 0.0)
            loop.call_soon_threadsafe(lambda: loop.call_later(wait, self._print))

    def rest(self) -> str:
        """What nobody has printed yet, to be printed where there is no prompt."""
        texts, self._texts, self._scheduled = self._texts, [], False
        return "".join(texts)

    def _print(self) -> None:
        application = typing_here()
        if application is None:  # it comes with what is printed next
            self._scheduled = False
            return
        whole, end, begun = self.rest().rpartition("\n")
        self._texts = [begun] if begun else []
        self._printed = time.monotonic()
        application.renderer.erase(leave_alternate_screen=False)
        application.output.write_raw(whole + end)
        application.output.flush()
        application._request_absolute_cursor_position()  # noqa: SLF001 - as prompt_toolkit's own run_in_terminal does
        application._redraw()  # noqa: SLF001


class Proxy:
    """Stands for a stream of the terminal.

    Args:
        stream: the stream.
        above: takes what is printed while a prompt waits.
    """

    def __init__(self, stream: TextIO, above: Above) -> None:
        self._stream = stream
        self._above = above

    def write(self, text: str) -> int:
        """Print, above the line that is typed if one is."""
        application = typing_here()
        if application is not None:
            self._above.take(text, application)
        else:
            self._stream.write(self._above.rest() + text)
        return len(text)

    def writelines(self, texts: Iterator[str]) -> None:
        """Print several."""
        for text in texts:
            self.write(text)

    def flush(self) -> None:
        """See that all is printed that can be printed now."""
        if typing_here() is None:
            self._stream.write(self._above.rest())
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def typing_here() -> Application[Any] | None:
    """The prompt that waits for keys now, if one does."""
    application = get_app_or_none()
    return application if application is not None and application.is_running and not application.is_done else None


@contextmanager
def printing_above() -> Iterator[None]:
    """While this lasts, what is printed to the terminal leaves the line alone that is typed."""
    above = Above()
    before = sys.stdout, sys.stderr
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream.isatty():
            setattr(sys, name, cast("TextIO", Proxy(stream, above)))
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stdout, sys.stderr = before
