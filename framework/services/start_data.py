"""All that a Tango server wants to know of the database when it starts, in one answer instead of eight calls a device.

The Tango library asks the command `DbGetDataForServerCache` for it; pytango-db does not have that yet. The answer is a
flat list of texts, in the order of the procedure `ds_start` (release 1.13) of the Tango project's own database:

    [release] import(admin device) import(event factory) import(event channel)
    properties(DServer) properties(Default) properties(admin device)
    server, number of classes, and for each class
        properties  attribute properties  [pipe properties]  class, number of devices, devices
        and for each device: properties  attribute properties  [pipe properties]
    properties(CtrlSystem)

where a list of properties is `owner, number, (name, number of lines, lines…)…`, one of attribute properties is `owner,
number, (attribute, number, (name, number of lines, lines…)…)…`, and what is in brackets is there for Tango 9 and later.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

RELEASE = "release 1.13"
"""Release of the procedure whose order this follows; the Tango library looks at it."""

NOT_FOUND = "Not Found"


def start_data(cursor: sqlite3.Cursor, server: str, host: str) -> list[str]:
    """The answer for one server.

    Args:
        cursor: on the tables of the Tango database.
        server: full name, `executable/instance`.
        host: where it starts, followed by `%%` and the release of the Tango library since Tango 9.
    """
    _, marked, release = host.partition("%%")
    pipes = bool(marked) and _number(release) >= 9
    return list(_answer(cursor, server, host.partition("%%")[0], pipes=pipes))


def _answer(cursor: sqlite3.Cursor, server: str, host: str, *, pipes: bool) -> Iterator[str]:
    if pipes:
        yield RELEASE
    admin = f"dserver/{server}"
    device = _device(cursor, admin)
    yield from device
    if device[1] == NOT_FOUND:
        return
    # events go over ZeroMQ since Tango 8: there is neither a factory nor a channel of the old notification service
    yield from (f"notifd/factory/{host}", NOT_FOUND, admin, NOT_FOUND)
    yield from _class_properties(cursor, "DServer")
    yield from _class_properties(cursor, "Default")
    yield from _lists(cursor, admin, "SELECT name, value FROM property_device WHERE device = ? ORDER BY name, count")
    rows = cursor.execute("SELECT class, name FROM device WHERE server = ? ORDER BY class, name", (server,)).fetchall()
    classes = [
        (name, [row[1] for row in members])
        for name, members in itertools.groupby(rows, key=lambda row: row[0])
        if name.lower() != "dserver"
    ]
    properties = _of_all(cursor, "property_device", "name", server)
    attributes = _of_all(cursor, "property_attribute_device", "attribute, name", server)
    yield from (server, str(len(classes)))
    for name, devices in classes:
        yield from _class_properties(cursor, name)
        yield from _nested(name, _rows(cursor, _CLASS_ATTRIBUTES, name))
        if pipes:
            yield from (name, "0")
        yield from (name, str(len(devices)), *devices)
        for each in devices:
            yield from _flat(each, properties.get(each.lower(), []))
            yield from _nested(each, attributes.get(each.lower(), []))
            if pipes:
                yield from (each, "0")
    yield from _lists(cursor, "CtrlSystem", "SELECT name, value FROM property WHERE object = ? ORDER BY name, count")


_CLASS_ATTRIBUTES = (
    "SELECT attribute, name, value FROM property_attribute_class WHERE class = ? ORDER BY attribute, name, count"
)


def _class_properties(cursor: sqlite3.Cursor, name: str) -> Iterator[str]:
    return _lists(cursor, name, "SELECT name, value FROM property_class WHERE class = ? ORDER BY name, count")


def _of_all(cursor: sqlite3.Cursor, table: str, columns: str, server: str) -> dict[str, list[Any]]:
    """The properties of all devices of a server, by device in lower case."""
    ordered = cursor.execute(
        f"SELECT device, {columns}, value FROM {table} WHERE device IN (SELECT name FROM device WHERE server = ?) "
        f"ORDER BY device, {columns}, count",
        (server,),
    )
    found: dict[str, list[Any]] = {}
    for device, *row in ordered:
        found.setdefault(device.lower(), []).append(row)
    return found


def _device(cursor: sqlite3.Cursor, name: str) -> list[str]:
    row = cursor.execute(
        "SELECT ior, version, server, host, exported, pid, class FROM device WHERE name = ?", (name,)
    ).fetchone()
    return [name, NOT_FOUND] if row is None else [name, *("" if value is None else str(value) for value in row)]


def _lists(cursor: sqlite3.Cursor, owner: str, query: str) -> Iterator[str]:
    return _flat(owner, _rows(cursor, query, owner))


def _rows(cursor: sqlite3.Cursor, query: str, owner: str) -> list[Any]:
    return cursor.execute(query, (owner,)).fetchall()


def _flat(owner: str, rows: Iterable[Any]) -> Iterator[str]:
    """`owner, number, (name, number of lines, lines…)…` from rows of name and line."""
    groups = [(name, [row[1] for row in group]) for name, group in itertools.groupby(rows, key=lambda row: row[0])]
    yield from (owner, str(len(groups)))
    for name, lines in groups:
        yield from (name, str(len(lines)), *("" if line is None else str(line) for line in lines))


def _nested(owner: str, rows: Iterable[Any]) -> Iterator[str]:
    """`owner, number, (attribute, number, (name, number of lines, lines…)…)…` from rows of attribute, name, line."""
    groups = [
        (attribute, [tuple(row)[1:] for row in group])
        for attribute, group in itertools.groupby(rows, key=lambda row: row[0])
    ]
    yield from (owner, str(len(groups)))
    for attribute, properties in groups:
        yield from _flat(attribute, properties)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
