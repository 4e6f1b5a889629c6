"""Reading a command in a terminal: several lines if need be, with the history of earlier ones."""

from __future__ import annotations

import ast
import codeop
import os
from collections.abc import Mapping
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

INDENT = "    "


class Reader:
    """Reads commands.

    Args:
        name: what stands in front of each command.
        history: file of the earlier commands; None keeps them in memory only.
    """

    def __init__(self, name: str, history: Path | None) -> None:
        self._name = name
        self._count = 0
        self._session: PromptSession[str] = PromptSession(
            multiline=True,
            key_bindings=_keys(),
            history=open_history(history),
            auto_suggest=AutoSuggestFromHistory(),
            prompt_continuation=lambda width, _, __: "... ".rjust(width),
        )

    def read(self) -> str:
        """The next command.

        Raises:
            EOFError: there is none (Ctrl-D).
            KeyboardInterrupt: of Ctrl-C; what was typed is dropped.
        """
        text = self._session.prompt(f"{self._name} [{self._count + 1}]: ")
        self._count += bool(text.strip())
        return text


def history_file(beamline: str, environment: Mapping[str, str]) -> Path:
    """Where the commands typed at a beamline are kept: a file of each user."""
    state = environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111 no error without home
    return Path(state) / "ronda" / f"history-{beamline}"


def is_complete(text: str) -> bool:
    """Whether Enter at the end of this text runs it; a block that was begun ends with an empty line."""
    if not text.strip():
        return True
    try:
        if codeop.compile_command(text, symbol="exec") is None:
            return False
    except (SyntaxError, ValueError, OverflowError):
        return True  # more lines will not make it right: it is told when it runs
    statements = ast.parse(text).body
    block = bool(statements) and hasattr(statements[-1], "body") and statements[-1].end_lineno != statements[-1].lineno
    return not block or not text.rstrip(" \t").rpartition("\n")[2]


def indentation(line: str) -> str:
    """With what the line after this one begins."""
    begin = line[: len(line) - len(line.lstrip())]
    return begin + INDENT if line.rstrip().endswith(":") else begin


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if not buffer.document.text_after_cursor.strip() and is_complete(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n" + indentation(buffer.document.current_line_before_cursor))

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return keys


def open_history(file: Path | None) -> History:
    """The history in a file of its owner; in memory if the file cannot be written, or is None."""
    if file is None:
        return InMemoryHistory()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError:  # a home that cannot be written is no reason not to work
        return InMemoryHistory()
    return FileHistory(file)
