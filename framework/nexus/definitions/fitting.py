"""Whether a scan has what its application definition needs, and the tree that its file gets for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ronda.framework.errors import BadValue
from ronda.framework.nexus import words
from ronda.framework.nexus.definitions.definition import Definition, Role, Value
from ronda.framework.nexus.definitions.registry import find_definition
from ronda.framework.stream.description import Channel, Description
from ronda.framework.stream.layout import GroupNode, LinkNode, Node, ValueNode

Place = Callable[[str], str]
"""The absolute path of the dataset of a channel, by its name."""

AXES = {0: "a single number", 1: "a spectrum", 2: "an image"}

KINDS = {"iu": "whole numbers", "f": "floating-point numbers", "iuf": "numbers"}


@dataclass(frozen=True)
class Fitted:
    """A scan that has what its definition needs."""

    definition: Definition
    roles: Mapping[str, str]
    values: Mapping[str, Any]
    place: Place

    def plays(self, role: str) -> bool:
        """Whether a channel plays a role."""
        return role in self.roles

    def link(self, role: str) -> LinkNode:
        """To the values of the channel that plays a role."""
        return LinkNode(self.place(self.roles[role]))

    def value(self, name: str) -> Any:
        """What was told; None if nothing was."""
        return self.values.get(name)


def fit(description: Description, place: Place) -> Fitted | None:
    """What a scan declares; None if it declares nothing.

    Raises:
        BadValue: it lacks something.
    """
    declared = description.attributes.get(words.DEFINITION)
    if not declared:
        return None
    if not isinstance(declared, Mapping):
        declared = {"name": declared}
    definition = find_definition(str(declared.get("name", "")))
    given, roles = declared.get("roles") or {}, {}
    for role in definition.roles:
        name = given.get(role.name)
        if name:
            _require_channel(definition, role, str(name), description)
            roles[role.name] = str(name)
        elif role.needed:
            raise BadValue(f"{definition.name}: no channel is named as {role.name}, which is {role.what}; name one")
    _refuse_unknown(definition, "role", given, definition.roles)
    values = _values(definition, declared.get("values") or {}, description)
    return Fitted(definition, roles, values, place)


def require_units(description: Description) -> None:
    """See that the channels have units of the kind that the definition wants.

    Raises:
        BadValue: one has not.
    """
    fitted = fit(description, str)
    if fitted is None:
        return
    import pint  # takes a while, and only a scan that declares something needs it

    units: Any = pint.UnitRegistry()
    for role in fitted.definition.roles:
        if role.unit and role.name in fitted.roles:
            channel = description.channel(fitted.roles[role.name])[1]
            try:
                fits = units.Unit(channel.unit or "dimensionless").is_compatible_with(role.unit)
            except (pint.errors.UndefinedUnitError, ValueError):
                fits = False
            if not fits or (not channel.unit):
                raise BadValue(
                    f"{fitted.definition.name}: {channel.name} should be {role.what}, in {role.unit} or the like; its "
                    f"unit is {channel.unit or 'not known'}"
                )


def join(base: Mapping[str, Node], more: Mapping[str, Node], path: str) -> dict[str, Node]:
    """Two trees in one: groups of the same name are joined.

    Args:
        path: where they stand.

    Raises:
        BadValue: two things have the same name.
    """
    joined = dict(base)
    for name, node in more.items():
        where = f"{path}/{name}"
        there = joined.get(name)
        if there is None:
            joined[name] = node
        elif isinstance(there, GroupNode) and isinstance(node, GroupNode):
            old, new = there.attributes.get("NX_class"), node.attributes.get("NX_class")
            if old not in (new, "NXcollection"):
                raise BadValue(
                    f"{where}: is {old} in this scan and should be {new}; call that channel or device something else"
                )
            joined[name] = GroupNode(
                join(there.children, node.children, where), {**there.attributes, **node.attributes}
            )
        elif isinstance(there, ValueNode) and isinstance(node, ValueNode):
            joined[name] = node  # what is told to the definition is more exact
        elif not (isinstance(node, LinkNode) and node.path == where):
            raise BadValue(f"{where}: has this name already in this scan; call that channel or device something else")
    return joined


def _require_channel(definition: Definition, role: Role, name: str, description: Description) -> Channel:
    try:
        channel = description.channel(name)[1]
    except BadValue as error:
        raise BadValue(f"{definition.name}: {name} should be {role.what}; {str(error).partition(': ')[2]}") from error
    if len(channel.shape) != role.axes:
        raise BadValue(
            f"{definition.name}: {name} should be {role.what} and {AXES[role.axes]} at each point; it has the shape "
            f"{channel.shape}"
        )
    if channel.numpy_dtype.kind not in role.kinds:
        raise BadValue(
            f"{definition.name}: {name} should be {role.what} and hold {KINDS[role.kinds]}; it holds "
            f"{channel.numpy_dtype}"
        )
    return channel


def _values(definition: Definition, given: Mapping[str, Any], description: Description) -> dict[str, Any]:
    _refuse_unknown(definition, "value", given, definition.values)
    values: dict[str, Any] = {}
    for one in definition.values:
        found = given.get(one.name)
        if found in (None, ""):
            found = one.default(description)
        if found in (None, ""):
            if one.needed:
                raise BadValue(
                    f"{definition.name}: {one.what} is not known; tell it{f' with {one.how}' if one.how else ''}"
                )
            continue
        values[one.name] = _checked(definition, one, found)
    return values


def _checked(definition: Definition, value: Value, found: Any) -> Any:
    number = isinstance(found, int | float) and not isinstance(found, bool)
    if value.type is float and not number:
        raise BadValue(f"{definition.name}: {value.what} should be a number, not {found!r}")
    if value.type is str and not isinstance(found, str):
        raise BadValue(f"{definition.name}: {value.what} should be a text, not {found!r}")
    if value.choices and found not in value.choices:
        raise BadValue(f"{definition.name}: {value.what} should be one of {', '.join(value.choices)}, not {found!r}")
    return float(found) if value.type is float else found


def _refuse_unknown(definition: Definition, what: str, given: Mapping[str, Any], known: Any) -> None:
    names = [one.name for one in known]
    for name in given:
        if name not in names:
            raise BadValue(f"{definition.name}: has no {what} {name!r}; it has {', '.join(names)}")
