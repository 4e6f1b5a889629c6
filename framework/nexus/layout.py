"""The tree of a scan's NeXus file, made from its description; the running scan shows the same tree."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ronda.framework.errors import BadValue
from ronda.framework.nexus import words
from ronda.framework.nexus.definitions.fitting import fit, join, require_units
from ronda.framework.stream.catalogue import Record
from ronda.framework.stream.description import DERIVED, STATUS_ROLE, Channel, Description, Device
from ronda.framework.stream.layout import ChannelNode, GridNode, GroupNode, LinkNode, Node, TimesNode, ValueNode

PROGRAM = "ronda"

PLOT_GROUP = "plotselect"

SCATTER_GROUP = "scatter"
"""The NXdata of the points of a mesh as they were measured, one after the other; the plot shows them as an image."""

PLOT_OF_DEFINITION = "data"
"""The NXdata of an application definition; it takes the place of the other, which validators would measure by it."""

RESERVED = frozenset({"name", "positioners", words.POSITIONERS, "positioners_start", "baseline_start", *words.AT_END})
"""Names in `instrument` that no channel or device may take; theirs get a `_` behind."""


@dataclass(frozen=True)
class LateText(ValueNode):
    """A text that is known when the scan has ended."""


def entry_name(number: int, subscan: int = 1) -> str:
    """Name of the entry of a scan, `7.1`, or of one of its sub-scans, `7.2`."""
    return f"{number}.{subscan}"


def entry_names(number: int, description: Description) -> list[str]:
    """Names of the entries of a scan and of its sub-scans, in order."""
    return [entry_name(number, subscan) for subscan in range(1, description.subscans + 1)]


def nexus_layout(identifier: str, number: int, description: Description, record: Record | None = None) -> GroupNode:
    """The root of the file.

    Args:
        record: the scan's line in the catalogue as it is now; None before its end.
    """
    name, *others = entry_names(number, description)
    entries = {name: _entry(f"/{name}", identifier, number, description, record)}
    entries |= {other: _subscan_entry(f"/{other}", entries[name], description) for other in others}
    attributes = {"NX_class": "NXroot", "default": name, "creator": PROGRAM}
    return GroupNode(entries, attributes)


def instrument_name(name: str) -> str:
    """Name of the group in `instrument` of a channel or device."""
    return f"{name}_" if name in RESERVED else name


def channel_path(entry: str, device: Device, channel: Channel) -> str:
    """Absolute path of a channel's dataset.

    Args:
        entry: absolute path of the scan's entry; that of a sub-scan stands beside.
    """
    entry = _beside(entry, device.subscan)
    if device.name in words.AT_END:
        return f"{entry}/instrument/{device.name}/{_positioner(channel)}"
    leaf = "value" if _moved(channel) else "data"
    return f"{entry}/instrument/{instrument_name(channel.name)}/{leaf}"


def times_path(entry: str, device: Device) -> str:
    """Absolute path of the dataset of a device's times; entry as in `channel_path`."""
    entry = _beside(entry, device.subscan)
    if device.name in words.AT_END:
        return f"{entry}/instrument/{device.name}/epoch"
    return f"{entry}/instrument/{instrument_name(device.name)}/epoch"


def _beside(entry: str, subscan: int) -> str:
    """Absolute path of the entry of a sub-scan, from that of the scan or of another one of its sub-scans."""
    return f"{entry.rpartition('.')[0]}.{subscan}"


SHARED = ("start_time", "end_time", "end_reason", "end_message", "entry_identifier", "scan_number", "program_name")
"""What the entry of a sub-scan says again."""

LINKED = ("sample", "user", "scan_meta")
"""What it has of that of the scan, by links."""


def _subscan_entry(path: str, of_scan: GroupNode, description: Description) -> GroupNode:
    """What devices measured by a timer of their own beside a scan."""
    subscan, main = int(path.rpartition(".")[2]), _beside(path, 1)
    own = [device for device in description.devices if device.subscan == subscan]
    signals = [c.name for device in own for c in device.channels if not _moved(c) and c.shape == () and _measured(c)]
    axes = [c.name for device in own for c in device.channels if _moved(c)]
    alone = replace(description, devices=own, attributes={words.PLOT: {"signals": signals, "axes": axes}})
    children: dict[str, Node] = {
        "title": ValueNode(f"{description.title}, sub-scan {subscan}"),
        "command": ValueNode(description.command),
        **{name: of_scan.children[name] for name in SHARED},
        "instrument": _instrument(path, alone),
        "measurement": _measurement(path, alone),
        **{name: LinkNode(f"{main}/{name}") for name in LINKED if name in of_scan.children},
        **{name: ValueNode(text) for name, text in _belonging(description).items() if text},
    }
    children |= _processes(own)
    attributes: dict[str, Any] = {"NX_class": "NXentry"}
    if (plot := _plot(path, alone)) is not None:
        children[PLOT_GROUP] = plot
        attributes["default"] = PLOT_GROUP
    return GroupNode(children, attributes)


def _processes(devices: Sequence[Device]) -> dict[str, Node]:
    """How results were computed from what was measured: an NXprocess for each stage of a pipeline, in order."""
    found: dict[str, Node] = {}
    for device in devices:
        told = device.attributes.get(DERIVED)
        told = told if isinstance(told, Mapping) else {}
        for place, stage in enumerate(told.get("stages", ()), 1):
            name = f"process_{stage['name']}"
            if name in found:
                continue
            inputs = stage.get("inputs") or {}
            found[name] = GroupNode(
                {
                    "program": ValueNode(str(told.get("program", ""))),
                    "version": ValueNode(str(told.get("version", ""))),
                    "sequence_index": ValueNode(place),
                    "stage": ValueNode(str(stage["stage"])),
                    "stage_version": ValueNode(str(stage.get("version", ""))),
                    "inputs": ValueNode([f"{key} = {value}" for key, value in inputs.items()] or [""]),
                    "channels": ValueNode([str(one) for one in told.get("channels", ())] or [""]),
                    "parameters": ValueNode(json.dumps(stage.get("parameters", {}))),
                },
                {"NX_class": "NXprocess"},
            )
    return found


def _entry(path: str, identifier: str, number: int, description: Description, record: Record | None) -> GroupNode:
    description = replace(description, devices=[device for device in description.devices if device.subscan == 1])
    ended = record is not None and record.ended is not None
    end_time = record.ended.isoformat() if record is not None and record.ended is not None else ""
    children: dict[str, Node] = {
        "title": ValueNode(description.title),
        "command": ValueNode(description.command),
        "start_time": ValueNode(description.started.isoformat()),
        "end_time": LateText(end_time),
        "end_reason": LateText(record.state if ended and record is not None else ""),
        "end_message": LateText(record.sentence if ended and record is not None else ""),
        words.MARKS: LateText(""),
        "entry_identifier": ValueNode(identifier),
        "scan_number": ValueNode(number),
        "program_name": ValueNode(PROGRAM),
        "instrument": _instrument(path, description),
        "measurement": _measurement(path, description),
    }
    if description.user:
        children["user"] = GroupNode({"name": ValueNode(description.user)}, {"NX_class": "NXuser"})
    if description.sample:
        sample: dict[str, Node] = {"name": ValueNode(description.sample)}
        if words_about := str(description.attributes.get(words.SAMPLE_DESCRIPTION) or ""):
            sample["description"] = ValueNode(words_about)
        children["sample"] = GroupNode(sample, {"NX_class": "NXsample"})
    if added := _metadata(description.attributes.get(words.METADATA)):
        children["scan_meta"] = GroupNode(added, {"NX_class": "NXcollection"})
    if remarks := description.attributes.get(words.REMARKS):
        children[words.REMARKS] = ValueNode("\n".join(map(str, remarks)))
    if bounded := description.attributes.get(words.TRIGGERS):
        children[words.TRIGGERS] = ValueNode(str(bounded))
    for name, text in _belonging(description).items():
        if text:
            children[name] = ValueNode(text)
    attributes: dict[str, Any] = {"NX_class": "NXentry"}
    try:
        children = {**children, **_defined(path, children, description)}
    except BadValue as error:  # its program did not ask `require_definition`; the data are saved all the same
        children["definition_refused"] = ValueNode(str(error))
    if PLOT_OF_DEFINITION in children:
        attributes["default"] = PLOT_OF_DEFINITION
    elif (plot := _plot(path, description)) is not None:
        children[PLOT_GROUP] = plot
        attributes["default"] = PLOT_GROUP
        if (image := _image(description)) is not None:
            children[PLOT_GROUP], children[SCATTER_GROUP] = image, plot
            children["scan_shape"] = ValueNode(image.attributes["scan_shape"], {"units": ""})
    return GroupNode(children, attributes)


def _belonging(description: Description) -> dict[str, str]:
    """Where the scan belongs: the words of NXentry, and the names that ESRF's tools look for."""
    return {
        "experiment_identifier": description.proposal or description.session,
        "proposal_id": description.proposal,
        "proposal_session": description.proposal_session,
        "collection_identifier": description.collection,
        "dataset_name": description.dataset,
        "technique": str(description.attributes.get(words.TECHNIQUE) or ""),
    }


def _metadata(told: Any) -> dict[str, Node]:
    """Datasets of what the user adds."""
    nodes: dict[str, Node] = {}
    for name, given in told.items() if isinstance(told, Mapping) else ():
        value = given.get("value") if isinstance(given, Mapping) else given
        unit = str(given.get("unit", "")) if isinstance(given, Mapping) else ""
        first = value[0] if isinstance(value, list) and value else value
        if not isinstance(first, str | bool | int | float) or "/" in name or name in ("", ".", ".."):
            continue  # written by a program that does not check
        if isinstance(value, list):
            value = [str(one) for one in value] if isinstance(first, str) else np.asarray(value)
        is_number = not isinstance(first, str | bool)
        nodes[name] = ValueNode(value, {"units": unit} if is_number else {})
    return nodes


def require_definition(description: Description) -> None:
    """See that a scan has all that the application definition needs that it declares, before it starts.

    Raises:
        BadValue: it lacks something.
    """
    path = f"/{entry_name(1)}"
    bare = replace(description, attributes={**description.attributes, words.DEFINITION: None})
    _defined(path, _entry(path, "", 1, bare, None).children, description)
    require_units(description)


def _defined(path: str, children: Mapping[str, Node], description: Description) -> dict[str, Node]:
    """What the application definition that a scan declares adds to its entry, or changes."""

    def place(name: str) -> str:
        return channel_path(path, *description.channel(name))

    fitted = fit(description, place)
    if fitted is None:
        return {}
    definition = fitted.definition
    return join(children, {"definition": definition.field(), **definition.tree(fitted)}, path)


def _instrument(entry: str, description: Description) -> GroupNode:
    groups: dict[str, tuple[dict[str, Node], dict[str, Any]]] = {}

    def group(name: str, nexus_class: str) -> dict[str, Node]:
        children, attributes = groups.setdefault(name, ({}, {"NX_class": nexus_class}))
        if attributes["NX_class"] == "NXcollection":  # a device of the same name may have come first
            attributes["NX_class"] = nexus_class
        return children

    moved: dict[str, Node] = {}
    for device in description.devices:
        at_end = device.name in words.AT_END
        for channel in device.channels:
            path = channel_path(entry, device, channel)
            *_, name, leaf = path.split("/")
            nexus_class = "NXcollection" if at_end else "NXpositioner" if _moved(channel) else "NXdetector"
            into = group(name, nexus_class)
            into[leaf] = ChannelNode(device, channel, channel_attributes(path, channel))
            for field, node in _fields(entry, description, channel).items():
                into.setdefault(field, node)
            if _moved(channel):
                moved[channel.name] = LinkNode(path)
        times = times_path(entry, device)
        *_, name, leaf = times.split("/")
        group(name, "NXcollection")[leaf] = TimesNode(
            device, {"units": "s", "target": times, "long_name": "seconds since 1970-01-01 UTC"}
        )
    for device in description.devices:
        if settings := _metadata(device.attributes.get(words.SETTINGS)):
            there = group(instrument_name(device.name), "NXcollection")
            there.update({name: node for name, node in settings.items() if name not in there})
    children: dict[str, Node] = {name: GroupNode(nodes, attributes) for name, (nodes, attributes) in groups.items()}
    if baseline := _metadata(description.attributes.get(words.BASELINE)):
        children["baseline_start"] = GroupNode(baseline, {"NX_class": "NXcollection"})
    start = _positions(description.attributes.get(words.POSITIONERS))
    if start or moved:
        children["positioners_start"] = GroupNode(start, {"NX_class": "NXcollection"})
        children["positioners"] = GroupNode({**start, **moved}, {"NX_class": "NXcollection"})
    return GroupNode(children, {"NX_class": "NXinstrument"})


def _fields(entry: str, description: Description, channel: Channel) -> dict[str, Node]:
    """What its device told about a channel: values, axes that a polynomial gives, and other channels of the scan.

    Each is a mapping with `value`, or `polynomial` (coefficients, lowest power first) and `length`, or `channel`, or
    `times` for those of its device; and `unit`.
    """
    told = channel.attributes.get(words.FIELDS)
    found: dict[str, Node] = {}
    for name, field in told.items() if isinstance(told, Mapping) else ():
        attributes = {"units": str(field["unit"])} if "unit" in field else {}
        if "channel" in field:
            with contextlib.suppress(BadValue):  # it is not measured in this scan
                found[name] = LinkNode(channel_path(entry, *description.channel(str(field["channel"]))))
        elif "times" in field:
            found[name] = LinkNode(times_path(entry, description.channel(channel.name)[0]))
        elif "polynomial" in field:
            places = np.arange(int(field["length"]), dtype="<f8")
            found[name] = ValueNode(np.polynomial.polynomial.polyval(places, field["polynomial"]), attributes)
        else:
            found[name] = ValueNode(field["value"], attributes)
    return found


def _measurement(entry: str, description: Description) -> GroupNode:
    links: dict[str, Node] = {}
    for device in _measuring(description):
        for channel in device.channels:
            links[channel.name] = LinkNode(channel_path(entry, device, channel))
    for device in _measuring(description)[:1]:
        links.setdefault("epoch", LinkNode(times_path(entry, device)))
    return GroupNode(links, {"NX_class": "NXcollection"})


def _plot(entry: str, description: Description) -> GroupNode | None:
    """The default plot; None if there is nothing to plot."""
    channels = {channel.name: (device, channel) for device in _measuring(description) for channel in device.channels}
    wished: Any = description.attributes.get(words.PLOT)
    wished = wished if isinstance(wished, Mapping) else {}
    signals = [name for name in wished.get("signals", []) if name in channels]
    axes = [name for name in wished.get("axes", []) if name in channels]
    if not signals:
        detectors = [name for name, (_, channel) in channels.items() if not _moved(channel)]
        single = [name for name in detectors if channels[name][1].shape == ()]
        signals = (single or detectors)[:1]
    if not axes and "axes" not in wished:
        axes = [name for name, (_, channel) in channels.items() if _moved(channel)][:1]
    if not signals:
        return None
    # those of another shape do not go into the same plot
    signals = [name for name in signals if channels[name][1].shape == channels[signals[0]][1].shape]
    children: dict[str, Node] = {name: LinkNode(channel_path(entry, *channels[name])) for name in [*signals, *axes]}
    attributes: dict[str, Any] = {"NX_class": "NXdata", "signal": signals[0]}
    point = channels[signals[0]][1].shape
    if len(signals) > 1:
        attributes["auxiliary_signals"] = signals[1:]
    if axes:
        attributes["axes"] = [*axes, *["."] * len(point)]
    if (lattice := _lattice(description)) is not None:
        attributes["scan_shape"] = lattice[1]
    if len(point) == 2:
        attributes["interpretation"] = "image"
    elif len(point) == 1:
        attributes["interpretation"] = "spectrum"
    children["title"] = ValueNode(description.title)
    return GroupNode(children, attributes)


def _lattice(description: Description) -> tuple[Mapping[str, Any], tuple[int, int]] | None:
    """What the description says of the lattice of a mesh, and its shape, slow axis first; None for other scans."""
    grid: Any = description.attributes.get(words.GRID)
    positions = grid.get("positions") if isinstance(grid, Mapping) else None
    if not isinstance(positions, list) or len(positions) != 2 or not all(positions):
        return None
    return grid, (len(positions[0]), len(positions[1]))


def _image(description: Description) -> GroupNode | None:
    """The points of a mesh where they lie; None for other scans."""
    lattice = _lattice(description)
    if lattice is None:
        return None
    grid, shape = lattice
    back = bool(grid.get("backnforth"))
    channels = {channel.name: (device, channel) for device in _measuring(description) for channel in device.channels}
    children: dict[str, Node] = {}
    for name, positions in zip(grid["axes"], grid["positions"], strict=True):
        unit = channels[name][1].unit if name in channels else ""
        children[name] = ValueNode([float(position) for position in positions], {"units": unit})
    signals = [
        name
        for name, (device, channel) in channels.items()
        if not _moved(channel)
        and channel.shape == ()
        and channel.numpy_dtype.kind in "iuf"
        and name not in (*children, words.PLANNED, words.VALID)
    ]
    wished = description.attributes.get(words.PLOT)
    first = [name for name in wished.get("signals", []) if name in signals] if isinstance(wished, Mapping) else []
    signals = first or signals
    if not signals:
        return None
    planned = None
    if words.PLANNED in channels and words.VALID in channels:
        planned = (*channels[words.PLANNED], channels[words.VALID][1])
    for name in signals:
        device, channel = channels[name]
        attached = {"units": channel.unit, "interpretation": "image"}
        children[name] = GridNode(device, channel, shape, back, planned, attached)
    attributes: dict[str, Any] = {
        "NX_class": "NXdata",
        "signal": signals[0],
        "axes": list(grid["axes"]),
        "scan_shape": shape,
    }
    if len(signals) > 1:
        attributes["auxiliary_signals"] = signals[1:]
    children["title"] = ValueNode(description.title)
    return GroupNode(children, attributes)


def _measuring(description: Description) -> list[Device]:
    return [device for device in description.devices if device.name not in words.AT_END]


def _moved(channel: Channel) -> bool:
    return channel.attributes.get(words.ROLE) == "positioner"


def _measured(channel: Channel) -> bool:
    return channel.attributes.get(words.ROLE) != STATUS_ROLE


def _positioner(channel: Channel) -> str:
    name = str(channel.attributes.get(words.POSITIONER, channel.name)).replace("/", "_")
    return f"{name}_" if name in ("epoch", ".", "..", "") else name


def channel_attributes(path: str, channel: Channel) -> dict[str, Any]:
    """The attributes of a channel's dataset.

    Args:
        path: absolute path of the dataset.
    """
    attributes: dict[str, Any] = {"units": channel.unit, "target": path}
    for name in ("long_name", "description"):
        text = channel.attributes.get(name)
        if isinstance(text, str) and text:
            attributes[name] = text
    return attributes


def _positions(told: Any) -> dict[str, Node]:
    """Datasets of the positions that the description tells, those without a number left out."""
    nodes: dict[str, Node] = {}
    for name, position in told.items() if isinstance(told, Mapping) else ():
        value = position.get("value") if isinstance(position, Mapping) else position
        unit = position.get("unit", "") if isinstance(position, Mapping) else ""
        if isinstance(value, int | float) and "/" not in name and name not in ("", ".", ".."):
            nodes[name] = ValueNode(float(value), {"units": str(unit)})
    return nodes
