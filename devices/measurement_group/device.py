"""The Tango device of a measurement group: what belongs to it, and what of that is disabled."""

from __future__ import annotations

import json
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

    @attribute(name=MeasurementGroupAttribute.CHAIN, dtype=str)
    def chain(self) -> str:
        """How some of it is measured where that differs from the rest of a scan, by counter or device, as JSON."""
        return json.dumps(self._chain())

    @command(MeasurementGroupCommand.SET_CHAIN, dtype_in=str, doc_in="JSON: name, and what a part has in the YAML")
    def set_chain(self, text: str) -> None:
        """Say how a counter or device is measured; without more than its name, as the rest of the scan."""
        try:
            told = json.loads(text)
            name = str(told.pop("name"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadValue(f"{self.label}: SetChain takes JSON with a name, not {text[:100]!r}") from error

        def work() -> None:
            with self.changing:
                others = {key: part for key, part in self._chain().items() if key != name}
                self.change_settings({"chain": {**others, name: told} if told else others})
                self._tell()

        self.wait(work)

    def _chain(self) -> dict[str, Any]:
        return {
            name: part.model_dump(mode="json", exclude_defaults=True) for name, part in self.parameters.chain.items()
        }

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
        self.publish(MeasurementGroupAttribute.CHAIN, json.dumps(self._chain()))
        self._show()

    def _show(self) -> None:
        parameters = self.parameters
        text = f"{self.label}: measures {', '.join(parameters.counters)}"
        if parameters.disabled:
            text += f" without {', '.join(parameters.disabled)}"
        self.show(tango.DevState.ON, text)
