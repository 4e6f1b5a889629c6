"""The Tango device that writes the logbook beside the data, passes it on, and takes notes from any client."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import tango

from ronda.devices.caller import caller_of
from ronda.devices.device import RondaDevice, attribute, command
from ronda.devices.link import Link
from ronda.devices.logbook.following import LogbookFollowing
from ronda.devices.logbook.parameters import LogbookParameters
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import BadValue, RondaError, ServiceFailed
from ronda.framework.tango.names import LogbookAttribute, LogbookCommand, WriterCommand

AGAIN = 2.0
"""Seconds until it is tried again to write what could not be written."""


class LogbookDevice(RondaDevice):
    """The electronic logbook: commands, errors, notes and scans."""

    # -- life

    def model(self, configuration: Mapping[str, Any]) -> type[LogbookParameters]:  # noqa: ARG002 - there is one
        """Its keys."""
        return LogbookParameters

    def opened(self) -> None:
        """Begin to follow the stream, once the server is ready."""
        parameters: Any = self.settings and self.settings.values
        writer = Remote(parameters.writer, parameters.writer, tango.DeviceProxy)
        self._following = LogbookFollowing(
            self.label, parameters, os.environ, lambda which: writer.command(WriterCommand.DESCRIBE_DATASET, which)
        )
        self._shown: dict[str, Any] = {}
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
        """Write what is new; what could not be written is tried again."""
        following = self._following
        try:
            following.look()
        except ServiceFailed as error:
            self.show(tango.DevState.ALARM, f"{error}; trying again")
            return AGAIN
        finally:
            self._tell()
        hook = following.webhook
        if hook is not None and hook.problem:
            self.show(tango.DevState.ALARM, f"{self.label}: the webhook {hook.problem}; trying again")
        else:
            self.show(tango.DevState.ON, f"{self.label}: {following.written} entries written since it began")
        return 0.0

    def lost(self, error: RondaError) -> None:
        """The stream or the writer does not answer; nothing is lost, it stays in Redis."""
        self.show(tango.DevState.FAULT, f"{error}; trying again")

    def halt(self) -> None:
        """What waits is written when it begins again."""

    def at_rest(self) -> bool:
        """Nothing is to be ended."""
        return True

    # -- attributes

    @attribute(name=LogbookAttribute.WRITTEN, dtype=int)
    def written(self) -> int:
        """Entries written beside the data since it began."""
        return int(self._values()[LogbookAttribute.WRITTEN])

    @attribute(name=LogbookAttribute.LATEST, dtype=str)
    def latest(self) -> str:
        """The latest of them."""
        return str(self._values()[LogbookAttribute.LATEST])

    @attribute(name=LogbookAttribute.POSTED, dtype=int)
    def posted(self) -> int:
        """Entries that the webhook took since it began."""
        return int(self._values()[LogbookAttribute.POSTED])

    @attribute(name=LogbookAttribute.DROPPED, dtype=int)
    def dropped(self) -> int:
        """Entries that the webhook never got because too many waited."""
        return int(self._values()[LogbookAttribute.DROPPED])

    @attribute(name=LogbookAttribute.POST_PROBLEM, dtype=str)
    def post_problem(self) -> str:
        """Why the webhook did not take the last one; empty if it did."""
        return str(self._values()[LogbookAttribute.POST_PROBLEM])

    # -- commands

    @command(LogbookCommand.ADD, dtype_in=str, doc_in="What is to be noted")
    def add(self, text: str) -> None:
        """Add a note."""
        if not text.strip():
            raise BadValue(f"{self.label}: Add takes a text, not an empty one")
        who = str(caller_of(self) or self.label)
        self.wait(lambda: self._following.add(text, who))

    def _values(self) -> dict[str, Any]:
        """What the attributes show now."""
        following, hook = self._following, self._following.webhook
        return {
            LogbookAttribute.WRITTEN: following.written,
            # Tango's strings are Latin-1
            LogbookAttribute.LATEST: following.latest.encode("latin-1", "replace").decode("latin-1"),
            LogbookAttribute.POSTED: hook.posted if hook else 0,
            LogbookAttribute.DROPPED: hook.dropped if hook else 0,
            LogbookAttribute.POST_PROBLEM: hook.problem if hook else "",
        }

    def _tell(self) -> None:
        """Publish what has changed."""
        now = self._values()
        for name, value in now.items():
            if self._shown.get(name) != value:
                self._shown[name] = value
                self.publish(name, value)
