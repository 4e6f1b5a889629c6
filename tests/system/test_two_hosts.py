"""A beamline of two hosts, here two addresses of one machine: each agent runs its own servers, status shows both."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def redis_url(tmp_path: Path, wait_for: Any) -> Iterator[str]:
    """A Redis of the facility."""
    from ronda.framework.services.redis import find_server

    socket = tmp_path / "redis.sock"
    server = subprocess.Popen(
        [find_server(), "--port", "0", "--unixsocket", socket, "--dir", tmp_path], stdout=subprocess.DEVNULL
    )
    wait_for(socket.exists, 150, "Redis listens")
    yield f"unix://{socket}"
    server.kill()
    server.wait()


@pytest.fixture
def folder(ronda: Any, tmp_path: Path, redis_url: str) -> Iterator[Path]:
    """Its configuration; whatever runs of it is taken down."""
    port = free_port()
    folder = tmp_path / "pair"
    folder.mkdir()
    (folder / "beamline.yml").write_text(
        f"""version: 1
beamline:
  name: pair
  hosts:
    control: {{address: 127.0.0.1, services: true}}
    hutch: {{address: 127.0.0.2}}
  services:
    tango: {{port: {port}}}
    redis: {{url: "{redis_url}"}}
simulators:
  host: hutch
  instruments:
    motion: {{type: motor_controller, axes: 2}}
    card: {{type: counter_card, channels: {{1: i0}}}}
servers:
  motors:
    host: hutch
    devices:
      mc1:
        kind: motor
        driver: simulated
        address: simulator:motion
        axes:
          ax: {{channel: 1, unit: mm, steps_per_unit: 2000, velocity: 2.0, acceleration_time: 0.1, limits: [-5, 5]}}
  analysis:
    host: control
    devices:
      beam: {{kind: analysis_pipeline, workers: 0, stages: [{{stage: beam, inputs: {{frame: cam}}}}]}}
  compute:
    host: hutch
    devices:
      crew: {{kind: analysis_workers, pipeline: beam, workers: 1}}
  counters:
    host: hutch
    devices:
      ct1: {{kind: counter, driver: simulated, address: "simulator:card", channels: {{i0: {{channel: 1}}}}}}
"""
    )
    yield folder
    ronda("down", folder, code=None)


def test_each_host_runs_its_own_servers_and_status_shows_all(ronda: Any, folder: Path, wait_for: Any) -> None:
    import psutil
    import tango

    unsure = ronda("up", folder, "--detach", code=1).stdout
    assert "say it with --host" in unsure.lower()

    ronda("up", folder, "--host", "control", "--detach")
    ronda("up", folder, "--host", "hutch", "--detach")

    servers = ronda.servers(folder)
    assert servers["motors"]["host"] == "hutch"
    assert servers["tango-database"]["host"] == "control"
    tango_host = ronda.exports(folder)["TANGO_HOST"]
    assert tango.DeviceProxy(f"tango://{tango_host}/ax").StepsPerUnit == pytest.approx(2000)
    listening = {
        connection.laddr.ip
        for connection in psutil.Process(servers["motors"]["pid"]).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.2"}

    assert servers["compute"]["host"] == "hutch"
    crew = tango.DeviceProxy(f"tango://{tango_host}/crew")
    wait_for(lambda: str(crew.state()) == "ON" and crew.Workers == 1, 150, "the agent keeps a worker of the pipeline")
    (worker,) = psutil.Process(servers["compute"]["pid"]).children()
    assert worker.cmdline()[2:4] == ["ronda.framework.analysis.live.worker", "beam"]

    before = servers["counters"]["pid"]
    ronda("restart", "counters", "-b", folder)
    wait_for(lambda: ronda.servers(folder)["counters"]["pid"] not in (0, before), 150, "the other host restarts it")
    ronda("down", folder)
    wait_for(lambda: not worker.is_running(), 150, "the worker ends with its host's part")


def test_a_host_whose_database_is_not_there_yet_says_so(ronda: Any, folder: Path) -> None:
    refused = ronda("up", folder, "--host", "hutch", "--detach", code=1).stdout
    assert "the Tango database at 127.0.0.1:" in refused
    assert "does not answer" in refused
