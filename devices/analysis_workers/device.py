"""The Tango device that starts, keeps and ends workers of a pipeline on its host."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tango

from ronda.devices.analysis_workers.parameters import AnalysisWorkersParameters
from ronda.devices.device import RondaDevice, attribute
from ronda.devices.driver import Driver
from ronda.devices.link import Link
from ronda.framework.analysis.live.crew import Crew
from ronda.framework.errors import ConfigurationError, RondaError
from ronda.framework.tango.names import AnalysisWorkersAttribute

LOOK_PERIOD = 0.2
"""Seconds between two looks whether all are there."""


class Workers(Driver):
    """The processes in the place where other devices have their hardware: connected while they are wanted."""

    parameters: AnalysisWorkersParameters

    def __init__(self, name: str, parameters: AnalysisWorkersParameters, environment: Mapping[str, str]) -> None:
        super().__init__(name, parameters)
        folder = environment.get("RONDA_CONFIG_FOLDER")
        if not folder:
            raise ConfigurationError(f"{name}: RONDA_CONFIG_FOLDER is not set in the environment; `ronda up` does this")
        self.crew = Crew(parameters.pipeline, parameters.workers, parameters.patience, Path(folder))

    def connect(self) -> None:
        """Start them."""
        self.crew.keep()

    def disconnect(self) -> None:
        """End them; what they had in hand is computed by others."""
        self.crew.end()


class AnalysisWorkersDevice(RondaDevice):
    """Keeps workers of a pipeline; see docs/reference/analysis.md."""

    def model(self, configuration: Mapping[str, Any]) -> type[AnalysisWorkersParameters]:  # noqa: ARG002 - one kind
        """Its keys."""
        return AnalysisWorkersParameters

    def opened(self) -> None:
        """Begin, once the server is ready."""
        self._workers = Workers(self.label, self.settings.values, os.environ)  # type: ignore[union-attr]  # there are settings
        self._shown: dict[str, Any] = {}
        self._link = Link(self._workers, self)
        self.show(tango.DevState.UNKNOWN, f"{self.label}: starting")
        self.process.open(self._link)

    def closing(self) -> None:
        """End them."""
        self.process.close(self._link)

    # -- what the link asks for

    def connected(self) -> None:
        """They are started."""

    def poll(self) -> float:
        """Start those again that died."""
        crew = self._workers.crew
        crew.keep()
        for name, value in self._values().items():
            if self._shown.get(name) != value:
                self._shown[name] = value
                self.publish(name, value)
        of = f"{len(crew.processes)} workers of {self._workers.parameters.pipeline}"
        if crew.error:
            self.show(tango.DevState.ALARM, f"{self.label}: {of}; {crew.error}")
        else:
            self.show(tango.DevState.ON, f"{self.label}: {of}")
        return LOOK_PERIOD

    def lost(self, error: RondaError) -> None:
        """They cannot be started."""
        self.show(tango.DevState.FAULT, f"{error}; trying again")

    def halt(self) -> None:
        """They end with the server."""

    def at_rest(self) -> bool:
        """Nothing is to be ended."""
        return True

    # -- attributes

    @attribute(name=AnalysisWorkersAttribute.WORKERS, dtype=int)
    def workers(self) -> int:
        """Processes that run."""
        return int(self._values()[AnalysisWorkersAttribute.WORKERS])

    @attribute(name=AnalysisWorkersAttribute.RESTARTS, dtype=int)
    def restarts(self) -> int:
        """How many were started because others had ended."""
        return int(self._values()[AnalysisWorkersAttribute.RESTARTS])

    @attribute(name=AnalysisWorkersAttribute.LAST_ERROR, dtype=str)
    def last_error(self) -> str:
        """Why workers end soon after their start; empty if they do not."""
        return str(self._values()[AnalysisWorkersAttribute.LAST_ERROR])

    def _values(self) -> dict[str, Any]:
        """What the attributes show now."""
        crew = self._workers.crew
        return {
            AnalysisWorkersAttribute.WORKERS: len(crew.processes),
            AnalysisWorkersAttribute.RESTARTS: max(crew.started - self._workers.parameters.workers, 0),
            AnalysisWorkersAttribute.LAST_ERROR: crew.error,
        }
