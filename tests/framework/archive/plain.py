"""What an archive should answer, from a plain list of events in the order in which they were appended."""

from ronda.framework.archive.record import BREAKS, EVERYTHING, device_of


def in_time(events, *names):
    """Events of some names, by device time, then as they came."""
    return sorted((event for event in events if event.attribute in names), key=lambda event: event.time)


def readings(events, name, since, until):
    return [event for event in in_time(events, name) if event.kind == "value" and since <= event.time <= until]


def last(events, name, time):
    """The last word on an attribute until a time; at the same time its own counts, then its device's."""
    words = []
    for scope in (EVERYTHING, device_of(name), name):
        until = [one for one in in_time(events, scope) if one.time <= time and one.kind in ("value", *BREAKS)]
        words += until[-1:]
    return sorted(words, key=lambda event: event.time)[-1] if words else None


def value(events, name, time):
    found = last(events, name, time)
    return found.value if found is not None and found.kind == "value" else None
