"""Pipelines of live analysis as objects: their results, by which scans can decide, and their parameters."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tango

from ronda.framework.clients.counter import Counter
from ronda.framework.clients.device import Device
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import NotReady
from ronda.framework.tango.names import AnalysisAttribute, channel_attribute

if TYPE_CHECKING:
    from ronda.framework.clients.beamline import Beamline

PIPELINE_CLASS = "AnalysisPipeline"
"""Tango class of the pipelines."""

AT_WORK = ("ON", "RUNNING", "ALARM")
"""States in which a pipeline takes scans."""


RECORDING = ("Camera", "Mca", "Digitiser")
"""Tango classes of devices that publish channels that are no counters of their own, such as samples."""


@dataclass(frozen=True)
class Result:
    """A result of live analysis: one number for each point of a scan, as far as is known.

    Attributes:
        pipeline: which computes it.
        output: what the pipeline calls it.
    """

    pipeline: Pipeline
    output: str

    @property
    def name(self) -> str:
        """Its channel in scans."""
        return f"{self.pipeline.name}_{self.output}"

    @property
    def unit(self) -> str:
        """Nobody knows it before a scan is opened."""
        return ""

    def __repr__(self) -> str:
        return f"<Result {self.name}>"

    def __info__(self) -> str:
        """Where it comes from; the shell shows it when the result is typed."""
        return f"{self.name}  result of {self.pipeline.name}, which takes {', '.join(self.pipeline.takes)}"


class Pipeline(Device):
    """A pipeline: `beam.fwhm_y` is a result by which `autofocus` can go, `curve.sigma = 0.001` sets a parameter.

    Args:
        remote: the device.
        configuration: what YAML says of it.
    """

    def __init__(self, remote: Remote, configuration: Mapping[str, Any]) -> None:
        # said here, so that who types the name, which the prompt explains by these, does not ask the device
        self.description = str(configuration.get("description") or "live analysis")
        self.unit = ""
        self._seen: list[str] = []
        self._stages: Sequence[Mapping[str, Any]] = configuration.get("stages") or ()
        super().__init__(remote, PIPELINE_CLASS)

    def __info__(self) -> str:
        """What it does, its parameters and results; the shell shows it when the object is typed."""
        parameters = self._parameters()
        results = self.results
        lines = [
            f"{self.name} is {self.state}: {self.status.removeprefix(f'{self.name}: ')}",
            f"  active   {self.active}",
            f"  takes    {', '.join(self.takes)}",
            f"  gives    {', '.join(f'{self.name}.{one}' for one in results) or 'what is known with its first scan'}",
            *(f"  {name} = {value!r}" for name, (_, value) in parameters.items()),
        ]
        return "\n".join(lines)

    @property
    def active(self) -> bool:
        """Whether it takes part in scans that are begun from now on; until its server starts again."""
        return bool(self.read(AnalysisAttribute.ACTIVE))

    @active.setter
    def active(self, wanted: bool) -> None:
        self.write(AnalysisAttribute.ACTIVE, bool(wanted))

    @property
    def results(self) -> list[str]:
        """What it gave for the scan that it was made ready for last, one number for each point; empty before."""
        self._seen = list(self.read(AnalysisAttribute.RESULTS) or ())
        return self._seen

    @property
    def takes(self) -> list[str]:
        """The channels that its stages take, as YAML says it; patterns among them."""
        named = [wanted for one in self._stages for wanted in (one.get("inputs") or {}).values()]
        return list(dict.fromkeys(named))

    def require_at_work(self) -> None:
        """See that it takes part in scans.

        Raises:
            NotReady: it does not.
        """
        if self.state not in AT_WORK:
            raise NotReady(f"{self.name}: computes nothing now: {self.status}")
        if not self.active:
            raise NotReady(f"{self.name}: takes part in no scan, it is not active; {self.name}.active = True")

    def needs(self, beamline: Beamline) -> list[Counter | Device]:
        """What a scan must measure for it, as far as YAML says: counters, or detectors with all of theirs."""
        found: dict[str, Counter | Device] = {}
        for wanted in self.takes:
            mine = [one for one in beamline.counters() if fnmatch.fnmatchcase(one.name, wanted)]
            others = [one for one in beamline.objects.values() if isinstance(one, Device) and one is not self]
            if mine:
                found |= {one.name: one for one in mine}
                continue
            for one in others:
                if not wanted.startswith(f"{one.name}_"):
                    continue
                if isinstance(one, Pipeline):
                    found |= {each.name: each for each in one.needs(beamline)}
                elif one.tango_class in RECORDING:
                    found[one.name] = one
        return list(found.values())

    # -- parameters and results by name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        parameters = self._parameters()
        if name in parameters:
            return parameters[name][1]
        results = self.results
        if name in results or not results:
            return Result(self, name)
        raise AttributeError(
            f"{self.name} has neither a result nor a parameter {name}; results are {', '.join(results)}"
            + (f"; parameters are {', '.join(parameters)}" if parameters else "")
        )

    def __setattr__(self, name: str, value: Any) -> None:
        known = "remote" in self.__dict__ and not name.startswith("_") and not hasattr(type(self), name)
        if not known or name in self.__dict__:
            super().__setattr__(name, value)
            return
        parameters = self._parameters()
        if name not in parameters:
            raise AttributeError(f"{self.name} has no parameter {name}; it has {', '.join(parameters) or 'none'}")
        attribute, now = parameters[name]
        told = self.remote.attribute_configuration(attribute)
        as_text = told.data_type == tango.CmdArgType.DevString and not isinstance(now, str)
        self.write(attribute, json.dumps(value) if as_text else value)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._seen]  # what is known: who types does not wait for a device

    def _parameters(self) -> dict[str, tuple[str, Any]]:
        """Of each parameter of its stages, by name, the Tango attribute, and the value."""
        stages: list[Mapping[str, Any]] = json.loads(self.read(AnalysisAttribute.STAGES))["stages"]
        keys = [(stage["name"], key, value) for stage in stages for key, value in stage["parameters"].items()]
        taken = {str(name) for name in AnalysisAttribute}
        found = {}
        for step, key, value in keys:
            alone = sum(other == key for _, other, _ in keys) == 1 and channel_attribute(key) not in taken
            name = key if alone else f"{step}_{key}"
            found[name] = (channel_attribute(name), value)
        return found
