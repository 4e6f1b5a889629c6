"""What a key's value must be, and what it is, in words: types, bounds and units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import BaseModel

from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.parameters import SECRET_PATTERN, Endpoint, Reference, Secret
from ronda.framework.config.problems import listed, with_article
from ronda.framework.config.shape import Path, Place, below, field_called, is_model, members, place_of

_SIMPLE: dict[Any, tuple[str, str]] = {  # one of them, several of them
    float: ("a number", "numbers"),
    int: ("a whole number", "whole numbers"),
    bool: ("true or false", "true or false"),
    str: ("a text", "texts"),
}


def show(value: Any) -> str:
    """A value as it would stand in YAML, in few words."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        text = f"[{', '.join('null' if item is None else show(item) for item in value)}]"
        return text if len(text) < 60 else f"a list of {len(value)}"
    text = re.sub(r"(://[^:/@\s]*:)[^@\s]*@|\b(\w*pass\w*=)[^&\s'\"]*", _hidden, repr(value))  # URLs may hold passwords
    return text if len(text) <= 80 else f"{text[:60]}…{text[-1]}"


def _hidden(found: re.Match[str]) -> str:
    return f"{found[1]}…@" if found[1] else f"{found[2]}…"


def unit_of(place: Place, model: type[BaseModel], data: Any) -> str:
    """The unit of a place with a space before it; empty if it has none.

    Args:
        place: the place.
        model: the model that it is found by.
        data: the mapping of that model; it says what `{unit}` is, beside the place or in a mapping around it.
    """
    unit = str(extra_of(place, "unit") or "")
    if "{unit}" in unit:
        around = [place.owner_path[:depth] for depth in range(len(place.owner_path), -1, -1)]
        own = next(filter(None, (_own_unit(model, data, path) for path in around)), None)
        unit = unit.replace("{unit}", own) if own else ""
    return f" {unit}" if unit else ""


def _own_unit(model: type[BaseModel], data: Any, path: Path) -> str | None:
    """The value of the key `unit` of the mapping at a path, or its default."""
    place = place_of(model, path)
    for element in path:
        data = data[element]
    given = data.get("unit") if isinstance(data, Mapping) else None
    if given is None and place is not None:
        for member, _ in members(place.annotation):
            info = field_called(member, "unit") if is_model(member) else None
            given = info.default if info is not None and not info.is_required() else given
    return given if isinstance(given, str) else None


def extra_of(place: Place, name: str) -> Any:
    """What `parameter` was given as `unit`, `form`, `live` or `setting`; None if nothing."""
    extra = place.info.json_schema_extra if place.info else None
    return extra.get(name) if isinstance(extra, dict) else None


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that a mapping of this model may have."""
    return [info.alias or name for name, info in model.model_fields.items()]


def choices(annotation: Any) -> list[Any]:
    """The values that an annotation allows, if it allows only some."""
    values: list[Any] = []
    for member, _ in members(annotation):
        if get_origin(member) is Literal:
            values += get_args(member)
        elif isinstance(member, type) and issubclass(member, Enum):
            values += [each.value for each in member]
    return values


def metadata_of(place: Place) -> tuple[Any, ...]:
    """Bounds and marks of a place."""
    alternatives = list(members(place.annotation))
    return (*place.metadata, *(alternatives[0][1] if len(alternatives) == 1 else ()))


def expected(place: Place, unit: str) -> str:
    """What a value must be, to follow "must be": `a number greater than 0 mm/s`."""
    form = extra_of(place, "form")
    if form:
        return str(form)
    alternatives = [(member, (*place.metadata, *metadata)) for member, metadata in members(place.annotation)]
    words = [type_words(member, metadata) for member, metadata in alternatives]
    limits = bounds(place, unit)
    if not any(words):
        return limits
    kinds = listed(filter(None, words), "or")
    if not limits:
        return f"{kinds} in{unit}" if unit else kinds
    joint = " with" if limits.endswith((" entries", " entry")) else " of" if limits.startswith("at ") else ""
    return f"{kinds}{joint} {limits}"


def type_words(member: Any, metadata: tuple[Any, ...] = (), *, many: bool = False) -> str:
    """The type of one or many values; empty for anything goes."""
    for mark in metadata:
        if isinstance(mark, Secret):
            return "${NAME} of an environment variable"
        if isinstance(mark, Endpoint):
            return "HOST:PORT or simulator:NAME"
        if isinstance(mark, Reference):
            things = listed(map(with_article, mark.to), "or")
            return f"names, each of {things}" if many else f"the name of {things}"
    if member in _SIMPLE:
        return _SIMPLE[member][many]
    words = choices(member)
    if words:
        return listed(map(show, words), "or")
    if is_model(member):
        return "mappings" if many else f"a mapping with the keys {listed(keys_of(member))}"
    keys, values = below(member)
    if member is dict or keys:
        inner = [type_words(each, more, many=True) for value in values for each, more in members(value)]
        return "mappings" if many else f"a mapping to {listed(inner, 'or')}" if inner and all(inner) else "a mapping"
    if member not in (list, tuple) and not values:
        return ""
    inner = [type_words(each, more, many=True) for value in values for each, more in members(value)]
    if get_origin(member) is tuple and Ellipsis not in get_args(member):
        count = {1: "one", 2: "two", 3: "three", 4: "four"}.get(len(values), str(len(values)))
        return f"a list of {count} {inner[0] if len(set(inner)) == 1 else 'values'}"
    return f"a list of {listed(inner, 'or')}" if inner and all(inner) else "a list"


def bounds(place: Place, unit: str) -> str:
    """The limits of a value, to follow "must be"; empty without any."""
    texts = any(member is str for member, _ in members(place.annotation))
    found: dict[type, Any] = {type(constraint): constraint for constraint in metadata_of(place)}
    low, high = found.get(annotated_types.Ge), found.get(annotated_types.Le)
    if low is not None and high is not None:
        del found[annotated_types.Ge], found[annotated_types.Le]
    words = [f"from {low.ge}{unit} to {high.le}{unit}"] if low is not None and high is not None else []
    for constraint in found.values():
        match constraint:
            case annotated_types.Gt():
                words.append(f"greater than {constraint.gt}{unit}")
            case annotated_types.Ge():
                words.append(f"at least {constraint.ge}{unit}")
            case annotated_types.Lt():
                words.append(f"less than {constraint.lt}{unit}")
            case annotated_types.Le():
                words.append(f"at most {constraint.le}{unit}")
            case annotated_types.MultipleOf():
                words.append(f"a multiple of {constraint.multiple_of}{unit}")
            case annotated_types.MinLen():
                words.append(f"at least {_things(constraint.min_length, texts)}")
            case annotated_types.MaxLen():
                words.append(f"at most {_things(constraint.max_length, texts)}")
            case _ if getattr(constraint, "pattern", None) == NAME_PATTERN:
                words.append("of letters, digits and _ that begins with a letter")
            case _ if getattr(constraint, "pattern", None) not in (None, SECRET_PATTERN):
                words.append(f"of the form {constraint.pattern}")
    return " and ".join(words)


def _things(count: int, texts: bool) -> str:
    """`2 characters`, `1 entry`."""
    one, many = ("character", "characters") if texts else ("entry", "entries")
    return f"{count} {one if count == 1 else many}"
