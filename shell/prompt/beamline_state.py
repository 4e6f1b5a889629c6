"""The state of the beamline for the bottom line: beam, shutter, running scan, what waits for the writer, alarms.

Each part is asked by a greenlet of its own, so that one that hangs holds up no other, nor the prompt.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import gevent

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.machine import Machine
from ronda.framework.clients.shutter import Shutter
from ronda.framework.errors import RondaError
from ronda.framework.nexus import words
from ronda.framework.stream.description import State
from ronda.shell.prompt.toolbar import Fragments

PERIOD = 2.0
"""Seconds between two looks."""

LONGEST = timedelta(days=2)
"""Scans that began earlier are not looked for."""

STALE = 10.0
"""Seconds after which what was last known is shown no longer."""

GAP = ("", "   ")

UNKNOWN: Fragments = [("class:faint", "?")]


class BeamlineState:
    """What the bottom line shows.

    Args:
        beamline: whose.
        changed: called when there is something new to show.
        control: who has control of the session; nothing where nobody shares one.
    """

    def __init__(
        self, beamline: Beamline, changed: Callable[[], None], control: Callable[[], Fragments] = list
    ) -> None:
        self._control = control
        self._beamline = beamline
        self._changed = changed
        self._parts: dict[str, tuple[float, Fragments]] = {}
        self._greenlets: list[gevent.Greenlet] = []

    def start(self) -> None:
        """Begin to look."""
        asked: dict[str, Callable[[], Fragments]] = {"scan": self._scan, "writer": self._writer}
        objects = self._beamline.objects.values()
        machine = next((one for one in objects if isinstance(one, Machine)), None)
        if machine is not None:
            asked = {"beam": lambda: _beam(machine), **asked}
        shutters = [one for one in objects if isinstance(one, Shutter)]
        shutter = next((one for one in shutters if one.safety), shutters[0] if shutters else None)
        if shutter is not None:
            asked["shutter"] = lambda: _shutter(shutter)
        self._parts = {name: (0.0, []) for name in ("beam", "shutter", "scan", "writer") if name in asked}
        self._greenlets = [gevent.spawn(self._look, name, ask) for name, ask in asked.items()]

    def stop(self) -> None:
        """Look no longer."""
        gevent.killall(self._greenlets)
        self._greenlets = []

    def line(self, width: int) -> Fragments:
        """What is known at present; nothing is asked."""
        found: Fragments = [("class:call", self._beamline.name)]
        if control := self._control():
            found += [GAP, ("", "control "), *control]
        for name, (seen, fragments) in self._parts.items():
            known = fragments if time.monotonic() - seen < STALE else UNKNOWN if seen else []
            if known:
                found += [GAP, ("", f"{name} "), *known]
        while sum(len(text) for _, text in found) > width and len(found) > 1:
            found.pop()
        return found

    def _look(self, name: str, ask: Callable[[], Fragments]) -> None:
        while True:
            try:
                fragments = ask()
            except RondaError:
                fragments = [("class:bad", "no answer")]
            before = self._parts[name][1]
            self._parts[name] = (time.monotonic(), fragments)
            if fragments != before:
                self._changed()
            gevent.sleep(PERIOD)

    def _scan(self) -> Fragments:
        stream = self._beamline.stream
        running = stream.scans(since=datetime.now(UTC) - LONGEST, state=State.LIVE)
        if not running:
            return [("class:faint", "none")]
        one = running[-1]
        scan = stream.scan(one.identifier)
        devices = [
            device.name for device in scan.description.devices if device.name not in words.AT_END and not device.derived
        ]
        done = min((scan.extent(name).length for name in devices), default=0)
        of = "" if one.points is None else f"/{one.points}"
        return [("class:busy", f"{one.number} {one.state.lower()} {done}{of}")]

    def _writer(self) -> Fragments:
        behind = self._beamline.stream.behind()
        points = max((lag.points for lag in behind), default=0)
        if not points:
            return [("class:good", "up to date")]
        return [("class:busy", f"{points} points behind")]


def _beam(machine: Machine) -> Fragments:
    current = machine.current
    amount = "" if current is None else f" {current:.1f} mA"
    return [("class:good", f"on{amount}")] if machine.beam else [("class:bad", f"off{amount}")]


def _shutter(shutter: Shutter) -> Fragments:
    state = shutter.state
    style = {"OPEN": "class:good", "CLOSED": "class:busy"}.get(state, "class:bad")
    return [(style, state.lower())]
