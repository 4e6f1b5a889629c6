"""The Tango device of a calculation of pseudo axes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import tango

from ronda.devices.device import RondaDevice, attribute, command
from ronda.devices.pseudo.assembly import Assembly
from ronda.devices.pseudo.contract import Calculation
from ronda.devices.pseudo.kind import entry_model
from ronda.framework.config.kinds import DeviceParameters, load_driver
from ronda.framework.errors import BadValue, NotReady, RondaError
from ronda.framework.tango.names import CalculationAttribute, CalculationCommand


class CalculationDevice(RondaDevice):
    """A calculation: whether its real axes answer, and what concerns all of its pseudo axes."""

    def model(self, configuration: Mapping[str, Any]) -> type[DeviceParameters]:
        """The calculation's keys and its axes."""
        return entry_model(self._class(configuration))  # type: ignore[arg-type]  # a class is hashable

    def opened(self) -> None:
        """Begin to look for the real axes."""
        self._assembly = self.process.share(Assembly, self.label)
        self.show(tango.DevState.UNKNOWN, f"{self.label}: waiting for its real axes")
        calculation = self._class(self.configuration)(self.label, self.settings and self.settings.values)
        self._assembly.open(self.process, calculation, self)

    def closing(self) -> None:
        """Let go of the real axes."""
        self._assembly.close(self.process)

    def settings_changed(self) -> None:
        """Take changed polling periods."""
        if self.settings is not None:
            self._assembly.reconfigure(self.settings.values)

    def remarks(self) -> list[str]:
        """What else is to be said in Status."""
        return [sentence for sentence in (self._assembly.silence(),) if sentence]

    # -- what the assembly tells

    def linked(self) -> None:
        """All real axes answer."""
        self.show(tango.DevState.ON, f"{self.label}: all real axes answer")

    def lost(self, error: RondaError) -> None:
        """A real axis does not answer."""
        state = tango.DevState.UNKNOWN if isinstance(error, NotReady) else tango.DevState.FAULT
        self.show(state, f"{error}; trying again" if state == tango.DevState.FAULT else str(error))

    # -- attributes and commands

    @attribute(name=CalculationAttribute.REAL_AXES, dtype=(str,), max_dim_x=1000, events=False)
    def real_axes(self) -> list[str]:
        """Names of the axes that it moves."""
        return self._assembly.real_labels()

    @attribute(name=CalculationAttribute.PSEUDO_AXES, dtype=(str,), max_dim_x=1000, events=False)
    def pseudo_axes(self) -> list[str]:
        """Names of its pseudo axes."""
        return self._assembly.labels()

    @command(CalculationCommand.STOP)
    def stop(self) -> None:
        """Decelerate all real axes."""
        self.wait(lambda: self._assembly.stop(self.label))

    @command(CalculationCommand.ABORT)
    def abort(self) -> None:
        """Stop all real axes as fast as the hardware can."""
        self.wait(lambda: self._assembly.stop(self.label, abort=True))

    @command(
        CalculationCommand.MOVE_TOGETHER,
        dtype_in=str,
        doc_in='Targets of pseudo axes by name, as JSON: {"s1vg": 0.5, "s1vo": 0.1}',
    )
    def move_together(self, targets: str) -> None:
        """Move several pseudo axes in one motion of the real ones; all or none begin."""
        try:
            wanted = {str(name): float(target) for name, target in json.loads(targets).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise BadValue(f'{self.label}: {targets!r} should be JSON like {{"s1vg": 0.5}}') from error
        self.wait(lambda: self._assembly.move_by_name(self.label, wanted))

    @command(
        CalculationCommand.REAL_TARGETS,
        dtype_in=str,
        doc_in='Positions of pseudo axes by name, one for each point, as JSON: {"s1vg": [0.5, 0.6]}',
        dtype_out=str,
        doc_out='Where the real axes would stand at each point, as JSON: {"s1u": [0.25, 0.3], "s1d": [0.25, 0.3]}',
    )
    def real_targets(self, targets: str) -> str:
        """Compute where real axes would go; nothing moves."""
        wanted = self._ways(targets, "s1vg")
        return json.dumps(self.wait(lambda: self._assembly.real_targets(self.label, wanted)))

    @command(
        CalculationCommand.PSEUDO_POSITIONS,
        dtype_in=str,
        doc_in='Positions of all real axes, one for each point, as JSON: {"s1u": [0.25, 0.3], "s1d": [0.25, 0.3]}',
        dtype_out=str,
        doc_out='Where the pseudo axes are then, as JSON: {"s1vg": [0.5, 0.6], "s1vo": [0, 0]}; NaN where nowhere',
    )
    def pseudo_positions(self, positions: str) -> str:
        """Compute where pseudo axes are, for positions that were measured; nothing is asked."""
        return json.dumps(self._assembly.pseudo_positions(self.label, self._ways(positions, "s1u")))

    def _ways(self, text: str, example: str) -> dict[str, list[float]]:
        try:
            return {str(name): [float(each) for each in way] for name, way in json.loads(text).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise BadValue(f'{self.label}: {text[:100]!r} should be JSON like {{"{example}": [0.5, 0.6]}}') from error

    def _class(self, configuration: Mapping[str, Any]) -> type[Calculation]:
        return load_driver("pseudo", str(configuration.get("driver")), Calculation)
