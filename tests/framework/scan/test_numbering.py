"""Numbers of scans in a dataset: from 1, none twice, with a real Redis and a real disk."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ronda.framework.errors import NotReady
from ronda.framework.policy.policy import DataPolicy
from ronda.framework.scan.numbering import open_numbered
from ronda.framework.stream import Channel, Description, Device
from tests.framework.policy.conftest import (  # noqa: F401 - fixtures
    at_once,
    new_beamline,
    redis_server,
    shared_redis,
    writer,
)


class Client:
    """Somebody who scans, in one session of the beamline."""

    def __init__(self, beamline, session):
        self.beamline, self.policy, self.session = beamline, DataPolicy(beamline, session), session

    def scan(self, *, save=True, saved=None):
        """Open and end a scan; returns its number. With the paths of a writer, its file is made."""
        place = self.policy.belonging(save=save).place
        told = Description(
            "ct(1)",
            [Device("ct1", [Channel("i0")])],
            ["writer"] if save else [],
            session=self.session,
            attributes={"beamline": "demo"},
            **place.scan_fields(),
        )
        scan = open_numbered(self.beamline, self.policy, place, told, lease_seconds=60)
        if saved is not None:
            path = saved.scan_file(scan.identifier, scan.number, told)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(exist_ok=False)
        scan.set_state("ABORTED")
        return scan.number


@pytest.fixture
def client(new_beamline):  # noqa: F811
    def make(session="", proposal="hg123", dataset="edge"):
        made = Client(new_beamline(), session)
        if proposal:
            made.policy.newproposal(proposal, "20261126")
            made.policy.newdataset(dataset, append=True)
        return made

    return make


def test_they_count_from_one_in_each_dataset(client):
    one = client()
    assert [one.scan() for _ in range(3)] == [1, 2, 3]
    one.policy.newdataset("other")
    assert [one.scan() for _ in range(2)] == [1, 2]
    one.policy.newdataset("edge", append=True)
    assert one.scan() == 4


def test_two_sessions_in_one_dataset_never_take_a_number_twice(client):
    clients = [client(f"session{number}") for number in range(2)]
    taken = at_once(*(lambda one=one: [one.scan() for _ in range(25)] for one in clients))
    assert sorted(taken[0] + taken[1]) == list(range(1, 51))
    assert all(numbers == sorted(numbers) for numbers in taken)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["scan", "unsaved", "new", "forget"]), st.integers(0, 1)), max_size=12))
def test_whatever_happens_no_file_is_met_twice(client, writer, redis_server, tmp_path_factory, steps):  # noqa: F811
    """Scans of two sessions, of new programs, and a Redis that forgets everything; what was saved is on disk."""
    name = f"d{tmp_path_factory.mktemp('x').name[1:]}"
    clients = [client(f"session{number}", dataset=name) for number in range(2)]
    numbers = []
    for step, who in steps:
        if step == "new":
            clients[who] = client(f"session{who}", dataset=name)
        elif step == "forget":
            with redis_server.client() as redis:
                redis.flushall()
            for one in clients:
                one.policy.newproposal("hg123", "20261126")
                one.policy.newdataset(name, append=True)
        else:
            saved = step == "scan"
            number = clients[who].scan(save=saved, saved=writer.paths if saved else None)
            if saved:
                numbers.append(number)
    assert numbers == sorted(set(numbers))


def test_an_empty_redis_goes_on_from_the_files_without_a_proposal_too(client, writer, redis_server):  # noqa: F811
    one = client("", proposal="")
    assert [one.scan(saved=writer.paths) for _ in range(3)] == [1, 2, 3]
    with redis_server.client() as redis:
        redis.flushall()
    assert one.scan(saved=writer.paths) == 4
    assert client("", proposal="").scan() == 5


def test_a_scan_that_is_not_saved_needs_no_writer(client, writer):  # noqa: F811
    one = client("x", proposal="")
    writer.silent = True
    assert one.scan(save=False) == 1
    with pytest.raises(NotReady, match="no writer answers"):
        one.scan()
