"""A database of a test's own, and stores whose events go into it."""

import pytest

from ronda.framework.archive.hdbpp.place import Place
from ronda.framework.archive.hdbpp.store import FacilityStore
from ronda.framework.archive.reading import EVENT, LATER, Reader, event
from tests.postgresql import VARIABLE


class Facility:
    """The buffer and the database of a test."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        self.place = Place(server.new_database(), "test/data_logger/log", "host:10000", f"${{{VARIABLE}}}")
        self.opened = []

    def store(self, folder=None, **more):
        self.opened.append(FacilityStore(folder or self.folder, self.place, **more))
        return self.opened[-1]

    def close(self, store):
        self.opened.remove(store)
        store.close()

    def sql(self, query, *parameters):
        """What plain SQL finds."""
        with self.server.connect(self.place.database) as connection:
            return connection.execute(query, parameters or None).fetchall()

    def sql_only(self, statement):
        """Something that has no answer."""
        with self.server.connect(self.place.database) as connection:
            connection.execute(statement)

    def events(self):
        """All events, by their times."""
        reader = Reader(self.folder)
        rows = reader.question(lambda view: view.fetch(f"SELECT {EVENT} FROM events ORDER BY {LATER}"))
        reader.close()
        return [event(row) for row in rows]


@pytest.fixture
def facility(postgresql, tmp_path):
    found = Facility(postgresql, tmp_path / "buffer")
    yield found
    for store in found.opened:
        store.close()
