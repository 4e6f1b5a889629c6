"""Environment variables in YAML values: `${NAME}` and `${NAME:-default}`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import BaseModel

from ronda.framework.config.parameters import Secret
from ronda.framework.config.problems import Problem
from ronda.framework.config.shape import marks_of, members, place_of
from ronda.framework.config.source import Section, plain_scalar

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


class MissingVariable(ValueError):
    """A text names an environment variable that is not set, or does not name one properly."""


def expand(text: str, environment: Mapping[str, str]) -> str:
    """The text with each `${NAME}` replaced; a default also stands for a variable that is empty, as in the shell.

    Raises:
        MissingVariable: a variable without default is not set, or `${` does not begin a variable.
    """

    def replacement(match: re.Match[str]) -> str:
        value = environment.get(match["name"])
        if match["default"] is not None:
            return value or match["default"]
        if value is None:
            raise MissingVariable(f"the environment variable {match['name']} is not set")
        return value

    if "${" in _VARIABLE.sub("", text):
        raise MissingVariable("'${' does not begin a variable, it must be ${NAME} or ${NAME:-default}")
    return _VARIABLE.sub(replacement, text)


def expand_section(
    section: Section,
    model: type[BaseModel],
    who: str,
    environment: Mapping[str, str],
    *,
    only: tuple[str, ...] = (),
    leave: tuple[str, ...] = (),
) -> list[Problem]:
    """Replace the variables in a section's data.

    A value that is one variable and nothing else gets the type that YAML gives to its text, so that numbers work,
    unless its key wants a text. Secrets stay as they are.

    Args:
        section: what to change.
        model: what says which keys are secrets or texts.
        who: the name of what the section describes.
        environment: the variables.
        only: the keys to treat; all if empty.
        leave: keys to leave alone.
    """
    problems = []
    secrets = [marked for marked in marks_of(model) if isinstance(marked.mark, Secret)]
    for path in section.variables():
        if section.written(path) is not None or path[0] in leave or (only and path[0] not in only):
            continue
        if any(secret.covers(path) for secret in secrets):
            continue
        text = section.below(*path).data
        place = place_of(model, path)
        try:
            value = expand(text, environment)
        except MissingVariable as error:
            key = place.key if place else path[-1]
            what = f"{key} is {text}, but {error}"
            problems.append(Problem(section.location(path), (place.name if place else None) or who, what))
            continue
        wants_text = place is not None and all(member is str for member, _ in members(place.annotation))
        retype = _VARIABLE.fullmatch(text) is not None and not wants_text
        section.replace(path, plain_scalar(value) if retype else value)
    return problems
