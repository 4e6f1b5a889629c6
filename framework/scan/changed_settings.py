"""Settings of detectors that one scan changes: `part(cam, binning=2)`; put back as they were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ronda.framework.clients.remote import Remote
from ronda.framework.errors import Busy, NotFound, RondaError
from ronda.framework.scan.detector_settings import scalar_settings
from ronda.framework.scan.presets import ScanPreset
from ronda.framework.scan.sources import Source

if TYPE_CHECKING:
    from ronda.framework.scan.scan import Scan


class ChangedSettings(ScanPreset):
    """What parts of the chain set their devices to for one scan.

    Args:
        measuring: the devices of the scan.
    """

    def __init__(self, measuring: Sequence[Source]) -> None:
        self._sources = [source for source in measuring if source.part.settings]
        self._before: list[tuple[Remote, str, Any]] = []

    def prepare(self, scan: Scan) -> None:
        """Find all attributes, then write those that differ.

        Raises:
            Busy: another scan measures with a device.
            NotFound: a device has no such setting.
            RondaError: a device refuses a value.
        """
        del scan
        wanted = []
        for source in self._sources:
            if other := source.progress().scan:
                raise Busy(f"{source.name}: its settings cannot be changed, it is in scan {other}")
            known = {name.lower(): name for name in scalar_settings(source.remote)}
            for key, value in source.part.settings:
                name = known.get(key.replace("_", "").lower())
                if name is None:
                    told = ", ".join(sorted(known.values())) or "none"
                    raise NotFound(f"{source.name}: has no setting {key!r} that a scan can change; there are: {told}")
                wanted.append((source.remote, name, value))
        for remote, name, value in wanted:
            before = remote.read(name)
            before = before.item() if hasattr(before, "item") else before
            if before != value:
                self._before.append((remote, name, before))
                remote.write(name, value)

    def stop(self, scan: Scan) -> None:
        """Write what was there before, of all devices even if one fails.

        Raises:
            RondaError: the first failure.
        """
        del scan
        failures = []
        while self._before:
            remote, name, value = self._before.pop()
            try:
                remote.write(name, value)
            except RondaError as error:
                failures.append(type(error)(f"{remote.name}: {name} could not be put back to {value!r}: {error}"))
        if failures:
            raise failures[0]

    def if_owner_dies(self) -> Sequence[Mapping[str, Any]]:
        """They are put back then too."""
        return [{"write": f"{remote.device}/{name}", "value": value} for remote, name, value in reversed(self._before)]
