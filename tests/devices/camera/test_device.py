"""A camera as Tango clients see it."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
import tango

from ronda.framework.tango.names import (
    AcquisitionAttribute,
    AcquisitionCommand,
    CameraAttribute,
    DetectorAttribute,
    DetectorCommand,
    DeviceCommand,
    RegionAttribute,
    RegionCommand,
)
from tests.devices.conftest import wait_until

CAMERA = {
    "kind": "camera",
    "driver": "simulated",
    "integration_time": 0.005,
    "rois": {"beam": {"x": 412, "y": 452, "width": 200, "height": 120}},
}


@pytest.fixture(scope="module")
def camera(rig: Any, simulate: Any) -> Any:
    simulators = simulate(viewer={"type": "camera"})
    rig.register("detectors", {"cam": {**CAMERA, "address": simulators.address("viewer")}})
    rig.start("detectors")
    return rig.ready("cam"), simulators


def expose(cam: Any, seconds: float = 0.005) -> dict[str, float]:
    cam.IntegrationTime = seconds
    cam.Start()
    wait_until(lambda: cam.state() != tango.DevState.RUNNING, "the exposure has ended")
    return dict(zip(cam.CounterNames, cam.CounterValues, strict=True))


def refused(action: Any, *arguments: Any) -> str:
    with pytest.raises(tango.DevFailed) as failed:
        action(*arguments)
    return str(failed.value.args[0].desc)


def add(cam: Any, name: str, x: int, y: int, width: int, height: int) -> None:
    cam.AddRegion(json.dumps({"name": name, "x": x, "y": y, "width": width, "height": height}))


def test_names_are_the_documented_ones(camera: Any) -> None:
    cam, _ = camera
    names = [*DetectorAttribute, *RegionAttribute, *CameraAttribute, *AcquisitionAttribute]
    assert set(cam.get_attribute_list()) == {*map(str, names), "State", "Status", "ChangedBy"}
    commands = [*DetectorCommand, *RegionCommand, *AcquisitionCommand, *DeviceCommand]
    assert set(cam.get_command_list()) == {*map(str, commands), "State", "Status", "Init"}
    assert all(re.fullmatch(r"[A-Z][A-Za-z0-9]*", name) for name in cam.get_attribute_list())


def test_the_numbers_are_those_of_the_frame(camera: Any) -> None:
    cam, simulators = camera
    numbers = expose(cam)
    image = cam.Image
    region = image[452:572, 412:612].astype(float)
    assert image.shape == (cam.Height, cam.Width) == (1024, 1024)
    assert numbers["beam_sum"] == region.sum()
    assert numbers["beam_avg"] == pytest.approx(region.mean())
    assert numbers["beam_std"] == pytest.approx(region.std())
    assert (numbers["beam_min"], numbers["beam_max"]) == (region.min(), region.max())
    x, y = simulators.ask(do="truth")["instruments"]["viewer"]["spot"]
    assert numbers["x"] == pytest.approx(x, abs=1.0)
    assert numbers["y"] == pytest.approx(y, abs=1.0)
    assert numbers["fwhm_x"] == pytest.approx(60, rel=0.03)
    assert numbers["fwhm_y"] == pytest.approx(20, rel=0.03)


def test_while_it_exposes_it_runs_and_shows_no_old_number(camera: Any) -> None:
    cam, _ = camera
    expose(cam)
    cam.IntegrationTime = 50.0
    cam.Start()
    assert cam.state() == tango.DevState.RUNNING
    assert cam.read_attribute("CounterValues").quality == tango.AttrQuality.ATTR_INVALID
    assert refused(cam.Start) == "cam: cannot start: it is measuring; stop it first"
    cam.Stop()
    wait_until(lambda: cam.state() == tango.DevState.ON, "it is ready again")
    assert expose(cam)["beam_sum"] > 0


def test_an_exposure_that_it_cannot_take_is_refused(camera: Any) -> None:
    cam, _ = camera
    told = "cam: cannot measure for 100 s, it can for 0.0001 to 60 s"
    assert refused(cam.write_attribute, "IntegrationTime", 100.0) == told
    assert refused(cam.DescribeScan, json.dumps({"exposure": 100, "channels": {"image": "cam"}})) == told


def test_regions_come_and_go_at_run_time_and_stay_after_a_restart(rig: Any, camera: Any) -> None:
    cam, _ = camera
    add(cam, "roi2", 10, 20, 30, 40)
    assert {"roi2_sum", "roi2_avg", "roi2_std", "roi2_min", "roi2_max"} <= set(cam.CounterNames)
    assert expose(cam)["roi2_avg"] == pytest.approx(100, abs=2)
    rig.servers["detectors"].end()
    rig.start("detectors")
    cam = rig.ready("cam")
    assert json.loads(cam.Regions)["roi2"] == {"x": 10, "y": 20, "width": 30, "height": 40}
    assert set(rig.runtime_settings("test/camera/cam")["rois"]) == {"beam", "roi2"}
    cam.RemoveRegion("roi2")
    assert "roi2_sum" not in list(cam.CounterNames)
    assert refused(cam.RemoveRegion, "roi2") == "cam: there is no region 'roi2' to remove; it has beam"


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (
            {"name": "far", "x": 1000, "y": 0, "width": 100, "height": 10},
            "cam: the region far would not lie on the frame of 1024 x 1024 pixels",
        ),
        ({"name": "half", "x": 0, "y": 0}, "cam: rois.half.width: field required"),
        ({"name": "a b", "x": 0, "y": 0, "width": 1, "height": 1}, "cam: rois.a b."),
        ({"x": 0}, "cam: AddRegion takes JSON with a name, not"),
    ],
)
def test_a_region_that_makes_no_sense_is_refused(camera: Any, told: dict[str, Any], sentence: str) -> None:
    cam, _ = camera
    assert refused(cam.AddRegion, json.dumps(told)).startswith(sentence)
    assert set(json.loads(cam.Regions)) == {"beam"}


def test_binning_and_read_out_region_change_the_frame(camera: Any) -> None:
    cam, _ = camera
    assert refused(cam.write_attribute, "Binning", 2) == (
        "cam: with this binning the frame has 512 x 512 pixels, and the region beam would not lie on it; "
        "remove or change that first"
    )
    assert refused(cam.write_attribute, "Binning", 3) == "cam: binning 3 is not possible, the camera can 1, 2, 4"
    assert "does not lie on the sensor" in refused(cam.write_attribute, "ReadOutRegion", [1000, 0, 100, 100])
    add(cam, "beam", 100, 50, 200, 120)
    try:
        cam.ReadOutRegion = [312, 352, 400, 320]
        numbers = expose(cam)
        assert cam.Image.shape == (320, 400)
        assert numbers["x"] == pytest.approx(511.5 - 312, abs=4)
        cam.ReadOutRegion = [0, 0, 1024, 1024]
        cam.Binning = 2
        numbers = expose(cam, 0.001)
        assert cam.Image.shape == (512, 512)
        assert numbers["fwhm_x"] == pytest.approx(30, rel=0.1)
    finally:
        cam.Binning = 1
        add(cam, "beam", 412, 452, 200, 120)


def test_it_describes_its_frames_for_the_stream(camera: Any) -> None:
    cam, _ = camera
    asked = {"exposure": 0.02, "channels": {"beam_sum": "cam_beam_sum", "x": "cam_x", "image": "cam"}}
    told = json.loads(cam.DescribeScan(json.dumps(asked)))
    number, _, image = told["channels"]
    assert (number["name"], number["shape"], number["storage"]) == ("cam_beam_sum", [], "inline")
    assert (image["name"], image["dtype"], image["shape"], image["storage"]) == (
        "cam",
        "<u2",
        [1024, 1024],
        "reference",
    )
    fields = image["attributes"]["fields"]
    assert fields["count_time"] == {"value": 0.02, "unit": "s"}
    assert fields["x_pixel_size"] == {"value": 5e-6, "unit": "m"}
    assert fields["beam_x"] == {"channel": "cam_x"}
    assert "beam_y" not in fields
    unknown = json.dumps({"exposure": 0.02, "channels": {"roi9_sum": "cam_roi9_sum"}})
    assert refused(cam.DescribeScan, unknown).startswith("cam: does not measure roi9_sum (any more); it has beam_sum,")


def test_a_camera_that_goes_away_shows_it_and_comes_back(camera: Any) -> None:
    cam, simulators = camera
    simulators.ask(do="close", instrument="viewer", seconds=600)
    wait_until(lambda: cam.state() == tango.DevState.FAULT, "the camera is missed")
    assert "cam" in cam.status()
    simulators.ask(do="close", instrument="viewer", seconds=0)
    wait_until(lambda: cam.state() == tango.DevState.ON, "it is back")
    assert np.isfinite(expose(cam)["x"])


def test_garbage_instead_of_an_image_is_told_and_forgotten(camera: Any, listen: Any) -> None:
    cam, simulators = camera
    states = listen(cam, "State")  # it is over within a tenth of a second
    simulators.ask(do="garbage", instrument="viewer", answers=1)
    wait_until(lambda: tango.DevState.FAULT in states.of("State"), "garbage is noticed")
    wait_until(lambda: cam.state() == tango.DevState.ON, "it is connected again")
    assert np.isfinite(expose(cam)["x"])
