"""Counters that are calculated from others: the names that they use, and those that go round in a circle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from ronda.framework.config.entries import Entry
from ronda.framework.config.problems import Problem, nearest
from ronda.framework.config.references import Names
from ronda.framework.config.words import show


def check_calculations(names: Names, entries: Iterable[Entry]) -> list[Problem]:
    """Find counters that are calculated from what is not a counter, from one of another device that calculates, or
    from each other in a circle.

    Args:
        names: what there is.
        entries: all, checked.
    """
    found: list[Problem] = []
    everything = list(entries)
    complete = names.complete and all(entry.parameters is not None for entry in everything)
    calculated = {entry.name: entry.parameters.calculations() for entry in everything if entry.parameters is not None}
    owner = {counter: device for device, counters in calculated.items() for counter in counters}
    for entry in everything:
        own = calculated.get(entry.name, {})
        graph = {name: set(one.inputs) & own.keys() for name, one in own.items()}
        for name, one in own.items():
            for used in one.inputs:
                location = entry.section.location(one.path)
                if used in owner and owner[used] != entry.name:
                    what = f"{one.path[-1]} uses {used}, which the device {owner[used]} calculates"
                    found.append(Problem(location, name, what, "counters that use each other must be of one device"))
                elif complete and used not in own and not names.is_counter(used):
                    what = "is a device" if used in names.devices else "does not exist"
                    hint = nearest(used, (counter for counter in names.counters if not counter.endswith("*")))
                    found.append(
                        Problem(
                            location, name, f"{one.path[-1]} uses {show(used)}, which {what}", "must be a counter", hint
                        )
                    )
        circle = circle_of(graph)
        if circle:
            location = entry.section.location(own[circle[0]].path)
            round_it = " uses ".join(circle)
            found.append(Problem(location, circle[0], round_it, "counters must not be calculated in a circle"))
    return found


def circle_of(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """A circle in who uses what, its first name again at its end; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle[::-1]  # each uses the next
    return []
