"""Where people open the live view that a host agent serves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ronda.framework.host.names import VIEW
from ronda.framework.host.status import HostStatus
from ronda.shell.view.access import Role, keep_tokens


@dataclass(frozen=True)
class Addresses:
    """The page's addresses.

    Attributes:
        look: for those who look; without the token that it may need where another host serves it.
        operate: for those who move too; empty where another host serves it, which alone knows the token.
    """

    look: str
    operate: str


def addresses(status: HostStatus, state: Path) -> Addresses | None:
    """The addresses of a beamline's page; None if no host serves it.

    Args:
        status: of the host of this machine.
        state: its folder of state.

    Raises:
        ServiceFailed: the tokens cannot be read.
    """
    if not status.view:
        return None
    if all(process.name != VIEW for process in status.processes):
        return Addresses(status.view, "")
    tokens = keep_tokens(state)
    look = status.view if status.view_open else f"{status.view}#{tokens[Role.VIEWER]}"
    return Addresses(look, f"{status.view}#{tokens[Role.OPERATOR]}")
