"""Ready stages at work on a scan in a real Redis: the same numbers as offline, and a fit that stops the scan."""

from __future__ import annotations

import numpy as np

from ronda.framework.analysis.pipeline import Pipeline, Step
from ronda.framework.stream import Channel, Device, ScanOver, State, Stream
from ronda.framework.stream.description import EACH_POINT
from ronda.framework.stream.orders import Orders
from tests.framework.analysis.running import run
from tests.framework.analysis.test_live import camera, opened, results, running, take
from tests.framework.stream.conftest import RedisServer, wait_until


def test_beam_metrics_are_the_same_live_and_offline(stream: Stream, redis_server: RedisServer) -> None:
    device, frames = camera(30)
    rows, columns = np.mgrid[: frames.shape[1], : frames.shape[2]]
    frames = (frames // 50 + 4000 * np.exp(-((columns - 11) ** 2 + (rows - 17) ** 2) / 18)).astype("<u2")
    steps = [Step("beam", inputs={"frame": "image"})]
    with running(redis_server, Pipeline("p", steps)) as analysis:
        scan = opened(stream, [analysis], [device])
        take(stream, scan, frames, [1, 7, 2])
        offline = run(steps, {"image": frames})
        assert np.isfinite(offline["p_x"]).all()
        for name in [name for name in offline if name.startswith("p_")]:
            assert results(scan, name).tobytes() == offline[name].tobytes(), name


def test_a_fit_stops_the_scan_when_sigma_is_reached(stream: Stream, redis_server: RedisServer) -> None:
    x = np.linspace(-2, 2, 81)
    y = 10 + 100 * np.exp(-4 * np.log(2) * ((x + 0.9) / 0.5) ** 2) + np.random.default_rng(6).normal(0, 1, x.size)
    parameters = {"sigma": 0.01, "stop": True}
    known = run([Step("running_fit", parameters=parameters)], {"x": x, "y": y})["p_known"]
    first = int(known.argmax())
    assert 8 < first < 60  # neither at once nor never
    device = Device("counter", [Channel("x"), Channel("y")], {EACH_POINT: True})
    with running(redis_server, Pipeline("fit", [Step("running_fit", parameters=parameters)])) as analysis:
        scan = opened(stream, [analysis], [device])
        orders = Orders(stream._server, scan.identifier)
        publisher = scan.publisher("counter")
        publisher.publish_block({"x": x[:first], "y": y[:first]})
        wait_until(lambda: scan.extent("fit").length == first)
        assert orders.wait(0.01) == []  # not before it is known
        publisher.publish_block({"x": x[first : first + 1], "y": y[first : first + 1]})
        given: list[tuple[str, str]] = []
        wait_until(lambda: given.extend(orders.wait(1.0)) or given)
        assert given == [("stop", f"fit (fit_stop at point {first})")]
        publisher.publish_block({"x": x[first + 1 :], "y": y[first + 1 :]})
        publisher.seal()
        scan.set_state(State.ABORTED, "stopped by fit")
        results(scan, "fit_known")
        told = [text.decode() for text in results(scan, "fit_event")]
        assert told == [f"told the scan to stop: fit (fit_stop at point {first})"]  # and never again
        with np.testing.assert_raises(ScanOver):
            scan.order("stop")
