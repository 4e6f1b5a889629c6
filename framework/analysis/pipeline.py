"""A pipeline: stages one after the other, and what they become for a scan with certain channels."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ronda.framework.analysis.finding import find_stage, stage_file
from ronda.framework.analysis.stage import Input, Output, Setting, Stage, require_inputs
from ronda.framework.errors import BadValue, ConfigurationError
from ronda.framework.stream.description import (
    DERIVED,
    EACH_POINT,
    IN_STEP_WITH,
    STATUS_ROLE,
    Channel,
    Description,
    Device,
)

STATUS = "status"
"""Output that each source of results has: one of the numbers below."""

EVENT_BYTES = 240
"""Bytes of the sentence of an event at most."""

Line = tuple[str, str]
"""Whose indices points have: `("step", sub-scan)` of devices in step, `("device", name)`, or `("stage", name)`."""


def own_version() -> str:
    """Of this package; empty if it is not installed."""
    try:
        return version("ronda")
    except PackageNotFoundError:
        return ""


class NotMeasured(BadValue):
    """A scan does not measure what a pipeline takes."""


@dataclass(frozen=True)
class Step:
    """One stage of a pipeline, as YAML has it.

    Attributes:
        stage: short name, or `package.module:NAME`.
        name: for people, unique in the pipeline; the last part of `stage` if empty.
        inputs: by the name of an input of the stage, the channel of the scan or output of an earlier stage, or a
            pattern with `*` for several.
        parameters: of the stage; others have their defaults.
        prefix: begins the names of its outputs, for a stage that is there twice.
    """

    stage: str
    name: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""

    @property
    def label(self) -> str:
        """Its name."""
        return self.name or self.stage.replace(":", ".").rpartition(".")[2]


class Placed:
    """A stage in its place.

    Attributes:
        step: as YAML has it.
        stage: the object.
        line: whose indices its points have.
        taken: by input, the names under which its arrays are found: of channels, or of outputs.
        outputs: what it gives, with their names in the pipeline.
        gives: the line of its results.
    """

    def __init__(self, step: Step, stage: Stage) -> None:
        self.step = step
        self.stage = stage
        self.line: Line = ("", "")
        self.taken: dict[str, list[str]] = {}
        self.outputs: list[Output] = []
        self.gives: Line = ("", "")

    def takes(self, name: str) -> Input | None:
        """Its declaration of an input."""
        return next((each for each in self.stage.inputs if each.name == name), None)


@dataclass(frozen=True)
class Prepared:
    """A pipeline that is ready for a scan.

    Attributes:
        name: of the pipeline.
        placed: its stages.
        sources: by device of the scan, the channels to be read.
        main: the line of points with one result each; None if there is none.
        together: the devices of that line.
        devices: what the stream must know of the results; their sub-scan is to be set.
    """

    name: str
    placed: Sequence[Placed]
    sources: Mapping[str, Sequence[Channel]]
    main: Line | None
    together: Sequence[str]
    devices: Sequence[Device]

    def device_of(self, line: Line) -> str:
        """Name of the source of the results that have the indices of a line."""
        return f"{self.name}.{line[1]}" if line[0] == "stage" else self.name

    def outputs_of(self, line: Line) -> list[Output]:
        """What is published with the indices of a line."""
        return [one for each in self.placed if each.gives == line for one in each.outputs if not one.internal]

    def channel_name(self, line: Line, output: str) -> str:
        """Name of the channel of an output."""
        return f"{self.device_of(line)}_{output}".replace(".", "_") if output == STATUS else f"{self.name}_{output}"


class Pipeline:
    """Stages in order.

    Attributes:
        name: begins the names of the channels.
        steps: as YAML has them.
        folder: where stages given as `FILE.py:NAME` are, if it was said.
        files: by name, the text of stages `FILE.py:NAME` as they were when it was made.
        parameters: by the name of a step, its checked parameters as they are now.

    Raises:
        ConfigurationError: a stage is not found, or its parameters are refused.
    """

    def __init__(self, name: str, steps: Sequence[Step], folder: Path | None = None) -> None:
        """Find the stages.

        Args:
            name: of the pipeline.
            steps: its stages.
            folder: where stages given as `FILE.py:NAME` are; see `find_stage`.
        """
        self.name = name
        self.steps = list(steps)
        self.folder = folder
        if not steps:
            raise ConfigurationError(f"{name}: a pipeline needs at least one stage")
        self.files: dict[str, str] = {}
        for step in steps:
            beside = stage_file(step.stage, folder)
            if beside is not None and beside[1].is_file():  # else it is told below
                self.files[beside[0]] = beside[1].read_text()
        self._found = {step.label: find_stage(step.stage, folder) for step in steps}
        if len(self._found) != len(steps):
            raise ConfigurationError(f"{name}: two stages have the same name; give one of them another with name:")
        self.parameters: dict[str, Any] = {step.label: self.checked(step.label, step.parameters) for step in steps}

    @property
    def digest(self) -> str:
        """Of its stages as YAML has them, of files that they are in, and of the version of this package.

        The same for those who would compute the same.
        """
        told = json.dumps([[asdict(step) for step in self.steps], self.files, own_version()], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    def model(self, step: str) -> Any:
        """The model of the parameters of a step."""
        return self._found[step].parameters_model

    def checked(self, step: str, given: Mapping[str, Any]) -> Any:
        """Parameters of a step as its model has them.

        Raises:
            ConfigurationError: they are refused.
        """
        try:
            return self.model(step).model_validate(dict(given))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ConfigurationError(f"{self.name}: {step}: {where}: {first['msg']}, not {first['input']!r}") from error

    def prepare(self, scan: Description) -> Prepared:
        """Make new stages ready for a scan, before its first point.

        Raises:
            NotMeasured: the scan does not measure what it takes.
            BadValue: its channels do not fit.
            anything: what a stage raises.
        """
        placing = _Placing(self.name, scan)
        for step in self.steps:
            placing.place(step, self._found[step.label](self.parameters[step.label]))
        return placing.done(self.provenance())

    def provenance(self) -> dict[str, Any]:
        """What the file says of how results were made, as JSON."""
        return {
            "program": "ronda",
            "version": own_version(),
            "stages": [
                {
                    "name": step.label,
                    "stage": step.stage,
                    "version": self._found[step.label].version,
                    "inputs": dict(step.inputs),
                    "parameters": self.parameters[step.label].model_dump(mode="json"),
                }
                for step in self.steps
            ],
        }


class _Placing:
    """Finds for each stage, in order, where its inputs come from."""

    def __init__(self, name: str, scan: Description) -> None:
        self._name = name
        self._scan = scan
        self._placed: list[Placed] = []
        self._made: dict[str, tuple[Line, Channel]] = {}
        self._sources: dict[str, list[Channel]] = {}
        self._main: Line | None = None
        self._together: list[str] = []

    def place(self, step: Step, stage: Stage) -> None:
        placed = Placed(step, stage)
        who = f"{self._name}: {step.label}"
        given: dict[str, Channel | Sequence[Channel]] = {}
        lines: dict[Line, str] = {}
        devices: dict[str, str] = {}
        for each in stage.inputs:
            wanted = step.inputs.get(each.name, each.name)
            found = self._find(wanted, many=each.many)
            if not found:
                if each.optional:
                    continue
                raise NotMeasured(
                    f"{who}: {each.name} is to be {wanted}, which neither the scan measures nor an earlier stage "
                    f"gives; there are {', '.join(self._known())}"
                )
            placed.taken[each.name] = [channel.name for _, _, channel in found]
            given[each.name] = [channel for _, _, channel in found] if each.many else found[0][2]
            for line, device, channel in found:
                lines[line] = channel.name
                devices[channel.name if each.many else each.name] = device or self._name
        for unknown in step.inputs.keys() - {each.name for each in stage.inputs}:
            names = ", ".join(each.name for each in stage.inputs)
            raise BadValue(f"{who}: has no input {unknown}; it takes {names}")
        require_inputs(who, stage, given)
        self._choose_line(who, placed, lines)
        inputs: dict[str, Channel] = {}
        for name, channels in given.items():
            inputs |= {name: channels} if isinstance(channels, Channel) else {one.name: one for one in channels}
        outputs = list(stage.prepare(Setting(inputs, self._scan, devices, placed.taken)))
        if not outputs:
            raise BadValue(f"{who}: gives nothing; a stage has at least one output")
        placed.outputs = [replace(one, name=f"{step.prefix}{one.name}") for one in outputs]
        for output in placed.outputs:
            if output.name in self._made or output.name == STATUS:
                raise BadValue(f"{who}: gives {output.name}, as an earlier stage does; give it another prefix:")
            self._made[output.name] = (placed.gives, output.channel())
        self._placed.append(placed)

    def done(self, provenance: Mapping[str, Any]) -> Prepared:
        prepared = Prepared(self._name, self._placed, self._sources, self._main, self._together, ())
        lines = dict.fromkeys(each.gives for each in self._placed)
        devices = []
        role = {"role": STATUS_ROLE}
        for line in lines:
            outputs = prepared.outputs_of(line)
            if not outputs:
                continue
            channels = [one.channel(prepared.channel_name(line, one.name)) for one in outputs]
            attributes: dict[str, Any] = {DERIVED: {**provenance, "channels": self._taken()}}
            if line[0] != "stage":
                channels.append(Channel(prepared.channel_name(line, STATUS), "|u1", attributes=role))
                attributes[EACH_POINT] = True
            if line[0] == "step":
                attributes[IN_STEP_WITH] = int(line[1])
            devices.append(Device(prepared.device_of(line), channels, attributes))
        if not devices:
            raise BadValue(f"{self._name}: publishes nothing, all outputs of its stages are internal")
        told = [
            Channel(f"{self._name}_event_point", "<i8", attributes=role),
            Channel(f"{self._name}_event", f"|S{EVENT_BYTES}", attributes=role),
        ]
        devices.append(Device(events_of(self._name), told, {DERIVED: {}}))
        return replace(prepared, devices=devices)

    def _taken(self) -> list[str]:
        return [channel.name for channels in self._sources.values() for channel in channels]

    def _known(self) -> list[str]:
        return [*self._made, *(channel.name for device in self._scan.devices for channel in device.channels)]

    def _find(self, wanted: str, *, many: bool) -> list[tuple[Line, str, Channel]]:
        """Channels that a name or pattern stands for: outputs of earlier stages, else those of the scan."""
        made = [name for name in self._made if fnmatch.fnmatchcase(name, wanted)]
        if made:
            return [(self._made[name][0], "", self._made[name][1]) for name in (made if many else made[:1])]
        found: list[tuple[Line, str, Channel]] = []
        for device in self._scan.devices:
            for channel in device.channels:
                if fnmatch.fnmatchcase(channel.name, wanted) and (many or not found):
                    found.append((self._line_of(device), device.name, channel))
        for _, name, channel in found:
            kept = self._sources.setdefault(name, [])
            if channel not in kept:
                kept.append(channel)
        return found

    def _line_of(self, device: Device) -> Line:
        return line_of(self._scan, device)

    def _choose_line(self, who: str, placed: Placed, lines: Mapping[Line, str]) -> None:
        stage = placed.stage
        own: Line = ("stage", placed.step.label)
        if not stage.together:
            if stage.each_point or any(line[0] == "stage" for line in lines):
                raise BadValue(
                    f"{who}: takes the inputs of each device as they come (together = False), so it must take them "
                    "from the scan, and give results at indices of its own (each_point = False)"
                )
            placed.line, placed.gives = ("apart", placed.step.label), own
            return
        if len(lines) != 1:
            told = ", ".join(lines.values())
            raise BadValue(f"{who}: {told} are not measured in step; let a stage join them first")
        placed.line = next(iter(lines))
        placed.gives = placed.line if stage.each_point else own
        if placed.line[0] == "stage":
            return
        if self._main not in (None, placed.line):
            raise BadValue(f"{who}: takes points that are not in step with those of earlier stages; join them first")
        self._main = placed.line
        for names in placed.taken.values():
            for name in names:
                if name not in self._made:
                    device = self._scan.channel(name)[0].name
                    self._together += [] if device in self._together else [device]


def events_of(pipeline: str) -> str:
    """Name of the source of what happened while results were made: parameters that changed, stages that raised."""
    return f"{pipeline}.events"


def line_of(scan: Description, device: Device) -> Line:
    """Whose indices the points of a device have."""
    if IN_STEP_WITH in device.attributes:
        return ("step", str(device.attributes[IN_STEP_WITH]))
    return ("step", str(device.subscan)) if device.name in scan.in_step(device.name) else ("device", device.name)
