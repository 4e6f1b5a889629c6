"""Names that keys of the configuration refer to: missing ones, wrong ones, and those that go round in a circle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import BaseModel

from ronda.framework.config.beamline import Location
from ronda.framework.config.entries import Entry
from ronda.framework.config.parameters import Endpoint, MemberOf, Reference
from ronda.framework.config.problems import Problem, listed, nearest, with_article
from ronda.framework.config.shape import Path, marked_values, marks_of, place_of
from ronda.framework.config.source import KeyPath, Section

_OTHER_THINGS = ("server", "host", "simulator")


@dataclass(frozen=True)
class Edge:
    """Somebody refers to something.

    Attributes:
        source: who.
        target: to what.
        sort: what that is: `device`, `server`, `host` or `simulator`.
        location: of the value in the file.
        key: what the value stands at.
    """

    source: str
    target: str
    sort: str
    location: Location
    key: str


@dataclass
class Names:
    """All that can be referred to.

    Attributes:
        counters: what devices measure; a `*` at the end of a name stands for whatever follows.
        devices: the family of each device and each device within a device; None if its entry is wrong.
        trigger_outputs: those of them that give triggers.
        servers, hosts, simulators: their names.
        complete: whether all files could be read, so that a name that is not here does not exist.
    """

    devices: dict[str, str | None] = field(default_factory=dict)
    trigger_outputs: set[str] = field(default_factory=set)
    counters: set[str] = field(default_factory=set)
    servers: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    simulators: set[str] = field(default_factory=set)
    complete: bool = True

    def what_is(self, name: str) -> list[str]:
        """What has this name: `axis`, `server` …; an empty text stands for a device that is not known any better."""
        found = [self.devices[name] or ""] if name in self.devices else []
        groups = zip(_OTHER_THINGS, (self.servers, self.hosts, self.simulators), strict=True)
        found += ["counter"] if self.is_counter(name) else []
        found += ["trigger output"] if name in self.trigger_outputs else []
        return found + [word for word, names in groups if name in names]

    def is_counter(self, name: str) -> bool:
        """Whether a device measures a counter of this name."""
        return name in self.counters or any(
            counter.endswith("*") and name.startswith(counter[:-1]) for counter in self.counters
        )

    def fitting(self, to: tuple[str, ...]) -> list[str]:
        """The names that a reference may name."""
        counters = [name for name in self.counters if not name.endswith("*")]
        everything = [*self.devices, *counters, *self.servers, *self.hosts, *self.simulators]
        return sorted(name for name in everything if any(_fits(what, to) for what in self.what_is(name)))

    def find(self, name: str, to: tuple[str, ...]) -> str | None:
        """What a reference names: `device`, `server`, `host` or `simulator`; None if nothing that it may name."""
        fitting = [what for what in self.what_is(name) if _fits(what, to)]
        return None if not fitting else fitting[0] if fitting[0] in _OTHER_THINGS else "device"

    def why_not(self, name: str, to: tuple[str, ...]) -> tuple[str, str | None]:
        """Why a reference cannot name this, and what it could have meant."""
        found = self.what_is(name)
        if found:
            return f"which is {with_article(found[0])}", None
        return "which does not exist", nearest(name, self.fitting(to))


def check_references(
    names: Names, section: Section, model: type[BaseModel], data: object, who: str
) -> tuple[list[Edge], list[Problem]]:
    """Follow each reference in a section.

    Args:
        names: what there is.
        section: where it stands.
        model: its model.
        data: its checked instance, or its plain data if something in it is wrong.
        who: the name of what it describes.

    Returns:
        who refers to whom, references that are wrong left out; and what is wrong.
    """
    edges: list[Edge] = []
    problems: list[Problem] = []
    for marked in marks_of(model):
        if isinstance(marked.mark, MemberOf):
            problems += _check_members(names, section, model, marked_values(data, marked), who)
        if not isinstance(marked.mark, Reference | Endpoint):
            continue
        for path, value in marked_values(data, marked):
            to = marked.mark.to if isinstance(marked.mark, Reference) else ("simulator",)
            if not isinstance(value, str) or "${" in value:
                continue
            if isinstance(marked.mark, Endpoint) and not value.startswith("simulator:"):
                continue
            name = value.removeprefix("simulator:") if isinstance(marked.mark, Endpoint) else value
            place = place_of(model, path)
            key = place.key if place else str(path[-1])
            named = (place.name if place else None) or who
            if not key:  # the name of an entry is what refers
                named, key = who, f"a name in {path[-2]}"
            source = named if named in names.devices else who
            sort = names.find(name, to)
            if sort is not None and isinstance(marked.mark, Reference) and marked.mark.nominal:
                continue
            if sort is not None:
                edges.append(Edge(source, name, sort, section.location(path), key))
            elif names.complete or names.what_is(name):
                what, hint = names.why_not(name, to)
                allowed = f"must name {listed(map(with_article, to), 'or')}"
                problems.append(Problem(section.location(path), named, f"{key} is {value!r}, {what}", allowed, hint))
    return edges, problems


def _check_members(
    names: Names, section: Section, model: type[BaseModel], values: Iterable[tuple[Path, object]], who: str
) -> list[Problem]:
    """Find what should be a member of a device of the beamline, where it has no such device."""
    problems = []
    known = {name.lower() for name in names.devices}
    for path, value in values:
        if not isinstance(value, str) or "${" in value or "://" in value or value.count("/") != 1:
            continue
        device = value.partition("/")[0]
        if device.lower() in known or not names.complete:
            continue
        place = place_of(model, path)
        named = (place.name if place else None) or who
        key = place.key if place else str(path[-1])
        allowed = "must name a device of this beamline, or DOMAIN/FAMILY/MEMBER/NAME of another one"
        what = f"{key} is {value!r}, and there is no device {device}"
        problems.append(
            Problem(section.location(path), named, what, allowed, nearest(device, names.fitting(("device",))))
        )
    return problems


def check_device_circles(entries: Iterable[Entry], edges: list[Edge]) -> tuple[list[Problem], set[Edge]]:
    """Find devices that refer to each other in a circle.

    Returns:
        a problem for each circle; and the references in them.
    """
    graph = [edge for edge in edges if edge.sort == "device"]
    for entry in entries:  # a device within a device works only as long as the outer one does
        for device in entry.tango_devices:
            if device.name != entry.name:
                path: KeyPath = entry.path_of(device.name)
                graph.append(Edge(device.name, entry.name, "device", entry.section.location(path, key=True), ""))
    problems = []
    involved: set[Edge] = set()
    for circle in _circles(graph):
        involved.update(circle)
        given = next((edge for edge in circle if edge.key), circle[0])
        what = f"{given.key} refers back to itself: {_round(circle)}"
        problems.append(Problem(given.location, given.source, what, "references must not go round in a circle"))
    return problems, involved


def order_servers(servers: list[str], edges: list[Edge]) -> tuple[list[str], dict[str, list[str]], list[Problem]]:
    """Put servers into an order that respects who needs whom.

    Args:
        servers: their names, in the order of the files.
        edges: who needs whom.

    Returns:
        the order; the servers that each needs directly; and a problem for each circle.
    """
    problems = []
    for circle in _circles(edges):
        reasons = ", ".join(f"{edge.source} needs {edge.target} ({edge.key})" for edge in circle)
        what = f"servers need each other: {_round(circle)}"
        problems.append(Problem(circle[0].location, circle[0].source, what, f"but one must start first: {reasons}"))
    needs = {
        server: list(dict.fromkeys(edge.target for edge in edges if edge.source == server != edge.target))
        for server in servers
    }
    ordered: list[str] = []

    def place(server: str, above: tuple[str, ...]) -> None:
        if server in ordered or server in above or server not in needs:
            return
        for need in needs[server]:
            place(need, (*above, server))
        ordered.append(server)

    for server in servers:
        place(server, ())
    return ordered, needs, problems


def _fits(what: str, to: tuple[str, ...]) -> bool:
    """Whether something of this sort may be referred to."""
    return (
        what in to
        or (what == "" and not set(to) <= set(_OTHER_THINGS))
        or ("device" in to and what not in _OTHER_THINGS)
    )


def _round(circle: list[Edge]) -> str:
    return " -> ".join([*(edge.source for edge in circle), circle[0].source])


def _circles(edges: Iterable[Edge]) -> list[list[Edge]]:
    """Circles in a graph, so many that no part of it is left without one being told; each once."""
    leaving: dict[str, list[Edge]] = {}
    first = {(edge.source, edge.target): edge for edge in reversed(list(edges))}  # one reason for each is enough
    for edge in reversed(first.values()):
        leaving.setdefault(edge.source, []).append(edge)
    found: list[list[Edge]] = []
    finished: set[str] = set()
    for start in leaving:
        trail: list[Edge] = []
        pending: list[tuple[str, int]] = [(start, 0)]
        while pending:
            node, turn = pending.pop()
            trail = trail[: len(pending)]
            following = leaving.get(node, [])
            if node in finished or turn >= len(following):
                finished.add(node)
                continue
            pending.append((node, turn + 1))
            edge = following[turn]
            on_trail = [name for name, _ in pending]
            if edge.target in on_trail:
                found.append([*trail[on_trail.index(edge.target) :], edge])
            elif edge.target not in finished:
                trail.append(edge)
                pending.append((edge.target, 0))
    return found
