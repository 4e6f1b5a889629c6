"""Restoring a snapshot: what the plan says is written, looked at again, and told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ronda.framework.clients.remote import Remote
from ronda.framework.errors import CommunicationFailed, NotFound, RondaError, TimedOut
from ronda.framework.snapshots import present
from ronda.framework.snapshots.plan import Plan, Step, plan
from ronda.framework.snapshots.record import Snapshot

ROUNDS = 3
"""How often what is not so yet is written: an offset moves the limits, a limit lets a value be written."""


@dataclass(frozen=True)
class Outcome:
    """What became of one setting.

    Attributes:
        step: which.
        done: whether it is as in the snapshot now.
        reason: why not; empty if it is.
    """

    step: Step
    done: bool
    reason: str = ""


class Restoring:
    """Sets devices to what a snapshot says, as far as they let it be; what they refuse is told, the rest is done.

    Args:
        snapshot: which.
        remote: makes clients of devices.
        positions: whether what sets something going is restored too, after all others.
        move: moves axes of ours, and returns when they are there; None to leave them.
        each: asks devices at the same time.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        remote: present.Own,
        *,
        positions: bool = False,
        move: Callable[[Sequence[Step]], None] | None = None,
        each: present.Each = present.in_threads,
    ) -> None:
        self._snapshot = snapshot
        self._make = remote
        self._positions = positions
        self._move = move
        self._each = each
        self._clients: dict[str, Remote] = {}
        self._outcomes: dict[tuple[str, str], Outcome] = {}

    @property
    def outcomes(self) -> list[Outcome]:
        """What became of each setting that was not so; while it is interrupted, so far."""
        return list(self._outcomes.values())

    def run(self) -> list[Outcome]:
        """Do it; returns the outcomes."""
        todo = self._plan()
        for step in todo.steps:
            self._tell(step, done=False, reason=step.reason or "not come to that")
        for _ in range(ROUNDS):
            written = self._write([step for step in todo.steps if step.verdict in ("describe", "write")])
            if not written:
                break
            todo = self._plan()
            self._compare(todo, written)
        if self._positions:
            self._set_going([step for step in todo.steps if step.verdict == "move"])
        return self.outcomes

    def _plan(self) -> Plan:
        return plan(self._snapshot, self._make, positions=self._positions, each=self._each)

    def _tell(self, step: Step, *, done: bool, reason: str = "") -> None:
        """Note an outcome, beside what there was at first."""
        key = step.device, step.setting
        first = self._outcomes.get(key)
        self._outcomes[key] = Outcome(step if first is None else first.step, done, reason)

    def _write(self, steps: list[Step]) -> set[tuple[str, str]]:
        """Write settings; returns those that were taken."""
        written = set()
        silent: dict[str, str] = {}
        for step in steps:
            if step.device in silent:
                self._tell(step, done=False, reason=silent[step.device])
                continue
            try:
                if step.device not in self._clients:
                    self._clients[step.device] = self._make(step.device)
                _set(self._clients[step.device], step)
            except RondaError as error:
                self._tell(step, done=False, reason=str(error))
                if isinstance(error, CommunicationFailed | TimedOut):
                    silent[step.device] = str(error)
            else:
                written.add((step.device, step.setting))
                self._tell(step, done=True)
        return written

    def _compare(self, todo: Plan, written: set[tuple[str, str]]) -> None:
        """See what was written and is not so after all, and what came along with others."""
        left = {}
        for step in todo.steps:
            key = step.device, step.setting
            left[key] = step
            if key in written:
                reason = f"was written, and is {step.now} now" if step.changes else step.reason
                self._tell(step, done=False, reason=reason)
            elif key not in self._outcomes:
                self._tell(step, done=False, reason=step.reason or "another setting changed it")
            elif not step.changes:
                self._tell(step, done=False, reason=step.reason)
        for key, outcome in list(self._outcomes.items()):
            if key not in left and not outcome.done:
                self._tell(outcome.step, done=True)

    def _set_going(self, steps: list[Step]) -> None:
        """Axes of ours move together, by the program's own way of moving; all else is written."""
        axes = [step for step in steps if step.axis]
        self._write([step for step in steps if not step.axis])
        if not axes:
            return
        reason = "" if self._move is not None else "only a program that can stop it moves it"
        if self._move is not None:
            try:
                self._move(axes)
            except RondaError as error:
                reason = str(error)
        for step in axes:
            self._tell(step, done=not reason, reason=reason)


def _set(remote: Remote, step: Step) -> None:
    attribute, _, name = step.setting.partition(".")
    if step.verdict != "describe":
        remote.write(attribute, step.value)
        return
    described: Any = next((one for one in remote.described() if one.name == attribute), None)
    if described is None:
        raise NotFound(f"{step.alias}: has no attribute {attribute} any more")
    present.tell(described, name, step.value)
    remote.describe(described)
