"""Doing what a hook says: writing an attribute, running a command, waiting for a value."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tango

from ronda.framework.clients.remote import Remote
from ronda.framework.config.hooks import HookParameters
from ronda.framework.errors import TimedOut

PERIOD = 0.02
"""Seconds between two looks at an attribute that is waited for."""


def plain(address: str) -> Remote:
    """A client of a device in the database of TANGO_HOST."""
    return Remote(address, address, tango.DeviceProxy)


def run_hook(hook: HookParameters, connect: Callable[[str], Remote] = plain) -> None:
    """Do what a hook says, and wait for what it waits for.

    Args:
        hook: what to do.
        connect: makes a client of a device from its name.

    Raises:
        RondaError: it failed; the sentence says which attribute or command, and why.
    """
    end = time.monotonic() + hook.timeout

    def device(place: str) -> tuple[Remote, str]:
        address, _, name = place.rpartition("/")
        remote = connect(address)
        remote.proxy.set_timeout_millis(max(int((end - time.monotonic()) * 1000), 1))
        return remote, name

    if hook.write is not None:
        remote, name = device(hook.write)
        remote.write(name, hook.value)
    if hook.command is not None:
        remote, name = device(hook.command)
        remote.command(name, hook.value)
    if hook.until is None:
        return
    remote, name = device(hook.until)
    while not _fulfilled(hook, value := remote.read(name)):
        if time.monotonic() >= end:
            raise TimedOut(f"{hook.until} is {value!r} after {hook.timeout:g} s, and should be {_wanted(hook)}")
        time.sleep(PERIOD)


def hooks_of(configurations: Iterable[Mapping[str, Any]], key: str) -> list[HookParameters]:
    """The hooks of several devices under a key of their configurations, each once."""
    found = (HookParameters.model_validate(hook) for each in configurations for hook in each.get(key) or ())
    return list(dict.fromkeys(found))


def _fulfilled(hook: HookParameters, value: object) -> bool:
    if hook.equals is not None and value != hook.equals:
        return False
    if hook.above is None and hook.below is None:
        return True
    if not isinstance(value, int | float):
        return False
    return (hook.above is None or value > hook.above) and (hook.below is None or value < hook.below)


def _wanted(hook: HookParameters) -> str:
    words = {"": hook.equals, "above ": hook.above, "below ": hook.below}
    return " and ".join(f"{word}{value!r}" for word, value in words.items() if value is not None)
