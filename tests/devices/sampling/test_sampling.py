"""The sampling server, alone and in scans."""

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
