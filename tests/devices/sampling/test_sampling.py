"""The sampling server, alone and in scans."""

import h5py
import numpy as np
import pytest

from ronda.devices.sampling.kind import KIND
from ronda.devices.sampling.parameters import SamplingParameters
from ronda.framework.clients.counter import sampling
from ronda.framework.errors import ConfigurationError, RondaError
from ronda.framework.scan.standard import Scans


def test_an_entry_becomes_one_device():
    entry = SamplingParameters.model_validate(
        {"kind": "sampling", "counters": {"ring": {"attribute": "sr/current/1/value", "unit": "mA"}}}
    )
    (device,) = KIND.devices("sampler", entry)

    assert (device.name, device.family, device.tango_class) == ("sampler", "sampling", "Sampling")
    assert device.configuration["counters"]["ring"]["attribute"] == "sr/current/1/value"


def test_a_driver_is_refused():
    with pytest.raises(ConfigurationError, match="a sampling server takes no driver"):
        KIND.parameters(object)


@pytest.mark.parametrize("attribute", ["", "samx", "samx/", "//"])
def test_what_is_no_attribute_is_refused(attribute):
    with pytest.raises(ValueError, match="must be DOMAIN/FAMILY/MEMBER/ATTRIBUTE or ALIAS/ATTRIBUTE"):
        SamplingParameters.model_validate({"kind": "sampling", "counters": {"x": {"attribute": attribute}}})


def test_several_attributes_are_sampled_side_by_side(beamline):
    scan = Scans(beamline).loopscan(
        3, 0.05, sampling("samy/Position", name="y"), sampling("samz/Velocity", name="v"), save=False
    )

    data = scan.stream
    assert data.read("v", 0, 3).tolist() == [2.0] * 3
    assert data.read("y", 0, 3) == pytest.approx(beamline["samy"].position)
    elapsed = data.read("elapsed_time", 0, 3)
    assert elapsed[1] > 0.025  # the clock is read after the trigger was sent, on a busy machine much later


def test_a_scan_takes_of_each_attribute_what_its_mode_says(beamline):
    chosen = [sampling("samz/Velocity", name=mode.lower(), mode=mode) for mode in ("SINGLE", "LAST", "INTEGRATE")]
    scan = Scans(beamline).loopscan(2, 0.05, *chosen, save=False)

    assert scan.stream.read("single", 0, 2).tolist() == scan.stream.read("last", 0, 2).tolist() == [2.0, 2.0]
    assert scan.stream.read("integrate", 0, 2) == pytest.approx([0.1, 0.1])
    assert scan.units["integrate"] == "mm/s*s"


def test_statistics_and_all_samples_of_one_attribute_tell_of_the_same_readings(beamline):
    moving = sampling("analogue/Monitor", name="monitor", mode="STATS")
    every = sampling("analogue/Monitor", name="raw", mode="SAMPLES")
    scan = Scans(beamline, "samples").loopscan(3, [0.1, 0.2, 0.1], moving, every)

    saved = scan.wait_for_file(60)
    assert saved.closed
    with h5py.File(saved.path) as file:
        measured = {
            name: file[f"{scan.number}.1/measurement/{name}"][()] for name in scan.units if name != "elapsed_time"
        }
        measured["raw_times"] = file[f"{scan.number}.1/measurement/raw_times"][()]
        measured["raw_samples"] = file[f"{scan.number}.1/measurement/raw_samples"][()]
    samples = measured["raw_samples"]
    assert samples.shape == measured["raw_times"].shape == (3, 40)  # the longest exposure, one reading each 5 ms
    assert np.isnan(samples[0, 20:]).all()
    assert (np.diff(measured["raw_times"][1][~np.isnan(samples[1])]) > 0).all()
    assert measured["monitor"] == pytest.approx(np.nanmean(samples, axis=1))
    assert measured["raw"] == pytest.approx(measured["monitor"])
    assert measured["monitor_min"] == pytest.approx(np.nanmin(samples, axis=1))
    assert measured["monitor_max"] == pytest.approx(np.nanmax(samples, axis=1))
    assert measured["monitor_std"] == pytest.approx(np.nanstd(samples, axis=1))
    assert measured["monitor_p2p"] == pytest.approx(measured["monitor_max"] - measured["monitor_min"])
    assert np.array_equal(scan["raw_samples"], samples, equal_nan=True)


def test_counting_once_gives_statistics_and_leaves_the_samples_out(beamline):
    counted = Scans(beamline).ct(
        0.05, sampling("samz/Velocity", name="v", mode="STATS"), sampling("samz/Velocity", name="w", mode="SAMPLES")
    )

    assert counted.values == {"v": 2.0, "v_min": 2.0, "v_max": 2.0, "v_std": 0.0, "v_p2p": 0.0, "w": 2.0}


def test_the_names_of_a_counters_channels_are_known_to_the_configuration():
    entry = SamplingParameters.model_validate(
        {"kind": "sampling", "counters": {"ring": {"attribute": "sr/current/1/value", "mode": "STATS"}}}
    )
    (device,) = KIND.devices("sampler", entry)
    assert device.counters == ("ring", "ring_min", "ring_max", "ring_std", "ring_p2p")


def test_it_is_free_again_after_a_scan_and_says_what_it_did(beamline):
    Scans(beamline).loopscan(1, 0.01, sampling("samy/Position"), save=False)
    sampler = beamline["sampler"]

    assert sampler.state == "ON"
    assert '"doing": "idle"' in sampler.read("ScanStatus")


def test_an_attribute_that_vanishes_lets_the_scan_fail_with_its_name(demo, beamline):
    from ronda.framework.scan.orders import Order
    from ronda.framework.stream.description import Channel, Description, Device

    channel = Channel("gone", attributes={"attribute": "samy/NoSuchThing"})
    scan = beamline.stream.open_scan(Description("by hand", [Device("sampler", [channel])]))
    with pytest.raises(RondaError, match="NoSuchThing"):
        beamline["sampler"].command("ArmScan", Order(scan.identifier, 0.01).to_json())
    scan.set_state("ABORTED")
    assert beamline["sampler"].state == "ON"
