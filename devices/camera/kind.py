"""The kind `camera`: an entry in YAML becomes one Camera."""

from __future__ import annotations

from ronda.devices.camera.contract import Camera
from ronda.devices.kind import OneDevice
from ronda.framework.config.kinds import load_driver

KIND = OneDevice(
    summary="A camera: frames, regions of interest, and the position of the beam",
    what="a camera",
    family="camera",
    tango_class="Camera",
    implementation="ronda.devices.camera.device:CameraDevice",
    contract=Camera,
    counters=lambda name, _: (name, f"{name}_*"),  # frames, and what is computed from them
    trigger_output=lambda entry: bool(load_driver("camera", entry.driver, Camera).exposure_output),
)
