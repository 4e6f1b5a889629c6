"""Asking the person at the prompt: yes or no, or a value, from a command or a script."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console

from ronda.framework.errors import BadValue, NotReady

ANSWERS = {"y": True, "yes": True, "n": False, "no": False}

KINDS = {float: "a number", int: "a whole number", str: "a text"}
"""What can be asked for, in words."""


class AskingCommands:
    """The commands that wait for an answer.

    Args:
        console: where they print.
        read: shows a question and returns what is typed; None for the terminal. It raises KeyboardInterrupt at Ctrl-C.
        lent: makes a `with` block in which nobody else reads the terminal.
    """

    def __init__(
        self,
        console: Console,
        read: Callable[[str, Sequence[str]], str] | None = None,
        lent: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._console = console
        self._lent = lent
        self._read = read or read_line

    def commands(self) -> list[Callable[..., Any]]:
        """All that people can type."""
        return [self.yesno, self.getval]

    def yesno(self, question: str, default: bool | None = None) -> bool:
        """Ask a question that is answered by yes or no: yesno("open the shutter?"), yesno("again?", True).

        Without a default, Enter alone is no answer.
        """
        choice = {None: "y/n", True: "Y/n", False: "y/N"}.get(default)
        if choice is None:
            raise BadValue(f"yesno: the default is True or False, not {default!r}")
        while True:
            typed = self._ask("yesno", question, f"[{choice}]").lower()
            if not typed and default is not None:
                return default
            if typed in ANSWERS:
                return ANSWERS[typed]
            self._say("answer yes or no, or y or n")

    def getval(
        self,
        question: str,
        default: Any = None,
        low: float | None = None,
        high: float | None = None,
        *,
        kind: type | None = None,
        choices: Sequence[Any] = (),
        unit: str = "",
    ) -> Any:
        """Ask for a value: getval("exposure?", 0.1, 0.001, 10, unit="s"), getval("mirror?", choices=("Si", "Rh")).

        Args:
            question: what is shown.
            default: what Enter alone means; without it, it is no answer.
            low, high: smallest and largest number.
            kind: float, int or str; else that of the default or of the choices, else float.
            choices: the only answers.
            unit: of the number, shown.
        """
        kind = _kind(kind, default, choices)
        allowed = _allowed(kind, low, high, choices, unit)
        shown = f"({allowed})" + ("" if default is None else f" [{default}{unit and f' {unit}'}]")
        while True:
            typed = self._ask("getval", question, shown, [str(one) for one in choices])
            if not typed and default is not None:
                return default
            value = _value(kind, typed)
            if value is not None and _is_allowed(value, low, high, choices):
                return value
            self._say(f"{typed!r} cannot be taken; give {allowed}" if typed else f"give {allowed}")

    def _ask(self, verb: str, question: str, shown: str, choices: Sequence[str] = ()) -> str:
        try:
            with self._lent():
                return self._read(f"{question} {shown} ", choices).strip()
        except NotReady as error:
            raise NotReady(f"{verb}: nobody can answer {question!r}: {error}") from error

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def read_line(question: str, choices: Sequence[str] = ()) -> str:
    """Read a line from the terminal; other greenlets run meanwhile.

    Raises:
        NotReady: there is no terminal, or it is being typed at.
        KeyboardInterrupt: of Ctrl-C, and of Ctrl-D.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise NotReady("there is no terminal; give the value in the script instead")
    if _is_typed_at():
        raise NotReady("the prompt is in use; ask before what runs in the background begins")
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter

    session: PromptSession[str] = PromptSession(completer=WordCompleter(list(choices)) if choices else None)
    try:
        return session.prompt(question)
    except EOFError as error:
        raise KeyboardInterrupt from error


def _is_typed_at() -> bool:
    """Whether the prompt waits for a command, which is so for who asks from a greenlet of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _kind(kind: type | None, default: Any, choices: Sequence[Any]) -> type:
    example = default if default is not None else next(iter(choices), None)
    found = kind or (float if example is None else type(example))
    if found not in KINDS:
        raise BadValue(
            f"getval: asks for float, int or str, not {getattr(found, '__name__', found)}; yesno asks for yes"
        )
    return found


def _allowed(kind: type, low: float | None, high: float | None, choices: Sequence[Any], unit: str) -> str:
    """What may be answered, in words."""
    if choices:
        return " or ".join([", ".join(map(str, choices[:-1])), str(choices[-1])]) if choices[1:] else str(choices[0])
    if kind is str:
        return KINDS[str]
    if low is not None and high is not None and not low < high:
        raise BadValue(f"getval: low should be below high, they are {low} and {high}")
    bounds = f" from {low} to {high}"
    if low is None or high is None:
        bounds = f" of at least {low}" if low is not None else f" of at most {high}" if high is not None else ""
    return f"{KINDS[kind]}{bounds}{unit and f' {unit}'}"


def _value(kind: type, typed: str) -> Any:
    """What was typed as that kind; None if it is none."""
    try:
        value = kind(typed)
    except ValueError:
        return None
    return None if value == "" or (isinstance(value, float) and not math.isfinite(value)) else value


def _is_allowed(value: Any, low: float | None, high: float | None, choices: Sequence[Any]) -> bool:
    if choices:
        return value in choices
    if isinstance(value, str):
        return True
    return (low is None or value >= low) and (high is None or value <= high)
