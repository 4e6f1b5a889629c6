"""Where all axes of the beamline stand: asked side by side, so that a dead one costs nothing but its own value."""

from __future__ import annotations

import time
from collections.abc import Sequence

import tango

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import RondaError
from ronda.framework.tango.names import AxisAttribute

LIMIT = 1.0
"""Seconds after which an axis that did not answer is left out."""


def positions(axes: Sequence[Axis]) -> dict[str, float]:
    """The position of each axis that answers in time, by name."""
    asked = {}
    for axis in axes:
        try:
            proxy = axis.remote.proxy
            asked[axis.name] = (proxy, proxy.read_attribute_asynch(str(AxisAttribute.POSITION)))
        except (RondaError, tango.DevFailed):
            continue  # its server is down
    found: dict[str, float] = {}
    deadline = time.monotonic() + LIMIT
    while asked:
        for name, (proxy, request) in list(asked.items()):
            try:
                value = proxy.read_attribute_reply(request).value
            except tango.AsynReplyNotArrived:
                continue
            except tango.DevFailed:
                value = None
            del asked[name]
            if value is not None:
                found[name] = float(value)
        if time.monotonic() >= deadline:
            break
        if asked:
            time.sleep(0.001)
    return {axis.name: found[axis.name] for axis in axes if axis.name in found}
