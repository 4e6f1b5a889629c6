"""What the embedded database tells a starting server: an independent reading of the list gives back what is stored."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ronda.framework.services.embedded_tango import prepare
from ronda.framework.services.start_data import NOT_FOUND, RELEASE, start_data

SERVER = "Ronda/demo-motors"


def read(answer: list[str], *, pipes: bool) -> dict[str, Any]:
    """Take the list apart in the order that the Tango library expects; everything must be used up."""
    words = iter(answer)

    def lists(owner: str) -> dict[str, list[str]]:
        assert next(words) == owner
        found = {}
        for _ in range(int(next(words))):
            name = next(words)
            found[name] = [next(words) for _ in range(int(next(words)))]
        return found

    def nested(owner: str) -> dict[str, dict[str, list[str]]]:
        assert next(words) == owner
        found = {}
        for _ in range(int(next(words))):
            attribute = next(words)
            found[attribute] = {}
            for _ in range(int(next(words))):
                name = next(words)
                found[attribute][name] = [next(words) for _ in range(int(next(words)))]
        return found

    if pipes:
        assert next(words) == RELEASE
    admin = [next(words) for _ in range(8)]
    assert [next(words) for _ in range(4)] == ["notifd/factory/here", NOT_FOUND, admin[0], NOT_FOUND]
    lists("DServer")
    lists("Default")
    lists(admin[0])
    assert next(words) == SERVER
    devices = {}
    for _ in range(int(next(words))):
        name = peeked = next(words)
        # the class stands before its properties, its attribute properties, its pipes and its devices
        for _ in range(int(next(words))):
            next(words)
            for _ in range(int(next(words))):
                next(words)
        nested(name)
        if pipes:
            assert (next(words), next(words)) == (peeked, "0")
        assert next(words) == name
        members = [next(words) for _ in range(int(next(words)))]
        for member in members:
            devices[member] = (name, lists(member), nested(member))
            if pipes:
                assert (next(words), next(words)) == (member, "0")
    lists("CtrlSystem")
    assert list(words) == []
    return devices


@pytest.fixture
def cursor(tmp_path: Path) -> Iterator[sqlite3.Cursor]:
    """The tables of an empty database."""
    prepare(tmp_path / "tango.db")
    connection = sqlite3.connect(tmp_path / "tango.db")
    yield connection.cursor()
    connection.close()


def add(cursor: sqlite3.Cursor, name: str, tango_class: str) -> None:
    """Put a device in."""
    cursor.execute("INSERT INTO device (name, class, server) VALUES (?, ?, ?)", (name, tango_class, SERVER))


def test_an_unknown_server_is_not_found(cursor: sqlite3.Cursor) -> None:
    assert start_data(cursor, "Ronda/nobody", "here") == ["dserver/Ronda/nobody", NOT_FOUND]


names = st.text("abcdefgh", min_size=1, max_size=6)
lines = st.lists(st.text(max_size=12), min_size=1, max_size=3)
device = st.tuples(
    st.sampled_from(["Axis", "MotorController", "CounterCard"]),
    st.dictionaries(names, lines, max_size=3),
    st.dictionaries(names, st.dictionaries(names, lines, min_size=1, max_size=3), max_size=3),
)


@settings(max_examples=30)
@given(st.dictionaries(names, device, max_size=5), st.booleans())
def test_what_is_stored_is_what_a_server_reads(stored: dict[str, Any], pipes: bool) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        file = Path(folder) / "tango.db"
        prepare(file)
        connection = sqlite3.connect(file)
        cursor = connection.cursor()
        add(cursor, f"dserver/{SERVER}", "DServer")
        for name, (tango_class, properties, attributes) in stored.items():
            full = f"demo/axis/{name}"
            add(cursor, full, tango_class)
            for key, values in properties.items():
                for count, line in enumerate(values, start=1):
                    cursor.execute(
                        "INSERT INTO property_device (device, name, count, value, updated, accessed) "
                        "VALUES (?, ?, ?, ?, 0, 0)",
                        (full, key, count, line),
                    )
            for attribute, held in attributes.items():
                for key, values in held.items():
                    for count, line in enumerate(values, start=1):
                        cursor.execute(
                            "INSERT INTO property_attribute_device "
                            "(device, attribute, name, count, value, updated, accessed) VALUES (?, ?, ?, ?, ?, 0, 0)",
                            (full, attribute, key, count, line),
                        )
        found = read(start_data(cursor, SERVER, "here%%10" if pipes else "here"), pipes=pipes)
        connection.close()
    assert found == {f"demo/axis/{name}": value for name, value in stored.items()}


def test_a_creation_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "tango.db.new").write_bytes(b"half a file")
    prepare(tmp_path / "tango.db")
    prepare(tmp_path / "tango.db")
    connection = sqlite3.connect(tmp_path / "tango.db")
    assert connection.execute("SELECT count(*) FROM device").fetchone()[0] >= 0
    connection.close()
    assert not (tmp_path / "tango.db.new").exists()
