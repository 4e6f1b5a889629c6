"""Publishing: each point once, in order, at once or gathered."""

import time

import numpy as np
import pytest

from ronda.framework.errors import BadValue
from ronda.framework.stream import (
    Batch,
    Channel,
    Description,
    Device,
    FrameReference,
    Replaced,
    ScanGone,
    ScanOver,
    State,
    keys,
)


def entries(server, scan, device="dev"):
    with server.client() as client:
        return [identifier for identifier, _ in client.xrange(keys.blocks(scan.identifier, device))]


def test_each_point_is_sent_at_once(stream, one_channel, shared_redis):
    scan = stream.open_scan(one_channel())
    publisher = scan.publisher("dev")
    assert [publisher.publish({"x": i}) for i in range(3)] == [0, 1, 2]
    assert entries(shared_redis, scan) == [b"1-0", b"2-0", b"3-0"]


def test_points_keep_time_and_pulse(stream, one_channel):
    scan = stream.open_scan(one_channel())
    scan.publisher("dev").publish({"x": 1.5}, time=1e9 + 0.25, pulse=2**63)
    (block,) = scan.follow().read(1)
    assert block.data["x"].tolist() == [1.5]
    assert block.times.tolist() == [1e9 + 0.25]
    assert block.pulses.tolist() == [2**63]


def test_time_is_now_if_none_is_given(stream, one_channel):
    scan = stream.open_scan(one_channel())
    before = time.time()
    scan.publisher("dev").publish({"x": 0})
    (block,) = scan.follow().read(1)
    assert before <= block.times[0] <= time.time()
    assert block.pulses is None


@pytest.mark.parametrize("dtype", ["<f8", "<f4", "<i8", "<i4", "<i2", "<i1", "<u8", "<u4", "<u2", "|u1", "|b1", "<c16"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_values_come_back_as_they_were(stream, one_channel, dtype, shape):
    scan = stream.open_scan(one_channel(dtype=dtype, shape=shape))
    publisher = scan.publisher("dev")
    values = np.arange(5 * int(np.prod(shape, dtype=int))).reshape(5, *shape).astype(dtype)
    publisher.publish_block({"x": values[:4]})
    publisher.publish({"x": values[4]})
    blocks = scan.follow().read(1)
    found = np.concatenate([block.data["x"] for block in blocks])
    assert found.dtype == np.dtype(dtype)
    assert found.shape == (5, *shape)
    assert np.array_equal(found, values)


def test_big_endian_and_strided_arrays_are_put_in_order(stream, one_channel):
    scan = stream.open_scan(one_channel(dtype="<u2", shape=(2,)))
    values = np.arange(40, dtype=">u2").reshape(10, 4)[::2, ::2]
    scan.publisher("dev").publish_block({"x": values})
    assert np.array_equal(scan.read("x", 0, 5), values)


def test_text_of_fixed_length_is_sent(stream, one_channel):
    scan = stream.open_scan(one_channel(dtype="S5"))
    scan.publisher("dev").publish({"x": "Öl"})
    assert scan.read("x", 0, 1)[0].decode() == "Öl"


def test_frame_references_are_sent(stream):
    camera = Device("cam", [Channel("image", "u2", (4, 4), storage="reference"), Channel("sum")])
    scan = stream.open_scan(Description("x", [camera]))
    publisher = scan.publisher("cam")
    publisher.publish({"image": FrameReference("file", "a.h5", 7, 1, "/data", "det1"), "sum": 1})
    publisher.publish_block(
        {"image": [FrameReference("ring", "r", 0, 4), FrameReference("ring", "r", 8)], "sum": range(5)}
    )
    assert scan.read("image", 0, 3) == [
        FrameReference("file", "a.h5", 7, 1, "/data", "det1"),
        FrameReference("ring", "r", 0, 2),
    ]
    assert scan.read("image", 5, 6) == [FrameReference("ring", "r", 8)]


@pytest.mark.parametrize(
    ("dtype", "value", "message"),
    [
        ("<u2", 70000, "70000 does not fit its type uint16"),
        ("<u2", -1, "does not fit"),
        ("<u2", 1.5, "values of type float64 do not fit its type uint16 without loss"),
        ("<i4", np.int64(2**40), "without loss"),
        ("<f8", 1j, "cannot be turned into float64"),
        ("<f8", "a", "cannot be turned into float64"),
        ("<f8", None, "cannot be turned into float64|without loss"),
        ("<f8", [1, 2], r"points have the shape \(2,\), the description says \(\)"),
        ("S2", "abc", "without loss"),
        ("<i4", float("nan"), "without loss"),
    ],
)
def test_value_that_does_not_fit_is_refused_and_nothing_is_sent(stream, one_channel, dtype, value, message):
    publisher = stream.open_scan(one_channel(dtype=dtype)).publisher("dev")
    with pytest.raises(BadValue, match=f"dev: channel x: .*({message})"):
        publisher.publish({"x": value})
    assert publisher.index == 0


def test_all_channels_and_no_others_are_needed(stream, describe):
    publisher = stream.open_scan(describe()).publisher("ct1")
    with pytest.raises(BadValue, match=r"ct1: a block needs all channels .*\(missing diode; unknown dioed\)"):
        publisher.publish({"i0": 1, "dioed": 2})
    with pytest.raises(BadValue, match=r"ct1: the channels of a block differ in length \(i0 2, diode 3\)"):
        publisher.publish_block({"i0": [1, 2], "diode": [1, 2, 3]})


def test_times_and_pulses_must_fit_the_points(stream, one_channel):
    publisher = stream.open_scan(one_channel()).publisher("dev")
    with pytest.raises(BadValue, match="a block of 2 points needs as many times"):
        publisher.publish_block({"x": [1, 2]}, times=[1])
    publisher.publish({"x": 1}, pulse=5)
    with pytest.raises(BadValue, match="pulse ids must be given for each point or for none; the first point had one"):
        publisher.publish({"x": 1})


def test_index_must_be_the_next(stream, one_channel):
    publisher = stream.open_scan(one_channel()).publisher("dev")
    publisher.publish({"x": 0}, index=0)
    with pytest.raises(BadValue, match="point 0 is already published; the next index is 1"):
        publisher.publish({"x": 0}, index=0)
    with pytest.raises(BadValue, match="point 3 would leave out 1 to 2; the next index is 1"):
        publisher.publish({"x": 0}, index=3)


def test_fast_points_are_gathered_by_number(stream, one_channel, shared_redis):
    scan = stream.open_scan(one_channel())
    publisher = scan.publisher("dev", batch=Batch(points=10, age=60))
    for i in range(25):
        publisher.publish({"x": i})
    assert entries(shared_redis, scan) == [b"10-0", b"20-0"]
    assert publisher.pending == 5
    publisher.flush()
    assert scan.read("x", 0, 25).tolist() == list(range(25))


def test_fast_points_are_gathered_by_size(stream, one_channel, shared_redis):
    scan = stream.open_scan(one_channel(shape=(100,)))
    publisher = scan.publisher("dev", batch=Batch(memory=2400, age=60))
    for _ in range(7):
        publisher.publish({"x": np.zeros(100)})
    assert entries(shared_redis, scan) == [b"3-0", b"6-0"]


def test_fast_points_are_sent_at_their_age_without_further_points(stream, one_channel, shared_redis, wait_for):
    scan = stream.open_scan(one_channel())
    publisher = scan.publisher("dev", batch=Batch(age=0.05))
    for i in range(3):
        publisher.publish({"x": i})
        wait_for(lambda i=i: entries(shared_redis, scan) == [b"%d-0" % (n + 1) for n in range(i + 1)])


def test_large_block_is_cut(stream, one_channel, shared_redis):
    scan = stream.open_scan(one_channel(shape=(1000,)))
    scan.publisher("dev").publish_block({"x": np.zeros((300, 1000))})
    assert entries(shared_redis, scan) == [b"131-0", b"262-0", b"300-0"]


def test_empty_block_is_nothing(stream, one_channel):
    publisher = stream.open_scan(one_channel()).publisher("dev")
    assert publisher.publish_block({"x": []}) == 0


def test_sealed_stream_takes_nothing_more(stream, one_channel):
    scan = stream.open_scan(one_channel())
    publisher = scan.publisher("dev", batch=Batch(age=60))
    publisher.publish({"x": 1})
    publisher.seal(1)
    publisher.seal(1)
    assert scan.extent("dev").end.kind == "sealed"
    with pytest.raises(ScanOver, match=r"dev: scan .* takes no more points of this device after 1: sealed"):
        publisher.publish_block({"x": np.zeros(1000)})
    with pytest.raises(ScanOver, match="takes no more points of this device after 1"):
        scan.publisher("dev")


def test_length_at_the_seal_must_be_true(stream, one_channel):
    publisher = stream.open_scan(one_channel()).publisher("dev")
    publisher.publish({"x": 1})
    with pytest.raises(BadValue, match="dev: cannot be sealed with 2 points, it has published 1"):
        publisher.seal(2)


def test_block_that_leaves_by_the_with_statement_seals(stream, one_channel):
    scan = stream.open_scan(one_channel())
    with scan.publisher("dev") as publisher:
        publisher.publish({"x": 1})
    assert scan.extent("dev").end.length == 1


def test_error_in_the_with_statement_is_published_as_the_device_s_failure(stream, one_channel):
    scan = stream.open_scan(one_channel())

    def measure() -> None:
        with scan.publisher("dev", batch=Batch(age=60)) as publisher:
            publisher.publish({"x": 1})
            raise RuntimeError("the fan has stopped")

    with pytest.raises(RuntimeError):
        measure()
    assert scan.extent("dev").end[1:] == ("failed", 1, "the fan has stopped")


def test_ended_scan_takes_nothing_more(stream, one_channel):
    scan = stream.open_scan(one_channel())
    publisher = scan.publisher("dev")
    publisher.publish({"x": 1})
    scan.set_state(State.ABORTED, "Ctrl-C of ada")
    with pytest.raises(ScanOver, match=r"takes no more points of this device after 1: Ctrl-C of ada"):
        publisher.publish({"x": 2})
    assert publisher.index == 1
    with pytest.raises(ScanOver, match="Ctrl-C of ada"):
        publisher.publish({"x": 2})


def test_new_publisher_goes_on_where_the_old_one_was_and_shuts_it_out(connect, url, one_channel):
    first, second = connect(url), connect(url)
    scan = first.open_scan(one_channel())
    old = scan.publisher("dev")
    old.publish({"x": 0})
    new = second.scan(scan.identifier).publisher("dev")
    assert new.index == 1
    new.publish({"x": 1})
    with pytest.raises(Replaced, match="gets its points from another publisher now; stop this one"):
        old.publish({"x": 1})
    new.publish({"x": 2})
    assert scan.read("x", 0, 3).tolist() == [0, 1, 2]


def test_scan_that_left_memory_takes_nothing(stream, one_channel, shared_redis):
    scan = stream.open_scan(one_channel())
    publisher = scan.publisher("dev")
    with shared_redis.client() as client:
        client.flushall()
    with pytest.raises(ScanGone, match=r"dev: scan .* is not in Redis; it left memory"):
        publisher.publish({"x": 1})
    with shared_redis.client() as client:
        assert client.exists(keys.blocks(scan.identifier, "dev")) == 0


def test_unknown_device_is_refused(stream, one_channel):
    with pytest.raises(BadValue, match="device nobody: not in this scan; it has dev"):
        stream.open_scan(one_channel()).publisher("nobody")
