"""What stands on the first screen: where one is, who one is, where data go, and what does not answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from rich.console import Console

from ronda.framework.clients.counter import Counter
from ronda.framework.clients.work_session import SessionObjects
from ronda.framework.errors import RondaError
from ronda.framework.policy.policy import DataPolicy
from ronda.shell.displays.colours import coloured
from ronda.shell.displays.troubles import reason, several, troubles
from ronda.shell.prompt.together import begin_all
from ronda.shell.prompt.user import user_name

TROUBLED = ("FAULT", "ALARM", "UNKNOWN")
"""States of which the first screen tells."""

PATIENCE = 1.0
"""Seconds that the first screen waits for devices."""


def tell_first(shown: SessionObjects, policy: DataPolicy, console: Console, control: str = "", page: str = "") -> None:
    """Print the first screen; no device that hangs holds it up.

    Args:
        shown: what is there.
        policy: where data go.
        console: where it is printed.
        control: who has control of the session; empty where nobody shares one.
        page: address of the live view; empty where there is none.
    """
    devices = [one for one in shown.objects.values() if not isinstance(one, Counter)]
    asked = begin_all([_state_of(one) for one in devices])
    where = gevent.spawn(_where, policy)
    gevent.joinall([*asked, where], timeout=PATIENCE)
    user = user_name()
    axes, counters = len(shown.axes()), len(shown.counters())
    folder = where.value if where.ready() and where.value else "not known yet, see SCAN_SAVING"
    session = f", session {shown.session.name}" if shown.session.name else ""
    _print(console, f"beamline {shown.beamline.name}{session}: {axes} axes, {counters} counters; user {user}")
    _print(console, f"data go to {folder}")
    if page:
        _print(console, f"live view at {page}")
    if control:
        _print(console, control)
    answered = [(device.name, _trouble(one.value)) for device, one in zip(devices, asked, strict=True) if one.ready()]
    late = [device.name for device, one in zip(devices, asked, strict=True) if not one.ready()]
    for sentence in troubles(answered):
        _print(console, sentence)
    if late:
        _print(console, f"!ERR no answer yet from {several(late)}")
    _print(console, "wa shows where the axes are, ? helps, Ctrl-C stops, Ctrl-D leaves")


def _state_of(device: Any) -> Callable[[], str]:
    def ask() -> str:
        """Its state, and what it says about it if that is none in which one can work."""
        state = str(device.state)
        return f"state {state}: {reason(device.status)}" if state in TROUBLED else ""

    return ask


def _trouble(answer: object) -> str:
    """What is wrong; empty if nothing is."""
    if isinstance(answer, RondaError):
        return reason(answer)
    return str(answer or "")


def _where(policy: DataPolicy) -> str:
    try:
        return policy.folder(policy.place)
    except RondaError:
        return ""


def _print(console: Console, text: str) -> None:
    console.print(coloured(text))  # in lines that end between words
