"""Any Tango device on the page, by its own description: what its attributes say, how they went, and orders to it.

Devices that a page has asked for are read once a second, by one thread each, however many pages look; nobody asks any
more, nobody reads.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import tango

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.counter import Counter
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import BadValue, NotFound, RondaError
from ronda.framework.tango.names import DeviceAttribute, DeviceCommand

PERIOD = 1.0
"""Seconds between two readings."""

WANTED = 60.0
"""Seconds for which a device is read after somebody asked."""

KEPT = 900
"""Readings of a device that are kept for strip charts."""

DESCRIBED = 60.0
"""Seconds after which a device is asked again what it has."""

READERS = 8
"""Devices that are read, or told something, at the same time."""

LONGEST = 200
"""Characters of a text; the rest is left out."""

MOST_READ = 1000
"""Values of a spectrum that is read each second; longer ones and images are not, a camera would send nothing else."""

SHOWN = 8
"""Values of a spectrum; those of a longer one are counted."""

WRITABLE = (tango.AttrWriteType.WRITE, tango.AttrWriteType.READ_WRITE, tango.AttrWriteType.READ_WITH_WRITE)

NOT_SHOWN = frozenset({"State", "Status", DeviceAttribute.CHANGED_BY, DeviceCommand.APPLY_CONFIGURATION, "Init"})
"""What stands above the attributes, commands that ask for it, and what is for programs."""

UNSPECIFIED = frozenset({"Not specified", "No unit", ""})
"""What Tango says where nothing is said."""

Numbers = npt.NDArray[np.float64]


class Looked:
    """A device that somebody looks at.

    Attributes:
        asked: when last, by `time.monotonic`.
        told: what there is to show.
    """

    def __init__(self, remote: Remote) -> None:
        self.asked = time.monotonic()
        self.told: dict[str, Any] = {"state": "UNKNOWN", "status": "", "attributes": [], "commands": [], "trouble": ""}
        self.reading: Future[None] | None = None
        self._remote = remote
        self._described: list[Any] = []
        self._commands: list[dict[str, str]] = []
        self._next = 0.0
        self._lock = threading.Lock()
        self._times: deque[float] = deque(maxlen=KEPT)
        self._values: dict[str, deque[float]] = {}

    def read(self) -> None:
        """Ask the device for everything but images and long spectra; whatever goes wrong is told."""
        try:
            if time.monotonic() >= self._next:
                self._described = [one for one in self._remote.attributes() if one.name not in NOT_SHOWN]
                self._commands = [
                    {"name": one.cmd_name, "about": one.out_type_desc if one.out_type_desc != "Uninitialised" else ""}
                    for one in self._remote.proxy.command_list_query()
                    if one.in_type == tango.CmdArgType.DevVoid and one.cmd_name not in NOT_SHOWN
                ]
                self._next = time.monotonic() + DESCRIBED
            read = [one.name for one in self._described if _is_read(one)]
            values = self._remote.read_some(read) if read else {}
            state, status = self._remote.state(), self._remote.status()
        except (RondaError, tango.DevFailed) as error:
            self.told = {**self.told, "state": "UNKNOWN", "trouble": " ".join(str(error).split())}
            self._next = 0.0  # it may be another one when it is back
            return
        self._keep(values)
        attributes = [_attribute(one, values.get(one.name)) for one in self._described]
        self.told = {
            "state": state,
            "status": status[:LONGEST],
            "attributes": attributes,
            "commands": self._commands,
            "trouble": "",
        }

    def history(self, attributes: list[str], since: float) -> list[tuple[str, Numbers]]:
        """How attributes went: `time` in s since 1970, then each of them; NaN where there was no number.

        Args:
            since: only what is later.
        """
        with self._lock:
            times = np.array(self._times)
            found = [("time", times)]
            found += [(name, np.array(self._values[name])) for name in attributes if name in self._values]
        later = times > since
        return [(name, values[later]) for name, values in found]

    def _keep(self, values: Mapping[str, Any]) -> None:
        with self._lock:
            for name, value in values.items():
                if isinstance(value, bool | int | float) and name not in self._values:
                    self._values[name] = deque([math.nan] * len(self._times), KEPT)
            self._times.append(time.time())
            for name, kept in self._values.items():
                value = values.get(name)
                kept.append(float(value) if isinstance(value, bool | int | float) else math.nan)


class Devices:
    """The devices of a beamline, as far as somebody looks at them."""

    def __init__(self, beamline: Beamline) -> None:
        self._beamline = beamline
        self._looked: dict[str, Looked] = {}
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._readers = ThreadPoolExecutor(READERS, "device")
        self._orders = ThreadPoolExecutor(READERS, "order")
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to read what somebody looks at."""
        self._thread.start()

    def stop(self) -> None:
        """Read nothing any more."""
        self._end.set()
        self._thread.join(2 * PERIOD)
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._orders.shutdown(wait=False)

    def names(self) -> list[dict[str, str]]:
        """All devices with their classes, by name."""
        found = [
            {"name": one.name, "class": str(getattr(one, "tango_class", type(one).__name__))}
            for one in {id(one): one for one in self._beamline.objects.values()}.values()
            if not isinstance(one, Counter) and isinstance(getattr(one, "remote", None), Remote)
        ]
        return sorted(found, key=lambda one: one["name"])

    def look(self, order: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, Numbers]]]:
        """What a device shows now, and how attributes went.

        Args:
            order: `device`; `chart`, names of attributes; `since`, seconds since 1970.

        Raises:
            NotFound: there is no such device.
        """
        name, chart, since = str(order.get("device", "")), order.get("chart", []), order.get("since", 0)
        if not isinstance(chart, list) or isinstance(since, bool) or not isinstance(since, int | float):
            raise BadValue("live view: `chart` is a list of names, `since` a number of seconds since 1970")
        with self._lock:
            if name not in self._looked:
                self._looked[name] = Looked(self._remote(name))
                self._begin(self._looked[name])
            looked = self._looked[name]
            looked.asked = time.monotonic()
        return {"device": name, **looked.told}, looked.history([str(one) for one in chart], since)

    def write(self, order: Mapping[str, Any]) -> Future[None]:
        """Write an attribute; the future is done when it is written, or says why not.

        Raises:
            NotFound: there is no such device.
            BadValue: the value is none that can be written.
        """
        remote, attribute, value = (
            self._remote(str(order.get("device", ""))),
            order.get("attribute"),
            order.get("value"),
        )
        if not isinstance(attribute, str) or not isinstance(value, bool | int | float | str):
            raise BadValue(f"{remote.name}: give the name of an attribute, and a number, text, true or false")
        return self._orders.submit(remote.write, attribute, value)

    def command(self, order: Mapping[str, Any]) -> Future[Any]:
        """Run a command without argument; the future is done when it was answered.

        Raises:
            NotFound: there is no such device.
            BadValue: no command is named.
        """
        remote, command = self._remote(str(order.get("device", ""))), order.get("command")
        if not isinstance(command, str) or not command:
            raise BadValue(f"{remote.name}: give the name of a command")
        return self._orders.submit(remote.command, command)

    def _remote(self, name: str) -> Remote:
        remote = getattr(self._beamline.objects.get(name), "remote", None)
        if not isinstance(remote, Remote):
            raise NotFound(f"live view: there is no device {name!r}")
        return remote

    def _watch(self) -> None:
        while not self._end.wait(PERIOD):
            with self._lock:
                old = time.monotonic() - WANTED
                self._looked = {name: one for name, one in self._looked.items() if one.asked > old}
                for one in self._looked.values():
                    self._begin(one)

    def _begin(self, one: Looked) -> None:
        """Read a device, unless that which was begun before still waits for it."""
        if one.reading is None or one.reading.done():
            one.reading = self._readers.submit(one.read)


def _is_read(described: Any) -> bool:
    """Whether an attribute is small enough to be read again and again."""
    if described.data_format == tango.AttrDataFormat.SPECTRUM:
        return bool(described.max_dim_x <= MOST_READ)
    return bool(described.data_format == tango.AttrDataFormat.SCALAR)


def _attribute(described: Any, value: Any) -> dict[str, Any]:
    """An attribute as it is shown and, if it can be written, with what it takes."""
    labels = [str(one) for one in described.enum_labels] if described.data_type == tango.CmdArgType.DevEnum else []
    is_text = described.data_type == tango.CmdArgType.DevString
    kind = "choice" if labels else "text" if is_text else "number"
    if described.data_type == tango.CmdArgType.DevBoolean:
        kind = "flag"
    scalar = described.data_format == tango.AttrDataFormat.SCALAR
    return {
        "name": described.name,
        "unit": "" if described.unit in UNSPECIFIED else described.unit,
        "about": "" if described.description in {"No description", *UNSPECIFIED} else described.description,
        "value": _shown(value) if _is_read(described) else f"up to {_most(described)} values, not read here",
        "kind": kind if scalar else "array",
        "choices": labels,
        "writable": scalar and described.writable in WRITABLE,
        "bounds": ["" if one in UNSPECIFIED else one for one in (described.min_value, described.max_value)],
    }


def _most(described: Any) -> str:
    """How many values an array may have, in words."""
    rows = f"{described.max_dim_y} × " if described.data_format == tango.AttrDataFormat.IMAGE else ""
    return f"{rows}{described.max_dim_x}"


def _shown(value: Any) -> Any:
    """A value that JSON has: number, flag, text, None."""
    if isinstance(value, np.ndarray | tuple | list):
        if len(value) > SHOWN:
            return f"{len(value)} values"
        return ", ".join(f"{one:.6g}" if isinstance(one, float) else str(one) for one in value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bool | int) or value is None:
        return value
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
