"""The key `view` of a beamline: the live view's web page, which a host agent starts and keeps."""

from __future__ import annotations

from typing import Annotated

from ronda.framework.config.parameters import Parameters, parameter, reference

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})
"""Names under which a machine reaches itself."""

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
"""Addresses that stand for all network interfaces."""


class ViewParameters(Parameters):
    """The live view. `view: {}` serves it to this machine alone."""

    host: Annotated[str, reference("host")] | None = parameter("Which host serves it; the only one if absent", None)
    address: str = parameter("Address of the network interface on which it listens", "127.0.0.1")
    port: int | None = parameter("TCP port; chosen once and kept if absent", None, ge=1, le=65535)
    names: list[str] = parameter(
        "Names under which it is reached, such as beamline7.facility.org; the first one stands in the address that is "
        "shown",
        default_factory=list,
    )
    token: bool = parameter(
        "Whether looking needs a token on this machine too; from elsewhere it always does, and moving everywhere", False
    )
    certificate: str | None = parameter(
        "Certificate for TLS, a file in PEM format; relative to the beamline's folder", None
    )
    key: str | None = parameter("Its private key, likewise", None)

    @property
    def open_to_look(self) -> bool:
        """Whether looking needs no token: only this machine reaches it, and nobody wants one."""
        return self.address in LOOPBACK and not self.token

    def url(self, port: int) -> str:
        """The address of the page, without token.

        Args:
            port: where it listens.
        """
        return page_url(next(iter(self.names), self.address), port, secure=self.certificate is not None)


def page_url(host: str, port: int, *, secure: bool) -> str:
    """The address of a page; IPv6 stands in brackets."""
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{'https' if secure else 'http'}://{shown}:{port}/"
