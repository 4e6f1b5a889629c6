"""What stands under the cursor: the call that is being typed, with its signature and one line of help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ronda.shell.prompt.typed import callee, parameters, pieces

CALL = re.compile(r"([^\W\d][\w.]*)\s*\Z")
WORDS = re.compile(r"\s*([^\W\d][\w.]*)\s+")

HIDDEN = ("options", "keywords", "names")
"""Parameters that stand for more keywords, which are not shown in a signature."""


@dataclass(frozen=True)
class Call:
    """A call that is being typed.

    Attributes:
        name: of what is called.
        called: the function itself.
        argument: which argument the cursor is in, counted from 0.
        keyword: name of that argument if it is given by name.
    """

    name: str
    called: Any
    argument: int
    keyword: str = ""

    @property
    def parameter(self) -> inspect.Parameter | None:
        """What the function says of that argument."""
        found = parameters(self.called)
        if self.keyword:
            return next((one for one in found if one.name == self.keyword), None)
        places = [one for one in found if one.kind not in (one.KEYWORD_ONLY, one.VAR_KEYWORD)]
        if self.argument < len(places):
            return places[self.argument]
        return places[-1] if places and places[-1].kind == inspect.Parameter.VAR_POSITIONAL else None


def call_at(text: str, names: Mapping[str, Any]) -> Call | None:
    """The innermost call that is open at the end of a text, typed with parentheses or without; None without one."""
    opened = _open_brackets(text)
    for at in reversed(opened):
        before = CALL.search(text[:at])
        if text[at] == "(" and before and (called := callee(before[1], names)) is not None:
            return _call(before[1], called, text[at + 1 :])
    line = text.rpartition("\n")[2].rpartition(";")[2]
    words = WORDS.match(line)
    if opened or words is None or (called := callee(words[1], names)) is None:
        return None
    rest = line[words.end() :]
    if rest.startswith(("=", "(", ".")):
        return None
    return _call(words[1], called, rest)


def signature(name: str, called: Any) -> str:
    """How a function is called, without types: `ascan(axis, start, stop, intervals, time, *counters)`."""
    shown = []
    for one in parameters(called):
        if one.kind == inspect.Parameter.VAR_KEYWORD and one.name in HIDDEN:
            continue
        default = "" if one.default is inspect.Parameter.empty else f"={one.default!r}"
        stars = "*" if one.kind == one.VAR_POSITIONAL else "**" if one.kind == one.VAR_KEYWORD else ""
        shown.append(f"{stars}{one.name}{default}")
    return f"{name}({', '.join(shown)})"


def one_line(thing: Any) -> str:
    """The first line of what the program says about a function, class or property."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _call(name: str, called: Any, typed: str) -> Call:
    found = pieces(typed)
    begun = bool(found) and found[-1][0] + len(found[-1][1]) == len(typed)
    keyword, equals, _ = found[-1][1].partition("=") if begun else ("", "", "")
    return Call(name, called, len(found) - begun, keyword if equals and keyword.isidentifier() else "")


def _open_brackets(text: str) -> list[int]:
    """Places of the brackets that are open at the end; none if a string is."""
    opened: list[int] = []
    quote = ""
    place = 0
    while place < len(text):
        character = text[place]
        if quote:
            if character == "\\":
                place += 1
            elif text.startswith(quote, place):
                place += len(quote) - 1
                quote = ""
        elif character in "\"'":
            quote = character * 3 if text.startswith(character * 3, place) else character
            place += len(quote) - 1
        elif character == "#":
            place = text.find("\n", place)
            if place < 0:
                break
        elif character in "([{":
            opened.append(place)
        elif character in ")]}" and opened:
            opened.pop()
        place += 1
    return opened
