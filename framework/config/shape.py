"""What a model says about the keys below it: which carry a mark, and which field a path leads to."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ronda.framework.config.parameters import Endpoint, MemberOf, Reference, Secret

Mark = Reference | MemberOf | Secret | Endpoint
Path = tuple[str | int, ...]


class Step(Enum):
    """A step down that is not one key of a model."""

    EACH = auto()
    """Each value of a mapping, each item of a list."""
    KEYS = auto()
    """The keys of a mapping themselves."""


@dataclass(frozen=True)
class Marked:
    """Where below a model marked values stand."""

    steps: tuple[str | Step, ...]
    mark: Mark

    def covers(self, path: Path) -> bool:
        """Whether a path below the model leads to such a value."""
        return len(path) == len(self.steps) and all(
            step in (Step.EACH, element) for step, element in zip(self.steps, path, strict=True)
        )


@cache
def marks_of(model: type[BaseModel]) -> tuple[Marked, ...]:
    """All marks in a model, at any depth."""
    return tuple(_marks(model, (), ()))


def marked_values(data: Any, marked: Marked) -> Iterator[tuple[Path, Any]]:
    """The values that a mark is about, in plain data or in a model's instance, with their paths."""
    return _values(data, marked.steps, ())


def _values(data: Any, steps: tuple[str | Step, ...], path: Path) -> Iterator[tuple[Path, Any]]:
    if not steps:
        yield path, data
        return
    step, *rest = steps
    below: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(step, str):
        if isinstance(data, BaseModel):
            below = iter([(step, getattr(data, step, None))])
        elif isinstance(data, Mapping) and step in data:
            below = iter([(step, data[step])])
    elif isinstance(data, Mapping):
        below = ((str(key), key if step is Step.KEYS else value) for key, value in data.items())
    elif isinstance(data, Sequence | set | frozenset) and not isinstance(data, str) and step is Step.EACH:
        below = iter(enumerate(data))
    for key, value in below:
        yield from _values(value, tuple(rest), (*path, key))


def _marks(annotation: Any, steps: tuple[str | Step, ...], inside: tuple[type[BaseModel], ...]) -> Iterator[Marked]:
    for member, metadata in members(annotation):
        yield from (Marked(steps, thing) for thing in metadata if isinstance(thing, Mark))
        if is_model(member):
            if member in inside:  # a model that holds itself
                continue
            for name, info in member.model_fields.items():
                yield from (Marked((*steps, name), thing) for thing in info.metadata if isinstance(thing, Mark))
                yield from _marks(info.annotation, (*steps, name), (*inside, member))
            continue
        keys, values = below(member)
        for key in keys:
            yield from _marks(key, (*steps, Step.KEYS), inside)
        for value in values:
            yield from _marks(value, (*steps, Step.EACH), inside)


def members(annotation: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The alternatives of an annotation without `Annotated` and unions, each with its metadata; None is left out."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *given = get_args(annotation)
        metadata = [each for thing in given for each in (thing.metadata if isinstance(thing, FieldInfo) else [thing])]
        for member, more in members(inner):
            yield member, (*metadata, *more)
    elif origin is Union or origin is types.UnionType:
        for argument in get_args(annotation):
            yield from members(argument)
    elif hasattr(annotation, "__value__"):  # type X = …
        yield from members(annotation.__value__)
    elif annotation is not type(None) and annotation is not None:
        yield annotation, ()


def below(member: Any) -> tuple[list[Any], list[Any]]:
    """The annotations of the keys and of the values or items of a container; both empty for anything else."""
    origin, arguments = get_origin(member), [each for each in get_args(member) if each is not Ellipsis]
    if not isinstance(origin, type):
        return [], []
    if issubclass(origin, Mapping):
        return arguments[:1], arguments[1:]
    if issubclass(origin, Sequence | set | frozenset):
        return [], arguments
    return [], []


def is_model(member: Any) -> bool:
    """Whether this is a pydantic model."""
    return isinstance(member, type) and issubclass(member, BaseModel)


@dataclass(frozen=True)
class Place:
    """What stands at a path below a model.

    Attributes:
        annotation: the annotation at that place.
        metadata: pydantic's metadata of the field there, such as bounds; empty for an item of a container.
        info: the last field on the way.
        owner: the model that has this field.
        owner_path: the path of that model's mapping.
        name: the last name given by the user on the way (a key of `axes`, for example).
        key: how to call this place within the named thing, such as `velocity` or `item 1 of limits`.
    """

    annotation: Any
    metadata: tuple[Any, ...]
    info: FieldInfo | None
    owner: type[BaseModel]
    owner_path: Path
    name: str | None
    key: str


def place_of(model: type[BaseModel], path: Path) -> Place | None:
    """What a model says about the value at a path; None where it says nothing (an unknown key, a free mapping)."""
    place = Place(model, (), None, model, (), None, "")
    for depth, element in enumerate(path):
        following = _step(place, element, path[:depth])
        if following is None:
            return None
        place = following
    return place


def _step(place: Place, element: str | int, path: Path) -> Place | None:
    for member, _ in members(place.annotation):
        if is_model(member):
            info = field_called(member, str(element))
            if info is not None:
                key = str(element)
                if place.key:
                    key = f"{key} in {place.key}" if place.key.startswith("item ") else f"{place.key}.{key}"
                return Place(info.annotation, tuple(info.metadata), info, member, path, place.name, key)
            continue
        keys, values = below(member)
        if keys and values:
            if any(is_model(each) for each, _ in members(values[0])) and not str(element).isdigit():
                return Place(values[0], (), place.info, place.owner, place.owner_path, str(element), "")
            return Place(values[0], (), place.info, place.owner, place.owner_path, place.name, f"{place.key}.{element}")
        if values and isinstance(element, int):
            index = element if get_origin(member) is tuple and element < len(values) else 0
            key = f"item {element + 1} of {place.key}"
            return Place(values[index], (), place.info, place.owner, place.owner_path, place.name, key)
    return None


def field_called(model: type[BaseModel], key: str) -> FieldInfo | None:
    """The field that a key of the YAML stands for."""
    if key in model.model_fields:
        return model.model_fields[key]
    return next((info for info in model.model_fields.values() if info.alias == key), None)
