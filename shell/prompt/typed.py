"""The typing helper: `mv samx 3` becomes `mv(samx, 3)`. What is valid Python stays as it is."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

PAIRS = {"(": ")", "[": "]", "{": "}"}

OPERATORS = {"+", "-", "*", "/", "//", "**", "%", "@", "|", "&", "==", "!=", "<", ">", "<=", ">=", "and", "or", "in"}
"""Between two parts of one argument, with spaces around: `mv samx samy.position + 1`."""

TEXTS = {"str", "str | int", "str | bool", "Named"}
"""Annotations of arguments that are words: those that name nothing get their quotes, as in `newsample Cu`."""

DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*\Z")

KEYWORD = re.compile(r"([^\W\d]\w*)=(?!=)(.+)\Z", re.DOTALL)


def as_call(text: str, names: Mapping[str, Any], is_command: Any) -> str:
    """The text with its commands turned into calls; the text itself if there is nothing to do, or it is Python.

    Each line of a block is looked at, and each of several commands with `;` between them.

    Args:
        text: what was typed.
        names: what is known at the prompt.
        is_command: says of a name whether it is a command, which is called when it stands alone.
    """
    if not _is_python(text):
        done: list[str] = []
        for line in text.split("\n"):
            done.append(line if _open_at_end("\n".join(done)) else _line(line, names, is_command))
        return "\n".join(done)
    return text if "\n" in text else _line(text, names, is_command)


def is_callable(name: str, names: Mapping[str, Any]) -> bool:
    """Whether a name, or a method as in `samx.move`, can be called; no device is asked."""
    return callee(name, names) is not None


def callee(name: str, names: Mapping[str, Any]) -> Any:
    """What is called by a dotted name, found without asking any device; None if it is not there, or not callable."""
    first, *rest = name.split(".")
    thing = names.get(first)
    for part in rest:
        found = inspect.getattr_static(thing, part, None)
        if isinstance(found, staticmethod | classmethod) or inspect.isfunction(found):
            thing = getattr(thing, part)
        elif inspect.ismodule(thing):
            thing = vars(thing).get(part)
        else:
            return None
    if thing is None or not callable(thing):
        return None
    return thing


def parameters(called: Any) -> list[inspect.Parameter]:
    """The parameters of a function; none if it does not tell."""
    try:
        return list(inspect.signature(called).parameters.values())
    except (TypeError, ValueError):
        return []


def pieces(text: str) -> list[tuple[int, str]]:
    """The arguments in a text, with the place at which each begins: split at blanks and commas outside brackets."""
    found: list[tuple[int, str]] = []
    start: int | None = None
    for place, character, outside in _walk(text):
        if outside and (character.isspace() or character == ","):
            if start is not None:
                found.append((start, text[start:place]))
                start = None
        elif start is None:
            start = place
    if start is not None:
        found.append((start, text[start:]))
    return found


def _line(line: str, names: Mapping[str, Any], is_command: Any) -> str:
    remark = next((at for at, character, outside in _walk(line) if outside and character == "#"), len(line))
    parts: list[str] = []
    start = 0
    for at, character, outside in [*_walk(line[:remark]), (remark, ";", True)]:
        if outside and character == ";":
            parts.append(_command(line[start:at], names, is_command))
            start = at + 1
    return ";".join(parts) + line[remark:]


def _command(text: str, names: Mapping[str, Any], is_command: Any) -> str:
    stripped = text.strip()
    indent, tail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    head, *rest = stripped.split(None, 1)[:2] or [""]
    if not DOTTED.match(head):
        return text
    if not rest:
        return f"{indent}{head}(){tail}" if is_command(head) else text
    called = callee(head, names)
    if called is None or (_is_python(stripped) and not _is_argument(rest[0], called)):
        return text
    arguments = _arguments(rest[0], called, names)
    if arguments is None:
        return text
    return f"{indent}{head}({', '.join(arguments)}){tail}"


def _arguments(text: str, called: Any, names: Mapping[str, Any]) -> list[str] | None:
    """The arguments, None if they are none."""
    joined: list[str] = []
    words = [word for _, word in pieces(text)]
    at = 0
    while at < len(words):
        word = words[at]
        if word in OPERATORS and joined and at + 1 < len(words):
            joined[-1] = f"{joined[-1]} {word} {words[at + 1]}"
            at += 1
        else:
            joined.append(word)
        at += 1
    wanted = _annotations(called)
    found = []
    for place, word in enumerate(joined):
        keyword = KEYWORD.match(word)
        name, value = keyword.groups() if keyword else ("", word)
        kind = wanted.get(name) if name else _annotation_at(place, called)
        if kind in TEXTS and not _is_known(value, names):
            value = repr(value)
        if not _is_expression(value):
            return None
        found.append(f"{name}={value}" if name else value)
    if any(KEYWORD.match(word) for word in joined) and not _is_python(f"f({', '.join(found)})"):
        return None
    return found


def _is_argument(text: str, called: Any) -> bool:
    """Whether what could be an operator begins an argument: a number below 0, or a path for what takes a word.

    Nobody divides a function, or takes a number from it.
    """
    if inspect.isroutine(called) and re.match(r"-[\d.]", text):
        return True
    return re.match(r"/[^\s/=]", text) is not None and next(iter(_annotations(called).values()), "") in TEXTS


def _annotations(called: Any) -> dict[str, str]:
    return {one.name: str(one.annotation).strip("'") for one in parameters(called)}


def _annotation_at(place: int, called: Any) -> str:
    """What stands at the argument of this place; `*what` takes all from there on."""
    found = [*_annotations(called).items()]
    several = next((at for at, one in enumerate(parameters(called)) if one.kind == one.VAR_POSITIONAL), len(found))
    return found[min(place, several)][1] if min(place, several) < len(found) else ""


def _is_known(text: str, names: Mapping[str, Any]) -> bool:
    """Whether a text is an expression of known names and literals."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return False
    used = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return all(name in names or hasattr(builtins, name) for name in used)


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text.removeprefix("*"), mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def _open_at_end(text: str) -> bool:
    """Whether a string or a bracket is still open at the end of a text."""
    *_, (_, _, outside) = _walk(text + "\n")
    return not outside


def _walk(text: str) -> Iterator[tuple[int, str, bool]]:
    """Each character with its place, and whether it stands outside of brackets and strings."""
    depth = 0
    quote = ""
    place = 0
    while place < len(text):
        character = text[place]
        if quote:
            yield place, character, False
            if character == "\\" and place + 1 < len(text):
                place += 1
                yield place, text[place], False
            elif text.startswith(quote, place):
                for more in range(place + 1, place + len(quote)):
                    yield more, text[more], False
                place += len(quote) - 1
                quote = ""
            elif character == "\n" and len(quote) == 1:
                quote = ""
        elif character in "\"'":
            quote = character * 3 if text.startswith(character * 3, place) else character
            for more in range(place, place + len(quote)):
                yield more, text[more], False
            place += len(quote) - 1
        elif character == "#":
            yield place, character, depth == 0
            while place + 1 < len(text) and text[place + 1] != "\n":
                place += 1
                yield place, text[place], False
        else:
            depth += (character in PAIRS) - (character in PAIRS.values())
            yield place, character, depth == 0 and character not in PAIRS.values()
        place += 1
