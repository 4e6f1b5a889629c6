"""The structure of a scan's file: its groups, datasets and links, all made before anybody reads it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ronda.framework.nexus import words
from ronda.framework.nexus.chunk_index import FRAME_BYTES, begin_index
from ronda.framework.nexus.late_text import make_draft, make_late_text
from ronda.framework.nexus.layout import LateText
from ronda.framework.nexus.linked import DATASET, linked_file
from ronda.framework.stream.blocks import TIME_TYPE
from ronda.framework.stream.description import Channel, Description
from ronda.framework.stream.fill import fill_value
from ronda.framework.stream.layout import ChannelNode, GridNode, GroupNode, LinkNode, Node, TimesNode

WRITER_GROUP = "writer"
"""The group of the entry in which the writer notes how far it is."""

WRITING, CLOSED = "WRITING", "CLOSED"

CHUNK_BYTES = 1 << 16
LARGE_CHUNK_BYTES = 1 << 18
LONG_SCAN = 1 << 15
"""Size of a chunk of small points, in bytes, and of one in a scan of more points than this."""

DRAFT = "texts"
"""Dataset of the writer's group in which the texts of the end are written before they are shown."""


def build(group: h5py.Group, node: GroupNode, description: Description, path: Path) -> None:
    """Make all that a node of the tree holds.

    Args:
        path: which the file will have.
    """
    for name, value in node.attributes.items():
        group.attrs[name] = np.asarray(value, h5py.string_dtype()) if isinstance(value, list) else value
    for name, child in node.children.items():
        if isinstance(child, GroupNode):
            build(group.create_group(name), child, description, path)
        elif isinstance(child, LinkNode):
            group[name] = h5py.SoftLink(child.path)
        elif isinstance(child, ChannelNode) and is_elsewhere(child):
            group[name] = h5py.ExternalLink(linked_file(path, child.channel).name, f"/{DATASET}")
        else:
            _build_dataset(group, name, child, description)


def _build_dataset(group: h5py.Group, name: str, node: Node, description: Description) -> None:
    if isinstance(node, LateText):
        dataset = make_late_text(group, name, node.value)
    elif isinstance(node, ChannelNode):
        large = node.channel.storage == "reference"
        dataset = _growing(group, name, node.channel.numpy_dtype, node.channel.shape, description, frames=large)
    elif isinstance(node, GridNode):
        dataset = group.create_dataset(name, data=np.full(node.shape, np.nan))  # in its place from now on
    elif isinstance(node, TimesNode):
        dataset = _growing(group, name, TIME_TYPE, (), description)
    else:
        dataset = group.create_dataset(name, data=node.value)  # type: ignore[union-attr]  # the kinds before are ruled out
    for attribute, value in node.attributes.items():  # type: ignore[union-attr]  # as above
        dataset.attrs[attribute] = value


def _growing(
    group: h5py.Group,
    name: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    description: Description,
    *,
    frames: bool = False,
) -> h5py.Dataset:
    point = max(dtype.itemsize * math.prod(shape), 1)
    options: dict[str, Any] = {}
    if frames or point >= FRAME_BYTES:
        import hdf5plugin  # takes 0.1 s and is needed for large points only

        chunk = 1
        options.update(hdf5plugin.Bitshuffle(nelems=0, cname="lz4"))
    else:
        points = description.points or 0
        chunk = max((LARGE_CHUNK_BYTES if points > LONG_SCAN else CHUNK_BYTES) // point, 1)
        chunk = min(chunk, points) if points > 0 else chunk
    dataset = group.create_dataset(
        name,
        (1, *shape),
        dtype,
        maxshape=(None, *shape),
        chunks=(chunk, *(max(n, 1) for n in shape)),
        fillvalue=fill_value(dtype),
        **options,
    )
    begin_index(dataset)
    return dataset


def note_writer(entry: h5py.Group, description: Description) -> None:
    """Make the group in which the writer notes how far it is."""
    group = entry.create_group(WRITER_GROUP)
    group.attrs["NX_class"] = "NXcollection"
    state = group.create_dataset("state", (), h5py.string_dtype("utf-8", 16))
    state[()] = WRITING.encode()
    make_draft(group, DRAFT, 3 * description.subscans + 1)
    devices = [device.name for device in description.devices]
    positions = group.create_dataset("positions", (len(devices),), "<i8")
    positions[...] = np.zeros(len(devices), "<i8")
    positions.attrs["devices"] = np.asarray(devices, h5py.string_dtype())
    positions.attrs["units"] = ""
    missing = group.create_dataset("missing", (1, 3), "<i8", maxshape=(None, 3), chunks=(256, 3), fillvalue=-1)
    begin_index(missing)
    missing.attrs["channels"] = np.asarray(columns_of(description), h5py.string_dtype())
    missing.attrs["columns"] = np.asarray(["channel", "first", "after the last"], h5py.string_dtype())
    missing.attrs["units"] = ""


def is_elsewhere(node: Node) -> bool:
    """Whether it is a channel whose frames stay in the detector's files."""
    return isinstance(node, ChannelNode) and stays_in_files(node.channel)


def stays_in_files(channel: Channel) -> bool:
    """Whether a channel's frames stay in the detector's files."""
    return channel.storage == "reference" and channel.attributes.get(words.STORE) == "file"


def times_of(device: str) -> str:
    """What the times of a device are called among its channels."""
    return f"{device} epoch"


def columns_of(description: Description) -> list[str]:
    """What may be missing: the channels, then the times of each device."""
    channels = [channel.name for device in description.devices for channel in device.channels]
    return channels + [times_of(device.name) for device in description.devices]
