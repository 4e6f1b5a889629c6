"""The Tango device of a measurement group: what belongs to it, and what of that is disabled."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import tango

from ronda.devices.device import RondaDevice, attribute, command
from ronda.devices.measurement_group.parameters import MeasurementGroupParameters
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.errors import BadValue, NotReady
from ronda.framework.tango.names import MeasurementGroupAttribute, MeasurementGroupCommand

MOST = 10_000
"""Longest list of names that an attribute shows."""


class MeasurementGroupDevice(RondaDevice):
    """A measurement group. It keeps names; which counters a device has is for clients to know."""

    def model(self, configuration: Mapping[str, Any]) -> type[MeasurementGroupParameters]:
        """Its keys."""
        del configuration
        return MeasurementGroupParameters

    @property
    def parameters(self) -> MeasurementGroupParameters:
        """What it goes by."""
        if self.settings is None:
            raise NotReady(self.get_status())
        found: MeasurementGroupParameters = self.settings.values
        return found

    def opened(self) -> None:
        """There is nothing to connect."""
        self._show()

    def settings_changed(self) -> None:
        """Take changed members."""
        self._tell()

    # -- attributes and commands

    @attribute(name=MeasurementGroupAttribute.COUNTERS, dtype=(str,), max_dim_x=MOST)
    def counters(self) -> list[str]:
        """What belongs to it: counters, and devices with all their counters."""
        return list(self.parameters.counters)

    @attribute(name=MeasurementGroupAttribute.DISABLED, dtype=(str,), max_dim_x=MOST)
    def disabled(self) -> list[str]:
        """Counters of it that are not measured at present."""
        return list(self.parameters.disabled)

    @command(MeasurementGroupCommand.ENABLE, dtype_in=(str,), doc_in="Names of counters")
    def enable(self, names: Sequence[str]) -> None:
        """Measure these again."""
        self._change(lambda disabled: [name for name in disabled if name not in names], names)

    @command(MeasurementGroupCommand.DISABLE, dtype_in=(str,), doc_in="Names of counters")
    def disable(self, names: Sequence[str]) -> None:
        """Do not measure these any more."""
        self._change(lambda disabled: list(dict.fromkeys([*disabled, *names])), names)

    # -- tools

    def _change(self, changed: Any, names: Sequence[str]) -> None:
        for name in names:
            if not re.fullmatch(NAME_PATTERN, name):
                raise BadValue(
                    f"{self.label}: {name!r} is not the name of a counter; patterns such as cam* are for the shell"
                )

        def work() -> None:
            with self.changing:  # two clients may do this at once
                before = self.parameters.disabled
                after = changed(before)
                if after != before:
                    self.change_settings({"disabled": after})
                    self._tell()

        self.wait(work)

    def _tell(self) -> None:
        self.publish(MeasurementGroupAttribute.COUNTERS, list(self.parameters.counters))
        self.publish(MeasurementGroupAttribute.DISABLED, list(self.parameters.disabled))
        self._show()

    def _show(self) -> None:
        parameters = self.parameters
        text = f"{self.label}: measures {', '.join(parameters.counters)}"
        if parameters.disabled:
            text += f" without {', '.join(parameters.disabled)}"
        self.show(tango.DevState.ON, text)
