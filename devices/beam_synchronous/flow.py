"""The thread that takes the messages of a source: it puts them into order, and gives each pulse to its point."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
import structlog
import tango

from ronda.devices.beam_synchronous.contract import BeamSynchronous, BeamSynchronousParameters, Message
from ronda.devices.beam_synchronous.ordering import Ordering, Released
from ronda.devices.beam_synchronous.window import Window
from ronda.framework.errors import CommunicationFailed, HardwareFault, RondaError
from ronda.framework.stream.frames.packed import PackedFrame

if TYPE_CHECKING:
    from ronda.devices.beam_synchronous.recorder import PulseRecorder

SLICE = 0.05
"""Longest wait for a message, in s."""

SILENCE_LIMIT = 5.0
"""Seconds without any message after which a source is taken for broken, by those who wait for one."""

WINDOWS = 256
"""Points that are remembered, for messages that come late."""

LATEST = 20
"""Messages from whose arrival the clocks are compared."""


class Flow:
    """All that a source sends, from its connection to its end.

    Args:
        label: name of the device.
        driver: which is connected.
        parameters: of the source; may be set anew.
        failed: told why nothing more comes; in its own thread.

    Attributes:
        ordering: what was received, missing, doubled, swapped and late.
        latest: the message that was released last.
        failure: why nothing more comes; None as long as something may.
    """

    def __init__(
        self,
        label: str,
        driver: BeamSynchronous,
        parameters: BeamSynchronousParameters,
        failed: Callable[[RondaError], None],
    ) -> None:
        self.ordering = Ordering(parameters.pulse_step)
        self.parameters = parameters
        self.latest: Message | None = None
        self.failure: RondaError | None = None
        self._label, self._driver, self._failed = label, driver, failed
        self._window: Window | None = None
        self._windows: deque[Window] = deque(maxlen=WINDOWS)
        self._recorder: PulseRecorder | None = None
        self._recording = threading.Lock()
        self._changed = threading.Condition()
        self._came = time.monotonic()
        self._lags: deque[float] = deque(maxlen=LATEST)
        self._times: deque[float] = deque(maxlen=LATEST)
        self._ended = threading.Event()
        self._log = structlog.get_logger().bind(device=label)
        self._thread = threading.Thread(target=self._run, name=f"pulses of {label}", daemon=True)
        self._thread.start()

    @property
    def silent_for(self) -> float:
        """Seconds since the latest message."""
        return time.monotonic() - self._came

    @property
    def lag(self) -> float:
        """Seconds from a pulse, by its stamp, until its message is here; the least of the latest ones, NaN of none."""
        return min(self._lags, default=math.nan)

    @property
    def rate(self) -> float:
        """Messages in a second, of late."""
        times = list(self._times)
        span = times[-1] - times[0] if len(times) > 1 else 0.0
        return (len(times) - 1) / span if span > 0 else 1.0

    def open(self, index: int, seconds: float) -> Window:
        """A point begins now."""
        begin = time.time() + self.parameters.clock_offset
        window = Window(index, begin, begin + seconds)
        with self._changed:
            self._window = window
            self._windows.append(window)
        return window

    def close(self, window: Window) -> None:
        """Nobody waits for more of it."""
        with self._changed:
            window.complete = True
            self._changed.notify_all()

    def abandon(self, window: Window) -> None:
        """It was broken off: what is stamped from now on does not belong to it."""
        with self._changed:
            window.end = min(window.end, time.time() + self.parameters.clock_offset)
        self.close(window)

    def wait(self, window: Window, given_up: Callable[[], bool]) -> bool:
        """Wait until all pulses of a point are here, or cannot come any more; whether nobody has given it up.

        Raises:
            HardwareFault: the source is silent.
            RondaError: why nothing more comes.
        """
        offset, patience = self.parameters.clock_offset, self.parameters.patience
        with self._changed:
            while not window.complete:
                if given_up():
                    return False
                if self.failure is not None:
                    raise self.failure
                if self.silent_for > SILENCE_LIMIT:
                    raise HardwareFault(
                        f"{self._label}: no message has come for {self.silent_for:.1f} s; see whether the source "
                        "sends, and to whom"
                    )
                if time.time() + offset > window.end + patience:
                    window.complete = True
                    break
                self._changed.wait(SLICE)
        return not given_up()

    def record(self, recorder: PulseRecorder | None) -> PulseRecorder | None:
        """Give the pulses of points to a recorder from now on, or to none; returns the one before."""
        with self._recording:
            former, self._recorder = self._recorder, recorder
            return former

    def end(self) -> None:
        """Take nothing more."""
        self._ended.set()

    # -- its own thread

    def _run(self) -> None:
        with tango.EnsureOmniThread():
            try:
                while not self._ended.is_set():
                    message = self._driver.receive(SLICE)
                    now = time.monotonic()
                    if message is None:
                        released = self.ordering.due(now)
                    else:
                        self._came = now
                        self._lags.append(time.time() + self.parameters.clock_offset - message.time)
                        self._times.append(now)
                        released = self.ordering.add(message, now) + self.ordering.due(now)
                    for one in released:
                        self._take(one)
            except RondaError as error:
                self._fail(error)
            except Exception as error:  # noqa: BLE001 - the scan must hear of it, whatever it is
                self._log.exception("taking messages failed")
                self._fail(HardwareFault(f"{self._label}: failed by a mistake of ours ({error!r})"))

    def _take(self, released: Released) -> None:
        message, before, window = released.message, self.latest, self._window
        if released.doubled:
            owner = self._owner(message.time)
            if owner is not None:
                owner.doubled += 1
            return
        if not released.late:
            if window is not None and not window.complete and released.missing and before is not None:
                window.miss(released.missing, before.time, message.time)
            self.latest = message
        owner = self._owner(message.time)
        if owner is not None:
            self._keep(owner, message, late=released.late)
        if window is not None and not window.complete and not released.late and message.time >= window.end:
            self.close(window)

    def _owner(self, moment: float) -> Window | None:
        """The point that a pulse of this time belongs to."""
        with self._changed:
            return next((each for each in reversed(self._windows) if each.holds(moment)), None)

    def _keep(self, window: Window, message: Message, *, late: bool) -> None:
        """A pulse of a point: into its sums as long as they are not told, and into the file."""
        values = self._evaluated(message)
        with self._changed:
            told = window.complete
            if not told:
                window.add(message.pulse, values)
                window.missing -= bool(late and window.missing)
        with self._recording:
            if self._recorder is not None and window.index >= 0:
                self._recorder.take(message, values, window.index, late=late or told)

    def _evaluated(self, message: Message) -> Mapping[str, float]:
        """The numbers of a message, and those of its regions."""
        rois = self.parameters.rois
        if not rois:
            return message.values
        if message.frame is None:
            return {**message.values, **dict.fromkeys(rois, math.nan)}
        frame = unpacked(message.frame)
        sums = {
            name: float(frame[roi.y : roi.y + roi.height, roi.x : roi.x + roi.width].sum())
            for name, roi in rois.items()
        }
        return {**message.values, **sums}

    def _fail(self, error: RondaError) -> None:
        with self._changed:
            self.failure = error
            self._changed.notify_all()
        if not self._ended.is_set():
            if not isinstance(error, CommunicationFailed):
                self._log.error(str(error))
            self._failed(error)


def unpacked(frame: npt.NDArray[Any] | PackedFrame) -> npt.NDArray[Any]:
    """The pixels of a frame."""
    return frame.unpack() if isinstance(frame, PackedFrame) else frame
