"""Retention: nothing leaves memory before those who must not lose it have it, and memory stays bounded."""

import threading

import numpy as np
import pytest
import redis

from ronda.framework.errors import BadValue, NotAllowed
from ronda.framework.stream import Batch, Channel, Description, Device, HeldBack, ScanGone, State, keys

BLOCK = 10_000
"""Bytes of the values of a block in these tests; the accounting counts a little more."""


@pytest.fixture
def frames():
    """A description with one device whose points have BLOCK bytes."""

    def describe(*consumers: str, devices: int = 1) -> Description:
        channels = [Channel(f"x{i}", "u1", (BLOCK,)) for i in range(devices)]
        return Description("frames()", [Device(f"d{i}", [c]) for i, c in enumerate(channels)], consumers)

    return describe


def publish(publisher, count):
    name = publisher.device.channels[0].name
    for _ in range(count):
        publisher.publish({name: np.full(BLOCK, publisher.index % 256, "u1")})


def in_memory(server, scan, device="d0"):
    with server.client() as client:
        return [int(i.split(b"-")[0]) for i, _ in client.xrange(keys.blocks(scan.identifier, device))]


def audit(server):
    """What the accounting should say: grants, less what was trimmed, and the cost of each scan."""
    with server.client() as client:
        total = 0
        for scan in client.zrange(keys.SCANS, 0, -1):
            fields = {k.decode(): v for k, v in client.hgetall(keys.scan(scan.decode())).items()}
            total += int(fields["cost"])
            total += sum(int(v) for k, v in fields.items() if k.startswith("granted "))
            total -= sum(int(v) for k, v in fields.items() if k.startswith("released "))
        assert int(client.hget(keys.MEMORY, "used")) == total
        return total


def test_blocks_leave_exactly_up_to_the_least_position(stream, frames, shared_redis):
    stream.configure(comfort=0)
    scan = stream.open_scan(frames("writer", "fit"))
    publish(scan.publisher("d0"), 10)
    scan.acknowledge("writer", {"d0": 7})
    assert in_memory(shared_redis, scan) == list(range(1, 11))
    scan.acknowledge("fit", {"d0": 4})
    assert in_memory(shared_redis, scan) == list(range(5, 11))
    scan.acknowledge("fit", {"d0": 9})
    assert in_memory(shared_redis, scan) == [8, 9, 10]
    assert scan.extent("d0").first == 7
    audit(shared_redis)


def test_position_never_goes_back(stream, frames):
    scan = stream.open_scan(frames("writer"))
    scan.acknowledge("writer", {"d0": 7})
    scan.acknowledge("writer", {"d0": 3})
    assert scan.acknowledged("writer") == {"d0": 7}


def test_block_of_which_a_part_is_acknowledged_stays(stream, one_channel, shared_redis):
    stream.configure(comfort=0)
    scan = stream.open_scan(one_channel("writer"))
    scan.publisher("dev").publish_block({"x": range(10)})
    scan.acknowledge("writer", {"dev": 9})
    assert scan.read("x", 0, 10).tolist() == list(range(10))
    scan.acknowledge("writer", {"dev": 10})
    assert in_memory(shared_redis, scan, "dev") == []
    assert scan.extent("dev")[:3] == (10, 10, 0)
    audit(shared_redis)


def test_acknowledged_blocks_stay_while_there_is_room(stream, frames):
    scan = stream.open_scan(frames("writer"))
    publish(scan.publisher("d0"), 10)
    scan.acknowledge("writer", {"d0": 10})
    assert scan.read("x0", 0, 10).shape == (10, BLOCK)


def test_only_consumers_of_the_description_acknowledge(stream, frames):
    scan = stream.open_scan(frames("writer"))
    with pytest.raises(NotAllowed, match=r"scan 1: consumer plot does not stand in its description \(writer\)"):
        scan.acknowledge("plot", {"d0": 1})
    with pytest.raises(NotAllowed, match="consumer plot does not stand"):
        scan.done("plot")
    with pytest.raises(BadValue, match="device cam: not in this scan"):
        scan.acknowledge("writer", {"cam": 1})


def test_full_buffer_holds_back_and_names_who_is_behind(stream, frames, shared_redis):
    stream.configure(limit=20 * BLOCK)
    scan = stream.open_scan(frames("writer", "fit"))
    publisher = scan.publisher("d0")
    with pytest.raises(
        HeldBack,
        match=r"d0: held back, the buffer is full \([\d.]+ kB of 200 kB\): consumer writer is behind by \d+ points "
        r"\([\d.]+ kB\) in scan 1 \(.*\); start it or speed it up, or make it optional",
    ) as error:
        publish(publisher, 100)
    taken = publisher.index
    assert 15 < taken < 20
    assert error.value.behind.points == taken
    assert error.value.limit == 20 * BLOCK
    assert in_memory(shared_redis, scan) == list(range(1, taken + 1))
    scan.acknowledge("writer", {"d0": 10})
    with pytest.raises(HeldBack, match="consumer fit is behind"):
        publish(publisher, 1)
    scan.acknowledge("fit", {"d0": 10})
    publish(publisher, 1)
    assert publisher.index == taken + 1
    assert in_memory(shared_redis, scan)[-1] == taken + 1
    audit(shared_redis)


def test_step_scan_waits_for_room_and_is_told_for_whom(stream, frames):
    stream.configure(limit=10 * BLOCK)
    scan = stream.open_scan(frames("writer"))
    told = threading.Event()
    publisher = scan.publisher("d0", wait=None, on_held=lambda error: told.set())
    thread = threading.Thread(target=publish, args=(publisher, 30))
    thread.start()
    assert told.wait(60)
    cursor = scan.follow()
    while not cursor.exhausted:
        for block in cursor.read(60):
            scan.acknowledge("writer", {"d0": block.first + block.count})
        if cursor.positions["d0"] == 30:
            break
    thread.join()
    assert publisher.index == 30


def test_waiting_for_room_has_an_end(stream, frames):
    stream.configure(limit=10 * BLOCK)
    publisher = stream.open_scan(frames("writer")).publisher("d0", wait=0.1)
    with pytest.raises(HeldBack, match="consumer writer is behind"):
        publish(publisher, 30)


def test_user_can_stop_waiting_for_room(stream, frames):
    def stop(error: HeldBack) -> None:
        raise KeyboardInterrupt

    stream.configure(limit=10 * BLOCK)
    publisher = stream.open_scan(frames("writer")).publisher("d0", wait=None, on_held=stop)
    with pytest.raises(KeyboardInterrupt):
        publish(publisher, 30)


def test_gathered_points_that_were_taken_are_sent_when_there_is_room(stream, frames, wait_for):
    stream.configure(limit=10 * BLOCK)
    scan = stream.open_scan(frames("writer"))
    publisher = scan.publisher("d0", batch=Batch(points=2, age=60))
    with pytest.raises(HeldBack):
        publish(publisher, 30)
    taken = publisher.index
    assert publisher.pending == 2
    scan.acknowledge("writer", {"d0": taken - 2})
    wait_for(lambda: publisher.pending == 0)
    assert scan.extent("d0").length == taken


def test_consumer_becomes_optional_by_the_word_of_an_operator(stream, frames, shared_redis):
    stream.configure(limit=10 * BLOCK)
    scan = stream.open_scan(frames("writer", "fit"))
    publisher = scan.publisher("d0")
    with pytest.raises(HeldBack):
        publish(publisher, 30)
    scan.make_optional("writer", "ada")
    with pytest.raises(HeldBack, match="consumer fit is behind"):
        publish(publisher, 1)
    scan.make_optional("fit", "ada")
    publish(publisher, 30)
    with shared_redis.client() as client:
        assert client.hget(keys.scan(scan.identifier), "optional fit") == b"ada"
    scan.acknowledge("fit", {"d0": 1})


def test_scan_that_nobody_must_keep_never_holds_back_and_keeps_its_newest(stream, frames, shared_redis):
    stream.configure(limit=20 * BLOCK)
    scan = stream.open_scan(frames())
    publish(scan.publisher("d0"), 100)
    there = in_memory(shared_redis, scan)
    assert there[-1] == 100
    assert 5 <= len(there) <= 20
    audit(shared_redis)


def test_ended_scans_make_room_the_oldest_first(stream, frames, shared_redis):
    stream.configure(limit=100 * BLOCK, comfort=50 * BLOCK)
    scans = [stream.open_scan(frames()) for _ in range(10)]
    for scan in scans:
        scan.set_state(State.RUNNING)
        publish(scan.publisher("d0"), 10)
        scan.set_state(State.COMPLETED)
    kept = [record.number for record in stream.scans()]
    assert kept == list(range(11 - len(kept), 11))
    assert 3 <= len(kept) <= 5
    with pytest.raises(ScanGone):
        scans[0].state  # noqa: B018
    with shared_redis.client() as client:
        assert not list(client.scan_iter(f"*{scans[0].identifier}*"))
    assert [news.number for news in stream.news(after="0-0", timeout=0.01) if news.state == "GONE"][:2] == [1, 2]
    audit(shared_redis)


def test_ended_scan_stays_until_every_consumer_is_done(stream, frames):
    stream.configure(limit=20 * BLOCK, comfort=0, keep=0)
    scan = stream.open_scan(frames("writer"))
    publish(scan.publisher("d0"), 2)
    scan.set_state(State.ABORTED)
    scan.acknowledge("writer", {"d0": 2})
    assert [lag.points for lag in stream.behind()] == [0]
    stream.open_scan(frames())
    assert scan.state == State.ABORTED
    scan.done("writer")
    assert stream.behind() == []
    stream.open_scan(frames())
    with pytest.raises(ScanGone):
        scan.state  # noqa: B018


def test_ended_scan_stays_for_its_time_while_there_is_room(stream, frames):
    stream.configure(keep=600)
    scan = stream.open_scan(frames())
    scan.set_state(State.ABORTED)
    stream.open_scan(frames())
    assert scan.state == State.ABORTED


def test_scan_can_be_opened_triggered_and_closed_when_the_buffer_is_full(stream, frames):
    stream.configure(limit=10 * BLOCK)
    scan = stream.open_scan(frames("writer"))
    publisher = scan.publisher("d0")
    with pytest.raises(HeldBack):
        publish(publisher, 30)
    scan.set_state(State.RUNNING)
    other = stream.open_scan(frames("writer"))
    listener = other.arm("d0")
    other.set_state(State.RUNNING)
    other.trigger_line().fire(0)
    assert listener.wait(60).index == 0
    publisher.seal()
    scan.set_state(State.COMPLETED)
    other.set_state(State.ABORTED)


def test_all_streams_of_other_scans_give_what_may_leave(stream, frames, shared_redis):
    stream.configure(limit=30 * BLOCK, comfort=30 * BLOCK)
    idle = stream.open_scan(frames("writer", devices=2))
    publish(idle.publisher("d0"), 10)
    publish(idle.publisher("d1"), 10)
    idle.acknowledge("writer", {"d0": 10, "d1": 8})
    busy = stream.open_scan(frames("writer"))
    publish(busy.publisher("d0"), 20)
    with pytest.raises(HeldBack):
        publish(busy.publisher("d0"), 20)
    assert in_memory(shared_redis, idle, "d1") == [9, 10]
    audit(shared_redis)


def test_lag_is_told_for_each_consumer_the_greatest_first(stream, frames):
    scan = stream.open_scan(frames("writer", "fit", devices=2))
    publish(scan.publisher("d0"), 10)
    publish(scan.publisher("d1"), 4)
    scan.acknowledge("writer", {"d0": 5, "d1": 4})
    behind = scan.behind()
    assert [(lag.consumer, lag.points) for lag in behind] == [("fit", 10), ("writer", 5)]
    assert behind[0].memory == pytest.approx(14 * BLOCK, rel=0.05)
    assert behind[1].memory == pytest.approx(5 * BLOCK, rel=0.05)


def test_room_that_was_granted_and_not_used_is_given_back_at_the_end(stream, frames, shared_redis):
    scan = stream.open_scan(frames())
    publisher = scan.publisher("d0")
    publish(publisher, 1)
    before = audit(shared_redis)
    publisher.seal()
    assert audit(shared_redis) < before - 10 * BLOCK
    scan.set_state(State.ABORTED)
    stream.configure(keep=0)
    stream.open_scan(frames())
    audit(shared_redis)


def test_redis_filled_by_others_without_a_consumer_behind_says_so(redis_server_with, connect, frames):
    server = redis_server_with("--maxmemory", "64mb")
    publisher = connect(server.url).open_scan(frames()).publisher("d0")
    with server.client() as client:
        fill(client)
    with pytest.raises(HeldBack, match="Redis has reached its maxmemory with other data; remove that or give Redis"):
        publish(publisher, 200)


def test_accounting_is_above_what_redis_uses(redis_server_with, connect, one_channel):
    server = redis_server_with("--maxmemory", "256mb")
    stream = connect(server.url)
    with server.client() as client:
        empty = client.info("memory")["used_memory"]
        scan = stream.open_scan(one_channel("writer"))
        publisher = scan.publisher("dev")
        for i in range(3000):
            publisher.publish({"x": i})
        publisher.seal()
        assert client.info("memory")["used_memory"] - empty < 1.2 * stream.memory().used + 500_000


def test_redis_filled_by_others_holds_back_and_control_still_works(redis_server_with, connect, frames, wait_for):
    server = redis_server_with("--maxmemory", "64mb")
    stream = connect(server.url)
    scan = stream.open_scan(frames("writer"))
    publisher = scan.publisher("d0")
    publish(publisher, 3)
    with server.client() as client:
        fill(client)
        with pytest.raises(HeldBack, match=r"consumer writer is behind by \d+ points"):
            publish(publisher, 200)
        other = stream.open_scan(frames())
        other.set_state(State.RUNNING)
        listener = other.arm("d0")
        other.trigger_line().fire(0)
        assert listener.wait(60).index == 0
        with pytest.raises(HeldBack, match=r"consumer writer is behind"):
            publish(other.publisher("d0"), 200)
        scan.acknowledge("writer", {"d0": 3})
        taken = publisher.index
        client.delete("junk")
        wait_for(lambda: client.info("memory")["used_memory"] < 30_000_000)  # Redis frees in the background
        publish(publisher, 5)
        assert publisher.index == taken + 5
    scan.set_state(State.RUNNING)
    scan.set_state(State.COMPLETED)


def fill(client) -> None:
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        list(iter(lambda: client.rpush("junk", b"x" * 100_000), None))
