"""Taking part in a continuous scan by what others measure in it: point after point as these come, without triggers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ronda.devices.participation import Participation
from ronda.framework.scan.orders import Order, Progress
from ronda.framework.stream.publisher import Batch

if TYPE_CHECKING:
    from ronda.devices.acquisition import AcquiringDevice
    from ronda.framework.stream.scan import Scan


class FollowingParticipation(Participation):
    """One device in one scan, whose `measure` waits for the point of the others."""

    def __init__(self, device: AcquiringDevice, scan: Scan, order: Order) -> None:
        super().__init__(device, scan, order)
        self._publisher = scan.publisher(device.label, batch=Batch(), wait=None, on_held=self._held)
        self._done = 0

    def progress(self) -> Progress:
        """What the device does now; any thread."""
        if not self.running:
            return Progress(sentence=self._sentence)
        return Progress(self.order.scan, self._done, self._doing, self._sentence)

    def _take_points(self) -> None:
        points = self.order.points
        self._doing = "measuring"
        while not self._leaving.is_set() and (points is None or self._done < points):
            values = self._device.measure(self.order, self._done)
            if self._leaving.is_set():
                return  # broken off
            self._publisher.publish(values, time=time.time(), index=self._done)
            self._done += 1
