"""What detectors with frames or spectra declare: their keys in YAML, what drivers provide, and what they measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ronda.devices.driver import Driver
from ronda.framework.config.failure import OnFailure, on_failure
from ronda.framework.config.hooks import Hooks, hooks_after_scan, hooks_before_scan
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import parameter


class DetectorParameters(DeviceParameters):
    """A detector. A driver adds the keys that it needs, such as `address`."""

    integration_time: float = parameter("Integration time after a start of the server", 1.0, unit="s", gt=0)
    idle_poll_period: float = parameter(
        "Time between two looks at the detector while it does not measure", 1.0, unit="s", ge=0.1, le=60, live=True
    )
    on_failure: OnFailure = on_failure()
    before_scan: Hooks = hooks_before_scan()
    after_scan: Hooks = hooks_after_scan()


class DetectorDriver(Driver):
    """What drivers of all detectors provide, beside what their kind adds."""

    def start(self) -> None:
        """Begin a measurement as it was prepared; returns when it has begun.

        Raises:
            HardwareFault: the detector refuses.
        """
        raise NotImplementedError

    def busy(self) -> bool:
        """Whether it still measures, or reads out: nothing can be read yet."""
        raise NotImplementedError

    def stop(self) -> None:
        """End a measurement now; harmless when none runs."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class OwnChannel:
    """What the detector can publish.

    Attributes:
        name: as the device knows it.
        dtype, shape: of a point, as numpy has them.
        unit: of its values.
        storage: `reference` for large frames.
        fields: what else its group in the file holds, see `framework.nexus.layout`; a `channel` there is an own name.
        description: for people.
    """

    name: str
    dtype: str = "<f8"
    shape: tuple[int, ...] = ()
    unit: str = ""
    storage: Literal["inline", "reference"] = "inline"
    fields: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""

    def described(self, name: str, others: Mapping[str, str]) -> dict[str, Any]:
        """As the stream's description has it.

        Args:
            name: in the scan.
            others: names in the scan by own name, of all channels asked for.
        """
        fields = {
            key: {**told, "channel": others[told["channel"]]} if "channel" in told else told
            for key, told in self.fields.items()
            if "channel" not in told or told["channel"] in others
        }
        attributes: dict[str, Any] = {"channel": self.name}
        if fields:
            attributes["fields"] = fields
        if self.description:
            attributes["description"] = self.description
        return {
            "name": name,
            "dtype": self.dtype,
            "shape": list(self.shape),
            "unit": self.unit,
            "storage": self.storage,
            "attributes": attributes,
        }


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one measurement gave.

    Attributes:
        numbers: by own channel name.
        arrays: frames and spectra, by own channel name.
        elapsed: how long it measured, in s.
    """

    numbers: Mapping[str, float]
    arrays: Mapping[str, Any]
    elapsed: float
