"""What a scan says about itself once, when it is opened: who, what, when, and the channels of each device."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
"""Names of devices and consumers."""

CHANNEL_NAME = re.compile(r"[A-Za-z0-9_][^/\x00-\x1f]*")
"""Names of channels: they become names in HDF5."""

DTYPE_KINDS = "biufcS"

POLICY = ("proposal", "proposal_session", "collection")
"""Where a scan belongs under a data policy; left out of the heading of others."""

SUBSCAN = "subscan"
"""Attribute of a device: the number of the sub-scan that it measures in, from 2 on; without it the scan itself, 1. Each
has points and a trigger line of its own, and becomes an entry of its own in the file."""

ENTRIES_PER_SECOND = "entries_per_second"
"""Attribute of a device that publishes freely beside the points of a scan: how fast, for estimates of its size."""

EACH_POINT = "each_point"
"""Attribute of a device: it has one entry for each point of its sub-scan. When the scan has ended, those that have
fewer than others (one has failed, or the scan was stopped) are shown, and saved, with fill values behind."""

DERIVED = "derived"
"""Attribute of a device whose points are computed from those of others, by analysis: how, as JSON. It is sealed on its
own, also after the scan has ended, and nobody waits for it before."""

IN_STEP_WITH = "in_step_with"
"""Attribute of a derived device: the sub-scan whose points its own belong to, with the same indices."""

STATUS_ROLE = "status"
"""Role (channel attribute `role`) of a channel that says how results came about: nothing that is measured."""

LARGEST_POINT = 1 << 20
"""Bytes that one point of a device may send through Redis; anything larger goes by reference."""


class State:
    """The states of a scan. Only RUNNING and PAUSED alternate; no other way leads back."""

    PREPARING = "PREPARING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    ABORTED = "ABORTED"
    FAILED = "FAILED"

    LIVE = frozenset({PREPARING, RUNNING, PAUSED})
    ENDED = frozenset({COMPLETED, ABORTED, FAILED})


@dataclass(frozen=True)
class Channel:
    """One quantity that a device measures at each point.

    Attributes:
        name: unique in the scan.
        dtype: numpy type of a point's elements, in any form numpy takes; stored in little-endian order.
            Kinds: bool, integer, float, complex, fixed-length bytes.
        shape: shape of one point: `()` for a number, `(4096,)` for a spectrum.
        unit: unit that pint can read; empty for none.
        storage: `inline` if blocks carry the values themselves, `reference` if they say where large frames lie.
        attributes: anything else, as JSON.
    """

    name: str
    dtype: str = "<f8"
    shape: tuple[int, ...] = ()
    unit: str = ""
    storage: Literal["inline", "reference"] = "inline"
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not CHANNEL_NAME.fullmatch(self.name):
            raise BadValue(
                f"channel {self.name!r}: not a channel name; it starts with a letter, digit or _ and holds no / or "
                "control character"
            )
        try:
            dtype = np.dtype(self.dtype).newbyteorder("<")
        except TypeError as error:
            raise BadValue(
                f"channel {self.name}: {self.dtype!r} is not a numpy type; give one such as '<f8'"
            ) from error
        if dtype.kind not in DTYPE_KINDS or dtype.itemsize == 0 or dtype.subdtype is not None:
            raise BadValue(
                f"channel {self.name}: type {self.dtype!r} cannot be sent; allowed are bool, integer, float, complex "
                "and bytes of fixed length"
            )
        shape = tuple(int(n) for n in self.shape)
        if any(n < 0 for n in shape):
            raise BadValue(f"channel {self.name}: shape {shape} is negative; lengths are 0 or more")
        if self.storage not in ("inline", "reference"):
            raise BadValue(f"channel {self.name}: storage {self.storage!r} is unknown; use inline or reference")
        object.__setattr__(self, "dtype", dtype.str)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "attributes", dict(self.attributes))

    @cached_property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The little-endian numpy type."""
        return np.dtype(self.dtype)

    @cached_property
    def point_bytes(self) -> int:
        """Bytes of one point."""
        return self.numpy_dtype.itemsize * math.prod(self.shape)

    def empty(self, count: int) -> npt.NDArray[Any]:
        """An array for `count` points, of shape (count, *shape)."""
        return np.empty((count, *self.shape), self.numpy_dtype)


@dataclass(frozen=True)
class Device:
    """A source of data: one stream, whose blocks hold all its channels.

    Attributes:
        name: name of the device, unique in the scan.
        channels: at least one.
        attributes: what else a reader should know (kind, integration time in s, …), as JSON.
    """

    name: str
    channels: Sequence[Channel]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not NAME.fullmatch(self.name):
            raise BadValue(f"device {self.name!r}: not a device name; use letters, digits, _ . and -")
        if not self.channels:
            raise BadValue(f"device {self.name}: has no channels; give at least one")
        object.__setattr__(self, "channels", tuple(self.channels))
        size = sum(channel.point_bytes for channel in self.channels if channel.storage == "inline")
        if size > LARGEST_POINT:
            raise BadValue(
                f"device {self.name}: one point takes {size / 1e6:.3g} MB, at most {LARGEST_POINT / 1e6:.3g} MB go "
                "through Redis; store large channels by reference"
            )
        object.__setattr__(self, "attributes", dict(self.attributes))

    @property
    def subscan(self) -> int:
        """The sub-scan that it measures in: 1 for the scan itself."""
        return int(self.attributes.get(SUBSCAN, 1))

    @property
    def derived(self) -> bool:
        """Whether its points are computed from those of others."""
        return DERIVED in self.attributes

    @property
    def points_of(self) -> int:
        """The sub-scan whose indices its points have: its own, except for results of points of another one."""
        return int(self.attributes.get(IN_STEP_WITH, self.subscan))

    def plain(self) -> dict[str, Any]:
        """It and its channels as JSON has them."""
        return {
            "name": self.name,
            "attributes": self.attributes,
            "channels": [
                {
                    "name": channel.name,
                    "dtype": channel.dtype,
                    "shape": list(channel.shape),
                    "unit": channel.unit,
                    "storage": channel.storage,
                    "attributes": channel.attributes,
                }
                for channel in self.channels
            ],
        }


@dataclass(frozen=True)
class Description:
    """A scan's description; written once, never changed.

    Attributes:
        command: what the user typed, e.g. `ascan(samy, -1, 1, 20, 0.1)`.
        devices: the sources of data.
        consumers: names of those that must not lose data: nothing leaves memory before each of them acknowledged it.
        title: for people; the command if empty.
        user, session, sample, dataset: who and where it belongs; see `counted_in` for where the number counts.
        proposal, proposal_session, collection: where it belongs under a data policy; the second tells several visits
            of one proposal apart. Without a collection the sample takes its place.
        start: start time with zone; now if None.
        points: number of points expected, None if unknown.
        attributes: anything else as JSON: positions at the start, application definition, plot.
    """

    command: str
    devices: Sequence[Device]
    consumers: Sequence[str] = ()
    title: str = ""
    user: str = ""
    session: str = ""
    sample: str = ""
    dataset: str = ""
    proposal: str = ""
    proposal_session: str = ""
    collection: str = ""
    start: datetime | None = None
    points: int | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        start = datetime.now().astimezone() if self.start is None else self.start
        if start.tzinfo is None:
            raise BadValue(f"scan {self.command!r}: start {start.isoformat()} has no time zone; give one")
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "title", self.title or self.command)
        object.__setattr__(self, "devices", tuple(self.devices))
        object.__setattr__(self, "consumers", tuple(self.consumers))
        object.__setattr__(self, "attributes", dict(self.attributes))
        for consumer in self.consumers:
            if not isinstance(consumer, str) or not NAME.fullmatch(consumer):
                raise BadValue(f"consumer {consumer!r}: not a consumer name; use letters, digits, _ . and -")
        _refuse_repeats("consumer", self.consumers)
        _refuse_repeats("device", [device.name for device in self.devices])
        _refuse_repeats("channel", [channel.name for device in self.devices for channel in device.channels])

    @property
    def started(self) -> datetime:
        """The start time with zone."""
        assert self.start is not None  # noqa: S101 - set in __post_init__
        return self.start

    @property
    def subscans(self) -> int:
        """How many sub-scans there are, the scan itself among them."""
        return max((device.subscan for device in self.devices), default=1)

    def in_step(self, name: str) -> list[str]:
        """Names of the devices that have an entry for each point of the sub-scan of a device, if that is one of them.

        Raises:
            BadValue: there is no such device.
        """
        number = self.device(name).subscan
        names = [one.name for one in self.devices if one.attributes.get(EACH_POINT) and one.subscan == number]
        return names if name in names else []

    def counted_in(self) -> list[str]:
        """What tells apart where scans are numbered from 1: the dataset, or the session if there is none.

        The datasets of a proposal are the same for all sessions.
        """
        if self.proposal:
            return ["proposal", self.proposal, self.proposal_session, self.collection, self.dataset]
        return [self.session, self.collection or self.sample, self.dataset] if self.dataset else [self.session]

    def device(self, name: str) -> Device:
        """The device of that name.

        Raises:
            BadValue: there is none.
        """
        for device in self.devices:
            if device.name == name:
                return device
        raise BadValue(f"device {name}: not in this scan; it has {', '.join(d.name for d in self.devices) or 'none'}")

    def channel(self, name: str) -> tuple[Device, Channel]:
        """The channel of that name and the device it comes from.

        Raises:
            BadValue: there is none.
        """
        for device in self.devices:
            for channel in device.channels:
                if channel.name == name:
                    return device, channel
        known = ", ".join(c.name for d in self.devices for c in d.channels)
        raise BadValue(f"channel {name}: not in this scan; it has {known or 'none'}")

    def heading(self) -> str:
        """Everything but devices and consumers, as JSON."""
        fields = ("command", "title", "user", "session", "sample", "dataset", "points", "attributes")
        heading = {name: getattr(self, name) for name in fields}
        heading |= {name: value for name in POLICY if (value := getattr(self, name))}
        return _json({**heading, "start": self.started.isoformat()})

    def device_names_json(self) -> str:
        """The names of the devices, as JSON."""
        return _json([device.name for device in self.devices])

    def consumers_json(self) -> str:
        """The names of the consumers, as JSON."""
        return _json(list(self.consumers))

    def devices_json(self) -> str:
        """The devices and their channels, as JSON."""
        return _json([device.plain() for device in self.devices])


def read_description(heading: str | bytes, devices: str | bytes, consumers: str | bytes) -> Description:
    """The description from its three JSON texts."""
    fields = json.loads(heading)
    fields["start"] = datetime.fromisoformat(fields["start"])
    return Description(
        devices=[
            Device(
                device["name"],
                [Channel(**{**channel, "shape": tuple(channel["shape"])}) for channel in device["channels"]],
                device["attributes"],
            )
            for device in json.loads(devices)
        ],
        consumers=json.loads(consumers),
        **fields,
    )


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadValue(
            f"scan description: cannot be written as JSON ({error}); use text, finite numbers, lists and dicts"
        ) from error


def _refuse_repeats(what: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise BadValue(
                f"{what} {name}: stands in the scan's description more than once; names are unique in a scan"
            )
