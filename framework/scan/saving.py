"""Who saves a scan, and what they say about its file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import NamedTuple

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.device import Device
from ronda.framework.errors import NotReady, RondaError
from ronda.framework.nexus.words import CONSUMER
from ronda.framework.tango.names import WriterAttribute

WRITER_CLASS = "NexusWriter"
"""Tango class of the writers."""

AT_WORK = ("ON", "RUNNING", "ALARM", "STANDBY")
"""States in which a writer takes scans; STANDBY is paused, ALARM held by a full disk: data wait in memory then."""

WRITER_LIMIT = 3.0
"""Seconds for which a writer is waited for that may just be on its way: a server takes 1 to 2 s to start."""

WRITER_PERIOD = 0.1
"""Seconds between two looks at it."""

LOOK_PERIOD = 0.02
"""Seconds between two questions to the writers about a file."""


class SavedFile(NamedTuple):
    """The file of a scan.

    Attributes:
        path: where it is; empty as long as no writer has taken the scan.
        closed: whether it is final.
        error: what is wrong with it now; empty if nothing is.
        coming: pipelines whose results alone are not in it yet, after the end of the scan.
    """

    path: str = ""
    closed: bool = False
    error: str = ""
    coming: tuple[str, ...] = ()


def require_writer(beamline: Beamline, waiting: Callable[[str], None], check: Callable[[], None]) -> str:
    """The consumer that must not lose anything of a saved scan. One that is just being started is waited for.

    Args:
        beamline: where it should be.
        waiting: is told why the scan has to wait, and with an empty text when it goes on.
        check: called again and again while it is waited for; raises to give up.

    Raises:
        NotReady: no writer works.
    """
    writers = beamline.devices(WRITER_CLASS)
    if not writers:
        raise NotReady(
            f"the scan cannot be saved: the beamline {beamline.name} has no writer, add a device with `kind: writer`; "
            "or scan with save=False"
        )
    deadline = time.monotonic() + WRITER_LIMIT
    said = False
    while True:
        told = [_why_not(writer) for writer in writers]
        if any(not why for why in told):
            if said:
                waiting("")
            return CONSUMER
        if time.monotonic() >= deadline:
            raise NotReady(
                f"the scan cannot be saved, no writer is at work: {'; '.join(told)}; or scan with save=False"
            )
        if not said:
            said = True
            waiting(f"waiting for a writer: {'; '.join(told)}")
        check()
        time.sleep(WRITER_PERIOD)


def saved_file(beamline: Beamline, identifier: str) -> SavedFile:
    """What the writers say about the file of a scan; those that do not answer are left out."""
    for writer in beamline.devices(WRITER_CLASS):
        try:
            saved = json.loads(writer.read(WriterAttribute.PROGRESS))
        except RondaError:
            continue
        for one in saved:
            if one["identifier"] == identifier:
                given_up = one["state"] == "given up"
                error = one["error"] or ("its writer gave it up" if given_up else "")
                return SavedFile(one["file"], one["state"] == "closed", error, tuple(one.get("coming", ())))
    return SavedFile()


def wait_until_closed(beamline: Beamline, identifier: str, timeout: float, *, results: bool = True) -> SavedFile:
    """Wait until the file of a scan is final, or something is wrong with it, or the time is over (s).

    Args:
        beamline: with its writers.
        identifier: of the scan.
        timeout: longest wait in s.
        results: whether to wait for results of pipelines too.
    """
    deadline = time.monotonic() + timeout
    while True:
        found = saved_file(beamline, identifier)
        if found.closed or found.error or (found.coming and not results) or time.monotonic() >= deadline:
            return found
        time.sleep(LOOK_PERIOD)


def _why_not(writer: Device) -> str:
    """Why it does not work, empty if it does."""
    try:
        state = writer.state
    except RondaError as error:
        return str(error)
    return "" if state in AT_WORK else f"{writer.name} is {state} ({_status(writer)})"


def _status(writer: Device) -> str:
    try:
        return writer.status
    except RondaError as error:
        return str(error)
