"""What happens to a scan whose owner died: its devices are stopped and it ends as FAILED. A host agent runs this."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import tango

from ronda.framework.clients.remote import MakeProxy, Remote
from ronda.framework.errors import Busy, RondaError
from ronda.framework.nexus import words
from ronda.framework.stream.scan import Scan
from ronda.framework.stream.stream import Stream
from ronda.framework.tango.names import LOCK_LEASE, AcquisitionCommand, AxisCommand

PERIOD = 1.0
"""Seconds between two looks for scans without an owner."""

BRAKING = 2.0
"""Seconds that an axis which was stopped may need to come to rest."""

AGAIN = 0.2
"""Seconds until something is tried again that was refused because a device was busy."""

SWEEP_PERIOD = 30.0
"""Seconds between two looks for rings of frames whose owner is gone and whose frames nobody needs."""


def guard(
    connect: Callable[[], Stream],
    tango_host: str,
    until: threading.Event,
    tell: Callable[[str], None],
    make_proxy: MakeProxy = tango.DeviceProxy,
) -> None:
    """Look after scans whose owner died, until the event is set. Several may run at once, on several hosts.

    Args:
        connect: connects to the stream; called again after a failure. A short patience lets this end soon.
        tango_host: `HOST:PORT` of the Tango database.
        until: ends it.
        tell: is told a sentence about each scan that was ended, and when the stream cannot be reached.
        make_proxy: makes clients of Tango devices.
    """
    stream: Stream | None = None
    trouble = ""
    next_sweep = 0.0
    with tango.EnsureOmniThread():
        while not until.wait(PERIOD):
            try:
                stream = stream or connect()
                for scan in stream.orphans():
                    end_orphan(stream, scan, tango_host, tell, make_proxy)
                if time.monotonic() > next_sweep:
                    next_sweep = time.monotonic() + SWEEP_PERIOD
                    stream.sweep_frames()
                trouble = ""
            except RondaError as error:
                if str(error) != trouble:
                    trouble = str(error)
                    tell(f"scans without an owner cannot be looked for: {error}")
    if stream is not None:
        stream.close()


def end_orphan(
    stream: Stream, scan: Scan, tango_host: str, tell: Callable[[str], None], make_proxy: MakeProxy = tango.DeviceProxy
) -> None:
    """Stop the devices of a scan whose owner died, then let it fail.

    Raises:
        CommunicationFailed: Redis does not answer.
    """
    problems = stop_devices(scan, tango_host, make_proxy)
    sentence = "the program that ran the scan has died; its devices were stopped"
    if problems:
        sentence += f", except: {'; '.join(problems)}"
    if stream.fail_orphan(scan, sentence):
        tell(f"scan {scan.number}: {sentence}")


def stop_devices(scan: Scan, tango_host: str, make_proxy: MakeProxy = tango.DeviceProxy) -> list[str]:
    """Stop the axes that a scan moves, and let its devices leave it; returns a sentence for each that could not be.

    Axes that stand, and everything that does not belong to the scan, are left alone.
    """
    problems = []

    def stop(name: str, device: str, action: Callable[[Remote], None]) -> None:
        try:
            action(Remote(name, f"tango://{tango_host}/{device}", make_proxy))
        except RondaError as error:
            problems.append(str(error))

    description = scan.description
    for name, device in description.attributes.get("axes", {}).items():
        stop(name, device, _stop_axis)
    for source in description.devices:
        device = source.attributes.get("tango")
        if device:
            stop(
                source.name,
                device,
                lambda remote: remote.command(AcquisitionCommand.DISARM_SCAN, scan.identifier),
            )
    if not description.attributes.get(words.AFTER_SCAN):
        return problems
    from ronda.framework.clients.hooks import hooks_of, run_hook  # seldom needed

    def connect(address: str) -> Remote:
        return Remote(address, f"tango://{tango_host}/{address}", make_proxy)

    free = time.monotonic() + LOCK_LEASE + BRAKING  # the dead owner's axes are locked until then, and may still brake
    for hook in hooks_of([description.attributes], words.AFTER_SCAN):
        while True:
            try:
                run_hook(hook, connect)
            except Busy as error:
                if time.monotonic() < free:
                    time.sleep(AGAIN)
                    continue
                problems.append(f"what must be done after it failed: {error}")
            except RondaError as error:
                problems.append(f"what must be done after it failed: {error}")
            break
    return problems


def _stop_axis(remote: Remote) -> None:
    if remote.state() == "MOVING":
        remote.command(AxisCommand.STOP)
