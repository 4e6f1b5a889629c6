"""Bringing what a controller latches at its triggers into the stream, in blocks, while the axis sweeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import structlog
import tango

from ronda.devices.motor.contract import Channel, Latches, MotorController
from ronda.devices.motor.motion import Motion
from ronda.framework.errors import NotReady, RondaError
from ronda.framework.scan.latches import BOUNDS, LINE, POSITION, TIME, emitted_channels, emitted_name
from ronda.framework.stream.answers import HeldBack, Replaced, ScanGone, ScanOver
from ronda.framework.stream.description import State

if TYPE_CHECKING:
    import numpy.typing as npt

    from ronda.framework.stream.scan import Scan

PERIOD = 0.05
"""Seconds between two looks at what was latched."""

PAUSES = (0.0157, 0.0113, 0.0317, 0.0731, 0.0193)
"""Seconds before each trigger that sets the clocks; irregular, so that one that is lost is noticed."""

BEFORE = (0.95, 0.73, 0.6, 0.27, 0.09)
"""The same for a controller that keeps no time: parts of the way to the first point, before it; irregular as well."""

STATE_PERIOD = 1.0
"""Seconds between two looks whether the scan still runs: its owner may have died."""

T = TypeVar("T")


def before_first(lead: float, spacing: float) -> npt.NDArray[np.float64]:
    """How long before the first point a controller that keeps no time gives each trigger that sets the clocks, in s.

    Args:
        lead: seconds before the first point in which all of them come.
        spacing: by how much they are further apart than they need be, in s, part of the lead.
    """
    parts, further = np.array(BEFORE), spacing * np.arange(len(BEFORE), 0, -1)
    found: npt.NDArray[np.float64] = parts * (lead - further[0]) + further
    return found


LEAVE_LIMIT = 2.5
"""Seconds within which the last triggers are in the stream; Tango clients give up after 3."""


class LatchRecorder:
    """Publishes the triggers of one axis in one scan, until it leaves.

    Args:
        label: name of the axis.
        scan: in the stream; its description has the source of the triggers.
        motion: of the axis's controller.
        channel: of the axis.
        user: user positions (n,) from what was latched.
    """

    def __init__(
        self,
        label: str,
        scan: Scan,
        motion: Motion,
        channel: Channel,
        user: Callable[[Latches], npt.NDArray[np.float64]],
    ) -> None:
        self.scan = scan
        self._label = label
        self._motion = motion
        self._channel = channel
        self._user = user
        self._names = emitted_channels(label)
        self._publisher = scan.publisher(emitted_name(label), wait=None, on_held=self._held)
        self._lock = threading.Lock()
        self._leaving = threading.Event()
        self._line = -1
        self._first = 0
        self._origin = 0.0
        self._log = structlog.get_logger().bind(device=label, scan=scan.number)
        self._thread = threading.Thread(target=self._run, name=f"latches of {label}", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it still publishes."""
        return self._thread.is_alive() and not self._leaving.is_set()

    def arm(
        self,
        line: int,
        begin: Callable[[MotorController], None],
        *,
        clocks: bool = True,
        spacing: float = 0.0,
        width: float = 0.0,
    ) -> None:
        """Let the controller latch anew, and before, if asked for, give the triggers that set the clocks.

        Args:
            line: number of the line.
            begin: tells the controller when; it forgets what was latched before.
            clocks: whether triggers set the clocks.
            spacing: how long a device takes no further trigger after each, in s.
            width: for how long each stays on, in s; 0 for as long as they do by themselves.

        Raises:
            NotReady: it has left the scan.
            HardwareFault, CommunicationFailed, TimedOut: the controller refuses, or does not answer.
        """
        with self._lock:
            if not self.running:
                raise NotReady(f"{self._label}: has left scan {self.scan.number}")
            if self._line >= 0:
                self._take()
            if width or self._motion.offers("trigger_width"):
                self._ask(lambda driver: driver.trigger_width(self._channel, width))
            self._ask(begin)
            self._line, self._first = line, 0
            keeps_time = self._ask(lambda driver: driver.keeps_time)
            self._origin = 0.0 if keeps_time else time.monotonic()
        if not keeps_time:  # they come while it sweeps
            return
        for pause in PAUSES if clocks else ():
            time.sleep(pause + spacing)
            self._ask(lambda driver: driver.pulse(self._channel))
        time.sleep(spacing)

    def leave(self) -> None:
        """Let the controller give no more triggers, publish the last ones, and end.

        Raises:
            NotReady: it does not end in time.
        """
        self._leaving.set()
        self._thread.join(LEAVE_LIMIT)
        if self._thread.is_alive():
            raise NotReady(f"{self._label}: has not left scan {self.scan.number} within {LEAVE_LIMIT:g} s")

    # -- its own thread

    def _run(self) -> None:
        with tango.EnsureOmniThread():
            quiet = False
            try:
                looked = time.monotonic()
                while not self._leaving.wait(PERIOD):
                    with self._lock:
                        self._take()
                    if time.monotonic() > looked + STATE_PERIOD:
                        looked = time.monotonic()
                        if self.scan.state in State.ENDED:
                            break
                with self._lock:
                    if self._line >= 0:
                        self._ask(lambda driver: driver.compare_off(self._channel))
                    quiet = True
                    self._take()
                self._publisher.seal()
            except (ScanOver, ScanGone, Replaced) as error:
                self._log.info(str(error))
            except RondaError as error:
                self._fail(str(error))
            except Exception as error:  # noqa: BLE001 - the scan must hear of it, whatever it is
                self._log.exception("publishing triggers failed")
                self._fail(f"{self._label}: failed by a mistake of ours ({type(error).__name__}: {error})")
            finally:
                self._leaving.set()
                if not quiet:
                    self._silence()

    def _silence(self) -> None:
        """It ends for another reason than the scan's end: later motions must give no triggers all the same."""
        with self._lock, suppress(RondaError):
            if self._line >= 0:
                self._ask(lambda driver: driver.compare_off(self._channel))

    def _take(self) -> None:
        """Publish all that was latched since."""
        while self._line >= 0:
            latches = self._ask(lambda driver: driver.latched(self._channel, self._first))
            count = len(latches.times)
            if count:
                block = {
                    self._names[TIME]: latches.times + self._origin,
                    self._names[POSITION]: self._user(latches),
                    self._names[LINE]: np.full(count, self._line, "<i4"),
                    self._names[BOUNDS]: latches.compared.astype("|u1"),
                }
                self._publisher.publish_block(block)
                self._first += count
            if not count or self._first >= latches.emitted:
                return

    def _ask(self, call: Callable[[MotorController], T]) -> T:
        return self._motion.run(self._label, "give triggers", call)

    def _held(self, error: HeldBack) -> None:
        if self._leaving.is_set():
            raise error

    def _fail(self, sentence: str) -> None:
        self._log.error(sentence)
        try:
            self._publisher.fail(sentence)
        except RondaError as error:
            self._log.info(f"the scan does not hear of it: {error}")
