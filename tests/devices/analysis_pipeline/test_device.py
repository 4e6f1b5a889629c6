"""A pipeline of live analysis as any Tango client sees it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import tango

from ronda.framework.scan.derived import _asked, _device
from ronda.framework.stream import Channel, Description, Device, State
from ronda.framework.stream.description import EACH_POINT
from ronda.framework.tango.names import AnalysisAttribute, AnalysisCommand, DeviceCommand
from tests.devices.conftest import wait_until
from tests.framework.analysis.conftest import redis_server, stream  # noqa: F401 - fixtures

STAGES = """
from ronda.framework.analysis import Output, stage

@stage(outputs=[Output("scaled", unit="V")])
def scale(value, *, factor: float = 2.0, steps: list[int] = [1]):
    if value < 0:
        raise ValueError(f"{value} is negative")
    return factor * value
"""


ABSENT = "tcp://127.0.0.1:9"
"""Where no Dask scheduler is."""


@pytest.fixture(scope="module")
def pipeline(rig, redis_server, tmp_path_factory):  # noqa: F811 - the fixture
    folder = tmp_path_factory.mktemp("stages")
    (folder / "mine.py").write_text(STAGES)
    entry = {"kind": "analysis_pipeline", "stages": [{"stage": "mine.py:scale", "inputs": {"value": "diode"}}]}
    wrong = {"kind": "analysis_pipeline", "stages": [{"stage": "absent.py:scale"}]}
    alone = {**entry, "dask": ABSENT}
    rig.register("analysis", {"scaling": entry, "broken": wrong, "alone": alone})
    program = rig.launch("analysis", RONDA_REDIS_URL=redis_server.url, RONDA_CONFIG_FOLDER=str(folder))
    assert program.report == {"ready": True}, program.log.read_text()
    return rig.ready("scaling")


def opened(stream, pipeline):  # noqa: F811 - the fixture
    description = Description("test", [Device("card", [Channel("diode")], {EACH_POINT: True})])
    told = json.loads(pipeline.command_inout(str(AnalysisCommand.DESCRIBE_RESULTS), _asked(description)))
    devices = [_device(one) for one in told["devices"]]
    scan = stream.open_scan(replace(description, devices=[*description.devices, *devices]))
    scan.set_state(State.RUNNING)
    return scan


def test_names_are_the_documented_ones(pipeline):
    expected = {*map(str, AnalysisAttribute), "State", "Status", "ChangedBy", "Factor", "Steps"}
    assert set(pipeline.get_attribute_list()) == expected
    commands = {*map(str, DeviceCommand), *map(str, AnalysisCommand), "State", "Status", "Init"}
    assert set(pipeline.get_command_list()) == commands


def test_a_parameter_is_written_during_a_scan_and_errors_are_told(pipeline, stream):  # noqa: F811 - the fixture
    pipeline.Factor = 2.0
    scan = opened(stream, pipeline)
    publisher = scan.publisher("card")
    publisher.publish_block({"diode": np.array([1.0, -1.0, 3.0])})
    wait_until(lambda: scan.extent("scaling").length == 3, "there are results")
    wait_until(lambda: pipeline.Points == 3 and pipeline.Errors == 1, "they are counted")
    wait_until(lambda: pipeline.state() == tango.DevState.ALARM, "it tells that something went wrong")
    assert "-1.0 is negative" in pipeline.status()
    assert "-1.0 is negative" in pipeline.LastError
    pipeline.Factor = 10.0
    publisher.publish_block({"diode": np.array([4.0])})
    publisher.seal()
    scan.set_state(State.COMPLETED)
    wait_until(lambda: scan.extent("scaling").end is not None, "all results are there")
    assert np.array_equal(scan.read("scaling_scaled", 0, 4), [2.0, np.nan, 6.0, 40.0], equal_nan=True)
    wait_until(lambda: pipeline.state() == tango.DevState.ON, "it waits for the next scan")
    assert pipeline.Lag == 0
    assert json.loads(pipeline.Stages)["stages"][0]["parameters"]["factor"] == 10.0


def test_values_that_cannot_be_are_refused(pipeline):
    with pytest.raises(tango.DevFailed, match=r"Steps takes JSON, not 'one'"):
        pipeline.Steps = "one"
    with pytest.raises(tango.DevFailed, match=r"scaling: scale: steps"):
        pipeline.Steps = '["a"]'
    pipeline.Steps = "[3, 4]"
    assert json.loads(pipeline.Steps) == [3, 4]


def test_a_stage_that_is_not_there_is_told_by_the_state(pipeline, rig):
    broken = rig.proxy("broken")
    assert broken.state() == tango.DevState.FAULT
    assert "the stage 'absent.py:scale' cannot be imported: there is no file" in broken.status()


def test_a_cluster_that_is_away_is_told_by_the_state_and_scans_may_begin(pipeline, rig):
    pytest.importorskip("distributed")
    alone = rig.proxy("alone")
    wait_until(lambda: alone.state() == tango.DevState.ALARM, "it is told")
    assert alone.status().startswith(f"alone: cannot compute: the Dask scheduler at {ABSENT} does not answer (")
    description = Description("test", [Device("card", [Channel("diode")], {EACH_POINT: True})])
    told = json.loads(alone.command_inout(str(AnalysisCommand.DESCRIBE_RESULTS), _asked(description)))
    assert [one["name"] for one in told["devices"]] == ["alone", "alone.events"]
