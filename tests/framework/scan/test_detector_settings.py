"""What the devices that measure are set to, in the description and in the file."""

from __future__ import annotations

from types import SimpleNamespace

import h5py
import pytest
import tango

from ronda.framework.errors import CommunicationFailed
from ronda.framework.scan import detector_settings as module
from ronda.framework.scan.detector_settings import DetectorSettings

RW, READ = tango.AttrWriteType.READ_WRITE, tango.AttrWriteType.READ
SCALAR, SPECTRUM = tango.AttrDataFormat.SCALAR, tango.AttrDataFormat.SPECTRUM


class Camera:
    """A device with settings, as a client sees it."""

    address = "demo/camera/cam"

    def __init__(self, **values):
        self.values = values
        self.described = 0
        self.proxy = self
        self._asked = []

    def attributes(self):
        self.described += 1
        told = [
            ("Threshold", RW, SCALAR, "keV"),
            ("ReadOutRegion", RW, SCALAR, ""),
            ("IntegrationTime", RW, SCALAR, "s"),
            ("Temperature", READ, SCALAR, "K"),
            ("Mask", RW, SPECTRUM, ""),
        ]
        return [SimpleNamespace(name=n, writable=w, data_format=f, unit=u or "No unit") for n, w, f, u in told]

    def read_attribute_asynch(self, name):
        self._asked.append(name)
        return len(self._asked) - 1

    def read_attribute_reply(self, request):
        value = self.values[self._asked[request]]
        if value is NotImplemented:
            raise tango.AsynReplyNotArrived
        return SimpleNamespace(value=value)


def settings_of(camera, beamline=None):
    beamline = beamline or SimpleNamespace(settings_of={})
    return DetectorSettings(beamline, [SimpleNamespace(name="cam", remote=camera)]).begin()


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 60.0)
    monkeypatch.setattr(module, "SILENT_LIMIT", 60.0)


def test_writable_numbers_and_texts_are_settings_but_for_the_time_that_counts_without_a_scan():
    assert settings_of(Camera(Threshold=6.5, ReadOutRegion="full")) == {
        "cam": {"threshold": {"value": 6.5, "unit": "keV"}, "read_out_region": {"value": "full", "unit": ""}}
    }


def test_names_and_units_are_asked_for_once():
    camera, beamline = Camera(Threshold=6.5, ReadOutRegion="full"), SimpleNamespace(settings_of={})
    assert settings_of(camera, beamline) == settings_of(camera, beamline)
    assert camera.described == 1


def test_a_setting_that_is_not_answered_in_time_is_left_out(monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 0.0)
    assert settings_of(Camera(Threshold=NotImplemented, ReadOutRegion="full"))["cam"].keys() == {"read_out_region"}


def test_a_device_that_does_not_answer_hinders_nothing():
    class Silent(Camera):
        def attributes(self):
            raise CommunicationFailed("cam: does not answer")

    beamline = SimpleNamespace(settings_of={})
    assert settings_of(Silent(), beamline) == {"cam": {}}
    assert beamline.settings_of == {}, "it is asked again"


def test_the_exposure_time_stands_at_each_device_in_the_file(scans):
    scan = scans.loopscan(1, 0.02, "i0")
    with h5py.File(scan.wait_for_file(60).path) as file:
        count_time = file[f"{scan.number}.1/instrument/ct1/count_time"]
        assert (count_time[()], count_time.attrs["units"]) == (0.02, "s")
        assert "integration_time" not in file[f"{scan.number}.1/instrument/ct1"]
