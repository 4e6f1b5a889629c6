"""Results of live analysis for the table of a running scan: which there are, and each as it comes."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping

import gevent

from ronda.framework.errors import RondaError
from ronda.framework.nexus import words
from ronda.framework.scan.awaited import why_not
from ronda.framework.scan.scan import Scan
from ronda.framework.stream.description import STATUS_ROLE
from ronda.shell.displays.scan_table import Field

WAIT = 0.5
"""Longest wait in one read, in s."""


class Results:
    """The results of one scan that are one number for each point; read in a greenlet of their own.

    Args:
        scan: which is prepared.
        take: is given entries of the stream and their values by channel; None where a point has no result.

    Attributes:
        fields: a column for each; those by which the scan decides come first.
    """

    def __init__(self, scan: Scan, take: Callable[[int, Mapping[str, float | None]], None]) -> None:
        self._scan = scan
        self._take = take
        self._status: dict[str, str] = {}
        self._device: dict[str, str] = {}
        found: list[Field] = []
        for device in scan.stream.description.devices if scan.stream is not None else ():
            for channel in device.channels if device.derived else ():
                if why_not(device, channel):
                    continue
                if channel.attributes.get(words.ROLE) == STATUS_ROLE:
                    self._status[device.name] = channel.name
                    continue
                self._device[channel.name] = device.name
                found.append(Field(channel.name, channel.unit))
        deciding = scan.plan.choice.results if scan.plan.choice is not None else ()
        self.fields = sorted(found, key=lambda field: field.name not in deciding)
        self._greenlet: gevent.Greenlet | None = None

    def follow(self, names: list[str]) -> None:
        """Begin to read some of them."""
        if names:
            self._greenlet = gevent.spawn(self._run, names)

    @property
    def comes(self) -> bool:
        """Whether more may come."""
        return self._greenlet is not None and not self._greenlet.dead

    def close(self) -> None:
        """Read no more."""
        if self._greenlet is not None:
            self._greenlet.kill(block=False)
            self._greenlet = None

    def _run(self, names: list[str]) -> None:
        stream = self._scan.stream
        if stream is None:
            return
        status = {self._status[device] for device in map(self._device.__getitem__, names) if device in self._status}
        with contextlib.suppress(RondaError):  # what left memory is seen in plots and in the file
            cursor = stream.follow([*names, *status])
            while not cursor.exhausted:
                for block in cursor.read(WAIT):
                    wrong = block.data.get(self._status.get(block.device, ""))
                    own = [name for name in block.data if name in names]
                    for place, index in enumerate(block.indices):
                        valid = wrong is None or not int(wrong[place])
                        values = {name: float(block.data[name][place]) if valid else math.nan for name in own}
                        self._take(index, {name: value if valid else None for name, value in values.items()})
