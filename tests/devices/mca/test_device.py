"""A spectrum analyser as Tango clients see it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import tango

from ronda.framework.tango.names import (
    AcquisitionAttribute,
    AcquisitionCommand,
    DetectorAttribute,
    DetectorCommand,
    DeviceCommand,
    McaAttribute,
    RegionAttribute,
    RegionCommand,
)
from tests.devices.conftest import wait_until

MCA = {
    "kind": "mca",
    "driver": "simulated",
    "integration_time": 0.1,
    "calibration": [0.0, 0.005],
    "rois": {"ni": {"low": 7.32, "high": 7.64}, "first": {"low": 0, "high": 1999, "unit": "channel"}},
}


@pytest.fixture(scope="module")
def analyser(rig: Any, simulate: Any) -> Any:
    # the sample holder stands so that the beam meets nickel
    axes = {1: {"name": "samy", "position": 11.5}, 2: {"name": "samz", "position": 0.5}}
    simulators = simulate(fluorescence={"type": "mca"}, motion={"type": "motor_controller", "axes": axes})
    rig.register("analysers", {"mca": {**MCA, "address": simulators.address("fluorescence")}})
    rig.start("analysers")
    return rig.ready("mca"), simulators


def measure(mca: Any, seconds: float = 0.1) -> dict[str, float]:
    mca.IntegrationTime = seconds
    mca.Start()
    wait_until(lambda: mca.state() != tango.DevState.RUNNING, "the measurement has ended")
    return dict(zip(mca.CounterNames, mca.CounterValues, strict=True))


def refused(action: Any, *arguments: Any) -> str:
    with pytest.raises(tango.DevFailed) as failed:
        action(*arguments)
    return str(failed.value.args[0].desc)


def test_names_are_the_documented_ones(analyser: Any) -> None:
    mca, _ = analyser
    names = [*DetectorAttribute, *RegionAttribute, *McaAttribute, *AcquisitionAttribute]
    assert set(mca.get_attribute_list()) == {*map(str, names), "State", "Status", "ChangedBy"}
    commands = [*DetectorCommand, *RegionCommand, *AcquisitionCommand, *DeviceCommand]
    assert set(mca.get_command_list()) == {*map(str, commands), "State", "Status", "Init"}


def test_the_numbers_are_those_of_the_spectrum(analyser: Any) -> None:
    mca, simulators = analyser
    numbers = measure(mca)
    spectrum, energies = mca.Spectrum, mca.Energies
    inside = (energies >= 7.32) & (energies <= 7.64)
    assert spectrum.shape == energies.shape == (4096,)
    assert numbers["ni"] == spectrum[inside].sum() > 1000
    assert numbers["first"] == spectrum[:2000].sum()
    assert numbers["real_time"] == pytest.approx(0.1)
    assert numbers["dead_time"] == pytest.approx(100 * (1 - numbers["live_time"] / 0.1))
    assert numbers["ocr"] == pytest.approx(spectrum.sum() / 0.1)
    rates = simulators.ask(do="truth")["instruments"]["fluorescence"]["rates"]
    arriving = sum(rates.values())
    assert numbers["icr"] == pytest.approx(arriving, abs=5 * np.sqrt(arriving / 0.1) + 0.05 * arriving)
    assert numbers["dead_time"] == pytest.approx(100 * (1 - np.exp(-numbers["icr"] * 0.8e-6)), rel=0.1)


def test_a_live_time_is_measured_until_it_is_reached(analyser: Any) -> None:
    mca, _ = analyser
    mca.Preset = "live"
    try:
        numbers = measure(mca)
    finally:
        mca.Preset = "real"
    assert numbers["live_time"] == pytest.approx(0.1, abs=1e-4)
    assert numbers["real_time"] > 0.105


def test_a_stop_keeps_what_was_counted(analyser: Any) -> None:
    mca, _ = analyser
    mca.IntegrationTime = 1000.0
    mca.Start()
    mca.Stop()
    wait_until(lambda: mca.state() == tango.DevState.ON, "it is ready again")
    numbers = dict(zip(mca.CounterNames, mca.CounterValues, strict=True))
    assert 0 < numbers["real_time"] < 500
    assert mca.Spectrum.sum() == pytest.approx(numbers["ocr"] * numbers["real_time"])


def test_the_calibration_moves_the_regions(rig: Any, analyser: Any) -> None:
    mca, _ = analyser
    mca.Calibration = [0.0, 0.010]
    try:
        assert mca.Energies[100] == pytest.approx(1.0)
        numbers = measure(mca)
        spectrum = mca.Spectrum
        assert numbers["ni"] == spectrum[732:765].sum()
        assert numbers["first"] == spectrum[:2000].sum()
        assert rig.runtime_settings("test/mca/mca")["calibration"] == [0.0, 0.010]
    finally:
        mca.Calibration = [0.0, 0.005]


def test_regions_come_and_go_at_run_time(analyser: Any) -> None:
    mca, _ = analyser
    mca.AddRegion(json.dumps({"name": "fe", "low": 6.25, "high": 6.55}))
    assert "fe" in list(mca.CounterNames)
    mca.RemoveRegion("fe")
    assert "fe" not in list(mca.CounterNames)
    turned = json.dumps({"name": "turned", "low": 7, "high": 6})
    assert "low 7 should not be above high 6" in refused(mca.AddRegion, turned)


def test_a_region_without_channels_is_refused_before_a_scan(analyser: Any) -> None:
    mca, _ = analyser
    mca.AddRegion(json.dumps({"name": "hard", "low": 30, "high": 31}))
    try:
        told = refused(mca.DescribeScan, json.dumps({"exposure": 1, "channels": {"spectrum": "mca"}}))
    finally:
        mca.RemoveRegion("hard")
    assert told == "mca: the region hard (30 to 31 keV) holds none of the 4096 channels; change or remove it"


def test_it_describes_its_spectra_for_the_stream(analyser: Any) -> None:
    mca, _ = analyser
    asked = {"exposure": 1, "channels": {"live_time": "mca_live_time", "spectrum": "mca"}}
    _, spectrum = json.loads(mca.DescribeScan(json.dumps(asked)))["channels"]
    assert (spectrum["name"], spectrum["dtype"], spectrum["shape"]) == ("mca", "<u4", [4096])
    fields = spectrum["attributes"]["fields"]
    assert fields["energy"] == {"polynomial": [0.0, 0.005], "length": 4096, "unit": "keV"}
    assert fields["live_time"] == {"channel": "mca_live_time"}
    assert "elapsed_time" not in fields


@pytest.mark.parametrize(
    ("attribute", "value", "sentence"),
    [
        ("Preset", "dead", "mca: preset: input should be 'real' or 'live'"),
        ("Calibration", [1.0], "mca: calibration: "),
        ("IntegrationTime", 1e9, "mca: cannot measure for 1e+09 s, it can for 0.0001 to 100000 s"),
    ],
)
def test_settings_that_make_no_sense_are_refused(analyser: Any, attribute: str, value: Any, sentence: str) -> None:
    mca, _ = analyser
    assert refused(mca.write_attribute, attribute, value).startswith(sentence)
