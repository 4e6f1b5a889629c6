"""What an operator points at on the page: clicks for the prompt, marks with a note, regions that become counters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.detector import Camera
from ronda.framework.errors import BadValue, NotReady
from ronda.framework.stream import State
from ronda.framework.stream.pointed import CLICK, LONGEST_NOTE, MARK
from ronda.shell.view.shown_scan import ShownScan

WHO = "live view"
"""Who is told to have pointed: a token does not tell people apart."""

MOST_NAMES = 8
"""Axes or channels of one place."""

LARGEST = 1e300
"""Of positions and values; larger whole numbers could not even be converted."""

CORNERS = ("x", "y", "width", "height")
"""What a region is given by, in pixels."""


class Pointing:
    """Takes what a page points at, and tells it to those whom it concerns.

    Args:
        beamline: whose.
    """

    def __init__(self, beamline: Beamline) -> None:
        self._beamline = beamline

    def click(self, scan: ShownScan, order: Mapping[str, Any]) -> dict[str, Any]:
        """A place to which somebody may want to go: `goto_click()` at a prompt waits for it.

        Raises:
            BadValue: it says no positions of axes.
            CommunicationFailed: Redis does not answer.
        """
        where = _where(order)
        if not where["positions"]:
            raise BadValue("live view: a click needs positions of axes; click on a curve against an axis, or on a map")
        self._beamline.stream.pointer().add(CLICK, scan.record.identifier, scan.record.number, WHO, **where)
        return {}

    def mark(self, scan: ShownScan, order: Mapping[str, Any]) -> dict[str, Any]:
        """A place with a note: it is kept in the logbook and, if the scan has not ended, in its file.

        Returns:
            `told`: where it is kept, as a sentence.

        Raises:
            BadValue: the note is empty or too long.
            CommunicationFailed: Redis does not answer.
        """
        note = order.get("note")
        if not isinstance(note, str) or not note.strip() or len(note) > LONGEST_NOTE:
            raise BadValue(f"live view: a note is a text of 1 to {LONGEST_NOTE} characters")
        record, stream = scan.record, self._beamline.stream
        where = {**_where(order), "note": note.strip()}
        made = stream.pointer().add(MARK, record.identifier, record.number, WHO, **where)
        text = f"scan {record.number}, {made}: {made.note}"
        stream.logbook().add("note", text, user=WHO, session=record.session, token=made.token)
        ended = record.state in State.ENDED
        if ended:
            return {"told": f"scan {record.number} has ended: the note is in the logbook, not in the file"}
        return {"told": f"the note is in the logbook, and in the file of scan {record.number} when it ends"}

    def region(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Make a region of a camera's image a counter; it lasts until it is removed.

        Returns:
            `told`: what the counter is called, as a sentence.

        Raises:
            BadValue: there is no such camera, or the region does not lie in its frame.
            Busy: the camera takes part in a scan.
            NotReady: the camera is told by a server that does not answer.
        """
        name, camera = order.get("name"), self._camera(str(order.get("channel", "")))
        corners = [order.get(one) for one in CORNERS]
        if not isinstance(name, str) or not name or not all(type(one) is int for one in corners):
            raise BadValue("live view: a region has a name, and x, y, width and height in whole pixels")
        x, y, width, height = corners
        camera.add_roi(name, x, y, width, height)  # type: ignore[arg-type]
        return {"told": f"{camera.name}_{name}_sum, _avg, _std, _min and _max are counters now"}

    def _camera(self, channel: str) -> Camera:
        found = self._beamline.objects.get(channel)
        name = getattr(found, "card", channel)
        for one in self._beamline.objects.values():
            if isinstance(one, Camera) and one.name == name:
                return one
        raise NotReady(f"live view: {channel} is no camera of this beamline, so it has no regions")


def _where(order: Mapping[str, Any]) -> dict[str, Any]:
    """The place that an order says, as attributes of `Pointed`."""
    index, pixel = order.get("index"), order.get("pixel", [])
    whole = type(index) is int or index is None
    if not whole or not isinstance(pixel, list) or len(pixel) > 2 or not all(type(one) is int for one in pixel):
        raise BadValue("live view: a place has a whole `index` or null, and a `pixel` of one or two whole numbers")
    return {
        "channel": str(order.get("channel", ""))[:100],
        "positions": _numbers(order.get("positions", {})),
        "values": _numbers(order.get("values", {})),
        "index": index,
        "pixel": pixel,
    }


def _numbers(given: object) -> dict[str, float]:
    if not isinstance(given, dict) or len(given) > MOST_NAMES:
        raise BadValue(f"live view: positions and values are at most {MOST_NAMES} numbers by name")
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST:
            raise BadValue(f"live view: {name} is {value!r}, which is no finite number")
    return {str(name): float(value) for name, value in given.items()}
