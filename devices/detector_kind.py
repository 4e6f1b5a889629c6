"""What each kind of detector fills in: how it measures, what of it is published; and what it can."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

from ronda.devices.acquisition import AcquiringDevice
from ronda.devices.device import attribute
from ronda.devices.measurement import DetectorDriver, Measurement, OwnChannel
from ronda.framework.errors import Busy, NotReady
from ronda.framework.tango.names import DetectorAttribute


class DetectorKind(AcquiringDevice):
    """The part of a detector's device that differs from kind to kind; `DetectorDevice` calls it.

    Attributes:
        kind: folder of its drivers.
        contract: of its drivers.
    """

    kind: ClassVar[str]
    contract: ClassVar[type[DetectorDriver]]

    exposures_vary = True

    _driver: Any
    _known: Any

    # -- for subclasses

    def learn(self) -> None:
        """The detector is connected: learn what it can. In the worker's thread."""
        self._known = self._driver.capabilities()

    def time_limits(self) -> tuple[float, float]:
        """Shortest and longest integration time, in s.

        Raises:
            NotReady: the detector was not reached yet.
        """
        raise NotImplementedError

    def check_settings(self) -> None:
        """Whether the detector can measure by its settings.

        Raises:
            OutOfRange, BadValue: it cannot.
        """

    def read_out_time(self) -> float:
        """Seconds from the end of the integration until something can be read."""
        return 0.0

    def patience(self, exposure: float) -> float:  # noqa: ARG002 - most need none
        """Seconds beyond exposure and read-out for which a measurement may take longer."""
        return 0.0

    def set_up(self, seconds: float) -> None:
        """Prepare the driver for measurements of this length, by the settings. In the worker's thread."""
        raise NotImplementedError

    def begin(self) -> None:
        """Begin a measurement as it was prepared. In the worker's thread."""
        self._driver.start()

    def fetch(self) -> Any:
        """Ask the driver for what was measured. In the worker's thread."""
        raise NotImplementedError

    def evaluate(self, raw: Any, wanted: frozenset[str] | None) -> Measurement:
        """What was measured, by own channel names. Any thread.

        Args:
            raw: as `fetch` gave it.
            wanted: own names of the channels; None for all.
        """
        raise NotImplementedError

    def own_channels(self, exposure: float) -> Sequence[OwnChannel]:
        """What it can publish, the numbers first.

        Raises:
            NotReady: the detector was not reached yet.
        """
        raise NotImplementedError

    def triggered_exposure(self, seconds: float) -> float:
        """How long it measures each point of so many s whose beginning a hardware trigger tells it.

        Raises:
            OutOfRange, NotAllowed: it cannot do so.
        """
        return seconds

    def told(self, exposure: float, *, triggered: bool) -> Mapping[str, Any]:  # noqa: ARG002 - most tell nothing more
        """What else the stream shall say of it in a scan."""
        return {}

    def beside(self, line: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 - few care
        """Sources that it publishes in a scan beside its points, as the stream describes them.

        Args:
            line: what an axis sweeps over: axis, start and step in its unit, npoints; None in a scan that sweeps none.
        """
        return ()

    def latest(self, measurement: Measurement) -> None:
        """A measurement has ended: keep what attributes show. Any thread."""

    # -- what it can

    @attribute(name=DetectorAttribute.CAPABILITIES, dtype=str, events=False)
    def capabilities(self) -> str:
        """What the detector can, as JSON."""
        return json.dumps(asdict(self._capabilities))

    # -- tools

    @property
    def parameters(self) -> Any:
        """What it goes by now."""
        assert self.settings is not None  # noqa: S101 - there are settings while it is open
        return self.settings.values

    @property
    def _capabilities(self) -> Any:
        """As the driver told them when it was connected."""
        if self._known is None:
            raise NotReady(f"{self.label}: what it can is not known yet: {self.get_status()}")
        return self._known

    def _change(self, key: str, value: Any) -> None:
        """Change a run-time setting; not in a scan, which was told how it is measured."""
        if self.in_scan:
            raise Busy(f"{self.label}: takes part in a scan; change {key} after it")
        self.change_settings({key: value})
        self.settings_changed()
