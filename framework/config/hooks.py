"""The keys of hooks in YAML: what is done before and after a motion or a scan."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, model_validator

from ronda.framework.config.parameters import MemberOf, Parameters, parameter

LONGEST = 2.5
"""Seconds that all hooks before a motion may take together: Tango clients give up after 3 s."""


def _check_place(text: str) -> str:
    parts = text.removeprefix("tango://").split("/")
    if len(parts) < 2 or not all(parts):
        raise ValueError(
            "must be ALIAS/NAME or DOMAIN/FAMILY/MEMBER/NAME, of an attribute or a command of a Tango device"
        )
    return text


Place = Annotated[str, MemberOf(), AfterValidator(_check_place)]
"""An attribute or a command of any Tango device: `airpads/Pressure`."""


class HookParameters(Parameters):
    """One thing to do, or to wait for: an air pad, a brake, a shutter, a vacuum valve."""

    write: Place | None = parameter("Attribute to write, as DEVICE/ATTRIBUTE", None)
    command: Place | None = parameter("Command to run, as DEVICE/COMMAND", None)
    value: bool | int | float | str | None = parameter("What is written, or the command's argument", None)
    until: Place | None = parameter("Attribute to wait for, as DEVICE/ATTRIBUTE", None)
    equals: bool | int | float | str | None = parameter("Wait until it has this value", None)
    above: float | None = parameter("Wait until it is above this", None)
    below: float | None = parameter("Wait until it is below this", None)
    timeout: float = parameter("Longest time for all this", 1.0, unit="s", gt=0, le=60)

    @model_validator(mode="after")
    def _sensible(self) -> HookParameters:
        if self.write is not None and self.command is not None:
            raise ValueError("a hook either writes an attribute or runs a command; make two hooks of it")
        if self.write is None and self.command is None and self.until is None:
            raise ValueError("a hook needs `write`, `command` or `until`")
        if self.write is not None and self.value is None:
            raise ValueError("`write` needs a `value`")
        conditions = [each for each in (self.equals, self.above, self.below) if each is not None]
        if (self.until is None) != (not conditions):
            raise ValueError("`until` goes with `equals`, `above` or `below`")
        return self


Hooks = tuple[HookParameters, ...]
"""Hooks, in the order in which they run."""


def check_before(hooks: Hooks) -> Hooks:
    """Refuse hooks that would keep a client waiting for too long."""
    total = sum(hook.timeout for hook in hooks)
    if total > LONGEST:
        raise ValueError(
            f"the hooks before a move may take {LONGEST:g} s together, not {total:g} s (their timeouts); "
            "Tango clients give up after 3 s"
        )
    return hooks


HooksBefore = Annotated[Hooks, AfterValidator(check_before)]


def hooks_before(of_what: str) -> Any:
    """The key `before_move`."""
    return parameter(f"What is done before {of_what}, in this order; if one fails nothing moves", ())


def hooks_after(of_what: str) -> Any:
    """The key `after_move`."""
    return parameter(f"What is done after {of_what} has ended, however; all of them, even if one fails", ())


def hooks_before_scan() -> Any:
    """The key `before_scan`."""
    return parameter("What is done before a scan that uses it, in this order; if one fails the scan does not begin", ())


def hooks_after_scan() -> Any:
    """The key `after_scan`."""
    return parameter("What is done after a scan that uses it has ended, however", ())
