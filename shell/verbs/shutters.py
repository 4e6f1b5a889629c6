"""Opening and closing shutters."""

from __future__ import annotations

from rich.console import Console

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.shutter import Shutter
from ronda.framework.errors import BadValue


class ShutterCommands:
    """The commands of one session that move shutters. Without a shutter they mean the beamline's safety shutter.

    Args:
        beamline: whose shutters.
        console: where they print.
    """

    def __init__(self, beamline: Beamline, console: Console) -> None:
        self._beamline = beamline
        self._console = console

    def shopen(self, *shutters: Shutter | str) -> None:
        """Open shutters, one after the other, and wait: shopen() the safety shutter, shopen(fsh), shopen("fsh")."""
        for shutter in self._meant("shopen", shutters):
            if self._would("open", shutter):
                continue
            shutter.open()
            self._tell(shutter)

    def shclose(self, *shutters: Shutter | str) -> None:
        """Close shutters, one after the other, and wait: shclose() the safety shutter, shclose(fsh)."""
        for shutter in self._meant("shclose", shutters):
            if self._would("close", shutter):
                continue
            shutter.close()
            self._tell(shutter)

    def _would(self, what: str, shutter: Shutter) -> bool:
        """In a dry run, say what would be done; returns whether it is one."""
        if self._beamline.dry:
            self._console.print(f"{shutter.name}: would {what}", markup=False, highlight=False, soft_wrap=True)
        return bool(self._beamline.dry)

    def _meant(self, verb: str, given: tuple[Shutter | str, ...]) -> list[Shutter]:
        if not given:
            return [self._beamline.shutter()]
        found = [self._beamline.shutter(one) if isinstance(one, str) else one for one in given]
        for one in found:
            if not isinstance(one, Shutter):
                raise BadValue(f"{verb}: {one!r} is not a shutter; give one such as {verb}(fsh), or none")
        return found

    def _tell(self, shutter: Shutter) -> None:
        self._console.print(shutter.status.partition("\n")[0], markup=False, highlight=False, soft_wrap=True)
