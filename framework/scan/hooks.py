"""What the YAML files say must be done before and after scans with some axes, controllers and cards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import NotReady, RondaError
from ronda.framework.scan.plan import Plan

if TYPE_CHECKING:
    from ronda.framework.config.hooks import HookParameters


class Hooks:
    """The hooks of one scan.

    Attributes:
        begun: whether one of those before the scan has been run, or there are none: then those after it are due.
    """

    def __init__(self, beamline: Beamline, plan: Plan) -> None:
        self.begun = False
        self._beamline = beamline
        self._plan = plan

    def before(self) -> None:
        """Run those that stand before the scan.

        Raises:
            NotReady: one failed.
        """
        for hook in self._hooks("before_scan"):
            self.begun = True
            try:
                self._run(hook)
            except RondaError as error:
                raise NotReady(f"{self._plan.command}: what must be done before the scan failed: {error}") from error
        self.begun = True

    def after(self) -> Iterator[HookParameters]:
        """Those that are due now that the scan has ended."""
        if self.begun:
            yield from self._hooks("after_scan")

    def put_back(self, hook: HookParameters, number: int) -> None:
        """Run one of those that stand after the scan.

        Raises:
            RondaError: as it failed.
        """
        try:
            self._run(hook)
        except RondaError as error:
            raise type(error)(f"scan {number}: what must be done after it failed: {error}") from error

    def described(self) -> list[dict[str, Any]]:
        """Those after the scan, for the description: the guard runs them if the scan's owner dies."""
        return [hook.model_dump(exclude_defaults=True) for hook in self._hooks("after_scan")]

    def _hooks(self, key: str) -> list[HookParameters]:
        axes, counters = self._plan.axes, self._plan.counters
        names = [axis.group.name for axis in axes if axis.group is not None]
        names += [axis.name for axis in axes] + [counter.card for counter in counters if counter.card]
        known = [self._beamline.configurations.get(name.lower(), {}) for name in dict.fromkeys(names)]
        if not any(each.get(key) for each in known):
            return []
        from ronda.framework.clients.hooks import hooks_of  # with pydantic, which most scans do not need

        return hooks_of(known, key)

    def _run(self, hook: HookParameters) -> None:
        from ronda.framework.clients.hooks import run_hook

        run_hook(hook, lambda address: self._beamline.remote(address, address))
