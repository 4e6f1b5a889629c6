"""Reading a command in a terminal: several lines if need be, with the history of earlier ones."""

from __future__ import annotations

import ast
import codeop
import os
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input.typeahead import store_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPress, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.styles import BaseStyle, Style, merge_styles, style_from_pygments_cls

from ronda.shell.prompt.completion import NameCompleter
from ronda.shell.prompt.namespace import Namespace
from ronda.shell.prompt.preferences import CODE_COLOURS, THEMES, Preferences
from ronda.shell.prompt.toolbar import Fragments, help_line
from ronda.shell.prompt.typed import as_call

INDENT = "    "

REMEMBERED = 2000
"""Commands typed before that the arrow keys, Ctrl-R and the grey suggestions know."""


class Reader:
    """Reads commands.

    Args:
        name: what stands in front of each command.
        history: file of the earlier commands; None keeps them in memory only.
        names: what is known at the prompt.
        preferences: what the person likes; looked at before each command.
        state: the state of the beamline, for the line at the bottom.

    Attributes:
        typed: called at each change of the line that is typed.
    """

    def __init__(
        self,
        name: str,
        history: Path | None,
        names: Namespace,
        preferences: Preferences,
        state: Callable[[int], Fragments] = lambda _: [],
    ) -> None:
        self._name = name
        self._count = 0
        self._names = names
        self._preferences = preferences
        self._state = state
        self._pasted = False
        self.typed: Callable[[], None] = lambda: None
        self._session: PromptSession[str] = PromptSession(
            multiline=True,
            key_bindings=self._keys(),
            history=open_history(history),
            auto_suggest=AutoSuggestFromHistory(),
            completer=NameCompleter(names),
            complete_while_typing=Condition(lambda: not self._pasted),
            lexer=_lexer(),
            bottom_toolbar=self._toolbar,
            prompt_continuation=lambda width, _, __: "... ".rjust(width),
            reserve_space_for_menu=6,
        )
        self._session.default_buffer.on_text_changed += lambda _: self.typed()

    def read(self) -> str:
        """The next command.

        Raises:
            EOFError: there is none (Ctrl-D).
            KeyboardInterrupt: of Ctrl-C; what was typed is dropped.
        """
        session, likes = self._session, self._preferences
        self._pasted = False
        session.style = _style(likes.theme)
        session.color_depth = ColorDepth.DEPTH_1_BIT if likes.theme == "none" else None
        session.editing_mode = EditingMode.VI if likes.keys == "vi" else EditingMode.EMACS
        text = session.prompt([("class:prompt", f"{self._name} [{self._count + 1}]: ")])
        self._count += bool(text.strip())
        return text

    def keep(self, typed: list[KeyPress]) -> None:
        """Take what was typed before the next prompt."""
        store_typeahead(self._session.app.input, typed)

    def redraw(self) -> None:
        """Show the lines at the bottom again, for the state of the beamline has changed."""
        self._session.app.invalidate()

    def earlier(self) -> list[str]:
        """The commands typed before, the newest last."""
        return list(self._session.history.get_strings())

    def called(self, text: str) -> str:
        """What a typed text means: with the typing helper, what `as_call` makes of it, unless it was pasted."""
        if self._pasted or not self._preferences.typing_helper:
            return text
        return as_call(text, self._names, self._names.is_called)

    def _toolbar(self) -> Any:
        application = self._session.app
        width = application.output.get_size().columns
        helped = self._preferences.typing_helper and not self._pasted
        typed = self._session.default_buffer.document.text_before_cursor
        line = help_line(typed, self._names, self._names.is_called if helped else lambda _: False, width)
        state = self._state(width)
        return [*line, ("", "\n"), *state] if state else line

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("enter")
        def _(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            if buffer.complete_state and buffer.complete_state.current_completion:
                buffer.complete_state = None  # it is taken; Enter once more runs the command
                return
            text = self.called(buffer.text)
            if not buffer.document.text_after_cursor.strip() and is_complete(text):
                self._run(event)
                return
            document = buffer.document
            if not document.text_after_cursor.strip() and not self._pasted:
                self._replace(event, self.called(document.text_before_cursor) + document.text_after_cursor)
            buffer.insert_text("\n" + indentation(buffer.document.current_line_before_cursor))

        @keys.add("escape", "enter")
        def _(event: KeyPressEvent) -> None:
            self._run(event)

        @keys.add(Keys.BracketedPaste)
        def _(event: KeyPressEvent) -> None:
            pasted = event.data.replace("\r\n", "\n").replace("\r", "\n")
            if any(map(str.isspace, pasted.strip())):  # a number or a name is pasted into what one types
                self._pasted = True
            event.current_buffer.insert_text(pasted)

        return keys

    def _run(self, event: KeyPressEvent) -> None:
        self._replace(event, self.called(event.current_buffer.text))
        event.current_buffer.validate_and_handle()

    @staticmethod
    def _replace(event: KeyPressEvent, text: str) -> None:
        """Show the call in place of what was typed."""
        buffer = event.current_buffer
        if text != buffer.text:
            buffer.save_to_undo_stack()
            buffer.document = Document(text, len(text))


class BoundedHistory(FileHistory):
    """The commands typed before; the file keeps all of them, memory the latest `REMEMBERED`."""

    def load_history_strings(self) -> Iterable[str]:
        """The newest first."""
        return islice(super().load_history_strings(), REMEMBERED)

    def append_string(self, string: str) -> None:
        """Remember one more."""
        super().append_string(string)
        del self._loaded_strings[REMEMBERED:]


def history_file(beamline: str, environment: Mapping[str, str]) -> Path:
    """Where the commands typed at a beamline are kept: a file of each user."""
    state = environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111 no error without home
    return Path(state) / "ronda" / f"history-{beamline}"


def is_complete(text: str) -> bool:
    """Whether Enter at the end of this text runs it; a block that was begun ends with an empty line."""
    if not text.strip() or text.lstrip().startswith(("?", "!")) or text.rstrip().endswith("?"):
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


def _lexer() -> PygmentsLexer:
    from pygments.lexers.python import PythonLexer  # type: ignore[import-untyped]

    return PygmentsLexer(PythonLexer)


def _style(theme: str) -> BaseStyle:
    own = Style.from_dict(THEMES[theme])
    if theme not in CODE_COLOURS:
        return own
    from pygments.styles import get_style_by_name  # type: ignore[import-untyped]

    return merge_styles([style_from_pygments_cls(get_style_by_name(CODE_COLOURS[theme])), own])


def open_history(file: Path | None) -> History:
    """The history in a file of its owner; in memory if the file cannot be written, or is None."""
    if file is None:
        return InMemoryHistory()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError:  # a home that cannot be written is no reason not to work
        return InMemoryHistory()
    return BoundedHistory(file)
