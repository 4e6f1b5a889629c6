"""Which application definitions there are: each file of this folder whose name begins with `nx` holds one."""

from __future__ import annotations

import difflib
import importlib
import pkgutil

from ronda.framework.errors import BadValue
from ronda.framework.nexus import definitions
from ronda.framework.nexus.definitions.definition import Definition


def all_definitions() -> list[Definition]:
    """All of them, by name."""
    names = sorted(name for _, name, _ in pkgutil.iter_modules(definitions.__path__) if name.startswith("nx"))
    return [importlib.import_module(f"{definitions.__name__}.{name}").DEFINITION for name in names]


def find_definition(name: str) -> Definition:
    """The definition of that name.

    Raises:
        BadValue: there is none.
    """
    found = {one.name: one for one in all_definitions()}
    if name not in found:
        near = difflib.get_close_matches(name, found, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise BadValue(f"{name!r} is not among the application definitions that are written: {', '.join(found)}{meant}")
    return found[name]
