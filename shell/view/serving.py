"""The process of the live view: where it listens, and its life until a signal ends it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn

from ronda.framework.clients.beamline import Beamline
from ronda.framework.config.view import EVERYWHERE, LOOPBACK, page_url
from ronda.framework.errors import NotAllowed, ServiceFailed
from ronda.shell.view.access import Access, keep_tokens
from ronda.shell.view.app import make_app
from ronda.shell.view.asked_for import AskedFor
from ronda.shell.view.axes import Axes
from ronda.shell.view.devices import Devices
from ronda.shell.view.file_routes import FileRoutes
from ronda.shell.view.files import data_folders
from ronda.shell.view.following import Following
from ronda.shell.view.listing_routes import ListingRoutes
from ronda.shell.view.panels import PanelFile
from ronda.shell.view.pointing import Pointing

LARGEST_MESSAGE = 20_000
"""Bytes that a page may send at once; a larger message ends its connection."""

PATIENCE = 120.0
"""Seconds within which a page must answer a ping; a machine that is short of time must not lose its pages."""

LAST_WORDS = 3
"""Seconds within which connections must have ended when the view stops."""


@dataclass(frozen=True)
class Place:
    """Where the page is served.

    Attributes:
        address: of the network interface.
        port: TCP port.
        names: further names under which it is reached, `beamline7.facility.org`.
        certificate, key: files in PEM format for TLS; None for none.
        token: whether looking needs a token on this machine too.
    """

    address: str = "127.0.0.1"
    port: int = 0
    names: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    token: bool = False

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        return self.address in LOOPBACK

    @property
    def open_to_look(self) -> bool:
        """Whether looking needs no token."""
        return self.local and not self.token

    def url(self, token: str = "") -> str:
        """The address of the page, with a token behind the `#`, which browsers do not send."""
        plain = page_url(next(iter(self.names), self.address), self.port, secure=self.certificate is not None)
        return plain + (f"#{token}" if token else "")


def serve(beamline: Beamline, folder: Path, state: Path, place: Place, ready: Callable[[Place, Access], None]) -> None:
    """Serve the page until SIGINT or SIGTERM.

    Args:
        beamline: whose.
        folder: its YAML files, beside which panels are kept.
        state: its folder of state, where the tokens are kept.
        ready: is called once when the page can be opened, with the place and the tokens.

    Raises:
        ServiceFailed: the port is in use, the certificate cannot be read, or Redis does not answer.
        NotAllowed: others could reach it and everything would be readable on the way.
    """
    if place.address in EVERYWHERE and not place.names:
        raise NotAllowed(
            f"live view: who listens on {place.address} must say by which names it is reached; give --name"
        )
    if (place.certificate is None) != (place.key is None):
        raise NotAllowed("live view: TLS needs both a certificate and its key")
    access = Access(keep_tokens(state), {*LOOPBACK, place.address, *place.names}, open_to_look=place.open_to_look)
    following, axes = Following(beamline.stream), Axes(beamline)
    files = FileRoutes(access, data_folders(beamline, folder), beamline.stream)
    with _listening(place) as listener:
        bound = replace(place, port=listener.getsockname()[1])
        config = uvicorn.Config(
            make_app(
                access,
                following,
                axes,
                Pointing(beamline),
                Devices(beamline),
                PanelFile(folder),
                AskedFor(beamline.stream, following.call),
                files,
                ListingRoutes(access, beamline.stream),
            ),
            log_config=None,
            access_log=False,
            server_header=False,
            ws="websockets-sansio",
            ws_max_size=LARGEST_MESSAGE,
            ws_ping_timeout=PATIENCE,
            ws_per_message_deflate=False,  # images would cost a core
            timeout_graceful_shutdown=LAST_WORDS,
            ssl_certfile=place.certificate,
            ssl_keyfile=place.key,
        )
        try:
            config.load()
        except OSError as error:
            raise ServiceFailed(f"live view: certificate {place.certificate} cannot be used ({error})") from error
        server = _Server(config)
        server.told = lambda: ready(bound, access)
        asyncio.run(server.serve(sockets=[listener]))


class _Server(uvicorn.Server):
    """Says when it is there; ends without a traceback."""

    told: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.told()

    def handle_exit(self, *_: object) -> None:
        self.should_exit = True  # and no signal again behind it, which would end the program with a traceback


def _listening(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((place.address, place.port))
    except OSError as error:
        listener.close()
        raise ServiceFailed(
            f"live view: cannot listen on {place.address} port {place.port} ({error.strerror}); is it in use? give "
            "another one with --port"
        ) from error
    return listener
