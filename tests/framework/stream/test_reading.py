"""Reading: cursors, and the three answers for what is not there."""

import threading

import numpy as np
import pytest

from ronda.framework.errors import BadValue, OutOfRange
from ronda.framework.stream import (
    Batch,
    DeviceFailed,
    End,
    Hole,
    NeverWillBe,
    NoLongerInMemory,
    NotYet,
    ScanGone,
    State,
    keys,
)


def publish(scan, device, count, batch=None, first=0):
    publisher = scan.publisher(device, batch=batch)
    for i in range(first, first + count):
        publisher.publish(
            {"x": i} if device == "dev" else {"i0": i, "diode": i} if device == "ct1" else {"spectrum": np.full(16, i)}
        )
    publisher.flush()
    return publisher


def everything(cursor, timeout=0.05):
    found = []
    while blocks := cursor.read(timeout):
        found += blocks
    return found


def test_cursor_reads_many_devices_in_order(stream, describe):
    scan = stream.open_scan(describe())
    publish(scan, "ct1", 30)
    publish(scan, "mca", 30, Batch(points=7))
    blocks = everything(scan.follow())
    for device in ("ct1", "mca"):
        assert [i for block in blocks if block.device == device for i in block.indices] == list(range(30))


def test_cursor_reads_only_the_channels_asked_for(stream, describe):
    scan = stream.open_scan(describe())
    publish(scan, "ct1", 1)
    publish(scan, "mca", 1)
    (block,) = everything(scan.follow("diode"))
    assert list(block.data) == ["diode"]
    with pytest.raises(BadValue, match="channel dioed: not in this scan"):
        scan.follow(["diode", "dioed"])


def test_one_read_waits_for_all_devices(stream, describe):
    scan = stream.open_scan(describe())
    cursor = scan.follow()
    timer = threading.Timer(0.1, publish, (scan, "mca", 1))
    timer.start()
    assert [block.device for block in cursor.read(60)] == ["mca"]
    timer.join()


def test_nothing_comes_yet(stream, one_channel):
    scan = stream.open_scan(one_channel())
    cursor = scan.follow()
    assert cursor.read(0) == []
    assert cursor.read(0.05) == []
    assert not cursor.exhausted


@pytest.mark.parametrize(
    ("start", "expected"), [("start", 0), ("oldest", 0), ("now", 5), (3, 3), ({"dev": 2}, 2), (7, 7)]
)
def test_cursor_begins_where_it_is_told(stream, one_channel, start, expected):
    scan = stream.open_scan(one_channel())
    publisher = publish(scan, "dev", 5, Batch(points=5))
    cursor = scan.follow(start=start)
    publisher.publish_block({"x": range(5, 10)})
    publisher.flush()
    assert [i for block in everything(cursor) for i in block.data["x"]] == list(range(expected, 10))


def test_every_nth_point_is_read_across_blocks(stream, one_channel):
    scan = stream.open_scan(one_channel())
    publish(scan, "dev", 50, Batch(points=7))
    blocks = everything(scan.follow(start=3, every=5))
    assert [i for block in blocks for i in block.data["x"]] == list(range(3, 50, 5))
    assert [i for block in blocks for i in block.indices] == list(range(3, 50, 5))
    assert [i for block in everything(scan.follow(every=20)) for i in block.indices] == [0, 20, 40]


def test_latest_skips_to_the_newest_point(stream, one_channel):
    scan = stream.open_scan(one_channel())
    publisher = publish(scan, "dev", 50)
    cursor = scan.follow(latest=True)
    assert [block.data["x"].tolist() for block in cursor.read(1)] == [[49]]
    assert cursor.read(0.01) == []
    publisher.publish_block({"x": range(50, 60)})
    assert [list(block.indices) for block in cursor.read(1)] == [[59]]
    publisher.seal()
    assert cursor.read(1) == []
    assert cursor.exhausted


def test_follow_ends_when_every_device_is_sealed(stream, describe):
    scan = stream.open_scan(describe())
    publish(scan, "ct1", 5).seal()
    publish(scan, "mca", 3).seal()
    cursor = scan.follow()
    assert sum(block.count for block in cursor) == 8
    assert cursor.ends == {"ct1": End("ct1", "sealed", 5), "mca": End("mca", "sealed", 3)}
    with pytest.raises(NeverWillBe, match=r"no more points will come \(.*ct1 sealed after 5 points"):
        cursor.read()


def test_failed_device_is_news_among_the_blocks_of_the_others(stream, describe):
    scan = stream.open_scan(describe())
    counter = publish(scan, "ct1", 2)
    publish(scan, "mca", 1).fail("the detector is warm, 12 degC")
    cursor = scan.follow()
    everything(cursor)
    assert cursor.ends == {"mca": End("mca", "failed", 1, "the detector is warm, 12 degC")}
    counter.publish({"i0": 2, "diode": 2})
    assert [block.first for block in cursor.read(1)] == [2]
    counter.seal()
    with pytest.raises(DeviceFailed, match=r"mca: failed at point 1 of scan .*: the detector is warm, 12 degC"):
        list(scan.follow())


def test_owner_publishes_the_failure_of_a_device_that_died(stream, one_channel):
    scan = stream.open_scan(one_channel())
    publish(scan, "dev", 2)
    scan.fail_device("dev", "its server was killed")
    with pytest.raises(DeviceFailed, match="its server was killed"):
        list(scan.follow())


def test_end_of_the_scan_ends_every_device(stream, describe):
    scan = stream.open_scan(describe())
    publish(scan, "ct1", 2).seal()
    publish(scan, "mca", 1)
    scan.set_state(State.ABORTED, "Ctrl-C")
    cursor = scan.follow()
    assert sum(block.count for block in cursor) == 3
    assert cursor.ends["mca"] == End("mca", "over", 1, "Ctrl-C")
    assert cursor.ends["ct1"].kind == "sealed"


def test_blocked_reader_wakes_at_the_end(stream, one_channel):
    scan = stream.open_scan(one_channel())
    cursor = scan.follow()
    timer = threading.Timer(0.1, scan.set_state, (State.FAILED, "the owner died"))
    timer.start()
    assert cursor.read(10) == []
    assert cursor.ends["dev"].sentence == "the owner died"
    timer.join()


def test_range_answers_in_three_ways(stream, one_channel):
    stream.configure(comfort=0)
    scan = stream.open_scan(one_channel("writer"))
    publisher = publish(scan, "dev", 20)
    with pytest.raises(NotYet, match=r"dev: point 24 of scan .* is not there yet, 20 points are; wait for it"):
        scan.read("x", 10, 25)
    scan.acknowledge("writer", {"dev": 5})
    with pytest.raises(
        NoLongerInMemory, match=r"point 2 of scan .* is no longer in memory, which begins at 5"
    ) as error:
        scan.read("x", 2, 10)
    assert error.value.first == 5
    publisher.seal()
    with pytest.raises(NeverWillBe, match=r"point 24 of scan .* will never be \(dev sealed after 20 points\)"):
        scan.read("x", 10, 25)
    with pytest.raises(OutOfRange, match="indices start at 0"):
        scan.read("x", -1, 25)
    assert scan.read("x", 5, 20).tolist() == list(range(5, 20))
    assert scan.read("x", 7, 7).tolist() == []


def test_failed_device_is_why_points_will_never_be(stream, one_channel):
    scan = stream.open_scan(one_channel())
    publish(scan, "dev", 2).fail("no more beam")
    with pytest.raises(NeverWillBe, match="dev failed after 2 points: no more beam"):
        scan.read("x", 0, 3)


def test_cursor_that_is_too_slow_is_told_where_memory_begins(stream, one_channel):
    stream.configure(comfort=0)
    scan = stream.open_scan(one_channel("writer"))
    publisher = publish(scan, "dev", 10)
    slow = scan.follow()
    scan.acknowledge("writer", {"dev": 10})
    with pytest.raises(NoLongerInMemory, match=r"point 0 of scan .* which begins at 10"):
        slow.read(1)
    with pytest.raises(NoLongerInMemory, match="point 0"):
        scan.follow()
    publisher.publish({"x": 10})
    with pytest.raises(NoLongerInMemory, match="point 0"):
        slow.read(1)
    assert [block.first for block in scan.follow(start="oldest").read(1)] == [10]


def test_cursor_that_is_too_slow_for_an_ended_scan_is_told_too(stream, one_channel):
    stream.configure(comfort=0)
    scan = stream.open_scan(one_channel("writer"))
    publisher = publish(scan, "dev", 10)
    slow = scan.follow()
    scan.acknowledge("writer", {"dev": 10})
    publisher.seal()
    with pytest.raises(NoLongerInMemory, match="which begins at 10"):
        slow.read(1)


def test_hole_is_seen_at_once(stream, one_channel, shared_redis):
    scan = stream.open_scan(one_channel())
    publish(scan, "dev", 10)
    with shared_redis.client() as client:
        client.xdel(keys.blocks(scan.identifier, "dev"), "5-0")
    with pytest.raises(Hole, match=r"dev: point 4 of scan .* was to come, 5 came"):
        list(everything(scan.follow()))
    with pytest.raises(Hole, match=r"point 4 of scan .* is missing"):
        scan.read("x", 0, 10)


def test_reader_of_a_scan_that_vanishes_is_told(stream, one_channel, shared_redis):
    scan = stream.open_scan(one_channel())
    cursor = scan.follow()
    with shared_redis.client() as client:
        client.flushall()
    with pytest.raises(ScanGone, match="is not in Redis"):
        cursor.read(5)
    with pytest.raises(ScanGone, match="is not in Redis"):
        scan.read("x", 0, 1)


def test_ranges_are_read_across_blocks(stream, one_channel):
    scan = stream.open_scan(one_channel())
    publish(scan, "dev", 100, Batch(points=7))
    for start, stop in ((0, 100), (6, 8), (7, 14), (13, 15), (99, 100), (50, 93)):
        assert scan.read("x", start, stop).tolist() == list(range(start, stop))
