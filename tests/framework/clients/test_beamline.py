"""The devices of a beamline by name."""

import pytest
import tango

from ronda.framework.clients.attenuator import Attenuator
from ronda.framework.clients.axis import Axis
from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.counter import Counter, sampling
from ronda.framework.clients.detector import Camera
from ronda.framework.clients.device import Device
from ronda.framework.clients.loop import Loop
from ronda.framework.clients.sampler import Sampler
from ronda.framework.errors import BadValue, CommunicationFailed, NotFound, ServiceFailed


def test_axes_counters_and_devices_are_known_by_their_names_in_yaml(beamline):
    assert isinstance(beamline["samy"], Axis)
    assert isinstance(beamline["diode"], Counter)
    assert isinstance(beamline["ct1"], Device)
    sample, slits = {"samx", "samy", "samz", "rot"}, {"s1u", "s1d", "s1l", "s1r"}
    computed = {"s1vg", "s1vo", "s1hg", "s1ho", "energy"}
    optics = {"bragg", "pitch2", "m1pitch", "att1", "att2", "camf"}
    assert {axis.name for axis in beamline.axes()} == sample | slits | optics | computed | {"temp"}
    assert isinstance(beamline["temp"], Loop)
    assert isinstance(beamline["att"], Attenuator)
    assert [(one.name, one.card, one.unit) for one in beamline.counters() if not one.described] == [
        ("absorbance", "calculator", ""),
        ("i0", "ct1", "count"),
        ("diode", "ct1", "count"),
    ]
    assert isinstance(beamline["cam"], Camera)
    assert beamline["cam_fwhm_x"].unit == "pixel"
    assert (beamline["cam_image"].name, beamline["cam_image"].number) == ("cam", False)
    assert [device.name for device in beamline.devices("CounterCard")] == ["ct1"]


def test_an_unknown_name_is_told(beamline):
    with pytest.raises(NotFound, match="nobody: the beamline demo has no such device, axis or counter"):
        beamline["nobody"]


def test_a_device_is_read_written_and_commanded_by_its_tango_names(beamline, wait_for):
    card = beamline["ct1"]
    before = card.read("IntegrationTime")
    card.write("IntegrationTime", 0.02)
    card.command("Start")
    card.write("IntegrationTime", before)

    assert card.tango_class == "CounterCard"
    wait_for(lambda: card.state == "ON", 150, "the card has counted")
    assert "ct1" in card.status


def test_errors_of_a_device_begin_with_its_name(beamline):
    with pytest.raises(NotFound, match=r"^ct1: "):
        beamline["ct1"].read("NoSuchThing")


def test_connecting_asks_the_database_alone_so_that_a_dead_device_hinders_nobody(beamline, demo):
    asked = []

    def make_proxy(name):
        asked.append(name)
        return tango.DeviceProxy(name)

    other = Beamline.connect(beamline.tango_host, "unix:///nowhere", "demo", {}, make_proxy)
    assert set(other.objects) == set(beamline.objects)
    assert asked == []
    with pytest.raises(ServiceFailed, match="cannot be reached"):
        _ = other.stream


def test_a_database_that_does_not_answer_is_told():
    with pytest.raises(ServiceFailed, match=r"the Tango database at 127\.0\.0\.1:9 does not answer"):
        Beamline.connect("127.0.0.1:9", "unix:///nowhere", "demo", {})


def test_a_device_whose_server_is_down_is_a_communication_failure(beamline):
    database = tango.Database(*beamline.tango_host.split(":"))
    info = tango.DbDevInfo()
    info.name, info._class, info.server = "test/dead/1", "Nothing", "Nothing/1"
    database.add_device(info)
    try:
        with pytest.raises(CommunicationFailed, match="dead: "):
            beamline.remote("dead", "test/dead/1").state()
    finally:
        database.delete_device("test/dead/1")


@pytest.mark.parametrize("address", ["", "samx", "a//b", "tango://"])
def test_what_is_no_attribute_cannot_be_sampled(address):
    with pytest.raises(BadValue, match="not the name of a Tango attribute"):
        sampling(address)


def test_a_sampled_attribute_is_called_by_its_last_word(beamline):
    assert sampling("sys/tg_test/1/double_scalar").name == "double_scalar"
    assert sampling("samx/Position", name="x").name == "x"


def test_a_sampler_reads_numbers_and_knows_their_unit(beamline):
    sampler = Sampler("samx/Velocity", tango.DeviceProxy, beamline.tango_host)

    assert sampler.read() == 2.0
    assert sampler.unit() == "mm/s"
    with pytest.raises(BadValue, match=r"ct1/ChannelNames: cannot be sampled, it is .* and not a number"):
        Sampler("ct1/ChannelNames", tango.DeviceProxy, beamline.tango_host).read()
