"""The Tango device that shows the scan of a session, and passes orders on to the program that runs it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import tango

from ronda.devices.caller import caller_of
from ronda.devices.device import RondaDevice, attribute, command
from ronda.devices.link import Link
from ronda.devices.scan_session.following import NO_SCAN, Following, Shown
from ronda.devices.scan_session.parameters import ScanSessionParameters
from ronda.framework.errors import NotReady, RondaError
from ronda.framework.stream.answers import ScanGone, ScanOver
from ronda.framework.stream.description import State
from ronda.framework.tango.names import ScanSessionAttribute, ScanSessionCommand

STATES = {
    State.PREPARING: tango.DevState.RUNNING,
    State.RUNNING: tango.DevState.RUNNING,
    State.PAUSED: tango.DevState.STANDBY,
    State.COMPLETED: tango.DevState.ON,
    State.ABORTED: tango.DevState.ON,
    State.FAILED: tango.DevState.ALARM,
}


class ScanSessionDevice(RondaDevice):
    """The latest scan of a session: what it is, how far it has come, and Pause, Resume, Stop and Abort."""

    # -- life

    def model(self, configuration: Mapping[str, Any]) -> type[ScanSessionParameters]:  # noqa: ARG002 - there is one
        """Its keys."""
        return ScanSessionParameters

    def opened(self) -> None:
        """Begin to follow the stream, once the server is ready."""
        self._shown: Shown = NO_SCAN
        self._following = Following(self.label, self.settings and self.settings.values, os.environ)
        self._link = Link(self._following, self)
        self.show(tango.DevState.UNKNOWN, f"{self.label}: connecting")
        self.process.open(self._link)

    def closing(self) -> None:
        """Let go of the stream."""
        self.process.close(self._link)

    # -- what the link asks for

    def connected(self) -> None:
        """The stream is there."""

    def poll(self) -> float:
        """Wait for news of scans for a moment, and tell them."""
        before, now = self._shown, self._following.look()
        self._shown = now
        for name, value in now.attributes().items():
            if _differ(value, before.attributes()[name]):
                self.publish(name, value)
        self.show(STATES.get(now.state, tango.DevState.ON), f"{self.label}: {now.told()}")
        return 0.0

    def lost(self, error: RondaError) -> None:
        """The stream does not answer."""
        self._shown = NO_SCAN
        waiting = isinstance(error, NotReady)
        self.show(tango.DevState.UNKNOWN if waiting else tango.DevState.FAULT, f"{error}; trying again")

    def halt(self) -> None:
        """The server ends; the scan goes on."""

    def at_rest(self) -> bool:
        """Nothing is to be ended."""
        return True

    # -- attributes

    @attribute(name=ScanSessionAttribute.NUMBER, dtype=int)
    def number(self) -> int:
        """Number of the scan that runs, or ran last; 0 if there was none."""
        return self._shown.number

    @attribute(name=ScanSessionAttribute.IDENTIFIER, dtype=str)
    def identifier(self) -> str:
        """Its id, which is unique for ever."""
        return self._shown.identifier

    @attribute(name=ScanSessionAttribute.TITLE, dtype=str)
    def title(self) -> str:
        """Its title, the command if it has none."""
        return self._shown.title

    @attribute(name=ScanSessionAttribute.USER, dtype=str)
    def user(self) -> str:
        """Who runs it."""
        return self._shown.user

    @attribute(name=ScanSessionAttribute.SCAN_STATE, dtype=str)
    def scan_state(self) -> str:
        """Its state in the stream: PREPARING, RUNNING, PAUSED, COMPLETED, ABORTED or FAILED; empty without a scan."""
        return self._shown.state

    @attribute(name=ScanSessionAttribute.SENTENCE, dtype=str)
    def sentence(self) -> str:
        """Why it has this state, if there is something to say."""
        return self._shown.sentence

    @attribute(name=ScanSessionAttribute.POINTS_DONE, dtype=int)
    def points_done(self) -> int:
        """How many points all its devices have measured."""
        return self._shown.points_done

    @attribute(name=ScanSessionAttribute.POINTS, dtype=int)
    def points(self) -> int:
        """How many points it will have; 0 if nobody knows."""
        return self._shown.points

    @attribute(name=ScanSessionAttribute.PROGRESS, dtype=float, unit="%", format="%.1f")
    def progress(self) -> float:
        """Points done of all; not a number if nobody knows how many there will be."""
        return self._shown.progress

    @attribute(name=ScanSessionAttribute.TIME_LEFT, dtype=float, unit="s", format="%.1f")
    def time_left(self) -> float:
        """Time until its end, at the pace so far; 0 after its end, not a number before the second point."""
        return self._shown.time_left

    # -- commands

    @command(ScanSessionCommand.PAUSE)
    def pause(self) -> None:
        """Let the scan finish the point in hand and start no other until Resume."""
        self._order("pause")

    @command(ScanSessionCommand.RESUME)
    def resume(self) -> None:
        """Let the scan go on after a pause."""
        self._order("resume")

    @command(ScanSessionCommand.STOP)
    def stop(self) -> None:
        """Let the scan end after the point that is being measured; harmless if none runs."""
        self._order("stop")

    @command(ScanSessionCommand.ABORT)
    def abort(self) -> None:
        """Break the scan off in order; harmless if none runs."""
        self._order("abort")

    def _order(self, word: str) -> None:
        who = str(caller_of(self) or self.label)

        def give() -> None:
            try:
                given = self._following.order(word, who)
            except (ScanOver, ScanGone):
                given = False
            if not given and word in ("pause", "resume"):
                raise NotReady(f"{self.label}: cannot {word}: no scan runs")

        self.wait(give)


def _differ(one: Any, other: Any) -> bool:
    """Whether two values differ; what is not a number equals itself."""
    both = isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)
    return bool(one != other) and not both
