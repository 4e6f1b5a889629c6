"""The same analysis on the file of a scan: its points go through the same runner, the results into a file beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ronda.framework.analysis.aligning import BATCH_BYTES, LOST, MOST_POINTS
from ronda.framework.analysis.live.options import Options
from ronda.framework.analysis.pipeline import Pipeline, Prepared, events_of
from ronda.framework.analysis.runner import Found, Runner
from ronda.framework.errors import BadValue, NotAllowed
from ronda.framework.nexus.opening import open_scan
from ronda.framework.nexus.plain import read_text
from ronda.framework.stream.blocks import Block
from ronda.framework.stream.description import EACH_POINT, LARGEST_POINT, SUBSCAN, Channel, Description, Device

ENTRY = "analysis"

MISSING = "is missing in the file"
"""Why a point has no results whose inputs the writer never got."""


@dataclass(frozen=True)
class Analysed:
    """What came out.

    Attributes:
        file: with the results.
        points: with a result each.
        problems: sentences about points without.
    """

    file: Path
    points: int
    problems: list[str]


def analyse(pipeline: Pipeline, file: Path, options: Options | None = None, output: Path | None = None) -> Analysed:
    """Let a pipeline take all points of a saved scan.

    Args:
        pipeline: what is computed.
        file: of the scan.
        options: of the pipeline; workers and `latest` count for nothing here.
        output: where the results go; beside the file, with the pipeline's name, if None.

    Raises:
        NotFound, ServiceFailed: there is no such file, or it is no file of a scan.
        NotMeasured: the scan does not measure what the pipeline takes.
        NotAllowed: there is a file of results already.
    """
    target = output or file.with_name(f"{file.stem}_{pipeline.name}{file.suffix}")
    if target.exists():
        raise NotAllowed(f"{target}: is there already; move it away, or name another one with --output")
    entry = open_scan(file)
    with entry.file:
        saved = _Saved(entry)
        prepared = pipeline.prepare(saved.description)
        runner = Runner(prepared, _no_references, every=1 if options is None else options.step)
        part = target.with_name(f"{target.name}.part")
        try:
            with h5py.File(part, "w") as made:
                results = _Results(made, prepared, pipeline, saved)
                for piece in saved.pieces(prepared):
                    took = runner.feed(piece) if isinstance(piece, Block) else runner.skip(*piece, MISSING, LOST)
                    for found in took:
                        results.add(found)
                for found in runner.finish():
                    results.add(found)
            part.rename(target)
        finally:
            part.unlink(missing_ok=True)
    return Analysed(target, results.points, results.problems)


class _Saved:
    """A scan in a file, as the stream would describe it: devices in step are one per entry."""

    def __init__(self, entry: h5py.Group) -> None:
        self._file = entry.file
        self.path = Path(entry.file.filename)
        self.name = entry.name
        self._datasets: dict[str, h5py.Dataset] = {}
        self._times: dict[str, Any] = {}
        self._pulses: dict[str, Any] = {}
        devices = []
        number = int(entry["scan_number"][()])
        for name in sorted(entry.file, key=lambda one: one != entry.name.strip("/")):
            group = entry.file.get(name)
            subscan = name.rpartition(".")[2]
            if not isinstance(group, h5py.Group) or "measurement" not in group or not subscan.isdecimal():
                continue
            if any(child.startswith("process_") for child in group):
                continue  # results of an earlier analysis
            devices += self._devices(group, int(subscan))
        self.description = Description(read_text(entry, "command"), devices, attributes={"number": number})

    def _devices(self, group: h5py.Group, subscan: int) -> list[Device]:
        measured = group["measurement"]
        epoch = np.asarray(measured["epoch"][()]) if "epoch" in measured else np.zeros(0)
        in_step: list[Channel] = []
        by_pulse: dict[str, list[Channel]] = {}
        found: list[Device] = []
        for name, dataset in measured.items():
            if name == "epoch" or not isinstance(dataset, h5py.Dataset) or not dataset.ndim:
                continue
            shape = dataset.shape[1:]
            size = dataset.dtype.itemsize * int(np.prod(shape, dtype=np.int64))
            storage = "reference" if size > LARGEST_POINT or len(shape) > 1 else "inline"
            unit = str(dataset.attrs.get("units", ""))
            told = {"fields": _fields_beside(dataset)} if len(shape) == 1 else {}
            channel = Channel(
                name,
                dataset.dtype.str,
                shape,
                unit,
                "reference" if storage == "reference" else "inline",
                attributes=told,
            )
            self._datasets[name] = dataset
            pulses = _pulses_of(group, name)
            if pulses is not None:
                by_pulse.setdefault(str(pulses.attrs["target"]), []).append(channel)
            elif len(dataset) == len(epoch):
                in_step.append(channel)
            else:
                own = f"{group.name.strip('/')}.{name}".replace("/", "_")
                found.append(Device(_name(own), [channel], {SUBSCAN: subscan}))
                self._times[_name(own)] = np.full(len(dataset), np.nan)
        for target, channels in by_pulse.items():
            own = _name(target.strip("/").replace("/", "_"))
            first = group[f"instrument/{channels[0].name}"]
            self._times[own], self._pulses[own] = first["epoch"][()], first["pulse_id"][()]
            found.append(Device(own, channels, {SUBSCAN: subscan}))
        if in_step:
            self._times[_name(group.name.strip("/"))] = epoch
            found.insert(0, Device(_name(group.name.strip("/")), in_step, {EACH_POINT: True, SUBSCAN: subscan}))
        return found

    def pieces(self, prepared: Prepared) -> Iterator[Block | tuple[str, int]]:
        """All points, device by device in turn, a few at a time; (device, index behind) where some are missing."""
        sizes = {
            device: max(1, min(MOST_POINTS, BATCH_BYTES // max(sum(one.point_bytes for one in channels), 1)))
            for device, channels in prepared.sources.items()
        }
        missing = {device: self._missing(channels) for device, channels in prepared.sources.items()}
        done = dict.fromkeys(sizes, 0)
        while any(done[device] < len(self._times[device]) for device in done):
            for device, channels in prepared.sources.items():
                first, stop = done[device], min(done[device] + sizes[device], len(self._times[device]))
                if stop <= first:
                    continue
                gap = next((one for one in missing[device] if one[1] > first), None)
                if gap is not None and gap[0] <= first:
                    done[device] = min(gap[1], len(self._times[device]))
                    yield device, done[device]
                    continue
                stop = stop if gap is None else min(stop, gap[0])
                data = {one.name: self._datasets[one.name][first:stop] for one in channels}
                times, pulses = self._times[device][first:stop], self._pulses.get(device)
                yield Block(device, first, stop - first, data, times, None if pulses is None else pulses[first:stop])
                done[device] = stop

    def _missing(self, channels: Sequence[Channel]) -> list[tuple[int, int]]:
        """Points that the writer never got of any of some channels: first ≤ index < stop, in order."""
        noted = self._file.get(f"{self.name}/writer/missing")
        if noted is None:
            return []
        columns = [str(one) for one in noted.attrs["channels"]]
        names = {channel.name for channel in channels}
        return sorted(
            (first, stop)
            for column, first, stop in noted[:].tolist()
            if 0 <= column < len(columns) and columns[column] in names
        )


class _Results:
    """The file of results while it is written."""

    def __init__(self, file: h5py.File, prepared: Prepared, pipeline: Pipeline, saved: _Saved) -> None:
        self.points = 0
        self.problems: list[str] = []
        self._name = prepared.name
        file.attrs["NX_class"] = "NXroot"
        file.attrs["default"] = ENTRY
        entry = file.create_group(ENTRY)
        entry.attrs["NX_class"] = "NXentry"
        entry["title"] = f"{pipeline.name} of {saved.description.command}"
        entry["scan"] = h5py.ExternalLink(saved.path.name, saved.name)
        told = pipeline.provenance()
        for place, stage in enumerate(told["stages"], 1):
            process = entry.create_group(f"process_{stage['name']}")
            process.attrs["NX_class"] = "NXprocess"
            process["program"], process["version"] = told["program"], told["version"]
            process["sequence_index"] = place
            process["stage"], process["stage_version"] = stage["stage"], stage["version"]
            process["parameters"] = json.dumps(stage["parameters"])
            process["inputs"] = json.dumps(stage["inputs"])
        self._sets: dict[str, h5py.Dataset] = {}
        self._epochs: dict[str, h5py.Dataset] = {}
        for device in prepared.devices:
            if device.name == events_of(prepared.name):
                continue
            group = entry.create_group(device.name.replace(".", "_"))
            group.attrs["NX_class"] = "NXdata"
            for channel in device.channels:
                made = group.create_dataset(
                    channel.name, (0, *channel.shape), channel.numpy_dtype, maxshape=(None, *channel.shape)
                )
                made.attrs["units"] = channel.unit
                self._sets[channel.name] = made
            self._epochs[device.name] = group.create_dataset("epoch", (0,), "<f8", maxshape=(None,))
            self._epochs[device.name].attrs["units"] = "s"
            group.attrs["signal"] = device.channels[0].name
            entry.attrs.setdefault("default", group.name.rpartition("/")[2])

    def add(self, found: Found) -> None:
        """Write results."""
        self.problems += [
            f"point {one.first}: {f'{one.step}: ' if one.step else ''}{one.sentence}" for one in found.problems
        ]
        if not found.data:
            return
        stop = found.first + len(found.times)
        arrays: Mapping[str, Any] = found.data
        for name, array in arrays.items():
            self._sets[name].resize(stop, axis=0)
            self._sets[name][found.first : stop] = array
        self._epochs[found.device].resize(stop, axis=0)
        self._epochs[found.device][found.first : stop] = found.times
        if found.device == self._name:
            self.points = stop


def _fields_beside(dataset: h5py.Dataset) -> dict[str, dict[str, Any]]:
    """What stands beside the spectra of a detector, one number for each of their channels, such as their energies."""
    group = dataset.file[str(dataset.attrs["target"])].parent if "target" in dataset.attrs else dataset.parent
    if group.attrs.get("NX_class") != "NXdetector":
        return {}
    return {
        name: {"value": each[()], "unit": str(each.attrs.get("units", ""))}
        for name, each in group.items()
        if isinstance(each, h5py.Dataset) and each.shape == dataset.shape[1:] and each.dtype.kind in "fiu"
    }


def _pulses_of(entry: h5py.Group, channel: str) -> h5py.Dataset | None:
    """Pulse id of each entry of a channel; None if it has none."""
    group = entry.get(f"instrument/{channel}")
    found = group.get("pulse_id") if isinstance(group, h5py.Group) and "epoch" in group else None
    return found if isinstance(found, h5py.Dataset) and found.ndim == 1 else None


def _name(text: str) -> str:
    return "".join(each if each.isalnum() or each in "_.-" else "_" for each in text)


def _no_references(channel: Channel, _: Any) -> Any:
    raise BadValue(f"channel {channel.name}: a file holds frames, no references")
