"""The web application of the live view: the page's files, and a WebSocket for each viewer."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from ronda.shell.view.access import Access
from ronda.shell.view.asked_for import AskedFor
from ronda.shell.view.axes import Axes
from ronda.shell.view.devices import Devices
from ronda.shell.view.file_routes import FileRoutes
from ronda.shell.view.following import Following
from ronda.shell.view.listing_routes import ListingRoutes
from ronda.shell.view.live import Live
from ronda.shell.view.panels import PanelFile
from ronda.shell.view.pointing import Pointing
from ronda.shell.view.viewer import Viewer

PAGE = Path(__file__).with_name("static")
"""The page as it was built from `page/`."""

HEADERS = {
    # nothing from elsewhere; plots set styles on elements, and h5web's arrays (ndarray) compile how they are indexed
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

NOT_OURS = 4403
"""WebSocket close code for a request that no page of ours has made."""


def make_app(
    access: Access,
    following: Following,
    axes: Axes,
    pointing: Pointing,
    devices: Devices,
    panels: PanelFile,
    asked_for: AskedFor,
    files: FileRoutes,
    listing: ListingRoutes,
) -> Starlette:
    """The application; it starts and stops what it shows.

    Args:
        access: who may do what.
    """

    live = Live(following, axes)

    async def view(socket: WebSocket) -> None:
        host = socket.headers.get("host", "")
        if not access.opened_here(socket.headers.get("origin"), host):
            await socket.close(NOT_OURS, "the page must be opened from this address")
            return
        await socket.accept()
        await Viewer(socket, access, live, axes, pointing, devices, panels, asked_for).serve()

    @contextlib.asynccontextmanager
    async def running(_: Starlette) -> AsyncIterator[None]:
        following.start()
        axes.start()
        asked_for.start()
        devices.start()
        try:
            yield
        finally:
            live.close()
            following.stop()
            axes.stop()
            asked_for.stop()
            devices.stop()
            files.close()
            listing.close()

    return Starlette(
        routes=[
            WebSocketRoute("/view", view),
            *files.routes(),
            *listing.routes(),
            Mount("/", StaticFiles(directory=PAGE, html=True)),
        ],
        middleware=[Middleware(_Guard, access=access)],
        lifespan=running,
    )


class _Guard:
    """Refuses requests under a name that is not ours, and says to browsers what the page may do."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        if not self._access.serves(host):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": NOT_OURS, "reason": "unknown host"})
                return
            response = PlainTextResponse(f"the live view is not served as {host!r}\n", 421)
            await response(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *given]}
            await send(message)

        await self._app(scope, receive, with_headers)
