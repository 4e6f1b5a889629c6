"""What an application definition is for us: the roles that channels play in it, values told beside, and its tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ronda.framework.nexus import words
from ronda.framework.stream.description import Description
from ronda.framework.stream.layout import GroupNode, LinkNode, Node, ValueNode

VERSION = "v2026.01"
"""Release of the NeXus definitions that the files follow."""

URL = "https://manual.nexusformat.org/classes/applications/"


@dataclass(frozen=True)
class Role:
    """What a channel is to a definition.

    Attributes:
        name: of the role.
        what: for people, as in `the angle of the sample`.
        unit: a unit of the dimension that the channel must have; empty for any.
        axes: number of axes of one point: 0 for a number, 2 for an image.
        kinds: numpy kinds that the channel may have.
        needed: whether the definition is nothing without it.
    """

    name: str
    what: str
    unit: str = ""
    axes: int = 0
    kinds: str = "iuf"
    needed: bool = True


@dataclass(frozen=True)
class Value:
    """Something that the definition wants to know and that no channel measures.

    Attributes:
        name: of the value.
        what: for people.
        type: `str` or `float`.
        choices: what it may be; anything if empty.
        needed: whether the definition is nothing without it.
        how: how to tell it, if it is missing.
        default: where it stands in the description of a scan that does not tell it otherwise.
    """

    name: str
    what: str
    type: type[str] | type[float] = str
    choices: Sequence[str] = ()
    needed: bool = False
    how: str = ""
    default: Callable[[Description], Any] = lambda _: None


@dataclass(frozen=True)
class Declaration:
    """A scan says that it follows a definition; functions like `xas(…)` make it.

    Attributes:
        name: of the definition, such as `NXxas`.
        roles: the names of the channels by role.
        values: what else it wants to know, by name.
        constants: channels that the scan itself publishes, with one whole number for all points or one for each.
    """

    name: str
    roles: Mapping[str, str]
    values: Mapping[str, str | float] = field(default_factory=dict)
    constants: Mapping[str, int | Sequence[int]] = field(default_factory=dict)

    def attribute(self) -> dict[str, Any]:
        """As it stands in the description of a scan, see `words.DEFINITION`."""
        return {"name": self.name, "roles": dict(self.roles), "values": dict(self.values)}


class Telling(Protocol):
    """What a definition asks of a scan while it makes its tree."""

    def link(self, role: str) -> LinkNode:
        """To the values of the channel that plays a role."""

    def plays(self, role: str) -> bool:
        """Whether a channel plays it."""

    def value(self, name: str) -> Any:
        """What was told; None if nothing was."""


@dataclass(frozen=True)
class Definition:
    """An application definition.

    Attributes:
        name: as NeXus calls it.
        roles, values: what it needs and takes.
        tree: makes what stands in the entry beside what every scan has; groups of the same name are joined.
        declare: makes a Declaration from what people say; its name is the word in the shell.
        url: of its description.
    """

    name: str
    roles: Sequence[Role]
    values: Sequence[Value]
    tree: Callable[[Telling], Mapping[str, Node]]
    declare: Callable[..., Declaration]
    url: str = ""

    def field(self) -> ValueNode:
        """The field `definition` of the entry."""
        return ValueNode(self.name, {"version": VERSION, "URL": self.url or f"{URL}{self.name}.html"})


def channel_name(thing: Any) -> str:
    """The name of the channel of an axis or counter, or a name as it is."""
    return str(getattr(thing, "name", thing))


def group(nexus_class: str, children: Mapping[str, Node | None], **attributes: Any) -> GroupNode:
    """A group without those children that are None."""
    there = {name: child for name, child in children.items() if child is not None}
    return GroupNode(there, {"NX_class": nexus_class, **attributes})


def told(scan: Telling, name: str, unit: str | None = None) -> ValueNode | None:
    """A field with a value that was told; None if it was not."""
    value = scan.value(name)
    return None if value is None else ValueNode(value, {} if unit is None else {"units": unit})


def link(scan: Telling, role: str) -> LinkNode | None:
    """A link to the channel of a role; None if none plays it."""
    return scan.link(role) if scan.plays(role) else None


def source(scan: Telling) -> GroupNode:
    """The NXsource that most definitions want."""
    return group(
        "NXsource",
        {
            "name": told(scan, "source_name"),
            "type": told(scan, "source_type"),
            "probe": told(scan, "probe"),
        },
    )


SOURCE_VALUES = (
    Value(
        "source_name",
        "the name of the source",
        needed=True,
        how='source="ESRF"',
        default=lambda scan: scan.attributes.get(words.BEAMLINE),
    ),
    Value("source_type", "the type of the source", needed=True),
    Value("probe", "what comes from the source", choices=("x-ray", "neutron", "electron"), needed=True),
)

SAMPLE = Value(
    "sample", "the name of the sample", needed=True, how='sample="Cu foil"', default=lambda scan: scan.sample
)

EXPOSURE = Value(
    "exposure",
    "the exposure time in s",
    float,
    needed=True,
    default=lambda scan: scan.attributes.get(words.EXPOSURE),
)
