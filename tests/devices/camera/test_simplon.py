"""The Dectris driver and its simulated detector: control, images with their rings, what is refused, and stopping."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from ronda.devices.camera.contract import Setup, TriggeredFrame
from ronda.devices.camera.drivers import simplon
from ronda.devices.camera.drivers.simplon import Simplon
from ronda.devices.camera.simplon_rest import Arming
from ronda.devices.simulator import SimulatorLine
from ronda.framework.errors import CommunicationFailed, HardwareFault
from ronda.simulators.physics.powder import BACKGROUND, COLUMNS, RINGS, ROWS, radius_at
from ronda.simulators.process import Simulation, SimulatorsFile, start
from tests.devices.conftest import wait_until

WHOLE = (0, 0, COLUMNS, ROWS)


@pytest.fixture(scope="module")
def simulation() -> Iterator[Simulation]:
    """A detector `eiger` behind powder in the full beam of 10 keV."""
    axes = {"1": {"name": "samy", "position": 18.0}, "2": {"name": "samz"}}
    instruments = {
        "eiger": {"type": "simplon", "port": 0},
        "gated": {"type": "simplon", "port": 0, "trigger": "motion:1"},
        "motion": {"type": "motor_controller", "port": 0, "axes": axes},
    }
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    running = asyncio.run_coroutine_threadsafe(start(SimulatorsFile(instruments=instruments)), loop).result(60)
    yield running

    async def close() -> None:
        running.close()
        while any(server.connections for server in running.servers.values()):
            await asyncio.sleep(0.001)

    asyncio.run_coroutine_threadsafe(close(), loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)
    loop.close()


@pytest.fixture
def driver(simulation: Simulation) -> Iterator[Simplon]:
    address = f"127.0.0.1:{simulation.ports['eiger']}"
    made = Simplon("det", Simplon.Parameters(kind="camera", driver="simplon", address=address))
    made.connect()
    yield made
    made.disconnect()


def image(driver: Simplon) -> np.ndarray[Any, Any]:
    driver.start()
    deadline = time.monotonic() + 60
    while driver.busy():
        assert time.monotonic() < deadline
        time.sleep(0.002)
    return driver.read()


def test_it_tells_what_the_detector_can(driver: Simplon) -> None:
    known = driver.capabilities()
    assert (known.width, known.height, known.dtype, known.bits) == (1028, 1062, "<u2", 16)
    assert known.exposures == (1e-4, 3600.0)
    assert known.frame_rate == pytest.approx(500)
    assert known.pixel_size == pytest.approx(75e-6)


def test_images_show_the_rings_with_the_noise_of_counting(driver: Simplon, simulation: Simulation) -> None:
    driver.prepare(Setup(0.5, 1, WHOLE))
    images = np.array([image(driver) for _ in range(3)]).astype(float)
    truth = simulation.instruments["eiger"].truth(simulation.world.clock.now())
    assert truth["share"] == pytest.approx(1.0, abs=0.01)
    y, x = np.ogrid[:ROWS, :COLUMNS]
    radii = np.hypot(y - (ROWS - 1) / 2, x - (COLUMNS - 1) / 2)
    radius = radius_at(RINGS["100"][0], truth["energy"])
    assert radius is not None
    on_ring, dark = np.abs(radii - radius) < 1, radii < radius - 30
    assert images[:, dark].mean() == pytest.approx(0.5 * BACKGROUND * truth["intensity"], rel=0.05)
    assert images[:, on_ring].mean() > 10 * images[:, dark].mean()
    difference = images[1][dark] - images[0][dark]
    assert difference.var() == pytest.approx(2 * images[:, dark].mean(), rel=0.05)


def test_armed_once_it_takes_many_images(driver: Simplon, simulation: Simulation) -> None:
    driver.prepare(Setup(0.002, 1, WHOLE))
    series = driver._series
    for _ in range(5):
        assert image(driver).shape == (ROWS, COLUMNS)
        driver.prepare(Setup(0.002, 1, WHOLE))
    assert driver._series == series
    driver.prepare(Setup(0.003, 1, WHOLE))
    assert driver._series == series + 1


def test_a_stopped_exposure_leaves_a_detector_that_works(driver: Simplon) -> None:
    driver.prepare(Setup(3000.0, 1, WHOLE))
    driver.start()
    assert driver.busy()
    driver.stop()
    assert not driver.busy()
    driver.prepare(Setup(0.002, 1, WHOLE))
    assert image(driver).shape == (ROWS, COLUMNS)


def test_what_the_detector_refuses_is_said(driver: Simplon) -> None:
    with pytest.raises(HardwareFault, match=r"det: the detector refuses detector config count_time .*not within"):
        driver.prepare(Setup(1e-9, 1, WHOLE))


def test_a_series_that_somebody_else_ends_is_noticed(driver: Simplon, simulation: Simulation) -> None:
    driver.prepare(Setup(3000.0, 1, WHOLE))
    driver.start()
    driver._open().put("detector command abort")
    deadline = time.monotonic() + 60
    with pytest.raises(HardwareFault, match="ended before its image 0 came"):  # noqa: PT012 - the message takes a moment
        while driver.busy():
            assert time.monotonic() < deadline
            time.sleep(0.002)


def test_an_image_that_was_lost_on_its_way_is_not_waited_for_for_ever(
    driver: Simplon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simplon, "LOOK_PERIOD", 0.02)
    monkeypatch.setattr(simplon, "MESSAGE_LIMIT", 0.1)
    driver.prepare(Setup(0.002, 1, WHOLE))
    monkeypatch.setattr(driver._receiver, "next", lambda _: None)
    driver.start()
    deadline = time.monotonic() + 60
    told = "image 0 came: the detector is ready; somebody else ended it, or the network lost the image"
    with pytest.raises(HardwareFault, match=told):  # noqa: PT012 - the message takes a moment
        while driver.busy():
            assert time.monotonic() < deadline
            time.sleep(0.002)


def state_of(driver: Simplon) -> str:
    return str(driver._get("detector status state"))


def test_armed_for_triggers_it_can_be_disarmed_at_once_and_be_armed_again(driver: Simplon) -> None:
    driver.arm_triggered(Setup(0.01, 1, WHOLE))
    driver.disarm_triggered()  # it may not have heard of the first yet
    assert driver._arming is not None
    assert driver._arming.ended(60)
    assert state_of(driver) == "idle"
    driver.arm_triggered(Setup(0.01, 1, WHOLE))
    wait_until(driver.armed, "it is armed", 60)
    assert state_of(driver) == "ready"
    driver.disarm_triggered()
    assert state_of(driver) == "idle"
    driver.prepare(Setup(0.002, 1, WHOLE))
    assert image(driver).shape == (ROWS, COLUMNS)


@pytest.mark.parametrize(("wanted", "expected"), [(True, ["arm"]), (False, ["arm", "disarm"])])
def test_arming_that_is_given_up_is_undone_when_the_detector_has_armed(wanted: bool, expected: list[str]) -> None:
    heard, answers = [], threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            heard.append(self.path.rpartition("/")[2])
            assert answers.wait(60)
            told = b'{"sequence id": 7}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        arming = Arming("det", f"127.0.0.1:{server.server_port}", 60.0)
        assert not arming.ended()
        if not wanted:
            arming.give_up()
        answers.set()
        assert arming.ended(60)
        server.shutdown()
        thread.join(60)
    assert arming.series() == 7
    assert heard == expected


def test_a_detector_that_is_not_there_is_said() -> None:
    driver = Simplon("det", Simplon.Parameters(kind="camera", driver="simplon", address="127.0.0.1:1"))
    with pytest.raises(CommunicationFailed, match=r"det: 127\.0\.0\.1:1 does not answer"):
        driver.connect()
    driver.disconnect()


def test_a_detector_that_a_signal_enables_is_exposed_for_as_long_as_that_is_on(simulation: Simulation) -> None:
    told = {"kind": "camera", "driver": "simplon", "trigger_mode": "exte"}
    driver = Simplon("det", Simplon.Parameters(**told, address=f"127.0.0.1:{simulation.ports['gated']}"))
    motion = SimulatorLine("mc1", f"127.0.0.1:{simulation.ports['motion']}", 10.0)
    motion.open("RONDA-SIM-MC")
    driver.connect()
    try:
        assert driver.capabilities().triggers == ("software", "enable")
        driver.arm_triggered(Setup(0.02, 1, WHOLE))
        wait_until(driver.armed, 60)
        widths = [0.02, 0.06, 0.02]
        frames: list[TriggeredFrame] = []
        for width in widths:
            motion.ask("WIDTH", 1, width)
            assert float(motion.ask("WIDTH?", 1)) == width
            motion.ask("PULSE", 1)
            count = len(frames)
            wait_until(lambda count=count: frames.extend(driver.triggered()) or len(frames) > count, 60)  # type: ignore[misc]
        assert [one.number for one in frames] == [0, 1, 2]
        assert [one.exposure for one in frames] == pytest.approx(widths, abs=1e-6)
        assert np.all(np.diff([one.time for one in frames]) > 0)
        sums = [one.frame.unpack().sum(dtype=np.int64) for one in frames]  # type: ignore[union-attr]  # they are packed
        assert sums[1] / sums[0] == pytest.approx(3.0, rel=0.05)
        driver.disarm_triggered()
        wait_until(lambda: state_of(driver) == "idle", 60)
    finally:
        driver.disconnect()
        motion.close()
