"""User scripts: files of Python in a folder of one's own, whose objects are loaded under a name, or that are run."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ronda.framework.errors import BadValue, NotAllowed, NotFound, NotReady
from ronda.shell.prompt.namespace import FileNames, Namespace
from ronda.shell.prompt.preferences import Preferences

HOME = "~/ronda-scripts"
"""Where user scripts are unless something else was chosen."""

USER = "user"
"""Name under which the objects of scripts stand unless something else is said."""


class Exported(SimpleNamespace):
    """The objects of scripts, as `user.align`."""

    def __repr__(self) -> str:
        return f"<objects of user scripts: {', '.join(sorted(vars(self))) or 'none'}>"


@dataclass
class Loaded:
    """A script that was loaded.

    Attributes:
        read: when its file had been changed last, in ns, as it was read.
        into: name of what its objects stand under; empty for the prompt itself.
        objects: what it gave, by name.
    """

    read: int
    into: str
    objects: dict[str, Any] = field(repr=False)


class ScriptCommands:
    """The commands of one session that load and run user scripts.

    A script sees all names of the prompt. What it makes stays in it, but for what `user_script_load` exports.

    Args:
        names: gives those of the prompt.
        preferences: say where the scripts are.
        keep: keeps the preferences when that was changed.
        console: where they print.
    """

    def __init__(
        self, names: Callable[[], Namespace], preferences: Preferences, keep: Callable[[], None], console: Console
    ) -> None:
        self._get_names = names
        self._preferences = preferences
        self._keep = keep
        self._console = console
        self._loaded: dict[Path, Loaded] = {}
        self._told: dict[Path, int] = {}

    def commands(self) -> list[Callable[..., Any]]:
        """All that people can type."""
        return [self.user_script_homedir, self.user_script_list, self.user_script_load, self.user_script_run]

    def user_script_homedir(self, new_dir: str = "", reset: bool = False) -> str | None:
        """The folder of your scripts; user_script_homedir("~/align") changes it, reset=True goes back to the usual."""
        if new_dir:
            folder = Path(new_dir).expanduser().resolve()
            if not folder.is_dir():
                raise NotFound(f"user_script_homedir: {folder} is no folder; make it first, as in !mkdir -p {new_dir}")
            self._preferences.scripts = str(folder)
        elif reset:
            self._preferences.scripts = ""
        else:
            return str(self._home)
        self._keep()
        self._print(f"user scripts are in {self._home}")
        return None

    def user_script_list(self) -> None:
        """List your scripts, which of them are loaded and which were edited since."""
        files = sorted(self._home.rglob("*.py"))
        self._print(f"user scripts in {self._home}" + ("" if files else ": none"))
        table = Table(box=None, pad_edge=False, show_header=False)
        for file in files:
            table.add_row(Text(str(file.relative_to(self._home).with_suffix(""))), Text(self._about(file)))
        if files:
            self._console.print(table)

    def user_script_load(self, scriptname: str = "", export_global: str | bool = USER) -> SimpleNamespace | None:
        """Load a script; its objects stand under `user`, or at the prompt: user_script_load("align", True).

        Args:
            scriptname: its file, with or without `.py`, in the folder of your scripts; without one they are listed.
            export_global: True for the prompt itself, another name than `user`, or False to return the objects.
        """
        if not scriptname:
            self.user_script_list()
            return None
        file = self._find("user_script_load", scriptname)
        into = "" if isinstance(export_global, bool) else export_global
        if not isinstance(export_global, bool) and not (isinstance(into, str) and into.isidentifier()):
            raise BadValue(f"user_script_load: export_global takes True, False or a name, not {export_global!r}")
        if into in self._names and not isinstance(self._names[into], Exported):
            raise NotAllowed(f"user_script_load: {into} is something else already; give another name")
        read = file.stat().st_mtime_ns
        objects = _exported(self._execute(file, file.stem))
        if export_global is False:
            return Exported(**objects)
        for name in objects if not into else ():
            self._names.refuse(name, f"{file}: ")
        self._forget(file)
        if into:
            target = self._names.get(into) or Exported()
            vars(target).update(objects)
            self._names.add(into, target, "name of user scripts")
        else:
            self._names.update(objects)
        self._loaded[file] = Loaded(read, into, objects)
        shown = ", ".join(f"{into}.{name}" if into else name for name in sorted(objects))
        self._print(f"{file} loaded: {shown or 'it has no objects'}")
        return None

    def user_script_run(self, scriptname: str) -> None:
        """Run a script of yours; what it defines is gone afterwards: user_script_run("align")."""
        self._execute(self._find("user_script_run", scriptname), "__main__")

    def edited(self) -> list[str]:
        """A sentence about each loaded script that was edited since; each edit is told once."""
        told = []
        for file, loaded in self._loaded.items():
            now = _changed(file)
            if now not in (None, loaded.read, self._told.get(file)):
                self._told[file] = now or 0
                told.append(f"{file} was edited since it was loaded; user_script_load({self._short(file)!r}) loads it")
        return told

    @property
    def _names(self) -> Namespace:
        return self._get_names()

    @property
    def _home(self) -> Path:
        return Path(self._preferences.scripts or HOME).expanduser()

    def _find(self, verb: str, scriptname: str) -> Path:
        if not isinstance(scriptname, str) or not scriptname:
            raise BadValue(f'{verb}: takes the name of a script, as in {verb}("align"), not {scriptname!r}')
        file = self._home / Path(scriptname).expanduser()
        for candidate in (file, file.with_name(file.name + ".py")):
            if candidate.is_file():
                return candidate.resolve()
        there = [self._short(one) for one in self._home.rglob("*.py")]
        near = difflib.get_close_matches(scriptname, there, 1)
        hint = f"did you mean {near[0]}?" if near else "user_script_list() shows what there is"
        raise NotFound(f"{verb}: there is no script {scriptname} in {self._home}; {hint}")

    def _execute(self, file: Path, called: str) -> FileNames:
        """Run a file among names of its own; modules beside it that were imported before are read again.

        Args:
            file: which.
            called: its `__name__`.
        """
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise NotReady(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from error
        beside = str(file.parent)
        for name, module in list(sys.modules.items()):
            if os.path.dirname(getattr(module, "__file__", None) or "") == beside:  # noqa: PTH120 - of thousands
                del sys.modules[name]
        if beside not in sys.path:
            sys.path.append(beside)
        names = FileNames(self._names, {"__name__": called, "__file__": str(file)})
        exec(compile(text, str(file), "exec"), names)  # noqa: S102 - the user's own code
        return names

    def _forget(self, file: Path) -> None:
        """Take away what a script gave when it was loaded before, unless somebody put something else there."""
        before = self._loaded.pop(file, None)
        if before is None:
            return
        place = self._names if not before.into else vars(self._names.get(before.into, Exported()))
        for name, thing in before.objects.items():
            if place.get(name) is thing:
                del place[name]

    def _about(self, file: Path) -> str:
        loaded = self._loaded.get(file.resolve())
        if loaded is None:
            return ""
        where = f"loaded as {loaded.into}" if loaded.into else "loaded"
        return where if _changed(file) == loaded.read else f"{where}, edited since"

    def _short(self, file: Path) -> str:
        home = self._home.resolve()
        return str(file.resolve().relative_to(home).with_suffix("") if file.is_relative_to(home) else file)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _exported(names: FileNames) -> dict[str, Any]:
    """What a script has made, but for what it imported as a module or keeps for itself."""
    return {
        name: thing for name, thing in names.items() if not name.startswith("_") and not isinstance(thing, ModuleType)
    }


def _changed(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None
