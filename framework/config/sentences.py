"""Checking a section by its model, with what pydantic finds said in words: value, unit and what is allowed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ronda.framework.config.parameters import Secret
from ronda.framework.config.problems import Problem, listed, nearest
from ronda.framework.config.shape import Path, Place, below, is_model, members, place_of
from ronda.framework.config.source import Section
from ronda.framework.config.words import (
    bounds,
    choices,
    expected,
    keys_of,
    metadata_of,
    show,
    unit_of,
)

Model = TypeVar("Model", bound=BaseModel)

_LIKE_A_NUMBER = re.compile(r"[-+0-9._eEinfa]+|(?i:true|false|yes|no|on|off|[tfyn])")
"""Texts that pydantic may take for a number or for true and false."""

_OUT_OF_BOUNDS = {"greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of"}


def validate(model: type[Model], section: Section, who: str, data: Any = None) -> tuple[Model | None, list[Problem]]:
    """Check a section by a model.

    Args:
        model: the model that its mapping must fit.
        section: the mapping.
        who: the name of what it describes.
        data: its plain data, if some of the section's keys are checked elsewhere; the section's own otherwise.

    Returns:
        the model's instance, None if something is wrong; and what is wrong.
    """
    data = section.data if data is None else data
    context = _Context(model, section, data, who)
    slips = _slips(context, data, ())
    found = dict(slips)
    instance: Model | None = None
    try:
        instance = model.model_validate(data)
    except ValidationError as error:
        unions: set[Path] = set()
        for details in error.errors(include_url=False):
            path, of_union = _real_path(details, data)
            unions |= {path} if of_union else set()
            if path in slips or (path in found and of_union):
                continue  # one sentence for all alternatives of a union
            found[(*path, len(found)) if path in found else path] = _problem(context, details, path)
        for path in unions:  # an alternative that fits but for something within is the one that was meant
            if any(other != path and other[: len(path)] == path for other in unions):
                del found[path]
    return (None if found else instance), list(found.values())


@dataclass(frozen=True)
class _Context:
    """What is being checked."""

    model: type[BaseModel]
    section: Section
    data: Any
    who: str


def _slips(context: _Context, data: Any, path: Path) -> dict[Path, Problem]:
    """Values that pydantic would take kindly for numbers: `true` and '2'."""
    if isinstance(data, dict):
        return {key: each for name in data for key, each in _slips(context, data[name], (*path, name)).items()}
    if isinstance(data, list):
        return {key: each for i, item in enumerate(data) for key, each in _slips(context, item, (*path, i)).items()}
    if not isinstance(data, bool) and not (isinstance(data, str) and _LIKE_A_NUMBER.fullmatch(data)):
        return {}
    place = place_of(context.model, path)
    allowed = {member for member, _ in members(place.annotation)} if place else set()
    numbers = {member for member in allowed if member in (int, float) or 1 in choices(member)}
    mistaken = bool(numbers) and (bool not in allowed if isinstance(data, bool) else allowed <= {*numbers, bool})
    if isinstance(data, str) and allowed == {bool}:
        mistaken = True
    if place is None or not mistaken:
        return {}
    unit = unit_of(place, context.model, context.data)
    what = _given(context, data, path, place)
    who = place.name or context.who
    return {path: Problem(context.section.location(path), who, what, f"must be {expected(place, unit)}")}


def _problem(context: _Context, error: ErrorDetails, path: Path) -> Problem:
    kind = error["type"]
    if kind == "extra_forbidden":
        return _unknown_key(context, path)
    if kind == "missing":
        return _missing_key(context, path)
    place = place_of(context.model, path)
    who = (place.name if place else None) or context.who
    if place is None or not path:
        return Problem(context.section.location(path, key=not path), who, _reason(error))
    if any(isinstance(mark, Secret) for mark in metadata_of(place)):
        return secret_problem(context.section, path, who, place.key)
    if error["loc"][-1] == "[key]":
        return _wrong_key(context, error, path)
    if kind in ("too_short", "too_long") and "actual_length" in error.get("ctx", {}):
        limits = bounds(place, "")
        if limits:  # otherwise it is a list of so many values
            count = error["ctx"]["actual_length"]
            what = f"{place.key} has {count} {'entry' if count == 1 else 'entries'}"
            return Problem(context.section.location(path), who, what, f"must have {limits}")
    if kind in ("value_error", "assertion_error"):
        if any(is_model(member) for member, _ in members(place.annotation)):
            return Problem(context.section.location(path, key=True), who, _reason(error))
        return Problem(
            context.section.location(path), who, _given(context, error["input"], path, place), _reason(error)
        )
    unit = unit_of(place, context.model, context.data)
    allowed = bounds(place, unit) if kind in _OUT_OF_BOUNDS else expected(place, unit)
    allowed = f"must be {allowed}" if allowed and kind != "finite_number" else _reason(error)
    given = error["input"]
    hint = nearest(given, map(str, choices(place.annotation))) if isinstance(given, str) else None
    return Problem(context.section.location(path), who, _given(context, error["input"], path, place), allowed, hint)


def _wrong_key(context: _Context, error: ErrorDetails, path: Path) -> Problem:
    """A key that a mapping with free keys does not take."""
    container = place_of(context.model, path[:-1])
    alternatives = [key for each, _ in members(container.annotation) for key in below(each)[0]] if container else []
    allowed = _reason(error)
    if container is not None and alternatives and error["type"] not in ("value_error", "assertion_error"):
        place = Place(alternatives[0], (), None, container.owner, container.owner_path, None, "")
        allowed = f"a key must be {expected(place, '')}"
    who = (container.name if container else None) or context.who
    what = f"{container.key if container else 'it'} has the key {show(path[-1])}"
    return Problem(context.section.location(path, key=True), who, what, allowed)


def _unknown_key(context: _Context, path: Path) -> Problem:
    holder = place_of(context.model, path[:-1])
    models = [member for member, _ in members(holder.annotation) if is_model(member)] if holder else []
    valid = [key for model in models for key in keys_of(model)]
    key = str(path[-1])
    inside = f" in {holder.key}" if holder and holder.key else ""
    who = (holder.name if holder else None) or context.who
    allowed = f"allowed are {listed(valid)}" if valid else "no key is allowed here"
    location = context.section.location(path, key=True)
    return Problem(location, who, f"unknown key {key!r}{inside}", allowed, nearest(key, valid))


def _missing_key(context: _Context, path: Path) -> Problem:
    location = context.section.location(path[:-1], key=True)
    place = place_of(context.model, path)
    if isinstance(path[-1], int):
        whole = place_of(context.model, path[:-1])
        if whole is not None:
            what = _given(context, context.section.below(*path[:-1]).data, path[:-1], whole)
            return Problem(context.section.location(path[:-1]), whole.name or context.who, what, _must_be(whole))
    if place is None:
        return Problem(location, context.who, f"the key {path[-1]!r} is missing")
    allowed = f"must be {expected(place, unit_of(place, context.model, context.data)) or 'given'}"
    if place.info and place.info.description:
        allowed += f" ({place.info.description})"
    return Problem(location, place.name or context.who, f"the key {place.key!r} is missing", allowed)


def _must_be(place: Place) -> str:
    return f"must be {expected(place, '')}"


def _given(context: _Context, value: Any, path: Path, place: Place) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = show(value) + (unit_of(place, context.model, context.data) if number else "")
    written = context.section.written(path)
    origin = f" (from {written})" if written else ""
    return f"{place.key} is {text}{origin}" if place.key else f"is {text}{origin}"


def _reason(error: ErrorDetails) -> str:
    """Our own validators' message, or pydantic's without its technical beginning."""
    raised = error.get("ctx", {}).get("error")
    if raised is not None:
        return str(raised)
    message = error["msg"].replace("Input should be", "must be").replace("Value should be", "must be")
    return message[:1].lower() + message[1:]


def secret_problem(section: Section, path: Path, who: str, key: str) -> Problem:
    """A secret that is not `${NAME}`; its value is never shown."""
    allowed = "must be ${NAME} of an environment variable"
    return Problem(section.location(path), who, f"{key} is written in the file", allowed)


def _real_path(error: ErrorDetails, data: Any) -> tuple[Path, bool]:
    """The path in the data that pydantic's `loc` means, and whether `loc` named an alternative of a union as well."""
    path: list[int | str] = []
    loc = error["loc"]
    skipped = False
    for position, element in enumerate(loc):
        if isinstance(data, dict) and str(element) in data:
            path.append(str(element))
            data = data[str(element)]
        elif isinstance(data, list) and isinstance(element, int) and element < len(data):
            path.append(element)
            data = data[element]
        elif error["type"] == "missing" and position == len(loc) - 1:
            path.append(element)
        elif element != "[key]":
            skipped = True
    return tuple(path), skipped
