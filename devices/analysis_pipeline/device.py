"""The Tango device of a pipeline of live analysis: what it does, how far behind it is, and its parameters."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import tango

from ronda.devices.analysis_pipeline.describing import Describing
from ronda.devices.analysis_pipeline.parameters import AnalysisPipelineParameters
from ronda.devices.device import RondaDevice, attribute, command
from ronda.devices.driver import Driver
from ronda.devices.link import Link
from ronda.devices.redis_of_server import connect_stream
from ronda.framework.analysis.live.analysis import Analysis, Status
from ronda.framework.analysis.live.options import Options
from ronda.framework.analysis.pipeline import Pipeline
from ronda.framework.errors import BadValue, RondaError
from ronda.framework.stream.description import read_description
from ronda.framework.tango.names import AnalysisAttribute, AnalysisCommand, channel_attribute

LOOK_PERIOD = 0.2
"""Seconds between two looks at what the pipeline does."""

PLAIN: Mapping[Any, type] = {float: float, int: int, bool: bool, str: str}
"""Types of parameters that are Tango's too; others are written and read as JSON."""


class Work(Driver):
    """The pipeline in the place where other devices have their hardware: connected while it runs."""

    parameters: AnalysisPipelineParameters

    def __init__(self, name: str, parameters: AnalysisPipelineParameters, environment: Mapping[str, str]) -> None:
        super().__init__(name, parameters)
        self.pipeline = Pipeline(name, [one.step() for one in parameters.stages])
        self.active = parameters.active
        sessions = parameters.sessions
        folder = Path(environment.get("RONDA_CONFIG_FOLDER", "."))
        dask = parameters.dask_place(folder)
        self.analysis = Analysis(
            lambda: connect_stream(name, environment),
            self.pipeline,
            Options(parameters.mode, parameters.every, parameters.workers, parameters.patience, dask),
            lambda session: self.active and (not sessions or session in sessions),
        )

    def connect(self) -> None:
        """Begin to follow the stream."""
        self.analysis.start()

    def disconnect(self) -> None:
        """Leave the scans; who begins again goes on."""
        self.analysis.close()


class AnalysisPipelineDevice(RondaDevice):
    """Computes results of scans while they run; see docs/reference/analysis.md."""

    # -- life

    def model(self, configuration: Mapping[str, Any]) -> type[AnalysisPipelineParameters]:  # noqa: ARG002 - one kind
        """Its keys."""
        return AnalysisPipelineParameters

    def opened(self) -> None:
        """Begin to follow the stream, once the server is ready.

        Raises:
            ConfigurationError: a stage is not found, or refuses its parameters.
        """
        self._work = Work(self.label, self.settings.values, os.environ)  # type: ignore[union-attr]  # there are settings
        self._describing = Describing()
        self._names = self._parameter_names()
        self._told: Status = self._work.analysis.status()
        self._shown: dict[str, Any] = self._values()
        self._link = Link(self._work, self)
        self.show(tango.DevState.UNKNOWN, f"{self.label}: connecting")
        self.process.open(self._link)

    def initialize_dynamic_attributes(self) -> None:
        """One attribute for each parameter of each stage."""
        if self.is_open:
            for name, (step, key) in self._names.items():
                self.add_attribute(self._parameter_attribute(name, step, key))
                self.set_change_event(name, True, False)
                self.set_archive_event(name, True, True)

    def closing(self) -> None:
        """Leave the scans."""
        self.process.close(self._link)

    # -- what the link asks for

    def connected(self) -> None:
        """The pipeline runs."""

    def poll(self) -> float:
        """Tell what it does."""
        analysis = self._work.analysis
        status = self._told = analysis.status()
        now = self._values()
        for name, value in now.items():
            if self._shown.get(name) != value:
                self.publish(name, value)
        self._shown = now
        if not analysis.connected:
            self.show(tango.DevState.UNKNOWN, f"{self.label}: {status.error or 'connecting to the stream'}")
        elif status.busy:
            latest = status.scans[-1]
            error = "".join(f"; {one}" for one in (latest.error, status.trouble) if one)
            state = tango.DevState.ALARM if error else tango.DevState.RUNNING
            self.show(state, f"{self.label}: scan {latest.scan}, {latest.points} points, {latest.lag} behind{error}")
        elif status.trouble:
            self.show(tango.DevState.ALARM, f"{self.label}: cannot compute: {status.trouble}")
        else:
            error = f"; the last thing that went wrong: {status.error}" if status.error else ""
            what = "waiting for scans" if self._work.active else "takes part in no scan, it is not active"
            self.show(tango.DevState.ON, f"{self.label}: {what}{error}")
        return LOOK_PERIOD

    def lost(self, error: RondaError) -> None:
        """The stream does not answer."""
        self.show(tango.DevState.FAULT, f"{error}; trying again")

    def halt(self) -> None:
        """What is missing is computed when it begins again."""

    def at_rest(self) -> bool:
        """Nothing is to be ended."""
        return True

    # -- attributes

    @attribute(name=AnalysisAttribute.ACTIVE, dtype=bool)
    def active(self) -> bool:
        """Whether it takes part in scans that are opened from now on; until its server starts again."""
        return self._work.active

    @active.setter
    def write_active(self, value: bool) -> None:
        """Let it take part, or not; scans in hand go on."""
        self._work.active = bool(value)
        self.publish(AnalysisAttribute.ACTIVE, self._work.active)

    @attribute(name=AnalysisAttribute.RATE, dtype=float, unit="1/s", format="%.4g")
    def rate(self) -> float:
        """Points for which it has given results in a second of its own time, in the latest scan."""
        return self._told.rate

    @attribute(name=AnalysisAttribute.LAG, dtype=int)
    def lag(self) -> int:
        """Points of the latest scan that are measured and have no results yet."""
        return int(self._values()[AnalysisAttribute.LAG])

    @attribute(name=AnalysisAttribute.POINTS, dtype=int)
    def points(self) -> int:
        """Points of the latest scan that have results."""
        return int(self._values()[AnalysisAttribute.POINTS])

    @attribute(name=AnalysisAttribute.ERRORS, dtype=int)
    def errors(self) -> int:
        """Points of the latest scan for which a stage raised, or that were lost."""
        return int(self._values()[AnalysisAttribute.ERRORS])

    @attribute(name=AnalysisAttribute.LAST_ERROR, dtype=str)
    def last_error(self) -> str:
        """The last thing that went wrong, even if it is over."""
        return str(self._values()[AnalysisAttribute.LAST_ERROR])

    @attribute(name=AnalysisAttribute.PROGRESS, dtype=str, events=False)
    def progress(self) -> str:
        """JSON: what it has done of the latest scans."""
        return json.dumps([asdict(one) for one in self._told.scans])

    @attribute(name=AnalysisAttribute.STAGES, dtype=str, events=False)
    def stages(self) -> str:
        """JSON: its stages with versions and parameters, as they stand in files."""
        return json.dumps(self._work.pipeline.provenance())

    @attribute(name=AnalysisAttribute.RESULTS, dtype=(str,), max_dim_x=1000, events=False)
    def results(self) -> list[str]:
        """Outputs with one number for each point, of the scan for which the stages were made ready last."""
        return self._work.analysis.results

    # -- commands

    @command(
        AnalysisCommand.DESCRIBE_RESULTS,
        dtype_in=str,
        dtype_out=str,
        doc_in="JSON: heading, devices and consumers of the scan's description",
    )
    def describe_results(self, text: str) -> str:
        """What it adds to a scan that is being opened, as JSON: {"devices": […]}; the stages are made ready for it.

        {"not_yet": "why"} if that takes longer: ask the same again.
        """
        try:
            told = json.loads(text)
            description = read_description(told["heading"], told["devices"], told["consumers"])
        except (ValueError, TypeError, KeyError) as error:
            raise BadValue(f"{self.label}: {AnalysisCommand.DESCRIBE_RESULTS} takes the JSON of a scan") from error
        devices = self.wait(lambda: self._describing.ask(text, lambda: self._work.analysis.describe(description)))
        if devices is None:
            return json.dumps({"not_yet": f"{self.label} makes its stages ready"})
        whose = {"tango": self.get_name()}
        return json.dumps(
            {"devices": [replace(one, attributes={**one.attributes, **whose}).plain() for one in devices]}
        )

    # -- tools

    def _values(self) -> dict[str, Any]:
        """What the attributes show now."""
        latest = self._told.scans[-1] if self._told.scans else None
        return {
            AnalysisAttribute.RATE: self._told.rate,
            AnalysisAttribute.LAG: latest.lag if latest else 0,
            AnalysisAttribute.POINTS: latest.points if latest else 0,
            AnalysisAttribute.ERRORS: latest.errors if latest else 0,
            # Tango's strings are Latin-1
            AnalysisAttribute.LAST_ERROR: self._told.error.encode("latin-1", "replace").decode("latin-1"),
        }

    def _parameter_names(self) -> dict[str, tuple[str, str]]:
        """Tango attributes of parameters: `Threshold`, or `MomentsThreshold` where several stages have one."""
        pipeline = self._work.pipeline
        all_keys = [(step, key) for step in pipeline.parameters for key in pipeline.model(step).model_fields]
        taken = {str(name) for name in AnalysisAttribute}
        found: dict[str, tuple[str, str]] = {}
        for step, key in all_keys:
            short = channel_attribute(key)
            alone = sum(other == key for _, other in all_keys) == 1 and short not in taken
            found[short if alone else channel_attribute(f"{step}_{key}")] = (step, key)
        return found

    def _parameter_attribute(self, name: str, step: str, key: str) -> Any:
        field = self._work.pipeline.model(step).model_fields[key]
        kind = PLAIN.get(field.annotation)
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}

        def value(device: AnalysisPipelineDevice, _: Any) -> Any:
            return device._shown_parameter(step, key, kind)

        unit = str(extra.get("unit", ""))
        made = attribute(fget=value, name=name, dtype=kind or str, unit=unit, doc=field.description or "")
        if not extra.get("live"):
            return made

        def write(device: AnalysisPipelineDevice, attr: Any) -> None:
            device._change_parameter(name, step, key, attr.get_write_value(), kind)

        return made.setter(write)

    def _shown_parameter(self, step: str, key: str, kind: type | None) -> Any:
        parameters = self._work.pipeline.parameters[step]
        return getattr(parameters, key) if kind else json.dumps(parameters.model_dump(mode="json")[key])

    def _change_parameter(self, name: str, step: str, key: str, wanted: Any, kind: type | None) -> None:
        try:
            value = wanted if kind else json.loads(wanted)
        except ValueError as error:
            raise BadValue(f"{self.label}: {name} takes JSON, not {wanted!r}") from error
        self.wait(lambda: self._work.analysis.change(step, {key: value}))
        self.publish(name, self._shown_parameter(step, key, kind))
