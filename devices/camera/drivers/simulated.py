"""Driver for the simulated camera."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.devices.camera.contract import Camera, CameraParameters, Capabilities, Setup
from ronda.devices.simulator import SimulatorLine
from ronda.framework.config.parameters import Address, parameter


class SimulatedCameraParameters(CameraParameters):
    """A simulated camera."""

    address: Address = parameter("Where it listens, HOST:PORT or simulator:NAME")
    timeout: float = parameter("Longest wait for an answer", 2.0, unit="s", gt=0, le=60)


class SimulatedCamera(Camera):
    """Speaks lines such as `START`; images come as bytes."""

    Parameters = SimulatedCameraParameters
    exposure_output = True

    def connect(self) -> None:
        self._line = SimulatorLine(self.name, self.parameters.address, self.parameters.timeout)
        self._line.open("RONDA-SIM-CAM,1")

    def disconnect(self) -> None:
        self._line.close()

    def capabilities(self) -> Capabilities:
        *numbers, binnings = self._line.ask("CAPS?").split(",")
        width, height, bits, pixel, shortest, longest, read_out = map(float, numbers)
        return Capabilities(
            width=int(width),
            height=int(height),
            bits=int(bits),
            exposures=(shortest, longest),
            read_out=read_out,
            frame_rate=1 / (shortest + read_out),
            binnings=tuple(map(int, binnings.split("/"))),
            regions=True,
            pixel_size=pixel * 1e-3,
            model="simulated beam viewer",
        )

    def prepare(self, setup: Setup) -> None:
        self._line.ask("SETUP", repr(setup.exposure), setup.binning, *setup.region)

    def start(self) -> None:
        self._line.ask("START")

    def busy(self) -> bool:
        return self._line.ask("STATUS?").partition(",")[0] in ("EXPOSING", "READING")

    def stop(self) -> None:
        self._line.ask("STOP")

    def read(self) -> npt.NDArray[np.unsignedinteger[Any]]:
        fields, data = self._line.fetch("READ?")
        width, height = map(int, fields.split(","))
        return np.frombuffer(data, "<u2").reshape(height, width)
