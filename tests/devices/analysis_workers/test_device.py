"""Workers of a pipeline in a server of their own, as on another host: they are started, kept, and ended with it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import numpy as np
import psutil
import pytest
import tango

from ronda.framework.stream import State
from ronda.framework.tango.names import AnalysisWorkersAttribute, DeviceCommand
from tests.devices.analysis_pipeline.test_device import STAGES, opened
from tests.devices.conftest import wait_until
from tests.framework.analysis.conftest import redis_server, stream  # noqa: F401 - fixtures

YAML = """version: 1
beamline: {name: test}
simulators: {instruments: {card: {type: counter_card, channels: {1: diode}}}}
servers:
  home:
    devices:
      shared: {kind: analysis_pipeline, workers: 0, patience: 0.5, stages: [{stage: "mine.py:scale", inputs: {value: diode}}]}
      ct1: {kind: counter, driver: simulated, address: "simulator:card", channels: {diode: {channel: 1}}}
  far:
    devices:
      crew: {kind: analysis_workers, pipeline: shared, workers: 2, patience: 0.5}
"""


@pytest.fixture(scope="module")
def beamline(rig, redis_server, tmp_path_factory):  # noqa: F811 - the fixture
    folder = tmp_path_factory.mktemp("yaml")
    (folder / "mine.py").write_text(STAGES)
    (folder / "beamline.yml").write_text(YAML)
    stages = [{"stage": "mine.py:scale", "inputs": {"value": "diode"}}]
    shared = {"kind": "analysis_pipeline", "workers": 0, "patience": 0.5, "stages": stages}
    crew = {"kind": "analysis_workers", "pipeline": "shared", "workers": 2, "patience": 0.5}
    rig.register("home", {"shared": shared})
    rig.register("far", {"crew": crew, "lost_crew": {**crew, "pipeline": "absent", "workers": 1}})
    for server in ("home", "far"):
        program = rig.launch(server, RONDA_REDIS_URL=redis_server.url, RONDA_CONFIG_FOLDER=str(folder))
        assert program.report == {"ready": True}, program.log.read_text()
    return rig


def workers_of(rig, pipeline):
    found = []
    for one in psutil.Process(rig.servers["far"].process.pid).children():
        with suppress(psutil.NoSuchProcess):  # it has just ended, and nobody has asked how
            if pipeline in one.cmdline():
                found.append(one.pid)
    return found


def test_names_are_the_documented_ones(beamline):
    crew = beamline.proxy("crew")
    assert set(crew.get_attribute_list()) == {*map(str, AnalysisWorkersAttribute), "State", "Status", "ChangedBy"}
    assert set(crew.get_command_list()) == {*map(str, DeviceCommand), "State", "Status", "Init"}


def test_they_compute_what_the_pipeline_gives_away_and_are_kept(beamline, stream):  # noqa: F811 - the fixture
    crew, pipeline = beamline.ready("crew"), beamline.ready("shared")
    wait_until(lambda: len(workers_of(beamline, "shared")) == 2, "both run")
    scan = opened(stream, pipeline)
    publisher = scan.publisher("card")
    publisher.publish_block({"diode": np.arange(200.0)})
    wait_until(lambda: scan.extent("shared").length == 200, "there are results")
    before = workers_of(beamline, "shared")
    for process in before:
        os.kill(process, signal.SIGKILL)
    publisher.publish_block({"diode": np.arange(200.0, 400.0)})
    publisher.seal()
    scan.set_state(State.COMPLETED)
    wait_until(lambda: scan.extent("shared").end is not None, "all results are there")
    assert np.array_equal(scan.read("shared_scaled", 0, 400), 2 * np.arange(400.0))
    wait_until(lambda: crew.Workers == 2 and crew.Restarts == 2, "others have taken their place")
    assert not set(workers_of(beamline, "shared")) & set(before)
    assert crew.state() == tango.DevState.ON
    assert crew.status() == "crew: 2 workers of shared"


def test_workers_that_cannot_work_are_told_by_the_state(beamline):
    crew = beamline.proxy("lost_crew")
    wait_until(lambda: crew.state() == tango.DevState.ALARM, "it is told")
    assert "a worker ended soon after its start with code 1; see the log" in crew.status()
    assert "has no pipeline absent" in beamline.servers["far"].log.read_text()


def test_they_end_with_their_server_in_whatever_way_it_ends(beamline):
    before = workers_of(beamline, "shared")
    assert len(before) == 2
    beamline.servers["far"].end(signal.SIGKILL)
    wait_until(lambda: not any(map(psutil.pid_exists, before)), "they end")
