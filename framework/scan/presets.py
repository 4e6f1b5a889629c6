"""Presets: what a user's Python does around a scan, around each device in it, and around each point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ronda.framework.scan.scan import Scan
    from ronda.framework.scan.sources import Source


class ScanPreset:
    """Something done around a whole scan. Whatever it raises ends the scan in order."""

    def __repr__(self) -> str:
        return f"<preset {type(self).__name__}>"

    def prepare(self, scan: Scan) -> None:
        """Everything has been checked; nothing has moved, no device is armed."""

    def start(self, scan: Scan) -> None:
        """All devices are armed; the first point comes next."""

    def stop(self, scan: Scan) -> None:
        """The scan has ended, however, and its axes stand; called if `prepare` was."""

    def if_owner_dies(self) -> Sequence[Mapping[str, Any]]:
        """What a host agent does instead of `stop` if this program dies: hooks as in YAML; asked after `prepare`."""
        return ()


class DevicePreset:
    """Something done around what one device does in a scan.

    Attributes:
        devices: their names; empty for all that measure.
    """

    def __init__(self, *devices: str) -> None:
        self.devices = devices

    def __repr__(self) -> str:
        return f"<preset {type(self).__name__} of {', '.join(self.devices) or 'all devices'}>"

    def prepare(self, scan: Scan, device: Source) -> None:
        """The device is armed next."""

    def start(self, scan: Scan, device: Source) -> None:
        """All devices are armed; the first point comes next."""

    def stop(self, scan: Scan, device: Source) -> None:
        """The device has left the scan; called if `prepare` was."""


class PointPreset:
    """Something done around each point of a scan, in the time of the scan: it should be quick."""

    def __repr__(self) -> str:
        return f"<preset {type(self).__name__}>"

    def prepare(self, scan: Scan, index: int) -> None:
        """The axes go to the point next."""

    def start(self, scan: Scan, index: int) -> None:
        """The axes stand there; the devices are triggered next."""

    def stop(self, scan: Scan, index: int) -> None:
        """The point is measured, or the scan ends at it; called if `prepare` was."""


Preset = ScanPreset | DevicePreset | PointPreset
"""What `add_preset` takes."""


class Presets:
    """The presets of one scan, in the order in which they were added; undone in the reverse one."""

    def __init__(self, scan: Scan, presets: Sequence[Preset]) -> None:
        self._scan = scan
        self._of_scan = [one for one in presets if isinstance(one, ScanPreset)]
        self._of_devices = [one for one in presets if isinstance(one, DevicePreset)]
        self._of_points = [one for one in presets if isinstance(one, PointPreset)]
        self._undo: list[Callable[[], None]] = []
        self._undo_point: list[Callable[[], None]] = []

    def prepare(self) -> None:
        """Those of the scan."""
        for one in self._of_scan:
            self._undo.append(partial(one.stop, self._scan))
            one.prepare(self._scan)

    def prepare_devices(self, measuring: Sequence[Source]) -> None:
        """Those of the devices."""
        for one, source in self._wanted(measuring):
            self._undo.append(partial(one.stop, self._scan, source))
            one.prepare(self._scan, source)

    def start(self, measuring: Sequence[Source]) -> None:
        """All of the scan and of the devices."""
        for one, source in self._wanted(measuring):
            one.start(self._scan, source)
        for preset in self._of_scan:
            preset.start(self._scan)

    def undo(self) -> list[Callable[[], None]]:
        """What is to be done at the end, in this order."""
        return [*reversed(self._undo_point), *reversed(self._undo)]

    def if_owner_dies(self) -> list[dict[str, Any]]:
        """Hooks for the scan's description."""
        return [dict(hook) for one in reversed(self._of_scan) for hook in one.if_owner_dies()]

    # -- around each point

    def prepare_point(self, index: int) -> None:
        """The axes go to a point next."""
        for one in self._of_points:
            self._undo_point.append(partial(one.stop, self._scan, index))
            one.prepare(self._scan, index)

    def start_point(self, index: int) -> None:
        """The devices are triggered next."""
        for one in self._of_points:
            one.start(self._scan, index)

    def stop_point(self) -> None:
        """The point is measured."""
        while self._undo_point:
            self._undo_point.pop()()

    def _wanted(self, measuring: Sequence[Source]) -> list[tuple[DevicePreset, Source]]:
        return [
            (one, source)
            for one in self._of_devices
            for source in measuring
            if not one.devices or source.name in one.devices
        ]
