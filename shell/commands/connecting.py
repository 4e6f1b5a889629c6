"""Connecting to a running beamline, with what `ronda up` left in its status file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import tango

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.counter import Counter
from ronda.framework.errors import NotReady, RondaError
from ronda.framework.host.status import HostStatus

UNSETTLED = ("UNKNOWN", "INIT")
"""States of a device that has not heard from its hardware yet."""

LOOK_PERIOD = 0.02
"""Seconds between two looks at the devices that are still waited for."""


def connect(status: HostStatus, make_proxy: Callable[[str], Any] = tango.DeviceProxy) -> Beamline:
    """The beamline as its clients see it.

    Args:
        status: of one of its hosts.
        make_proxy: makes clients of Tango devices.

    Raises:
        ServiceFailed: the Tango database does not answer.
        NotReady: nobody knows where it is.
    """
    if not status.tango_host:
        raise NotReady(
            f"beamline {status.beamline}: nobody knows any more where its Tango database is, because its folder of "
            f"{status.config} was removed while it ran; `ronda down {status.config}` ends it"
        )
    environment = dict(os.environ)
    if status.redis_user:
        environment["RONDA_REDIS_USER"] = status.redis_user
    if status.redis_password_name:
        environment["RONDA_REDIS_PASSWORD"] = os.environ.get(status.redis_password_name, "")
    return Beamline.connect(status.tango_host, status.redis_url, status.beamline, environment, make_proxy)


def wait_until_settled(beamline: Beamline, seconds: float) -> None:
    """Wait until every device that answers has heard from its hardware, or the time is over.

    A server is ready before its devices have spoken to their hardware; until then they are in state UNKNOWN or INIT.
    """
    deadline = time.monotonic() + seconds
    waiting = {one.name: one for one in beamline.objects.values() if not isinstance(one, Counter)}
    while waiting and time.monotonic() < deadline:
        for name, one in list(waiting.items()):
            try:
                settled = one.state not in UNSETTLED
            except RondaError:
                settled = True  # whoever uses it will be told
            if settled:
                del waiting[name]
        if waiting:
            time.sleep(LOOK_PERIOD)
