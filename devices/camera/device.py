"""The Tango device of a camera."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import tango

from ronda.devices.acquisition import ScanStream
from ronda.devices.camera.analysis import STATISTICS, RegionStatistics
from ronda.devices.camera.contract import Camera, Capabilities, Setup, TriggeredFrame
from ronda.devices.camera.triggered import IMAGE, FramesParticipation
from ronda.devices.detector import Reading
from ronda.devices.device import attribute
from ronda.devices.driver import offers
from ronda.devices.gated import GatedDevice
from ronda.devices.measurement import Measurement, OwnChannel
from ronda.devices.regions import RegionDetectorDevice
from ronda.framework.errors import BadValue, Busy, HardwareFault, NotAllowed, NotReady, OutOfRange, RondaError, TimedOut
from ronda.framework.kernels.beam import NOWHERE, beam_position
from ronda.framework.scan.latches import TRIGGER_SPACING, TRIGGER_WIDTH
from ronda.framework.scan.orders import Order
from ronda.framework.scan.sweep import ROUNDING
from ronda.framework.stream.description import Channel
from ronda.framework.stream.scan import Scan
from ronda.framework.tango.names import CameraAttribute

POSITION_UNITS = {"x": "pixel", "y": "pixel", "fwhm_x": "pixel", "fwhm_y": "pixel", "intensity": "", "peak": ""}

LARGEST_SIDE = 16384


EXTERNAL, ENABLE = "external", "enable"
"""Of `Capabilities.triggers`."""

TRIGGER_MARGIN = 0.01
"""Part of a point between two triggers that is left free, since triggers come a little early or late."""


class CameraDevice(GatedDevice, RegionDetectorDevice):
    """A camera: frames, numbers of their regions of interest, and the position of the beam."""

    kind: ClassVar[str] = "camera"
    contract: ClassVar[type[Camera]] = Camera

    # -- what each detector fills

    def opened(self) -> None:
        """Nothing is known about the camera yet."""
        self._setup: Setup | None = None
        self._frame: npt.NDArray[Any] | None = None
        self._statistics = RegionStatistics()
        self._triggered_setup: Setup | None = None
        super().opened()

    def learn(self) -> None:
        """Ask what the camera can; what computes on its frames is compiled now, not in a scan."""
        super().learn()
        self._compile()

    def time_limits(self) -> tuple[float, float]:
        """The exposures that it can take."""
        known: Capabilities = self._capabilities
        return known.exposures

    def check_settings(self) -> None:
        """Binning, region and regions of interest must be possible."""
        rows, columns = self._wanted(1.0).shape
        for name, roi in self.parameters.rois.items():
            if roi.x + roi.width > columns or roi.y + roi.height > rows:
                raise OutOfRange(
                    f"{self.label}: the region {name} (x {roi.x}, y {roi.y}, {roi.width} x {roi.height}) does not lie "
                    f"on the frame of {columns} x {rows} pixels; change or remove it"
                )
        if self.frame_memory() < 2 * self._frame_bytes(rows, columns):
            raise OutOfRange(
                f"{self.label}: frame_memory {self.parameters.frame_memory:g} MB holds less than two frames of "
                f"{self._frame_bytes(rows, columns) / 1e6:.3g} MB; give it more in the YAML"
            )

    def read_out_time(self) -> float:
        """Until the frame can be read."""
        known: Capabilities = self._capabilities
        return known.read_out

    def set_up(self, seconds: float) -> None:
        """Prepare the camera."""
        if "software" not in self._capabilities.triggers:
            raise NotReady(
                f"{self.label}: step scans start each frame by software, this camera can only be started by "
                f"{' and '.join(self._capabilities.triggers)} triggers"
            )
        setup = self._wanted(seconds)
        self._compile()
        self._driver.prepare(setup)
        self._setup = setup

    def fetch(self) -> npt.NDArray[Any]:
        """The frame."""
        frame: npt.NDArray[Any] = self._driver.read()
        setup = self._setup
        if setup is not None and frame.shape != setup.shape:
            raise HardwareFault(
                f"{self.label}: the camera gave a frame of {frame.shape[1]} x {frame.shape[0]} pixels, it was set to "
                f"{setup.shape[1]} x {setup.shape[0]}; somebody else uses it"
            )
        return frame

    def evaluate(self, raw: Any, wanted: frozenset[str] | None) -> Measurement:
        """The frame's regions and the beam on it."""
        rois = {
            name: roi
            for name, roi in self.parameters.rois.items()
            if wanted is None or any(f"{name}_{each}" in wanted for each in STATISTICS)
        }
        numbers = self._statistics(raw, rois) if rois else {}
        if self.parameters.beam_position and (wanted is None or not wanted.isdisjoint(NOWHERE)):
            numbers |= beam_position(raw)
        setup = self._setup
        return Measurement(numbers, {IMAGE: raw}, setup.exposure if setup is not None else 0.0)

    def rows_of(self, wanted: frozenset[str]) -> tuple[int, int]:
        """The rows of a frame, from the first to the one behind the last, that these numbers need."""
        rows = self._wanted(1.0).shape[0]
        if self.parameters.beam_position and not wanted.isdisjoint(NOWHERE):
            return 0, rows
        regions = [
            roi for name, roi in self.parameters.rois.items() if wanted & {f"{name}_{each}" for each in STATISTICS}
        ]
        return min((roi.y for roi in regions), default=0), max((roi.y + roi.height for roi in regions), default=1)

    def own_channels(self, exposure: float) -> Sequence[OwnChannel]:
        """Numbers of each region, of the beam, then the frame."""
        found = [
            OwnChannel(
                f"{name}_{each}",
                fields={
                    "roi": {"value": [roi.x, roi.y, roi.width, roi.height], "unit": "pixel"},
                },
                description=f"{each} of the pixels of the region {name} of {self.label}",
            )
            for name, roi in self.parameters.rois.items()
            for each in STATISTICS
        ]
        if self.parameters.beam_position:
            found += [OwnChannel(name, unit=unit) for name, unit in POSITION_UNITS.items()]
        if self._known is not None:
            found.append(self._image_channel(exposure, self._known))
        return found

    def latest(self, measurement: Measurement) -> None:
        """Keep the frame for viewers."""
        self._frame = measurement.arrays[IMAGE]

    def frame_memory(self) -> int:
        """As in the YAML."""
        return int(1e6 * self.parameters.frame_memory)

    # -- frames that hardware triggers start

    def triggered_exposure(self, seconds: float) -> float:
        """All of the point but the time for reading out, and a little more."""
        known = self._capabilities
        if not {EXTERNAL, ENABLE}.intersection(known.triggers) or not offers(self._driver, Camera, "arm_triggered"):
            raise NotAllowed(f"{self.label}: this camera cannot let hardware triggers start frames")
        most, free = known.frame_rate, (1 - TRIGGER_MARGIN) * seconds
        exposure = round(free - known.read_out, 9)
        if free * most < 1 - ROUNDING or exposure < known.exposures[0]:
            needed = max(1 / most, known.exposures[0] + known.read_out) / (1 - TRIGGER_MARGIN)
            raise OutOfRange(
                f"{self.label}: cannot take a frame each {seconds:g} s at triggers, it takes {most:g} frames/s "
                f"at most; give each point {needed:.6f} s or more"
            )
        return float(exposure)

    def told(self, exposure: float, *, triggered: bool) -> Mapping[str, Any]:
        """How far apart triggers must be, and for how long they must stay on."""
        if not triggered:
            return {}
        known = self._capabilities
        spacing = {TRIGGER_SPACING: max(exposure + known.read_out, 1 / known.frame_rate)}
        return spacing | ({TRIGGER_WIDTH: exposure} if ENABLE in known.triggers else {})

    def join_triggered(self, scan: Scan, order: Order, channels: Sequence[Channel]) -> FramesParticipation:
        """Get ready to take a frame at each trigger."""
        own = replace(order, exposure=self.triggered_exposure(order.exposure))
        self._triggered_setup = self._wanted(own.exposure)
        frames = [channel.point_bytes for channel in channels if channel.storage == "reference"]
        stream = self.process.share(ScanStream, "stream")
        ring = stream.ring(self.label, max(frames), self.frame_memory()) if frames else None
        self.prepare_triggered(own, channels[:-1])
        try:
            return FramesParticipation(self, scan, order, own, ring)
        except BaseException:
            with suppress(RondaError):  # who asked hears of the first failure
                self.end_gated()
            raise

    def prepare_gated(self, channels: Sequence[Channel]) -> None:
        """Take a frame at each trigger from now on."""
        setup = self._triggered_setup
        assert setup is not None  # noqa: S101 - it was told when it joined
        own = [str(channel.attributes.get("channel") or channel.name) for channel in channels]
        self._require(own, [each.name for each in self.own_channels(setup.exposure)])
        self._scan_names = dict(zip(own, [channel.name for channel in channels], strict=True))
        self._broken_off.clear()

        def arm() -> None:
            if self._measuring:
                raise Busy(f"{self.label}: cannot join a scan: it is measuring; stop it first")
            self._driver.arm_triggered(setup)

        try:
            self._link.run(self.label, "take frames at triggers", arm)
        except TimedOut:  # it may still happen, when nobody waits for frames
            self._link.submit(self._driver.disarm_triggered)
            raise
        self._setup = setup

    def armed(self) -> bool:
        """Whether triggers start frames by now."""
        return bool(self._link.run(self.label, "take frames at triggers", self._driver.armed))

    def triggered(self) -> Sequence[TriggeredFrame]:
        """The frames that came since this was asked last."""
        found: Sequence[TriggeredFrame] = self._link.run(self.label, "read frames", self._driver.triggered)
        return found

    def end_gated(self) -> None:
        """Take no more triggers."""
        self._link.run(self.label, "stop", self._driver.disarm_triggered)

    def show_triggered(self, measurement: Measurement) -> None:
        """Keep what attributes show."""
        self._measurement, self._when = measurement, time.time()
        self.latest(measurement)

    @property
    def scan_names(self) -> Mapping[str, str]:
        """Names in the scan of the channels that it measures, by own name."""
        return self._scan_names

    def blank(self) -> npt.NDArray[Any]:
        """What stands for a frame that did not come: each pixel at the highest value of its type."""
        dtype = np.dtype(self._capabilities.dtype)
        shape = self._wanted(1.0).shape
        return np.full(shape, np.iinfo(dtype).max, dtype)

    # -- attributes

    @attribute(
        name=CameraAttribute.IMAGE, dtype=((np.uint32,),), max_dim_x=LARGEST_SIDE, max_dim_y=LARGEST_SIDE, events=False
    )
    def image(self) -> Reading:
        """The latest frame; made ready only when somebody asks."""
        frame = self._frame
        if frame is None:
            return np.zeros((1, 1), np.uint32), self._when, tango.AttrQuality.ATTR_INVALID
        return frame.astype(np.uint32), self._when, tango.AttrQuality.ATTR_VALID

    @attribute(name=CameraAttribute.WIDTH, dtype=int, unit="pixel", events=False)
    def width(self) -> int:
        """Columns of the next frame."""
        return self._wanted(1.0).shape[1]

    @attribute(name=CameraAttribute.HEIGHT, dtype=int, unit="pixel", events=False)
    def height(self) -> int:
        """Rows of the next frame."""
        return self._wanted(1.0).shape[0]

    @attribute(name=CameraAttribute.BINNING, dtype=int, events=False)
    def binning(self) -> int:
        """Side of the squares of pixels that are read as one."""
        return int(self.parameters.binning)

    @binning.setter
    def write_binning(self, value: int) -> None:
        """Set the binning."""
        self._require_regions("binning", self._wanted(1.0, binning=int(value)))
        self._change("binning", int(value))

    @attribute(name=CameraAttribute.READ_OUT_REGION, dtype=(int,), max_dim_x=4, unit="pixel", events=False)
    def read_out_region(self) -> list[int]:
        """Part of the sensor that is read: first column and row, number of columns and rows."""
        return list(self._wanted(1.0).region)

    @read_out_region.setter
    def write_read_out_region(self, value: Sequence[int]) -> None:
        """Set the part of the sensor that is read."""
        region = [int(number) for number in value]
        if len(region) != 4:
            raise BadValue(
                f"{self.label}: the read-out region is first column and row, number of columns and rows, not {region}"
            )
        self._require_regions("read-out region", self._wanted(1.0, region=region))
        self._change("read_out_region", region)

    @attribute(name=CameraAttribute.BEAM_POSITION, dtype=bool, events=False)
    def beam_position_measured(self) -> bool:
        """Whether position, width and intensity of the brightest spot are counters."""
        return bool(self.parameters.beam_position)

    @beam_position_measured.setter
    def write_beam_position_measured(self, value: bool) -> None:
        """Say whether they are."""
        self._change("beam_position", bool(value))

    # -- tools

    def _change_regions(self, regions: Mapping[str, Any]) -> None:
        self._require_on_frame(regions)
        super()._change_regions(regions)

    def _require_on_frame(self, regions: Mapping[str, Any]) -> None:
        if self._known is None:
            return
        rows, columns = self._wanted(1.0).shape
        for name, told in regions.items():
            try:
                out = told["x"] + told["width"] > columns or told["y"] + told["height"] > rows
            except (KeyError, TypeError):
                continue  # the settings' own check says what is wrong
            if out:
                raise OutOfRange(
                    f"{self.label}: the region {name} would not lie on the frame of {columns} x {rows} pixels"
                )

    def _require_regions(self, key: str, setup: Setup) -> None:
        """The regions of interest must lie on the frame that a changed setting gives."""
        rows, columns = setup.shape
        for name, roi in self.parameters.rois.items():
            if roi.x + roi.width > columns or roi.y + roi.height > rows:
                raise OutOfRange(
                    f"{self.label}: with this {key} the frame has {columns} x {rows} pixels, and the region {name} "
                    "would not lie on it; remove or change that first"
                )

    def _compile(self) -> None:
        """Compile what computes on frames, if need be; the first time ever takes seconds. In the worker's thread."""
        if self.parameters.rois:
            with self._link.preparing():
                self._statistics.prepare(self._capabilities.dtype)

    def _wanted(self, exposure: float, *, binning: int | None = None, region: Sequence[int] | None = None) -> Setup:
        """How frames are taken by the settings, or with another binning or region.

        Raises:
            OutOfRange: the camera cannot do that.
        """
        known = self._capabilities
        side = int(self.parameters.binning if binning is None else binning)
        told = self.parameters.read_out_region if region is None else region
        if side not in known.binnings:
            raise OutOfRange(
                f"{self.label}: binning {side} is not possible, the camera can {', '.join(map(str, known.binnings))}"
            )
        x, y, width, height = (0, 0, known.width, known.height) if told is None else told
        whole = (x, y, width, height) == (0, 0, known.width, known.height)
        if not whole and not known.regions:
            raise OutOfRange(f"{self.label}: this camera cannot read a part of its sensor")
        if min(x, y) < 0 or min(width, height) < side or x + width > known.width or y + height > known.height:
            raise OutOfRange(
                f"{self.label}: the read-out region {[x, y, width, height]} does not lie on the sensor of "
                f"{known.width} x {known.height} pixels"
            )
        if width % side or height % side:
            raise OutOfRange(
                f"{self.label}: width and height of the read-out region ({width} x {height}) must be multiples of the "
                f"binning {side}"
            )
        return Setup(exposure, side, (x, y, width, height))

    def _frame_bytes(self, rows: int, columns: int) -> int:
        known: Capabilities = self._capabilities
        return rows * columns * np.dtype(known.dtype).itemsize

    def _image_channel(self, exposure: float, known: Capabilities) -> OwnChannel:
        setup = self._wanted(exposure)
        fields: dict[str, Any] = {
            "count_time": {"value": exposure, "unit": "s"},
            "frame_time": {"value": exposure + known.read_out, "unit": "s"},
            "bit_depth_readout": {"value": known.bits},
            "saturation_value": {"value": 2**known.bits - 1},
            "binning_x": {"value": setup.binning},
            "binning_y": {"value": setup.binning},
            "roi": {"value": list(setup.region), "unit": "pixel"},
            "type": {"value": "pixel"},
        }
        if known.pixel_size:
            for name in ("x_pixel_size", "y_pixel_size"):
                fields[name] = {"value": known.pixel_size * setup.binning, "unit": "m"}
        if known.model:
            fields["model"] = {"value": known.model}
        fields |= {f"beam_{name}": {"channel": name} for name in POSITION_UNITS if self.parameters.beam_position}
        description = str(self.configuration.get("description", ""))
        return OwnChannel(IMAGE, known.dtype, setup.shape, "", "reference", fields, description)
