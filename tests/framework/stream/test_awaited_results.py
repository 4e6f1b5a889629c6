"""A scan that decides by results of live analysis waits for those of its point, and says whose are late."""

import threading

import pytest

from ronda.framework.errors import BadValue, NotFound, NotReady, TimedOut
from ronda.framework.scan.awaited import Awaited
from ronda.framework.scan.stopped import ScanStopped
from ronda.framework.stream import Channel, Description, Device


@pytest.fixture
def scan(stream):
    devices = [Device("ct1", [Channel("i0")]), Device("beam", [Channel("width"), Channel("height")], {"derived": True})]
    return stream.open_scan(Description("test()", devices))


def nothing():
    """Nobody says stop."""


def test_results_are_those_of_the_point_however_late_they_come(scan):
    results = Awaited(scan, ["width", "height"], nothing)
    publisher = scan.publisher("beam")
    for index in range(4):
        values = {"width": 10.0 + index, "height": 20.0 + index}
        late = threading.Timer(0.1 * (index % 2), publisher.publish, [values])
        late.start()
        assert results.collect(index, 120) == values
        late.join()


def test_who_is_late_is_told(scan):
    results = Awaited(scan, ["width"], nothing)
    scan.publisher("beam").publish({"width": 1.0, "height": 2.0})
    assert results.collect(0, 120) == {"width": 1.0}
    with pytest.raises(
        TimedOut, match=r"beam: width of point 1 has not come within 0\.1 s; it has given 1 points so far"
    ):
        results.collect(1, 0.1)


def test_a_result_that_never_comes_ends_the_waiting_at_once(scan):
    results = Awaited(scan, ["width"], nothing)
    publisher = scan.publisher("beam")
    publisher.publish({"width": 1.0, "height": 2.0})
    publisher.seal()
    assert results.collect(0, 120) == {"width": 1.0}
    with pytest.raises(NotReady, match="beam: width of point 1 will never come"):
        results.collect(1, 120)


def test_a_stop_ends_the_waiting(scan):
    def stop():
        raise ScanStopped("stopped by a test")

    with pytest.raises(ScanStopped, match="stopped by a test"):
        Awaited(scan, ["width"], stop).collect(0, 120)


def test_a_result_that_nobody_computes_is_refused(scan):
    with pytest.raises(NotFound, match="nobody: is no result of this scan; there are width, height"):
        Awaited(scan, ["nobody"], nothing)


def test_what_is_not_one_number_for_each_point_is_refused(stream):
    shape = Device("shape", [Channel("profile", shape=(2, 8))], {"derived": True})
    beside = Device("mca", [Channel("fe")], {"subscan": 2})
    scan = stream.open_scan(Description("test()", [shape, beside]))
    with pytest.raises(BadValue, match="profile: has 2 x 8 numbers for a point; a scan can wait for one number"):
        Awaited(scan, ["profile"], nothing)
    with pytest.raises(BadValue, match="fe: has points of its own, which are not those of the scan"):
        Awaited(scan, ["fe"], nothing)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (1, r"a stage raised; beam\.read\('LastError'\) says why"),
        (2, "the pipeline leaves points out"),
        (3, "what was measured had left memory"),
    ],
)
def test_a_point_without_a_result_is_told_with_its_reason(stream, status, why):
    channels = [Channel("width"), Channel("beam_status", "|u1", attributes={"role": "status"})]
    scan = stream.open_scan(Description("test()", [Device("beam", channels, {"derived": True})]))
    results = Awaited(scan, ["width"], nothing)
    publisher = scan.publisher("beam")
    publisher.publish({"width": 5.0, "beam_status": 0})
    assert results.collect(0, 120) == {"width": 5.0}
    publisher.publish({"width": float("nan"), "beam_status": status})
    with pytest.raises(NotReady, match=f"beam: there is no width of point 1: {why}"):
        results.collect(1, 120)


def test_why_a_pipeline_computes_nothing_is_told(stream):
    described = Description(
        "test()", [Device("ct1", [Channel("i0")])], attributes={"remarks": ["beam computes nothing: it is away"]}
    )
    with pytest.raises(NotFound, match="beam_x: is no result of this scan; beam computes nothing: it is away"):
        Awaited(stream.open_scan(described), ["beam_x"], nothing)
