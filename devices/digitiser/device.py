"""The Tango device of a digitiser: means of its channels at each point, and all of its samples while a scan runs."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import tango

from ronda.devices.acquisition import ScanStream
from ronda.devices.detector import LATE_LIMIT, DetectorDevice
from ronda.devices.device import attribute
from ronda.devices.digitiser import spectra
from ronda.devices.digitiser.contract import COUNT, FIRST, ChannelParameters, Digitiser
from ronda.devices.digitiser.flow import Flow, Recorder
from ronda.devices.digitiser.recorder import source
from ronda.devices.digitiser.recording import HELD_LIMIT, Recording
from ronda.devices.digitiser.sums import Sums, Unwrapping
from ronda.devices.gated import Counted, GatedDevice
from ronda.devices.measurement import Measurement, OwnChannel
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import Busy, NotAllowed, NotReady, OutOfRange, RondaError
from ronda.framework.scan.orders import Order
from ronda.framework.stream.description import Channel
from ronda.framework.tango.names import AxisAttribute, DigitiserAttribute

LONGEST = 1e5
"""Longest integration time, in s."""

SOON = 0.2
"""Seconds for which samples that were taken may be on their way, when counts between triggers are asked for."""

HIDDEN = 3
"""Columns behind those of channels in what is counted between triggers: good and lost samples, the first one."""


class DigitiserDevice(GatedDevice, DetectorDevice):
    """A digitiser. In a scan it samples from the beginning to the end; each point is the mean over some samples."""

    kind: ClassVar[str] = "digitiser"
    contract: ClassVar[type[Digitiser]] = Digitiser

    # -- what each detector fills

    def opened(self) -> None:
        """Nothing is known about the digitiser yet."""
        self._flow: Flow | None = None
        self._former: Flow | None = None  # whose last samples were not saved in time
        self._wanted: int | None = None
        self._joining = ""
        self._lost = 0
        super().opened()

    def learn(self) -> None:
        """Ask what the digitiser can; what sorts its samples is compiled now, not in a scan."""
        super().learn()
        spectra.compile_soon(self.label, self.parameters)

    def time_limits(self) -> tuple[float, float]:
        """From one sample on."""
        return 1.0 / self.parameters.sample_rate, LONGEST

    def check_settings(self) -> None:
        """It must have the channels, and be able to sample so fast."""
        known = self._capabilities
        lowest, highest = known.rates
        if not lowest <= self.parameters.sample_rate <= highest:
            raise OutOfRange(
                f"{self.label}: cannot take {self.parameters.sample_rate:g} samples/s, it can take {lowest:g} to "
                f"{highest:g}"
            )
        for name, one in self.parameters.channels.items():
            if one.channel >= known.channels:
                raise OutOfRange(
                    f"{self.label}: has no channel {one.channel}, which {name} is to be; its channels are 0 to "
                    f"{known.channels - 1}"
                )

    def set_up(self, seconds: float) -> None:
        """Prepare the digitiser: in a scan it samples until it is stopped."""
        rate = self.parameters.sample_rate
        self._wanted = None if self._joining else max(round(seconds * rate), 1)
        self._driver.prepare(rate, self._wanted)

    def begin(self) -> None:
        """Begin to sample, and to take the samples."""
        self._begin_flow(list(self.parameters.channels), [])

    def fetch(self) -> Sums:
        """Sums over all samples; in the end, which comes at once."""
        flow = self._flow
        if flow is None:
            raise NotReady(f"{self.label}: was started by somebody else, its samples are not here")
        flow.finish()
        if flow.failure is not None:
            raise flow.failure
        return flow.total

    def stopped(self) -> None:
        """What was sampled so far is the result."""
        self._take(self.evaluate(self.fetch(), None))

    def evaluate(self, raw: Any, wanted: frozenset[str] | None) -> Measurement:  # noqa: ARG002 - all is cheap
        """Means of the channels."""
        sums: Sums = raw
        row = np.array([*sums.sums, sums.good, sums.lost, 0.0], np.float64)
        names = list(self.parameters.channels)
        found = dict(
            zip([*names, FIRST, COUNT], self._means(row[np.newaxis], [*names, FIRST, COUNT], names), strict=True)
        )
        numbers = {name: float(values[0]) for name, values in found.items()}
        return Measurement(numbers, {}, (sums.good + sums.lost) / self.parameters.sample_rate)

    def own_channels(self, exposure: float) -> Sequence[OwnChannel]:  # noqa: ARG002 - the same for all
        """Means of the channels, number of the first sample, and how many there are."""
        found = [
            OwnChannel(
                name,
                unit=one.unit,
                fields={
                    "scale": {"value": one.scale, "unit": one.unit},
                    "offset": {"value": one.offset, "unit": one.unit},
                    "sample_rate": {"value": self.parameters.sample_rate, "unit": "1/s"},
                },
                description=one.description or f"mean of channel {one.channel} of {self.label}",
            )
            for name, one in self.parameters.channels.items()
        ]
        found.append(OwnChannel(FIRST, description=f"number of the point's first sample among all of {self.label}"))
        found.append(OwnChannel(COUNT, description="samples of the point that were not lost"))
        return found

    def beside(self, line: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
        """All samples, if they are to be saved, and spectra of the sweeps, if there is an encoder to bin them by."""
        found = [source(self.label, self.parameters, self._capabilities)] if self.parameters.record else []
        bins = spectra.bins_of(self.parameters, line)
        return found if bins is None else [*found, spectra.source(self.label, self.parameters, bins)]

    # -- scans

    def prepare_points(self, order: Order, channels: Sequence[Channel]) -> None:
        """Sample from now on until the scan is left."""
        if order.pulses:
            raise NotAllowed(
                f"{self.label}: cannot take the pulses of {order.pulses} as points of a step scan; a counter card can, "
                "or leave the camera out of its `wiring`"
            )
        self._joining = order.scan
        super().prepare_points(order, channels)
        self._begin_scan(channels)

    def prepare_gated(self, channels: Sequence[Channel]) -> None:
        """The same; triggers come with the samples."""
        own = [str(channel.attributes.get("channel") or channel.name) for channel in channels]
        self._require(own, self.parameters.counted)
        self.check_settings()

        def prepare() -> None:
            if self._measuring or self._driver.busy():
                raise Busy(f"{self.label}: cannot join a scan: it is measuring; stop it first")
            self.set_up(0.0)

        self._scan_names = {name: channel.name for name, channel in zip(own, channels, strict=True)}
        self._link.run(self.label, "join a scan", prepare)
        self._begin_scan(channels)

    def measure(self, order: Order, index: int) -> dict[str, Any]:
        """The means over the samples from now on."""
        flow = self._require_flow()
        rate = self.parameters.sample_rate
        first = self._link.run(self.label, f"measure point {index}", self._driver.taken)
        count = max(round(order.exposure * rate), 1)
        sums = flow.window(first, count, self._broken_off.is_set, LATE_LIMIT)
        if sums is None:
            return {}
        own = list(self._scan_names)
        row = np.array([*sums.sums, sums.good, sums.lost, first], np.float64)
        found = dict(zip(own, self._means(row[np.newaxis], own, self._summed), strict=True))
        numbers = {name: float(values[0]) for name, values in found.items()}
        self._measurement, self._when = Measurement(numbers, {}, order.exposure), time.time()
        return {self._scan_names[name]: value for name, value in numbers.items()}

    def counted(self, first: int) -> Counted:
        """What came between triggers, all samples taken until now among it."""
        flow = self._require_flow()
        flow.wait_for(self._link.run(self.label, "read what was sampled", self._driver.taken), SOON)
        received, rows = flow.rows(first)
        return Counted(received, rows[:, 0], rows[:, 1], rows[:, 2:])

    def gated_width(self, channels: int) -> int:  # noqa: ARG002 - it depends on what is summed
        """One for each channel that is summed, good and lost samples, the first one."""
        return len(self._summed) + HIDDEN

    def gated_points(
        self, values: npt.NDArray[np.float64], valid: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """Means; a point of which samples were lost is not valid, and one that is not has no first sample."""
        sure = (valid != 0) & (values[:, -2] == 0) & (values[:, -3] > 0)
        values = values.copy()
        values[~sure, -1] = np.nan
        return np.column_stack(self._means(values, list(self._scan_names), self._summed)), sure.astype(np.uint8)

    def end_gated(self) -> None:
        """Take no more triggers."""
        self._end_flow()

    def frame_memory(self) -> int:
        """As in the YAML."""
        return int(1e6 * self.parameters.frame_memory)

    def scan_left(self) -> None:
        """The last samples are published before the scan can end."""
        try:
            self._end_flow()
        finally:
            super().scan_left()

    def lost(self, error: RondaError) -> None:
        """The digitiser does not answer: what it samples does not come any more."""
        super().lost(error)
        if self.in_scan:
            self.leave_scan(str(error), wait=False)

    # -- attributes

    @attribute(name=DigitiserAttribute.SAMPLE_RATE, dtype=float, unit="1/s", format="%.6g", events=False)
    def sample_rate(self) -> float:
        """Samples of each channel in a second."""
        return float(self.parameters.sample_rate)

    @sample_rate.setter
    def write_sample_rate(self, value: float) -> None:
        """Set it; a run-time setting."""
        lowest, highest = self._capabilities.rates
        if not lowest <= value <= highest:
            raise OutOfRange(f"{self.label}: cannot take {value:g} samples/s, it can take {lowest:g} to {highest:g}")
        self._change("sample_rate", float(value))

    @attribute(name=DigitiserAttribute.RECORD, dtype=bool, events=False)
    def record(self) -> bool:
        """Whether scans save all samples."""
        return bool(self.parameters.record)

    @record.setter
    def write_record(self, value: bool) -> None:
        """Say whether; a run-time setting."""
        self._change("record", bool(value))

    @attribute(name=DigitiserAttribute.LOST_SAMPLES, dtype=int, events=False)
    def lost_samples(self) -> int:
        """How many samples of the latest measurement or scan were lost on their way."""
        flow = self._flow
        return self._lost if flow is None else flow.total.lost

    # -- tools

    def _join(self, order: Order) -> None:
        self._joining = order.scan
        try:
            super()._join(order)
        except BaseException:
            if not self.in_scan:
                with suppress(RondaError):
                    self._end_flow()
            raise
        finally:
            self._joining = ""

    def _begin_scan(self, channels: Sequence[Channel]) -> None:
        """Begin to sample for a scan: the channels asked for are summed, and those whose counts go round."""
        parameters = self.parameters
        asked = {str(channel.attributes.get("channel") or channel.name) for channel in channels}
        stream = self.process.share(ScanStream, "stream")
        scan = stream.scan(self._joining)
        recording = Recording(scan, self.label, parameters, self._capabilities)
        summed = recording.summed(asked)
        recorders = recording.recorders(summed, lambda name, size: stream.ring(name, size, self.frame_memory()))
        self._link.run(self.label, "join a scan", lambda: self._begin_flow(summed, recorders))

    def _begin_flow(self, summed: Sequence[str], recorders: Sequence[Recorder]) -> None:
        """Start the digitiser and take what it sends. In the worker's thread."""
        channels: list[ChannelParameters] = [self.parameters.channels[name] for name in summed]
        positions = [_position(one.axis) for one in channels]
        if self._former is not None and self._former.running:  # it would take packets that are not its own
            raise Busy(
                f"{self.label}: the last samples of the scan before are still being saved; try again in a moment"
            )
        self._former = None
        self._driver.start()
        for recorder in recorders:
            recorder.begins(time.time())
        rate = self.parameters.sample_rate
        self._summed = list(summed)
        unwrapping = Unwrapping(channels, positions)
        self._flow = Flow(self.label, self._driver, rate, unwrapping, len(channels), recorders, self._flow_failed)

    def _flow_failed(self, error: RondaError) -> None:
        """No more samples come: the scan fails, and the digitiser is reached anew if that was why."""

        def tell() -> None:
            raise error

        self._link.submit(tell)
        if self.in_scan:
            self.leave_scan(str(error), wait=False)

    def _end_flow(self) -> None:
        """Let the digitiser stop, and take its last samples.

        Raises:
            NotReady, HeldBack, CommunicationFailed …: they are not all in the stream.
        """
        flow, self._flow = self._flow, None
        if flow is None:
            return
        with suppress(RondaError):
            self._link.run(self.label, "stop", self._driver.stop)
        ended = flow.finish(HELD_LIMIT)
        self._lost = flow.total.lost
        if not ended:
            self._former = flow
            raise NotReady(f"{self.label}: its last samples could not be saved in time")
        if flow.failure is not None:
            raise flow.failure

    def _require_flow(self) -> Flow:
        flow = self._flow
        if flow is None:
            raise NotReady(f"{self.label}: does not sample")
        if flow.failure is not None:
            raise flow.failure
        return flow

    def _means(
        self, rows: npt.NDArray[np.float64], own: Sequence[str], summed: Sequence[str]
    ) -> list[npt.NDArray[np.float64]]:
        """The values (n,) of each counter, from rows of sums of channels, good and lost samples, and the first one."""
        good = rows[:, -3]
        found = []
        for name in own:
            if name == FIRST:
                found.append(rows[:, -1])
            elif name == COUNT:
                found.append(good)
            else:
                one = self.parameters.channels[name]
                mean = np.divide(
                    rows[:, list(summed).index(name)], good, where=good > 0, out=np.full(len(good), math.nan)
                )
                found.append(one.scale * mean + one.offset)
        return found


def _position(axis: str | None) -> float | None:
    """Where an axis stands, in its unit; None if it does not say."""
    if axis is None:
        return None
    try:
        return float(Remote(axis, axis, tango.DeviceProxy).read(AxisAttribute.POSITION))
    except (RondaError, TypeError):
        return None
