"""A beamline's own scans: files of plain Python in the folder `scans` beside its YAML files."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

from ronda.framework.errors import RondaError
from ronda.shell.prompt.namespace import Namespace

FOLDER = "scans"
"""Name of the folder."""


class OwnScans:
    """Makes commands of the functions in those files.

    A file sees all names of the prompt, and `scans`, which makes scans from points of one's own. Each function whose
    name does not begin with `_` becomes a command.

    Args:
        folder: where the files are, if there are any.
        namespace: the names of the prompt.
        more: names that the files see besides.
        tell: takes a sentence about a file that cannot be used; the others are used all the same.
    """

    def __init__(
        self, folder: Path | None, namespace: Namespace, more: Mapping[str, Any], tell: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._namespace = namespace
        self._more = dict(more)
        self._tell = tell
        self._mine: set[str] = set()

    def load(self) -> list[str]:
        """Read all files, again if they were read before; returns the names of the commands."""
        for name in self._mine:
            if name in self._namespace:
                del self._namespace[name]
        self._mine.clear()
        for file in sorted(self._folder.glob("*.py")) if self._folder is not None else ():
            self._load(file)
        return sorted(self._mine)

    def _load(self, file: Path) -> None:
        names: dict[str, Any] = {**self._namespace, **self._more, "__name__": file.stem, "__file__": str(file)}
        before = dict(names)
        try:
            exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), names)  # noqa: S102 - the beamline's own code
        except Exception as error:  # noqa: BLE001 - whatever a file does, the prompt comes up
            self._tell(f"{_place(file, error)}: {_words(error)}; its scans are left out")
            return
        for name, thing in names.items():
            if name.startswith("_") or not isinstance(thing, FunctionType) or before.get(name) is thing:
                continue
            if thing.__code__.co_filename != str(file):
                continue  # imported
            taken = self._namespace.kind(name)
            if taken or name in self._mine:
                what = taken or "scan of another file"
                self._tell(f"{file}:{thing.__code__.co_firstlineno}: {name} is a {what}; call the function otherwise")
                continue
            self._namespace.add(name, thing, "scan of this beamline")
            self._mine.add(name)


def _place(file: Path, error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{file}:{error.lineno}"
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == str(file)]
    return f"{file}:{lines[-1]}" if lines else str(file)


def _words(error: BaseException) -> str:
    if isinstance(error, RondaError):
        return str(error)
    return f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
