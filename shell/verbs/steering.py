"""What is done around scans, what lets them wait, and rehearsing them in dry runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console

from ronda.framework.errors import BadValue, NotFound
from ronda.framework.scan.dry_run import DryRun
from ronda.framework.scan.making import Maker
from ronda.framework.scan.presets import DevicePreset, PointPreset, Preset, ScanPreset
from ronda.framework.scan.suspenders import Suspender


class SteeringCommands:
    """The commands of one session that change how its scans run.

    Args:
        scans: of the session.
        console: where they print.
    """

    def __init__(self, scans: Maker, console: Console) -> None:
        self._scans = scans
        self._console = console

    def dryrun(self, command: Callable[..., Any] | None = None, *arguments: Any, **keywords: Any) -> DryRun | None:
        """Check and time, move nothing: dryrun(ascan, samy, -1, 1, 100, 0.1), or `with dryrun():` around a script."""
        if command is None:
            return self._scans.dryrun(self._print)
        if not callable(command):
            raise BadValue(
                f"dryrun: takes a command and its arguments, as in dryrun(ascan, samy, 0, 1, 10, 0.1); not {command!r}"
            )
        with self._scans.dryrun(self._print):
            command(*arguments, **keywords)
        return None

    def suspenders(self, name: str = "", active: bool | None = None) -> None:
        """Show what lets scans wait; suspenders("beam", True) puts one to use, False puts it out of use."""
        known = self._scans.suspenders
        if name:
            if name not in known:
                raise NotFound(f"suspenders: there is no {name!r}; there are {', '.join(known) or 'none'}")
            if active is not None:
                known[name].active = bool(active)
        for one in [known[name]] if name else known.values():
            self._print(one.told())
        if not known:
            self._print("no suspenders; a scan_session in the YAML has them, or add_suspender(…)")

    def add_suspender(self, name: str, attribute: str, **keywords: Any) -> None:
        """Let scans wait from now on: add_suspender("i0", "ct1/I0", above=1000, reason="no beam", settle=2)."""
        try:
            suspender = Suspender(name, attribute, **keywords)
        except TypeError as error:
            raise BadValue(
                f"add_suspender: {error}; keywords are equals, above, below, reason, settle, repeat and active"
            ) from error
        self._scans.add_suspender(suspender)
        self._print(suspender.told())

    def add_preset(self, preset: Preset) -> None:
        """Have something done around all scans from now on: add_preset(ShutterPreset(fsh))."""
        if not isinstance(preset, ScanPreset | DevicePreset | PointPreset):
            raise BadValue(
                f"add_preset: {preset!r} is none; derive yours from ScanPreset, DevicePreset or PointPreset, and "
                "give an object of it"
            )
        self._scans.add_preset(preset)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
