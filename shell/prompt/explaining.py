"""`?name`: what a name is, with units and limits; and `!command`, which a shell of the operating system runs."""

from __future__ import annotations

import inspect
import re
import subprocess
from collections.abc import Callable
from typing import Any

from ronda.framework.errors import NotFound
from ronda.shell.prompt.namespace import Namespace
from ronda.shell.prompt.typed import callee
from ronda.shell.prompt.under_cursor import signature

GENERAL = """\
mv samx 3                      the same as mv(samx, 3); Enter shows the call
wa, sta                        where the axes are, and their states
lsmot, lscnt, lsobj            which axes, counters, objects there are
tweak samx 0.1                 move by the arrow keys
ascan samx 0 1 10 0.1 diode    scan an axis; dscan around where it stands
plot, cen, goto_cen            look at the last scan, find its peak, go there
png                            draw it into a file
?ascan, ?samx                  what a command or an object is
!ls                            a command of the operating system
SCAN_SAVING                    where data go
Tab completes, Ctrl-R searches earlier commands, Ctrl-C stops, Ctrl-D leaves"""


def special(text: str, names: Namespace, show: Callable[[str], None]) -> Callable[[], None] | None:
    """What a text that is not Python asks for; None if it is an ordinary command.

    Args:
        text: what was typed.
        names: what is known at the prompt.
        show: prints an explanation.
    """
    stripped = text.strip()
    if stripped.startswith("!"):
        return lambda: run_program(stripped[1:])
    if "\n" not in stripped and (stripped.startswith("?") or stripped.endswith("?")):
        name = stripped.strip("?").strip()
        return lambda: show(explain(name, names))
    return None


def run_program(command: str) -> None:
    """Let the shell of the operating system run a command, in this terminal."""
    if not command.strip():
        return
    code = subprocess.run(command, shell=True, check=False).returncode  # noqa: S602 - people ask for just this
    if code:
        print(f"exit code {code}")


def explain(name: str, names: Namespace) -> str:
    """What is to be known of a name: how it is called, what it does, or the object's own table.

    Raises:
        NotFound: nothing is called so.
    """
    if not name:
        return GENERAL
    first, *rest = name.split(".")
    if first not in names:
        near = names.nearest(first)
        raise NotFound(f"{first} is not known" + (f"; did you mean {near}?" if near else ""))
    if rest:
        return _explain_member(name, names)
    thing = names[name]
    if inspect.isroutine(thing) or isinstance(thing, type):
        return _explain_call(name, thing)
    table = getattr(type(thing), "__info__", None)
    told = str(table(thing)) if table is not None else repr(thing)
    methods = _methods(type(thing)) if type(thing).__module__.startswith("ronda.") else ""
    return "\n".join(part for part in (told, methods) if part)


def _explain_member(name: str, names: Namespace) -> str:
    called = callee(name, names)
    if called is not None:
        return _explain_call(name, called)
    first, *rest = name.split(".")
    member: Any = type(names[first])
    for part in rest:
        member = inspect.getattr_static(member, part, None)
    if member is None:
        raise NotFound(f"{name} is not known; {first}.<Tab> shows what there is")
    return f"{name}\n  {_text(member)}"


def _explain_call(name: str, thing: Any) -> str:
    return f"{signature(name, thing)}\n  {_text(thing)}"


def _text(thing: Any) -> str:
    """What is said about it, each paragraph in one line, which the terminal breaks where it ends."""
    said = inspect.getdoc(thing) or "nothing is said about it"
    return re.sub(r"(?<=\S)\n(?=\S)", " ", said).replace("\n", "\n  ")


def _methods(kind: type) -> str:
    """Public methods and properties with their first lines."""
    found = []
    for name in sorted(vars(kind)):
        member = inspect.getattr_static(kind, name)
        if name.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property)):
            continue
        text = (inspect.getdoc(member) or "").partition("\n")[0]
        found.append((f".{name}{'()' if inspect.isfunction(member) else ''}", text))
    width = max((len(name) for name, _ in found), default=0)
    return "\n".join(f"  {name:{width}}  {text}" for name, text in found)
