"""A digitiser as Tango clients see it."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
import tango

from ronda.framework.tango.names import (
    AcquisitionAttribute,
    AcquisitionCommand,
    DetectorAttribute,
    DetectorCommand,
    DeviceCommand,
    DigitiserAttribute,
)
from tests.devices.conftest import wait_until

SCALE = 10 / 32768
ADC = {
    "kind": "digitiser",
    "driver": "simulated",
    "integration_time": 0.1,
    "sample_rate": 50000,
    "channels": {
        "bragg": {"channel": 0, "unit": "deg", "scale": 0.0001, "offset": 13.1072, "wraps": True},
        "i0": {"channel": 1, "scale": SCALE},
        "open": {"channel": 7, "scale": SCALE},
    },
}


@pytest.fixture(scope="module")
def digitiser(rig: Any, simulate: Any) -> Any:
    axes = {1: {"name": "bragg", "steps_per_unit": 100000, "position": 12.0}}
    inputs = {0: {"encoder": "bragg", "resolution": 10000}, 1: {"detector": "i0"}}
    simulators = simulate(
        adc={"type": "digitiser", "inputs": inputs}, optics={"type": "motor_controller", "axes": axes}
    )
    rig.register("digitisers", {"adc": {**ADC, "address": simulators.address("adc")}})
    rig.start("digitisers")
    return rig.ready("adc"), simulators


def measure(adc: Any, seconds: float) -> dict[str, float]:
    adc.IntegrationTime = seconds
    adc.Start()
    wait_until(lambda: adc.state() != tango.DevState.RUNNING, "the measurement has ended")
    return dict(zip(adc.CounterNames, adc.CounterValues, strict=True))


def refused(action: Any, *arguments: Any) -> str:
    with pytest.raises(tango.DevFailed) as failed:
        action(*arguments)
    return str(failed.value.args[0].desc)


def test_names_are_the_documented_ones(digitiser: Any) -> None:
    adc, _ = digitiser
    names = [*DetectorAttribute, *DigitiserAttribute, *AcquisitionAttribute]
    assert set(adc.get_attribute_list()) == {*map(str, names), "State", "Status", "ChangedBy"}
    commands = [*DetectorCommand, *AcquisitionCommand, *DeviceCommand]
    assert set(adc.get_command_list()) == {*map(str, commands), "State", "Status", "Init"}


def test_a_measurement_gives_the_means_of_all_its_samples(digitiser: Any) -> None:
    adc, simulators = digitiser
    numbers = measure(adc, 0.2)
    assert (numbers["count"], numbers["first"]) == (10_000, 0)
    assert numbers["bragg"] == pytest.approx(12.0, abs=0.0001)
    true = simulators.ask(do="truth")["beam"]["intensity"]
    assert numbers["i0"] == pytest.approx(2.5e-6 * (5e5 * true + 120), rel=0.03)  # the beam's own noise is 0.3 %
    assert numbers["open"] == pytest.approx(0, abs=6 * SCALE * 1.1 / 100)
    assert adc.LostSamples == 0
    assert adc.ElapsedTime == pytest.approx(0.2)


def test_a_stop_keeps_what_was_sampled(digitiser: Any) -> None:
    adc, _ = digitiser
    adc.IntegrationTime = 1000.0
    adc.Start()
    adc.Stop()
    wait_until(lambda: adc.state() == tango.DevState.ON, "it is ready again")
    numbers = dict(zip(adc.CounterNames, adc.CounterValues, strict=True))
    assert numbers["count"] < 50000 * 500
    assert adc.ElapsedTime == pytest.approx(numbers["count"] / 50000)


@pytest.mark.parametrize("fault", ["lost", "overrun"])
def test_samples_that_were_lost_are_counted_and_left_out(digitiser: Any, fault: str) -> None:
    adc, simulators = digitiser
    adc.SampleRate = 1e6  # 8 packets at least, however late they are: one has at most 65536 samples
    simulators.ask(do="fault", instrument="adc", axis=3, fault=fault)
    try:
        numbers = measure(adc, 0.5)
    finally:
        adc.SampleRate = 50000
    truth = simulators.ask(do="truth")["instruments"]["adc"]
    lost = truth["lost"] + truth["overruns"]
    assert adc.LostSamples == lost > 0
    assert numbers["count"] == 500_000 - lost
    assert numbers["i0"] > 1.0


def test_it_describes_its_means_and_beside_them_all_samples(digitiser: Any) -> None:
    adc, _ = digitiser
    asked = json.dumps({"exposure": 0.1, "channels": {"i0": "adc_i0", "first": "adc_first"}})
    told = json.loads(adc.DescribeScan(asked))
    assert [(one["name"], one["unit"], one["shape"]) for one in told["channels"]] == [
        ("adc_i0", "V", []),
        ("adc_first", "", []),
    ]
    [beside] = told["beside"]
    samples = beside["channels"][0]
    assert (beside["name"], samples["dtype"], samples["shape"]) == ("adc_samples", "<i2", [8, 5000])
    assert samples["attributes"]["fields"]["sample_rate"] == {"value": 50000, "unit": "1/s"}
    adc.Record = False
    try:
        assert json.loads(adc.DescribeScan(asked))["beside"] == []
    finally:
        adc.Record = True


def test_a_rate_that_it_cannot_take_is_refused(digitiser: Any) -> None:
    adc, _ = digitiser
    told = refused(lambda: adc.write_attribute("SampleRate", 5e6))
    assert told == "adc: cannot take 5e+06 samples/s, it can take 1 to 1e+06"
    adc.SampleRate = 1e5
    try:
        assert measure(adc, 0.01)["count"] == 1000
    finally:
        adc.SampleRate = 50000.0


def test_a_channel_that_it_has_not_is_refused_before_it_measures(rig: Any, digitiser: Any) -> None:
    _, simulators = digitiser
    entry = {**ADC, "channels": {"far": {"channel": 8}}, "address": simulators.address("adc")}
    rig.register("strange", {"strange": entry})
    rig.start("strange")
    strange = rig.ready("strange")
    assert refused(strange.Start) == "strange: has no channel 8, which far is to be; its channels are 0 to 7"


def test_it_measures_again_after_its_instrument_dropped_the_connections(digitiser: Any) -> None:
    adc, simulators = digitiser
    simulators.ask(do="close", instrument="adc")
    wait_until(lambda: adc.state() == tango.DevState.ON and _measures(adc), "it measures again")


def _measures(adc: Any) -> bool:
    try:
        return measure(adc, 0.01)["count"] == 500
    except tango.DevFailed:
        return False


def test_samples_that_make_no_sense_are_told(rig: Any, instrument: Any) -> None:
    data = socket.create_server(("127.0.0.1", 0))
    answers = {
        "IDN?": "OK RONDA-SIM-DAQ,1,8",
        "CAPS?": f"OK 8,1.0,1e6,{data.getsockname()[1]},1000",
        "STATUS?": "OK IDLE,0,0,0,0",
    }
    scripted = instrument(lambda line: answers.get(line, "OK 1" if line.startswith("START") else "OK"))
    rig.register("nonsense", {"nonsense": {**ADC, "address": scripted.address}})
    program = rig.start("nonsense")
    proxy = rig.ready("nonsense")
    connection, _ = data.accept()
    with data, connection:
        connection.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n" * 4)
        proxy.Start()
        wait_until(lambda: "makes no sense" in program.log.read_text(), "it is told")
        program.end()  # it would connect again
