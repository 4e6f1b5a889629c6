"""The software trigger line: every armed device takes the next index, once."""

import threading
import time

import pytest

from ronda.framework.stream import Hole, ScanGone, ScanOver, State, TriggerLate


def test_trigger_reaches_every_armed_device(stream, connect, url, one_channel):
    scan = stream.open_scan(one_channel())
    listeners = [connect(url).scan(scan.identifier).arm(f"dev{i}") for i in range(3)]
    taken = []

    def listen(listener) -> None:
        taken.append(listener.wait(60).index)

    threads = [threading.Thread(target=listen, args=(listener,)) for listener in listeners]
    for thread in threads:
        thread.start()
    scan.trigger_line().fire(0)
    for thread in threads:
        thread.join()
    assert taken == [0, 0, 0]


def test_trigger_fired_right_after_arming_is_not_missed(stream, one_channel):
    scan = stream.open_scan(one_channel())
    line, listener = scan.trigger_line(), scan.arm("dev")
    line.fire(0)
    line.fire(1)
    assert [listener.wait(60).index, listener.wait(60).index] == [0, 1]
    assert listener.wait(0) is None


def test_trigger_fired_before_arming_is_not_taken(stream, one_channel):
    scan = stream.open_scan(one_channel())
    scan.trigger_line().fire(0)
    assert scan.arm("dev").wait(0.05) is None


def test_trigger_sent_twice_is_taken_once(stream, one_channel):
    scan = stream.open_scan(one_channel())
    line, listener = scan.trigger_line(), scan.arm("dev")
    line.fire(0)
    line.fire(0)
    assert listener.wait(60).index == 0
    assert listener.wait(0.05) is None


def test_point_is_measured_again_by_those_that_are_armed_for_it(stream, one_channel):
    scan = stream.open_scan(one_channel())
    line, done = scan.trigger_line(), scan.arm("a")
    line.fire(0)
    assert done.wait(60).index == 0
    again = scan.arm("b", first=0)
    line.fire(0, attempt=1)
    assert again.wait(60).index == 0
    assert done.wait(0.05) is None
    line.fire(1)
    assert (again.wait(60).index, done.wait(60).index) == (1, 1)


def test_missed_trigger_is_a_hole(stream, one_channel):
    scan = stream.open_scan(one_channel())
    listener = scan.arm("dev", first=3)
    scan.trigger_line().fire(4)
    with pytest.raises(Hole, match=r"dev: trigger 4 of scan .* came, 3 was to come; arm the device again"):
        listener.wait(60)


def test_late_trigger_is_not_taken(stream, one_channel, wait_for):
    scan = stream.open_scan(one_channel())
    listener = scan.arm("dev")
    scan.trigger_line().fire(0, expiry=0.001)
    fired = time.monotonic()
    wait_for(lambda: time.monotonic() > fired + 0.02)
    with pytest.raises(TriggerLate, match=r"dev: trigger 0 of scan .* after its expiry of 0.001 s") as error:
        listener.wait(60)
    assert error.value.index == 0


def test_expiry_does_not_depend_on_equal_clocks(stream, one_channel, monkeypatch):
    scan = stream.open_scan(one_channel())
    real = time.time
    monkeypatch.setattr("ronda.framework.stream.trigger.time.time", lambda: real() + 3600)
    listener = scan.arm("dev")
    monkeypatch.undo()
    line = scan.trigger_line()
    line.fire(0, expiry=60)
    monkeypatch.setattr("ronda.framework.stream.trigger.time.time", lambda: real() + 3600)
    assert listener.wait(60).index == 0


def test_waiting_ends_with_the_scan(stream, one_channel):
    scan = stream.open_scan(one_channel())
    line, listener = scan.trigger_line(), scan.arm("dev")
    scan.set_state(State.ABORTED)
    with pytest.raises(ScanOver, match=r"dev: scan .* is ABORTED; no trigger will come"):
        listener.wait(60)
    with pytest.raises(ScanOver, match="has ended, trigger 0 was not sent"):
        line.fire(0)


def test_line_of_a_scan_that_vanished_is_gone(stream, one_channel, shared_redis):
    scan = stream.open_scan(one_channel())
    line, listener = scan.trigger_line(), scan.arm("dev")
    with shared_redis.client() as client:
        client.flushall()
    with pytest.raises(ScanGone, match="trigger 0 was not sent"):
        line.fire(0)
    with pytest.raises(ScanGone, match="no trigger will come"):
        listener.wait(60)
    with pytest.raises(ScanGone, match="has no trigger line"):
        scan.arm("dev")


def test_line_stays_short(stream, one_channel, shared_redis):
    from ronda.framework.stream import keys

    scan = stream.open_scan(one_channel())
    line, listener = scan.trigger_line(), scan.arm("dev")
    for i in range(1500):
        line.fire(i)
        assert listener.wait(60).index == i
    with shared_redis.client() as client:
        assert client.xlen(keys.line(scan.identifier)) < 1200
