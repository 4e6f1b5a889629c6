"""What a device that moves has so that a client can wait for the end of a motion in one call."""

from __future__ import annotations

import math
import threading
import time

import tango

from ronda.devices.device import RondaDevice, command
from ronda.framework.errors import HardwareFault
from ronda.framework.tango.names import AxisCommand

LONGEST_WAIT = 1.0
"""Seconds for which one call waits for the end of a motion; Tango clients give up after 3."""

GIVE_WAY = 0.0001
"""Seconds that events wait, so that the client who asked hears first: its thread needs the interpreter too."""


class AwaitedDevice(RondaDevice):
    """A device that is MOVING for a while. Subclasses fill `rest_position`, and take each state with `take_state`."""

    def init_device(self) -> None:
        """Begin; states are taken from the first moment on."""
        self._at_rest = threading.Event()
        self._awaited = False
        super().init_device()

    # -- for subclasses

    def rest_position(self) -> float:
        """Where it stands.

        Raises:
            RondaError: nobody knows.
        """
        raise NotImplementedError

    def give_way(self) -> None:
        """Let a client who waits for the end of the motion hear of it before events are sent."""
        if self._awaited:
            self._awaited = False
            time.sleep(GIVE_WAY)

    # -- what clients ask for

    def take_state(self, state: tango.DevState, sentence: str) -> None:
        """Take a state; whoever waits for the end of a motion hears of it."""
        super().take_state(state, sentence)
        if state == tango.DevState.MOVING:
            self._at_rest.clear()
        elif not self._at_rest.is_set():
            self._at_rest.set()

    @command(
        AxisCommand.AWAIT_REST,
        dtype_in=float,
        doc_in="Longest wait in s; no more than 1 s is waited",
        dtype_out=float,
        doc_out="User position where the axis stands; NaN if it still moves",
    )
    def await_rest(self, limit: float) -> float:
        """Wait until the axis stands, which spares looking again. Fails if it stands with a fault, or nowhere."""

        def wait() -> float:
            self._awaited = True
            if not self._at_rest.wait(min(max(0.0, limit), LONGEST_WAIT)):
                return math.nan
            position = self.rest_position()
            if self.get_state() == tango.DevState.FAULT or math.isnan(position):
                raise HardwareFault(self.get_status())
            return position

        return self.wait(wait)
