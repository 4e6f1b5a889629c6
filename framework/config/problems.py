"""What is wrong in a configuration, one line each, and the error that carries all of it at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ronda.framework.config.beamline import Location
from ronda.framework.errors import ConfigurationError


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        location: where to edit.
        who: the device, axis, server, section … that it is about.
        what: what is wrong, with the given value and its unit.
        allowed: what is allowed instead.
        nearest: the valid word that was probably meant.
    """

    location: Location
    who: str
    what: str
    allowed: str | None = None
    nearest: str | None = None

    def __str__(self) -> str:
        line = f"{short(self.location)}: {self.who}: {self.what}"
        if self.allowed:
            line += f", {self.allowed}"
        if self.nearest:
            line += f"; did you mean {self.nearest!r}?"
        return line


class ConfigurationErrors(ConfigurationError):
    """All that is wrong in a folder of YAML files, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join([*map(str, self.problems), count(self.problems)]))


def count(problems: Sequence[Problem]) -> str:
    """The line that closes a list of problems."""
    return "1 problem" if len(problems) == 1 else f"{len(problems)} problems"


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """The valid word that resembles the given one most, if any does."""
    words = {candidate.lower(): candidate for candidate in valid}
    found = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return words[found[0]] if found else None


def listed(words: Iterable[str], last: str = "and") -> str:
    """`a, b and c`."""
    *head, tail = list(words) or ["nothing"]
    return f"{', '.join(head)} {last} {tail}" if head else tail


def with_article(word: str) -> str:
    """`an axis`, `a server`."""
    return f"{'an' if word[:1] in 'aeiou' else 'a'} {word}"


def short(location: Location) -> str:
    """A location with its file relative to the current folder, where it is below it."""
    try:
        file = location.file.relative_to(Path.cwd())
    except (ValueError, OSError):  # elsewhere, or the current folder is gone
        return str(location)
    return str(Location(file, location.line, location.column))
