"""Completing what is typed: names, attributes, and what an argument may be. No device is ever asked."""

from __future__ import annotations

import builtins
import inspect
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.counter import Counter
from ronda.framework.clients.device import Device
from ronda.framework.clients.shutter import Shutter
from ronda.shell.prompt.typed import parameters
from ronda.shell.prompt.under_cursor import Call, call_at, one_line

WORD = re.compile(r"((?:[^\W\d]\w*\.)*)(\w*)\Z")

KINDS: dict[str, tuple[type, ...]] = {
    "Axis": (Axis,),
    "Counter": (Counter, Device),
    "Measured": (Counter, Device),
    "Which": (Counter,),
    "Named": (Axis, Counter, Device),
    "Over": (Axis,),
    "Shutter": (Shutter,),
    "Device": (Device,),
}
"""Words in an argument's annotation, and what of the beamline such an argument may be."""

IN_TURN = frozenset({"Axis | float"})
"""Annotation of arguments of which each second one is an axis."""


class NameCompleter(Completer):
    """Proposes names known at the prompt; those that fit the argument in hand come first.

    Args:
        names: what is known.
    """

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What may stand at the cursor."""
        text = document.text_before_cursor.lstrip("?") if "\n" not in document.text else document.text_before_cursor
        if text.startswith("!"):
            return
        found = WORD.search(text)
        path, begun = found.groups() if found else ("", "")
        if begun[:1].isdigit() or _in_string(text):
            return
        if path:
            yield from self._attributes(path.rstrip("."), begun)
            return
        if not begun and complete_event.text_inserted:
            return  # who has typed a blank is not overwhelmed by all names
        yield from self._known(text[: len(text) - len(begun)], begun)

    def _known(self, before: str, begun: str) -> Iterator[Completion]:
        call = call_at(before, self._names)
        fitting = self._fitting(call) if call else []
        if call and before.rstrip()[-1:] != "=":
            for one in parameters(call.called):
                if one.kind in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD) and begun and one.name.startswith(begun):
                    yield Completion(f"{one.name}=", -len(begun), display_meta="argument")
        rest = [name for name in self._names if not name.startswith("_") or begun.startswith("_")]
        if call is None or begun:
            fitting += sorted(set(rest) - set(fitting), key=lambda name: (self._rank(name), name))
        for name in fitting:
            if name.startswith(begun):
                yield Completion(name, -len(begun), display_meta=self._about(name))
        if begun and call is None:
            for name in [*keyword.kwlist, *vars(builtins)]:
                if name.startswith(begun) and name not in self._names:
                    yield Completion(name, -len(begun), display_meta="Python")

    def _attributes(self, path: str, begun: str) -> Iterator[Completion]:
        known, thing = _resolve(path, self._names)
        if not known:
            return
        for name in _members(thing):
            if name.startswith(begun) and (begun.startswith("_") or not name.startswith("_")):
                member = inspect.getattr_static(type(thing), name, None)
                yield Completion(name, -len(begun), display_meta=one_line(member) if member is not None else "")

    def _fitting(self, call: Call) -> list[str]:
        """Names of the objects that the argument in hand may be, by its annotation."""
        parameter = call.parameter
        if parameter is None:
            return []
        annotation = str(parameter.annotation).strip("'")
        wanted = tuple(kind for word, kinds in KINDS.items() if re.search(rf"\b{word}\b", annotation) for kind in kinds)
        if (annotation in IN_TURN and call.argument % 2) or not wanted:
            return []
        return [name for name, thing in self._names.items() if isinstance(thing, wanted) and not name.startswith("_")]

    def _rank(self, name: str) -> int:
        thing = self._names[name]
        return 0 if callable(thing) and not isinstance(thing, type) else 1 if isinstance(thing, Axis | Device) else 2

    def _about(self, name: str) -> str:
        """A few words about a name, from what is known without asking."""
        thing = self._names[name]
        if isinstance(thing, Axis):
            return f"axis, {thing.unit}{f': {thing.description}' if thing.description else ''}"
        if isinstance(thing, Counter):
            of = f" of {thing.card}" if thing.card else ""
            return f"counter{of}{f', {thing.unit}' if thing.unit else ''}"
        if isinstance(thing, Device):
            return thing.tango_class
        if inspect.isroutine(thing) or isinstance(thing, type):
            return one_line(thing)
        return type(thing).__name__


def _resolve(path: str, names: Mapping[str, Any]) -> tuple[bool, Any]:
    """What a dotted name is, as far as that is known without running anything: no property is read."""
    first, *rest = path.split(".")
    if first not in names:
        return False, None
    thing = names[first]
    for part in rest:
        try:
            kept = vars(thing)
        except TypeError:
            return False, None
        if part not in kept:
            return False, None
        thing = kept[part]
    return True, thing


def _members(thing: Any) -> list[str]:
    """Names of the attributes; of a Tango client those of its class, for it would ask the device for more."""
    if type(thing).__module__.partition(".")[0] == "tango":
        return dir(type(thing))
    try:
        return list(dir(thing))
    except Exception:  # noqa: BLE001 - whatever a user's class does here, typing goes on
        return []


def _in_string(text: str) -> bool:
    line = text.rpartition("\n")[2]
    return any(line.count(quote) % 2 for quote in "\"'")
