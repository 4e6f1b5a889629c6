"""Stages on a Dask cluster: the same bits, once and in order, whatever dies; and never is the scan held."""

from __future__ import annotations

import os
import pickle
import random
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ronda.framework.analysis.aligning import RAISED, SKIPPED
from ronda.framework.analysis.live.cluster import Cluster
from ronda.framework.analysis.live.dask_serving import recipe_of
from ronda.framework.analysis.live.options import DaskPlace
from ronda.framework.analysis.pipeline import Pipeline, Step
from ronda.framework.stream import Description, State, Stream
from tests.framework.analysis import test_runner as offline
from tests.framework.analysis.dask_cluster import DaskCluster
from tests.framework.analysis.test_live import HERE, camera, opened, results, running, take
from tests.framework.stream.conftest import RedisServer, wait_until
from tests.ports import free_port

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A scheduler with two workers, which tests put back when they killed some."""
    found = DaskCluster(tmp_path_factory.mktemp("dask"))
    try:
        found.start_scheduler()
        for threads in (1, 2):
            found.start_worker(threads)
        yield found
    finally:
        found.end()


def totals(frames: np.ndarray) -> list[float]:
    return [frame[frame > 0].astype(float).sum() for frame in frames]


def test_a_cluster_gives_the_same_bits_as_the_process_itself(
    stream: Stream, redis_server: RedisServer, cluster: DaskCluster, tmp_path: Path
) -> None:
    device, frames = camera(300)
    (tmp_path / "mine.py").write_text(
        "from ronda.framework.analysis import stage\n\n"
        "@stage(outputs=['spread'])\ndef spread(frame):\n    return frame.std()\n"
    )
    steps = [
        Step(f"{HERE}:moments", inputs={"frame": "image"}, parameters={"threshold": 500.0}),
        Step("mine.py:spread", inputs={"frame": "image"}),  # workers need no copy of the file
        Step(f"{HERE}:Picky", inputs={"value": "number"}),
        Step(f"{HERE}:RunningMean", inputs={"value": "total"}),
        Step(f"{HERE}:EveryThird", inputs={"value": "mean"}),
    ]
    pipeline = Pipeline("bits", steps, tmp_path)
    block = offline.Block("cam", 0, 300, {"image": frames, "number": np.arange(300)}, np.zeros(300))
    expected = offline.run(Pipeline("x", steps, tmp_path), Description("test", [device]), [block])
    sizes = random.Random(1)
    with running(redis_server, pipeline, dask=cluster.place) as analysis:
        scan = opened(stream, [analysis], [device])
        take(stream, scan, frames, [sizes.randint(1, 40) for _ in range(50)])
        for name in ("total", "brightest", "spread", "same", "mean", "sum_of_three", "status"):
            found = results(scan, f"bits_{name}")
            assert found.tobytes() == expected[f"x_{name}"].tobytes(), name
        assert (results(scan, "bits_status") == RAISED).sum() == 3
        analysis.change("moments", {"threshold": 999.0})  # holds from the next scan on
        scan = opened(stream, [analysis], [device])
        take(stream, scan, frames, [60])
        assert np.all(results(scan, "bits_total") == 0)


def test_the_policies_hold(stream: Stream, redis_server: RedisServer, cluster: DaskCluster) -> None:
    device, frames = camera(60)
    step = Step(f"{HERE}:moments", inputs={"frame": "image"})
    with (
        running(redis_server, Pipeline("some", [step]), mode="sampled", every=4, dask=cluster.place) as some,
        running(redis_server, Pipeline("newest", [step]), mode="latest", dask=cluster.place) as newest,
    ):
        scan = opened(stream, [some, newest], [device])
        take(stream, scan, frames, [3, 8])
        looked_at = np.arange(60) % 4 == 0
        assert np.array_equal(results(scan, "some_status"), np.where(looked_at, 0, SKIPPED))
        assert np.array_equal(results(scan, "some_total")[looked_at], np.array(totals(frames))[looked_at])
        status = results(scan, "newest_status")
        assert status[-1] == 0  # the newest has a result
        assert np.all(np.isin(status, [0, SKIPPED]))
        assert np.array_equal(results(scan, "newest_total")[status == 0], np.array(totals(frames))[status == 0])


def test_workers_that_die_or_hang_lose_nothing_and_double_nothing(
    stream: Stream, redis_server: RedisServer, cluster: DaskCluster
) -> None:
    device, frames = camera(4000)
    pipeline = Pipeline("mortal", [Step(f"{HERE}:moments", inputs={"frame": "image"})])
    with running(redis_server, pipeline, dask=cluster.place) as analysis:
        scan = opened(stream, [analysis], [device])
        stopped = cluster.start_worker()
        there = analysis._cluster
        assert there is not None
        wait_until(lambda: len(there.workers) == 3, what="all workers are there")

        def harm(done: int) -> None:
            wait_until(lambda: scan.extent("mortal").length > done - 1500, what="results come")
            if done == 1000:
                cluster.kill_worker(cluster.workers[0])
                cluster.start_worker()
            elif done == 2000:
                stopped.send_signal(signal.SIGSTOP)  # with ranges in hand
            elif done == len(frames):
                wait_until(lambda: scan.extent("mortal").length == len(frames), what="the others do all")
                stopped.send_signal(signal.SIGCONT)

        try:
            take(stream, scan, frames, [100], harm)
        finally:
            os.kill(stopped.pid, signal.SIGCONT)
        assert np.array_equal(results(scan, "mortal_total"), totals(frames))
        assert not results(scan, "mortal_status").any()
    cluster.kill_worker(stopped)


def test_a_scheduler_that_is_lost_and_comes_back_loses_nothing(
    stream: Stream, redis_server: RedisServer, cluster: DaskCluster
) -> None:
    device, frames = camera(1000)
    pipeline = Pipeline("back", [Step(f"{HERE}:moments", inputs={"frame": "image"})])
    with running(redis_server, pipeline, dask=cluster.place, patience=5.0) as analysis:
        scan = opened(stream, [analysis], [device])

        def lose(done: int) -> None:
            if done == 400:
                wait_until(lambda: scan.extent("back").length > 0, what="results come")
                cluster.kill_scheduler()
            elif done == len(frames):
                wait_until(lambda: "does not answer" in analysis.status().error, what="it is told")
                cluster.start_scheduler()
                for worker in list(cluster.workers):
                    cluster.kill_worker(worker)
                for _ in range(2):
                    cluster.start_worker()

        take(stream, scan, frames, [50], lose)
        assert np.array_equal(results(scan, "back_total"), totals(frames))
        assert not results(scan, "back_status").any()


def test_points_of_a_scheduler_that_stays_away_are_marked_and_the_scan_is_not_held(
    stream: Stream, redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ronda.framework.analysis.live.cluster.CONNECTING", 1.0)  # nobody is there to be waited for
    absent = DaskCluster(tmp_path).place
    device, frames = camera(40)
    pipeline = Pipeline("away", [Step(f"{HERE}:moments", inputs={"frame": "image"})])
    with running(redis_server, pipeline, dask=absent, patience=0.1) as analysis:
        scan = opened(stream, [analysis], [device])
        take(stream, scan, frames, [10])
        assert scan.state == State.COMPLETED
        assert list(results(scan, "away_status")) == [RAISED] * 40
        told = results(scan, "away_event")[0].decode()
        assert told.startswith(f"the Dask scheduler at {absent.address} does not answer (")


def test_nobody_computes_without_this_version_of_the_package_and_no_attempt_leaves_a_thread(
    cluster: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ronda.framework.analysis.live.cluster.own_version", lambda: "0.0")
    other = Cluster("other", cluster.place, 1.0)
    other.start()
    try:
        wait_until(lambda: "runs without ronda 0.0; install that version there" in other.problem)
        assert (other.threads, other.workers) == (0, frozenset())
    finally:
        other.close()
    monkeypatch.setattr("ronda.framework.analysis.live.cluster.PERIOD", 0.01)
    absent = Cluster("absent", DaskPlace(f"tcp://127.0.0.1:{free_port()}"), 1.0)
    absent.start()
    try:
        wait_until(lambda: bool(absent.problem))
        before = threading.active_count()
        with pytest.raises(AssertionError):  # it tries some fifty times meanwhile
            wait_until(lambda: threading.active_count() > before + 2, 1.0)
    finally:
        absent.close()


def test_what_is_sent_has_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RONDA_REDIS_PASSWORD", "s3cret")
    (tmp_path / "mine.py").write_text(
        "from ronda.framework.analysis import stage\n\n@stage(outputs=['one'])\ndef one(frame):\n    return 1.0\n"
    )
    pipeline = Pipeline("sent", [Step("mine.py:one", inputs={"frame": "image"})], tmp_path)
    assert b"s3cret" not in pickle.dumps(recipe_of(pipeline))
    digest = pipeline.digest
    (tmp_path / "mine.py").write_text((tmp_path / "mine.py").read_text().replace("1.0", "2.0"))
    assert "1.0" in recipe_of(pipeline).files["mine.py"], "what this process has loaded"
    assert Pipeline("sent", pipeline.steps, tmp_path).digest != digest, "other code is not the same stage"


def test_a_server_without_dask_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    alone = Cluster("alone", DaskPlace("tcp://127.0.0.1:9"), 1.0)
    alone.start()
    try:
        wait_until(lambda: alone.problem == "Dask is not installed here; install ronda[dask]")
    finally:
        alone.close()


def test_what_the_workers_cannot_import_is_told(
    stream: Stream, redis_server: RedisServer, cluster: DaskCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text(
        "from ronda.framework.analysis import stage\n\n@stage(outputs=['one'])\ndef one(frame):\n    return 1.0\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    device, frames = camera(10)
    pipeline = Pipeline("alone", [Step("only_here:one", inputs={"frame": "image"})])
    with running(redis_server, pipeline, dask=cluster.place) as analysis:
        scan = opened(stream, [analysis], [device])
        take(stream, scan, frames, [10])
        assert list(results(scan, "alone_status")) == [RAISED] * 10
        told = results(scan, "alone_event")[0].decode()
        assert told.startswith("a Dask worker failed: there is no stage 'only_here:one'")


def test_a_point_over_which_workers_die_is_marked(
    stream: Stream, redis_server: RedisServer, cluster: DaskCluster
) -> None:
    device, frames = camera(1)
    pipeline = Pipeline("fatal", [Step(f"{HERE}:deadly", inputs={"value": "number"})])
    cluster.start_worker()  # two die; this is the last test of the cluster that needs any
    with running(redis_server, pipeline, dask=cluster.place) as analysis:
        scan = opened(stream, [analysis], [device])
        take(stream, scan, frames, [1])
        assert list(results(scan, "fatal_status")) == [RAISED]
        assert results(scan, "fatal_event")[0].decode() == "Dask workers died over it again and again"


def test_tls_with_certificates(stream: Stream, redis_server: RedisServer, tmp_path: Path) -> None:
    secure = DaskCluster(tmp_path, tls=True)
    device, frames = camera(50)
    step = Step(f"{HERE}:moments", inputs={"frame": "image"})
    try:
        secure.start_scheduler()
        secure.start_worker()
        with running(redis_server, Pipeline("tls", [step]), dask=secure.place) as analysis:
            scan = opened(stream, [analysis], [device])
            take(stream, scan, frames, [10])
            assert np.array_equal(results(scan, "tls_total"), totals(frames))
        other = DaskCluster(tmp_path, tls=True).place  # of another authority
        refused = type(other)(secure.place.address, other.ca, other.certificate, other.key)
        with running(redis_server, Pipeline("wrong", [step]), dask=refused) as analysis:
            wait_until(lambda: "does not answer (" in analysis.status().error)
    finally:
        secure.end()
