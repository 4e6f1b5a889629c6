"""Live analysis of scans in a real Redis: results are channels of the scan, whatever happens to those who compute."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ronda.framework.analysis.aligning import LOST, RAISED, SKIPPED
from ronda.framework.analysis.live.analysis import Analysis
from ronda.framework.analysis.live.options import Options
from ronda.framework.analysis.live.publishing import Publishing
from ronda.framework.analysis.live.shared import RedisServing
from ronda.framework.analysis.live.worker import Worker
from ronda.framework.analysis.pipeline import Pipeline, Step
from ronda.framework.analysis.sharing import FAILED, SECONDS
from ronda.framework.errors import BadValue
from ronda.framework.stream import Channel, Description, Device, Scan, State, Stream, keys
from ronda.framework.stream.description import EACH_POINT
from ronda.framework.stream.orders import OVER, Orders
from tests.framework.analysis import test_runner as offline
from tests.framework.stream.conftest import RedisServer, wait_until

HERE = "tests.framework.analysis.example_stages"
FRAME = (32, 24)


def opened(stream: Stream, analyses: Sequence[Analysis], devices: Sequence[Device]) -> Scan:
    """A scan as the engine opens it: with the results of the pipelines among its devices."""
    description = Description("test", devices)
    for analysis in analyses:
        wait_until(lambda analysis=analysis: analysis.connected)
        description = replace(description, devices=[*description.devices, *analysis.describe(description)])
    scan = stream.open_scan(description)
    scan.set_state(State.RUNNING)
    return scan


@contextmanager
def running(redis_server: RedisServer, pipeline: Pipeline, **options: Any) -> Iterator[Analysis]:
    analysis = Analysis(lambda: Stream.connect(redis_server.url), pipeline, Options(**options))
    analysis.start()
    try:
        yield analysis
    finally:
        analysis.close()


def complete(scan: Scan, device: str) -> None:
    wait_until(lambda: scan.extent(device).end is not None, what=f"{device} has all results")
    end = scan.extent(device).end
    assert end is not None
    assert end.kind == "sealed", end


def results(scan: Scan, channel: str) -> Any:
    device, _ = scan.description.channel(channel)
    complete(scan, device.name)
    return scan.read(channel, 0, scan.extent(device.name).length)


def camera(points: int, seed: int = 3) -> tuple[Device, Any]:
    frames = np.random.default_rng(seed).integers(0, 1000, (points, *FRAME)).astype("<u2")
    channels = [Channel("image", "<u2", FRAME, storage="reference"), Channel("number", "<i8")]
    return Device("cam", channels, {EACH_POINT: True}), frames


def take(stream: Stream, scan: Scan, frames: Any, pieces: Sequence[int], each: Callable[[int], None] = int) -> None:
    """Publish frames through a ring, in pieces of these sizes in turn."""
    with stream.frame_store() as store:
        memory = 2 * frames.nbytes + (4 << 20)
        ring = store.ring("cam", frame_bytes=frames[0].nbytes, memory=memory)
        publisher = scan.publisher("cam", ring=ring, wait=None)
        done = turn = 0
        while done < len(frames):
            stop = min(done + pieces[turn % len(pieces)], len(frames))
            publisher.publish_block({"image": frames[done:stop], "number": np.arange(done, stop)})
            done, turn = stop, turn + 1
            each(done)
        publisher.seal()
        scan.set_state(State.COMPLETED)
        wait_until(lambda: all(scan.extent(one.name).end for one in scan.description.devices))


def test_results_are_channels_of_the_scan_and_may_come_after_its_end(stream: Stream, redis_server: RedisServer) -> None:
    data, description = offline.values(), offline.described()
    expected = offline.run(offline.everything(), description, offline.blocks(description, data, {}))
    with running(redis_server, offline.everything()) as analysis:
        scan = opened(stream, [analysis], description.devices)
        assert [one.points_of for one in scan.description.devices if one.name == "all"] == [1]
        assert {one.subscan for one in scan.description.devices if one.derived} == {2}
        for block in offline.blocks(description, data, {"first": [3, 4, 11], "second": [9]}):
            scan.publisher(block.device).publish_block(block.data, times=block.times, first=block.first)
        for device in description.devices:
            scan.publisher(device.name).seal()
        scan.set_state(State.COMPLETED)
        for name in expected.keys() - {"problems"}:
            assert results(scan, name).tobytes() == expected[name].tobytes(), name
        assert list(scan.follow("all_mean"))[-1].first < 23
        happened = [text.decode() for text in results(scan, "all_event")]
        assert len(happened) == len(expected["problems"])
        assert all("has no root" in text for text in happened)
        wait_until(lambda: not analysis.status().busy)
        assert analysis.status().scans[-1].points == 23
        assert analysis.status().scans[-1].errors == len(expected["problems"])


def test_a_scan_without_the_inputs_is_left_alone(stream: Stream, redis_server: RedisServer) -> None:
    with running(redis_server, offline.everything()) as analysis:
        assert analysis.describe(Description("test", [Device("x", [Channel("y")])])) == []


def test_results_of_one_pipeline_are_inputs_of_another(stream: Stream, redis_server: RedisServer) -> None:
    first = Pipeline("first", [Step(f"{HERE}:moments", inputs={"frame": "image"})])
    second = Pipeline("second", [Step(f"{HERE}:RunningMean", inputs={"value": "first_total"})])
    device, frames = camera(40)
    with running(redis_server, first) as one, running(redis_server, second) as two:
        scan = opened(stream, [one, two], [device])
        assert scan.description.device("second").points_of == 1
        take(stream, scan, frames, [7])
        totals = frames.astype(float).sum(axis=(1, 2))
        assert results(scan, "second_mean") == pytest.approx(np.cumsum(totals) / np.arange(1, 41))


def test_a_parameter_that_changes_during_a_scan_stands_in_it(stream: Stream, redis_server: RedisServer) -> None:
    pipeline = Pipeline("change", [Step(f"{HERE}:moments", inputs={"frame": "image"})])
    device, frames = camera(20)
    with running(redis_server, pipeline) as analysis:
        scan = opened(stream, [analysis], [device])

        def change(done: int) -> None:
            if done == 10:
                wait_until(lambda: scan.extent("change").length == 10)
                analysis.change("moments", {"threshold": 999.0})

        take(stream, scan, frames, [5], change)
        totals = results(scan, "change_total")
        assert np.all(totals[:10] > 0)
        assert np.all(totals[10:] == 0)
        assert list(results(scan, "change_event")) == [b"moments: threshold = 999.0"]
        assert list(results(scan, "change_event_point")) == [10]


def test_a_pipeline_that_samples_leaves_points_out_and_says_so(stream: Stream, redis_server: RedisServer) -> None:
    pipeline = Pipeline("some", [Step(f"{HERE}:moments", inputs={"frame": "image"})])
    device, frames = camera(20)
    with running(redis_server, pipeline, mode="sampled", every=4) as analysis:
        scan = opened(stream, [analysis], [device])
        take(stream, scan, frames, [3, 8])
        looked_at = np.arange(20) % 4 == 0
        assert np.array_equal(results(scan, "some_status"), np.where(looked_at, 0, SKIPPED))
        assert np.array_equal(~np.isnan(results(scan, "some_total")), looked_at)


def test_a_slow_pipeline_looks_at_the_latest_point_and_never_holds_the_scan(
    stream: Stream, redis_server: RedisServer
) -> None:
    pipeline = Pipeline("slow", [Step(f"{HERE}:Gated", inputs={"value": "number"})])
    device, frames = camera(50)
    gate = threading.Event()
    with running(redis_server, pipeline, mode="latest") as analysis:
        scan = opened(stream, [analysis], [device])
        from tests.framework.analysis import example_stages

        example_stages.GATE["open"] = gate.is_set
        taking = threading.Thread(target=take, args=(stream, scan, frames, [1]))
        taking.start()
        try:
            wait_until(lambda: scan.state == State.COMPLETED, what="the scan ends while the stage still works")
        finally:
            gate.set()
        status = results(scan, "slow_status")
        taking.join()
        assert status[-1] == 0  # the newest has a result
        assert (status == SKIPPED).sum() > 0
        assert np.all(np.isin(status, [0, SKIPPED]))
        there = status == 0
        assert np.array_equal(results(scan, "slow_same")[there], np.arange(50)[there])


def test_what_left_memory_before_it_was_analysed_is_marked(stream: Stream, redis_server: RedisServer) -> None:
    pipeline = Pipeline("late", [Step(f"{HERE}:RunningMean", inputs={"value": "number"})])
    device, _ = camera(1)
    with running(redis_server, pipeline) as analysis:
        scan = opened(stream, [analysis], [device, Device("wide", [Channel("spectrum", shape=(100,))])])
    publisher = scan.publisher("cam")
    for first in range(0, 30, 10):
        publisher.publish_block({"image": [_reference(first, 10)], "number": np.arange(first, first + 10)})
    publisher.seal()
    key = f"ronda:scan:{scan.identifier}"
    with redis_server.client() as client:  # as if there had been no room
        client.xtrim(f"{key}:blocks:cam", minid="10-1")
        client.hset(key, "first cam", 10)
    with running(redis_server, pipeline):
        status = results(scan, "late_status")
        assert np.array_equal(np.flatnonzero(status == LOST), np.arange(10))
        assert results(scan, "late_mean")[10:] == pytest.approx(np.cumsum(np.arange(10, 30)) / np.arange(1, 21))


def _reference(first: int, count: int) -> Any:
    from ronda.framework.stream import FrameReference

    return FrameReference("ring", "absent", first, count)


def test_a_pipeline_that_is_started_again_goes_on(stream: Stream, redis_server: RedisServer) -> None:
    pipeline = Pipeline("again", [Step(f"{HERE}:RunningMean", inputs={"value": "number"})])
    device = Device("counter", [Channel("number", "<i8")], {EACH_POINT: True})
    with running(redis_server, pipeline) as analysis:
        scan = opened(stream, [analysis], [device])
        publisher = scan.publisher("counter")
        publisher.publish_block({"number": np.arange(10)})
        wait_until(lambda: scan.extent("again").length == 10)
    publisher.publish_block({"number": np.arange(10, 20)})
    publisher.seal()
    scan.set_state(State.COMPLETED)
    with running(redis_server, pipeline):
        assert results(scan, "again_mean") == pytest.approx(np.cumsum(np.arange(20)) / np.arange(1, 21))


def test_a_pipeline_that_is_started_again_tells_and_orders_nothing_twice(
    stream: Stream, redis_server: RedisServer
) -> None:
    pipeline = Pipeline("once", [Step("tests.framework.analysis.test_ordering:Enough")])
    device = Device("counter", [Channel("value")], {EACH_POINT: True})
    with running(redis_server, pipeline) as analysis:
        scan = opened(stream, [analysis], [device])
        publisher = scan.publisher("counter")
        for value in (1.0, -1.0, 7.0):
            publisher.publish_block({"value": np.array([value])})
        wait_until(lambda: scan.extent("once").length == 3 and scan.extent("once.events").length == 2)
    for value in (8.0, -1.0):
        publisher.publish_block({"value": np.array([value])})
    publisher.seal()
    scan.set_state(State.COMPLETED)
    with running(redis_server, pipeline):
        assert list(results(scan, "once_enough")) == [0, 255, 1, 1, 255]
        told = [text.decode() for text in results(scan, "once_event")]
    assert told == ["Enough: ValueError: negative", "told the scan to stop: once (once_enough at point 2)"]
    given = Orders(stream._server, scan.identifier).wait(1.0)
    assert [one.word for one in given] == ["stop", OVER]


@pytest.mark.parametrize("workers", [1, 2])
def test_points_that_leave_memory_when_it_looks_for_them_end_nothing(
    stream: Stream, redis_server: RedisServer, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"moment{workers}"
    pipeline = Pipeline(name, [Step(f"{HERE}:Picky", inputs={"value": "number"})])
    device = Device("counter", [Channel("number", "<i8")], {EACH_POINT: True})
    with running(redis_server, pipeline) as analysis:
        scan = opened(stream, [analysis], [device])
    publisher = scan.publisher("counter")
    for first in range(0, 30, 10):
        publisher.publish_block({"number": np.arange(first, first + 10)})
    publisher.seal()
    follow, left = Scan.follow, [10, 20]

    def at_the_last_moment(self: Scan, *arguments: Any, **options: Any) -> Any:
        if self.identifier == scan.identifier and left:  # as if there had been no room
            first, key = left.pop(0), f"ronda:scan:{scan.identifier}"
            with redis_server.client() as client:
                client.xtrim(f"{key}:blocks:counter", minid=f"{first}-1")
                client.hset(key, "first counter", first)
        return follow(self, *arguments, **options)

    monkeypatch.setattr(Scan, "follow", at_the_last_moment)
    with running(redis_server, pipeline, workers=workers):
        status = results(scan, f"{name}_status")
        assert not left
        assert np.array_equal(status, np.where(np.arange(30) < 20, LOST, 0))
        assert np.array_equal(results(scan, f"{name}_same")[20:], np.arange(20, 30))


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_any_number_of_workers_and_any_blocks_give_the_same_bits(
    stream: Stream, redis_server: RedisServer, workers: int
) -> None:
    device, frames = camera(300)
    steps = [
        Step(f"{HERE}:moments", inputs={"frame": "image"}, parameters={"threshold": 500.0}),
        Step(f"{HERE}:Picky", inputs={"value": "number"}),
        Step(f"{HERE}:RunningMean", inputs={"value": "total"}),
        Step(f"{HERE}:EveryThird", inputs={"value": "mean"}),
    ]
    pipeline = Pipeline(f"bits{workers}", steps)
    block = offline.Block("cam", 0, 300, {"image": frames, "number": np.arange(300)}, np.zeros(300))
    expected = offline.run(Pipeline("x", steps), Description("test", [device]), [block])
    sizes = random.Random(workers)
    with running(redis_server, pipeline, workers=workers) as analysis:
        scan = opened(stream, [analysis], [device])
        take(stream, scan, frames, [sizes.randint(1, 40) for _ in range(50)])
        for name in ("total", "brightest", "same", "mean", "sum_of_three", "status"):
            found = results(scan, f"bits{workers}_{name}")
            assert found.tobytes() == expected[f"x_{name}"].tobytes(), name
        assert (results(scan, f"bits{workers}_status") == RAISED).sum() == 3


def test_killing_workers_loses_nothing_and_doubles_nothing(stream: Stream, redis_server: RedisServer) -> None:
    chance = random.Random(7)
    device, frames = camera(10_000)
    pipeline = Pipeline("killed", [Step(f"{HERE}:moments", inputs={"frame": "image"})])
    with running(redis_server, pipeline, workers=3, patience=0.5) as analysis:
        wait_until(lambda: len(analysis.worker_processes) == 3)
        scan = opened(stream, [analysis], [device])
        killed: list[int] = []

        def kill_some(done: int) -> None:
            wait_until(lambda: scan.extent("killed").length > done - 3000, what="results come")
            processes = [one for one in analysis.worker_processes if one not in killed]
            if len(killed) < 5 and (not killed or chance.random() < 0.15) and processes:
                killed.append(chance.choice(processes))
                with suppress(ProcessLookupError):  # it has just been collected
                    os.kill(killed[-1], signal.SIGKILL)

        take(stream, scan, frames, [chance.randint(50, 200) for _ in range(100)], kill_some)
        assert killed
        totals = results(scan, "killed_total")
    assert np.array_equal(totals, [frame[frame > 0].astype(float).sum() for frame in frames])


def test_only_who_has_work_may_hand_it_in(stream: Stream) -> None:
    shared = stream.shared_work("fence")
    shared.begin("same")
    shared.hand_out({"scan": "s", "first": "0"})
    late = shared.take("late", patience=60.0)
    assert late is not None
    assert shared.take("other", patience=60.0, wait=0.001) is None
    other = None

    def claimed() -> bool:
        nonlocal other
        other = shared.take("other", patience=0.05, wait=0.001)
        return other is not None

    wait_until(claimed)
    assert other == late
    assert not shared.keep("late", late)
    assert shared.keep("other", late)
    assert not shared.hand_in("late", late, "s", {"by": "late"})
    assert shared.hand_in("other", late, "s", {"by": "other"})
    assert not shared.hand_in("other", late, "s", {"by": "other"})  # nor twice
    assert [fields["by"] for _, fields in shared.results("s", "0-0", 0.0)] == [b"other"]


def test_a_worker_that_was_stopped_and_comes_back_late_doubles_nothing(
    stream: Stream, redis_server: RedisServer, halt: Callable[[int], None]
) -> None:
    device, frames = camera(3000)
    pipeline = Pipeline("stopped", [Step(f"{HERE}:moments", inputs={"frame": "image"})])
    with running(redis_server, pipeline, workers=2, patience=0.5) as analysis:
        scan = opened(stream, [analysis], [device])
        held: list[int] = []

        def stop_one(done: int) -> None:
            if done == 500:
                wait_until(lambda: scan.extent("stopped").length > 0, what="a worker works")
                held.append(analysis.worker_processes[0])
                halt(held[0])
            elif done == len(frames):
                wait_until(lambda: scan.extent("stopped").length == 3000, what="the other one does all")
                os.kill(held[0], signal.SIGCONT)

        try:
            take(stream, scan, frames, [20], stop_one)
        finally:
            for process in held:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)
        totals = results(scan, "stopped_total")
        other = opened(stream, [analysis], [device])  # both work again
        take(stream, other, frames[:200], [20])
        complete(other, "stopped")
    assert np.array_equal(totals, [frame[frame > 0].astype(float).sum() for frame in frames])


def test_work_that_redis_lost_is_handed_out_again(stream: Stream, redis_server: RedisServer) -> None:
    device, frames = camera(2000)
    pipeline = Pipeline("lost", [Step(f"{HERE}:moments", inputs={"frame": "image"})])
    with running(redis_server, pipeline, workers=2, patience=0.3) as analysis:
        scan = opened(stream, [analysis], [device])

        def lose(done: int) -> None:
            if done in (500, 1500):
                first = 0 if done == 500 else 500  # the second time, what was lost the first time has come
                wait_until(lambda: scan.extent("lost").length > first, what="results come")
                with redis_server.client() as client:
                    assert client.delete(keys.work("lost")) == 1  # with those who wait for it

        take(stream, scan, frames, [100], lose)
        assert np.array_equal(results(scan, "lost_total"), [frame[frame > 0].astype(float).sum() for frame in frames])


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_may_share_the_latest_points(stream: Stream, redis_server: RedisServer, workers: int) -> None:
    device, frames = camera(60)
    pipeline = Pipeline(f"newest{workers}", [Step(f"{HERE}:moments", inputs={"frame": "image"})])
    with running(redis_server, pipeline, mode="latest", workers=workers) as analysis:
        scan = opened(stream, [analysis], [device])
        take(stream, scan, frames, [3, 8])
        status, totals = (results(scan, f"newest{workers}_{name}") for name in ("status", "total"))
        assert status[-1] == 0
        assert np.all(np.isin(status, [0, SKIPPED]))
        expected = np.array([frame[frame > 0].astype(float).sum() for frame in frames])
        assert np.array_equal(totals[status == 0], expected[status == 0])


def test_a_worker_refuses_the_work_of_other_stages(stream: Stream) -> None:
    pipeline = Pipeline("other", [Step(f"{HERE}:moments", inputs={"frame": "image"})])
    stream.shared_work("other").begin(Pipeline("other", [Step(f"{HERE}:moments")]).digest)
    with pytest.raises(BadValue, match="start both with the same YAML files"):
        Worker(stream, pipeline, 1.0).run()


def test_a_pipeline_may_be_closed_and_started_again(stream: Stream, redis_server: RedisServer) -> None:
    device = Device("counter", [Channel("number", "<i8")], {EACH_POINT: True})
    pipeline = Pipeline("twice", [Step(f"{HERE}:RunningMean", inputs={"value": "number"})])
    with running(redis_server, pipeline) as analysis:
        wait_until(lambda: analysis.connected)
        analysis.close()
        assert not analysis.connected
        analysis.start()
        scan = opened(stream, [analysis], [device])
        with scan.publisher("counter") as publisher:
            publisher.publish_block({"number": np.arange(10)})
        assert results(scan, "twice_mean") == pytest.approx(np.cumsum(np.arange(10)) / np.arange(1, 11))


def test_results_of_other_stages_than_those_of_now_are_ended(stream: Stream, redis_server: RedisServer) -> None:
    device, _ = camera(1)
    before = Pipeline("changed", [Step(f"{HERE}:RunningMean", inputs={"value": "number"})])
    with running(redis_server, before) as analysis:
        scan = opened(stream, [analysis], [device])
    now = Pipeline("changed", [Step(f"{HERE}:moments", inputs={"frame": "image"})])
    with running(redis_server, now):
        for one in scan.description.devices:
            if one.derived:
                wait_until(lambda name=one.name: scan.extent(name).end is not None)
                assert "its stages have changed" in scan.extent(one.name).end.sentence


def test_ranges_are_as_large_as_their_time_allows(stream: Stream) -> None:
    prepared = Pipeline("size", [Step(f"{HERE}:Picky", inputs={"value": "number"})]).prepare(
        Description("test", [camera(1)[0]])
    )
    scan = stream.open_scan(Description("test", [camera(1)[0], *prepared.devices]))
    work = stream.shared_work("size")
    work.begin("same")
    serving = RedisServing(scan, prepared, Options(workers=2), work, {})

    def sizes(there: int) -> set[int]:
        serving._out.clear()
        serving._hand_out(there)
        return {stop - first for first, stop in serving._out.items()}

    assert sizes(1000) == {8}  # nothing is known yet
    serving._learn(8, {SECONDS: b"0.000100"})
    assert sizes(5000) == {256}
    serving._learn(256, {SECONDS: b"256.0"})  # a second for each point
    assert sizes(5000) == {5}
    serving._learn(5, {SECONDS: b"100.0"})
    assert sizes(5000) == {1}


def test_a_range_over_which_workers_fail_has_no_results(stream: Stream) -> None:
    prepared = Pipeline("p", [Step(f"{HERE}:moments", inputs={"frame": "image"})]).prepare(
        Description("test", [camera(1)[0]])
    )
    scan = stream.open_scan(Description("test", [camera(1)[0], *prepared.devices]))
    work = stream.shared_work("p")
    work.begin("same")
    serving = RedisServing(scan, prepared, Options(workers=2), work, {})
    publishing = Publishing(scan, prepared, lambda _: None)
    serving._hand_out(7)
    while serving._out:
        taken = work.take("one", patience=60.0)
        assert taken is not None
        assert work.deliveries(taken) == 1
        heading = {name: taken.fields[name] for name in ("token", "first", "stop")}
        assert work.hand_in("one", taken, scan.identifier, {**heading, FAILED: "no luck"})
        serving._collect(publishing, 1.0)
    publishing.seal()
    assert list(scan.read("p_status", 0, 7)) == [RAISED] * 7
    assert [text.decode() for text in scan.read("p_event", 0, 1)] == ["no luck"]
