"""Who may look, and who may move: tokens, and the checks that keep other web pages out.

A page of another site can make a browser send requests here. So the Host of each request must be one that we serve
(a foreign name that was made to point here is refused), a WebSocket must be opened by a page of ours, and orders come
over the WebSocket alone. A token is never part of an address that is sent: the page has it behind the `#`, and gives it
in its first message.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from urllib.parse import urlsplit

from ronda.framework.config.view import LOOPBACK
from ronda.framework.errors import ServiceFailed

FILE = "view-tokens"
"""The file of tokens, in the folder of state: a line `ROLE TOKEN` for each."""


class Role(IntEnum):
    """What a viewer may do; each may do what the one before may."""

    NOBODY = 0
    VIEWER = 1
    OPERATOR = 2


ROLES = (Role.VIEWER, Role.OPERATOR)
"""Those that have a token."""


@dataclass(frozen=True)
class Access:
    """The rules of one page.

    Attributes:
        tokens: by role, the token that gives it.
        hosts: names and addresses under which the page is served, without port.
        open_to_look: whether looking needs no token: on the loopback interface.
    """

    tokens: Mapping[Role, str]
    hosts: Collection[str] = LOOPBACK
    open_to_look: bool = True
    default: Role = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "default", Role.VIEWER if self.open_to_look else Role.NOBODY)
        object.__setattr__(self, "hosts", frozenset(bracketed(host.lower()) for host in self.hosts))

    def role(self, token: str) -> Role:
        """What the bearer of a token may do.

        Args:
            token: empty for none.
        """
        given = token.encode(errors="replace")
        found = [role for role, known in self.tokens.items() if hmac.compare_digest(given, known.encode())]
        return max(found, default=self.default if not token else Role.NOBODY)

    def serves(self, host: str) -> bool:
        """Whether a request's `Host` is a name of ours."""
        return _name(f"//{host}") in self.hosts

    def opened_here(self, origin: str | None, host: str) -> bool:
        """Whether a WebSocket was opened by a page of ours.

        Args:
            origin: as the browser tells it; programs that are no browsers send none.
            host: the request's `Host`.
        """
        return origin is None or _split(origin) == host


def keep_tokens(folder: Path) -> dict[Role, str]:
    """The tokens of a beamline, made when they are needed for the first time.

    Args:
        folder: the beamline's folder of state, which only its user may enter.

    Raises:
        ServiceFailed: they can be neither read nor written.
    """
    path = folder / FILE
    try:
        was_there = path.exists()
        if was_there and (known := _read(path)):
            return known
        made = {role: secrets.token_urlsafe(24) for role in ROLES}
        new = path.with_name(f"{path.name}.{os.getpid()}.new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.writelines(f"{role.name.lower()} {token}\n" for role, token in made.items())
        if was_there:  # without its tokens
            new.replace(path)
            return made
        try:
            os.link(new, path)
        except FileExistsError:  # another process was a moment earlier: its tokens are those that people are told
            return _read(path) or made
        except OSError:  # no links in this file system
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    except (OSError, ValueError, KeyError) as error:
        raise ServiceFailed(
            f"{path}: the tokens of the live view cannot be read or written ({error}); remove it if it is damaged, new "
            "ones are made then"
        ) from error
    return made


def _read(path: Path) -> dict[Role, str]:
    """The tokens of a file; none if not both are there."""
    pairs = [line.split() for line in path.read_text().splitlines() if line.strip()]
    known = {Role[name.upper()]: token for name, token in pairs}
    return known if known.keys() == set(ROLES) else {}


def _name(address: str) -> str:
    """The host name of an address, without port; as it is written."""
    netloc = _split(address)
    if netloc.startswith("["):
        return netloc.partition("]")[0].lower() + "]"
    return netloc.partition(":")[0].lower()


def _split(address: str) -> str:
    """Host and port of an address; empty if it is none."""
    try:
        return urlsplit(address).netloc
    except ValueError:
        return ""


def bracketed(host: str) -> str:
    """A host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
