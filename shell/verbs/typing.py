"""What a person likes at the prompt, and what was typed and printed there: helper, keys, theme, history, log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO, cast

from rich.console import Console

from ronda.framework.errors import BadValue
from ronda.framework.plain import ESCAPES
from ronda.shell.prompt.preferences import Preferences, load_preferences, save_preferences


class Log:
    """Standard output that is written into a file as well, without the terminal's escapes.

    Args:
        output: where it goes besides.
        file: opened for appending.
    """

    def __init__(self, output: TextIO, file: TextIO) -> None:
        self.output = output
        self.file = file

    def write(self, text: str) -> int:
        """Write to both."""
        self.file.write(ESCAPES.sub("", text))
        self.file.flush()
        return self.output.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.output, name)


class TypingCommands:
    """The commands about the prompt itself.

    Args:
        console: where they print.
        environment: says where preferences are kept.

    Attributes:
        preferences: what the person likes.
        earlier: the commands typed so far.
    """

    def __init__(self, console: Console, environment: Mapping[str, str]) -> None:
        state = environment.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
        self._file = Path(state) / "ronda" / "prompt.json"
        self._console = console
        self._log: Log | None = None
        self.preferences = load_preferences(self._file, environment)
        self.earlier: Callable[[], list[str]] = list
        self._apply()

    def commands(self) -> list[Callable[..., Any]]:
        """All that people can type."""
        return [self.typing_helper, self.edit_keys, self.theme, self.log_stdout]

    def typing_helper(self, on: bool | None = None) -> None:
        """Whether `mv samx 3` becomes `mv(samx, 3)`: typing_helper(False) switches that off, typing_helper(True) on."""
        self._choose("typing_helper", on)

    def edit_keys(self, keys: str = "") -> None:
        """How lines are edited: edit_keys("vi") or edit_keys("emacs")."""
        self._choose("keys", keys or None)

    def theme(self, name: str = "") -> None:
        """Colours for a "dark" or "light" terminal, or "none": theme("light")."""
        self._choose("theme", name or None)

    def typed(self, pattern: str = "", last: int = 30) -> None:
        """Show the commands typed before that have a text, the last of them."""
        found = [text for text in self.earlier() if pattern in text][-last:]
        self._print(
            "\n".join(found) or ("nothing typed so far has that text" if pattern else "nothing was typed so far")
        )

    def log_stdout(self, file: str = "") -> None:
        """Write what is printed into a file as well: log_stdout("today.log"); log_stdout() ends it."""
        if self._log is not None:
            self._print(f"log ends: {self._log.file.name}")
            if sys.stdout is cast("Any", self._log):
                sys.stdout = self._log.output
            self._log.file.close()
            self._log = None
        elif not file:
            self._print("nothing is logged; log_stdout('today.log') begins")
        if file:
            try:
                opened = Path(file).expanduser().resolve().open("a", encoding="utf-8")
            except OSError as error:
                raise BadValue(f"log_stdout: {file} cannot be written: {error.strerror}") from error
            self._log = Log(sys.stdout, opened)
            sys.stdout = cast("TextIO", self._log)
            self._print(f"what is printed goes into {opened.name} as well")

    def keep(self) -> None:
        """Keep the preferences for the next time."""
        save_preferences(self._file, self.preferences)

    def _choose(self, what: str, value: object) -> None:
        if value is not None:
            Preferences(**{**vars(self.preferences), what: value})
            setattr(self.preferences, what, value)
            self.keep()
            self._apply()
        shown = getattr(self.preferences, what)
        self._print(f"{what}: {('on' if shown else 'off') if isinstance(shown, bool) else shown}")

    def _apply(self) -> None:
        self._console.no_color = self.preferences.theme == "none"

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
