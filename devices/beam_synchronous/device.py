"""The Tango device of a beam-synchronous source: pulses are taken as they come, and given to the points of scans."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

import numpy as np
import tango

from ronda.devices.acquisition import ScanStream
from ronda.devices.beam_synchronous.contract import (
    COUNT,
    DOUBLED,
    FIRST,
    LAST,
    MISSING,
    BeamSynchronous,
)
from ronda.devices.beam_synchronous.flow import Flow, unpacked
from ronda.devices.beam_synchronous.recorder import PulseRecorder, source, source_name
from ronda.devices.beam_synchronous.window import Window
from ronda.devices.detector import Reading
from ronda.devices.device import attribute
from ronda.devices.measurement import Measurement, OwnChannel
from ronda.devices.regions import RegionDetectorDevice
from ronda.framework.errors import CommunicationFailed, NotAllowed, NotReady, OutOfRange, RondaError
from ronda.framework.scan.orders import Order
from ronda.framework.stream.description import Channel
from ronda.framework.tango.names import BeamSynchronousAttribute, CameraAttribute

LARGEST_SIDE = 16384

SHORTEST, LONGEST = 1e-4, 1e5
"""Integration times, in s."""

HELD_LIMIT = 3.0
"""Seconds for which pulses wait for those who save them; after that the scan fails rather than to lose any more."""

CLOCKS_APART = 0.05
"""Seconds by which a message may seem to be here before its pulse."""

SILENT = 2.0
"""Seconds without a message that are told in Status."""

TOLD = {
    COUNT: "pulses of the point of which a message came",
    MISSING: "pulses of the point of which none came",
    DOUBLED: "messages of the point's pulses that came again",
    FIRST: "pulse id of the first pulse of the point",
    LAST: "pulse id of the last pulse of the point",
}


class BeamSynchronousDevice(RegionDetectorDevice):
    """A source that nobody triggers. A point has the pulses that were stamped while it lasted."""

    kind: ClassVar[str] = "beam_synchronous"
    contract: ClassVar[type[BeamSynchronous]] = BeamSynchronous

    # -- what each detector fills

    def opened(self) -> None:
        """Nothing has come yet."""
        self._flow: Flow | None = None
        self._recorder: PulseRecorder | None = None
        self._recorded_scan = ""
        self._at_begin = (0, 0, 0, 0, 0)
        self._window: Window | None = None
        super().opened()

    def closing(self) -> None:
        """Take nothing more."""
        super().closing()
        self._end_flow()

    def learn(self) -> None:
        """What its messages hold; from now on all of them are taken."""
        super().learn()
        self._end_flow()
        self._at_begin = (0, 0, 0, 0, 0)
        self._flow = Flow(self.label, self._driver, self.parameters, self._flow_failed)

    def lost(self, error: RondaError) -> None:
        """No messages come any more."""
        self._end_flow()
        super().lost(error)
        if self.in_scan:
            self.leave_scan(str(error), wait=False)

    def settings_changed(self) -> None:
        """Go by changed settings."""
        super().settings_changed()
        if self._flow is not None:
            self._flow.parameters = self.parameters

    def remarks(self) -> list[str]:
        """Whether messages come, and by when they were stamped."""
        flow, found = self._flow, super().remarks()
        if flow is not None and flow.silent_for > SILENT:
            found.append(f"no message has come for {flow.silent_for:.0f} s")
        return found

    def time_limits(self) -> tuple[float, float]:
        """Any: how many pulses a point has is the machine's."""
        return SHORTEST, LONGEST

    def check_settings(self) -> None:
        """Regions must lie on the frame; the memory must hold some; the clocks must be one."""
        self._require_on_frame(self.parameters.rois)
        shape = self._capabilities.shape
        if shape is not None:
            size = shape[0] * shape[1] * np.dtype(self._capabilities.dtype).itemsize
            if self.frame_memory() < 2 * size:
                raise OutOfRange(
                    f"{self.label}: frame_memory {self.parameters.frame_memory:g} MB holds less than two frames of "
                    f"{size / 1e6:.3g} MB; give it more in the YAML"
                )
        lag = self._require_flow().lag
        if lag < -CLOCKS_APART or lag > self.parameters.patience:
            early = "before" if lag < 0 else "after"
            raise OutOfRange(
                f"{self.label}: its messages come {abs(lag):.3g} s {early} the time with which their pulses are "
                f"stamped, it should be 0 to {self.parameters.patience:g} s: synchronise the clock of this host with "
                "that of the timing system, or set `clock_offset`"
            )

    def set_up(self, seconds: float) -> None:
        """There is nothing to set."""
        self._driver.prepare(seconds)

    def begin(self) -> None:
        """The pulses from now on are those of the measurement."""
        self._window = self._require_flow().open(-1, self._time)
        self._driver.start()

    def fetch(self) -> Window:
        """The pulses of the measurement, when all are here."""
        window = self._window
        if window is None:
            raise NotReady(f"{self.label}: was started by somebody else")
        self._require_flow().wait(window, lambda: False)
        return window

    def stopped(self) -> None:
        """What came until now is the result."""
        if self._window is not None:
            self._require_flow().abandon(self._window)
            self._take(self.evaluate(self._window, None))

    def evaluate(self, raw: Any, wanted: frozenset[str] | None) -> Measurement:  # noqa: ARG002 - all is cheap
        """Numbers of pulses, and means over them."""
        window: Window = raw
        return Measurement(window.numbers(self.parameters.numbers), {}, min(window.end, time.time()) - window.begin)

    def own_channels(self, exposure: float) -> Sequence[OwnChannel]:  # noqa: ARG002 - the same for all
        """Means of the numbers over the pulses of a point, and how many and which pulses these are."""
        found = []
        for own in self.parameters.numbers:
            one = self.parameters.channels.get(own)
            if one is None:
                roi = self.parameters.rois[own]
                place = {"value": [roi.x, roi.y, roi.width, roi.height], "unit": "pixel"}
                told = f"sum of the pixels of the region {own}, mean over the pulses of the point"
                found.append(OwnChannel(own, fields={"roi": place}, description=told))
            else:
                told = f"{one.description or f'channel {one.channel}'}, mean over the pulses of the point"
                found.append(OwnChannel(own, unit=one.unit, description=told))
        return [*found, *(OwnChannel(own, description=told) for own, told in TOLD.items())]

    def beside(self, line: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 - the same in all scans
        """Each pulse of the points, if they are to be saved."""
        if not self.parameters.record:
            return ()
        return [source(self.label, self.parameters, self._capabilities, self._require_flow().rate)]

    def frame_memory(self) -> int:
        """As in the YAML."""
        return int(1e6 * self.parameters.frame_memory)

    # -- scans

    def prepare_points(self, order: Order, channels: Sequence[Channel]) -> None:
        """Pulses of points go to the stream from now on."""
        if order.pulses:
            raise NotAllowed(f"{self.label}: takes no pulses of {order.pulses}: nothing triggers it")
        super().prepare_points(order, channels)
        flow = self._require_flow()
        if self._recorded_scan == order.scan:
            return  # tried again
        self._at_begin = self._counts()
        self._recorder = self._recorder_of(order.scan)
        self._recorded_scan = order.scan
        flow.record(self._recorder)

    def measure(self, order: Order, index: int) -> dict[str, Any]:
        """The pulses from now on, for as long as the point lasts."""
        flow = self._require_flow()
        window = flow.open(index, order.exposure)
        if not flow.wait(window, self._broken_off.is_set):
            flow.abandon(window)
            return {}
        self._measurement, self._when = self.evaluate(window, None), time.time()
        numbers = self._measurement.numbers
        return {name: numbers[own] for own, name in self._scan_names.items()}

    def scan_left(self) -> None:
        """The last pulses are published before the scan can end."""
        recorder = self._recorder if self._flow is None else self._flow.record(None) or self._recorder
        self._recorder, self._recorded_scan = None, ""
        try:
            if recorder is not None:
                recorder.finish()
        finally:
            super().scan_left()

    # -- attributes

    @attribute(
        name=CameraAttribute.IMAGE, dtype=((np.uint32,),), max_dim_x=LARGEST_SIDE, max_dim_y=LARGEST_SIDE, events=False
    )
    def image(self) -> Reading:
        """The frame of the latest pulse; made ready only when somebody asks."""
        latest = None if self._flow is None else self._flow.latest
        if latest is None or latest.frame is None:
            return np.zeros((1, 1), np.uint32), self._when, tango.AttrQuality.ATTR_INVALID
        return unpacked(latest.frame).astype(np.uint32), latest.time, tango.AttrQuality.ATTR_VALID

    @attribute(name=BeamSynchronousAttribute.PULSE_ID, dtype=int, events=False)
    def pulse_id(self) -> int:
        """Pulse id of the latest message that is in order; 0 before the first."""
        latest = None if self._flow is None else self._flow.latest
        return 0 if latest is None else latest.pulse

    @attribute(name=BeamSynchronousAttribute.RATE, dtype=float, unit="1/s", format="%.4g", events=False)
    def rate(self) -> float:
        """Messages in a second, of late; 0 if none comes."""
        flow = self._flow
        return 0.0 if flow is None or flow.silent_for > SILENT else flow.rate

    @attribute(name=BeamSynchronousAttribute.LAG, dtype=float, unit="s", format="%.4f", events=False)
    def lag(self) -> float:
        """From a pulse, as it is stamped, until its message is here: the least of late."""
        return math.nan if self._flow is None else self._flow.lag

    @attribute(name=BeamSynchronousAttribute.RECORD, dtype=bool, events=False)
    def record(self) -> bool:
        """Whether scans save each pulse of their points."""
        return bool(self.parameters.record)

    @record.setter
    def write_record(self, value: bool) -> None:
        """Say whether; a run-time setting."""
        self._change("record", bool(value))

    @attribute(name=BeamSynchronousAttribute.PULSE_COUNTS, dtype=(int,), max_dim_x=5, events=False)
    def pulse_counts(self) -> list[int]:
        """Messages received, missing, doubled, swapped and late since the latest scan began."""
        return [now - before for now, before in zip(self._counts(), self._at_begin, strict=True)]

    # -- tools

    def _counts(self) -> tuple[int, int, int, int, int]:
        if self._flow is None:
            return self._at_begin
        one = self._flow.ordering
        return one.received, one.missing, one.doubled, one.swapped, one.late

    def _recorder_of(self, identifier: str) -> PulseRecorder | None:
        """What takes the pulses of a scan, if its description has a place for them."""
        stream = self.process.share(ScanStream, "stream")
        scan, name = stream.scan(identifier), source_name(self.label)
        described = {device.name: device for device in scan.description.devices}.get(name)
        if described is None:
            return None
        frames = [channel.point_bytes for channel in described.channels if channel.storage == "reference"]
        ring = stream.ring(name, max(frames), self.frame_memory()) if frames else None
        publisher = scan.publisher(name, wait=HELD_LIMIT, ring=ring)
        return PulseRecorder(publisher, self.label, self.parameters, self._capabilities)

    def _change_regions(self, regions: Mapping[str, Any]) -> None:
        self._require_on_frame(regions)
        super()._change_regions(regions)

    def _require_on_frame(self, regions: Mapping[str, Any]) -> None:
        shape = None if self._known is None else self._known.shape
        if shape is None:
            return
        for name, told in regions.items():
            keys = told if isinstance(told, Mapping) else told.model_dump()
            try:
                out = keys["x"] + keys["width"] > shape[1] or keys["y"] + keys["height"] > shape[0]
            except (KeyError, TypeError):
                continue  # the settings' own check says what is wrong
            if out:
                raise OutOfRange(
                    f"{self.label}: the region {name} does not lie on the frame of {shape[1]} x {shape[0]} pixels; "
                    "change or remove it"
                )

    def _flow_failed(self, error: RondaError) -> None:
        """No more messages are taken: the scan fails, and the source is reached anew."""

        def tell() -> None:
            raise CommunicationFailed(str(error)) from error  # whatever it was: what takes messages has ended

        if self.in_scan:
            self.leave_scan(str(error), wait=False)
        with suppress(RondaError):
            self._link.submit(tell)

    def _end_flow(self) -> None:
        flow, self._flow = self._flow, None
        if flow is not None:
            flow.end()

    def _require_flow(self) -> Flow:
        flow = self._flow
        if flow is None:
            raise NotReady(f"{self.label}: no messages come: {self.get_status()}")
        return flow
