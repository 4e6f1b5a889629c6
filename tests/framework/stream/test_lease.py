"""The owner's lease: a scan whose owner died is found, one whose owner lives never is."""

import os
import signal
import subprocess
import sys

import pytest

from ronda.framework.stream import State, keys

OWNER = """
import sys, time
from ronda.framework.stream import Channel, Description, Device, Stream
stream = Stream.connect(sys.argv[1])
scan = stream.open_scan(Description("x", [Device("dev", [Channel("x")])]), lease_seconds=2.0)
print(scan.identifier, flush=True)
time.sleep(60)
"""


@pytest.fixture
def old_redis(monkeypatch):
    """A Redis counts as started long ago."""
    monkeypatch.setattr("ronda.framework.stream.lease.facts", lambda _: type("Facts", (), {"uptime": 1000}))


@pytest.fixture
def owner(url):
    process = subprocess.Popen([sys.executable, "-c", OWNER, url], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def test_scan_of_a_killed_owner_is_an_orphan(stream, owner, old_redis, wait_for):
    identifier = owner.stdout.readline().strip()
    assert stream.orphans() == []
    owner.kill()
    wait_for(lambda: [scan.identifier for scan in stream.orphans()] == [identifier])
    scan = stream.scan(identifier)
    assert stream.fail_orphan(scan, "its owner on host a died")
    assert not stream.fail_orphan(scan, "its owner on host a died")
    assert (scan.state, scan.record().sentence) == (State.FAILED, "its owner on host a died")
    assert stream.orphans() == []


def test_owner_that_was_stopped_takes_its_lease_up_again(stream, owner, old_redis, wait_for):
    identifier = owner.stdout.readline().strip()
    os.kill(owner.pid, signal.SIGSTOP)
    wait_for(stream.orphans)
    os.kill(owner.pid, signal.SIGCONT)
    wait_for(lambda: not stream.orphans())
    assert not stream.fail_orphan(stream.scan(identifier), "x")


def test_lease_is_renewed_by_a_thread(stream, one_channel, shared_redis, old_redis, wait_for):
    scan = stream.open_scan(one_channel(), lease_seconds=2.0)
    with shared_redis.client() as client:
        for _ in range(2):
            wait_for(lambda: client.pttl(keys.owner(scan.identifier)) < 1700)
            wait_for(lambda: client.pttl(keys.owner(scan.identifier)) > 1750)
    assert stream.orphans() == []
    assert not scan.lease.lost


def test_lease_ends_with_the_scan(stream, one_channel, shared_redis, old_redis):
    scan = stream.open_scan(one_channel(), lease_seconds=0.2)
    scan.set_state(State.ABORTED)
    with shared_redis.client() as client:
        assert not client.exists(keys.owner(scan.identifier))
    assert not scan.lease.alive
    assert not scan.lease.lost
    assert stream.orphans() == []


def test_scan_without_a_lease_is_never_an_orphan(stream, one_channel, old_redis):
    scan = stream.open_scan(one_channel())
    assert stream.orphans() == []
    assert not stream.fail_orphan(scan, "x")


def test_lease_is_lost_when_somebody_else_takes_the_scan(stream, one_channel, shared_redis, wait_for):
    scan = stream.open_scan(one_channel(), lease_seconds=0.2)
    with shared_redis.client() as client:
        client.set(keys.owner(scan.identifier), "other")
    wait_for(lambda: scan.lease.lost)


def test_lease_is_lost_when_somebody_else_ends_the_scan(connect, url, one_channel, wait_for):
    scan = connect(url).open_scan(one_channel(), lease_seconds=0.2)
    connect(url).scan(scan.identifier).set_state(State.FAILED, "by the operator")
    wait_for(lambda: scan.lease.lost)


def test_lease_that_ran_out_while_redis_was_away_is_renewed_before_anybody_acts(
    own_redis, connect, one_channel, wait_for
):
    owner, agent = connect(own_redis.url), connect(own_redis.url)
    scan = owner.open_scan(one_channel(), lease_seconds=5.0)
    own_redis.kill()
    own_redis.start()
    assert agent.orphans() == []
    with own_redis.client() as client:
        client.delete(keys.owner(scan.identifier))
        assert agent.orphans() == []
        wait_for(lambda: client.exists(keys.owner(scan.identifier)))
