"""The tree that a scan shows: groups, channels, values and links, made from its description."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ronda.framework.stream.description import Channel, Description, Device


@dataclass(frozen=True)
class GroupNode:
    """A group; its attributes are text, numbers or lists of them."""

    children: Mapping[str, Node]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ChannelNode:
    """A dataset of the values of a channel."""

    device: Device
    channel: Channel
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TimesNode:
    """A dataset of the times of a device's points, in seconds since 1970."""

    device: Device
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ValueNode:
    """A dataset of a value known from the start: text, number or array."""

    value: Any
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GridNode:
    """A dataset of the values of a channel of a mesh, each where its point lies; NaN where nothing is measured.

    Attributes:
        shape: rows, and points of a row.
        backnforth: whether every second row was measured from its end.
        planned: the device and its two channels that say of each entry of which point it is, and whether it counts,
            in a scan in which points may be measured again; None if the n-th entry is the n-th point.
    """

    device: Device
    channel: Channel
    shape: tuple[int, int]
    backnforth: bool = False
    planned: tuple[Device, Channel, Channel] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LinkNode:
    """A soft link to a path, from the root if it begins with /."""

    path: str


Leaf = ChannelNode | TimesNode | ValueNode | GridNode

Node = GroupNode | Leaf | LinkNode

Layout = Callable[[str, int, Description], GroupNode]
"""Makes the tree from the scan's id, number and description."""


def default_layout(identifier: str, number: int, description: Description) -> GroupNode:
    """A NeXus entry: what was measured by device in `instrument`, all channels in `measurement`."""
    instrument: dict[str, Node] = {}
    measurement: dict[str, Node] = {}
    for device in description.devices:
        children: dict[str, Node] = {}
        for channel in device.channels:
            children[channel.name] = ChannelNode(device, channel, {"units": channel.unit} if channel.unit else {})
            measurement[channel.name] = LinkNode(f"/instrument/{device.name}/{channel.name}")
        children.setdefault("epoch", TimesNode(device, {"units": "s"}))
        instrument[device.name] = GroupNode(children, {"NX_class": "NXcollection"})
    children = {
        "title": ValueNode(description.title),
        "start_time": ValueNode(description.started.isoformat()),
        "entry_identifier": ValueNode(identifier),
        "scan_number": ValueNode(number),
        "instrument": GroupNode(instrument, {"NX_class": "NXinstrument"}),
        "measurement": GroupNode(measurement, {"NX_class": "NXcollection"}),
    }
    if description.user:
        children["user"] = GroupNode({"name": ValueNode(description.user)}, {"NX_class": "NXuser"})
    if description.sample:
        children["sample"] = GroupNode({"name": ValueNode(description.sample)}, {"NX_class": "NXsample"})
    return GroupNode(children, {"NX_class": "NXentry"})
