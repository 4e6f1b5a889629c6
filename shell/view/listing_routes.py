"""What pages ask for now and then over HTTP: small pictures of scans, and the logbook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ronda.framework.errors import NotFound, RondaError
from ronda.framework.stream import Stream
from ronda.shell.view.access import Access, Role
from ronda.shell.view.shown_scan import NUMBERS

DOTS = 60
"""Points of a small picture."""

MOST_READ = 20_000
"""Points of a scan that are read for its small picture; of a longer one the first of them."""

KEPT = 500
"""Small pictures of ended scans that are kept."""

ENTRIES = 200
"""Entries of the logbook in one answer, the latest ones."""

OURS = ("same-origin", "none")
"""What a browser says of requests that no other site has made."""


class ListingRoutes:
    """The routes `/picture?scan=ID` and `/logbook`.

    Args:
        access: who may look.
        stream: where scans and logbook are.
    """

    def __init__(self, access: Access, stream: Stream) -> None:
        self._access = access
        self._stream = stream
        self._reader = ThreadPoolExecutor(1, "listing")  # pictures are no hurry, and must not crowd out anything
        self._pictures: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/picture", self._guarded(lambda request: self._picture(request.query_params.get("scan", "")))),
            Route("/logbook", self._guarded(lambda _: self._logbook())),
        ]

    def close(self) -> None:
        """Begin nothing more."""
        self._reader.shutdown(wait=False, cancel_futures=True)

    def _guarded(self, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def respond(request: Request) -> Response:
            if request.headers.get("sec-fetch-site", "none") not in OURS:
                return JSONResponse({"message": "this is for pages that were opened from this address"}, 403)
            kind, _, token = request.headers.get("authorization", "").partition(" ")
            if self._access.role(token if kind.lower() == "bearer" else "") < Role.VIEWER:
                return JSONResponse({"message": "this needs the token that the address of the page holds"}, 401)
            try:
                return JSONResponse(await asyncio.get_running_loop().run_in_executor(self._reader, answer, request))
            except NotFound as error:
                return JSONResponse({"message": str(error)}, 404)
            except RondaError as error:
                return JSONResponse({"message": str(error)}, 503)

        return respond

    def _picture(self, identifier: str) -> dict[str, Any]:
        """Values of the scan's first counter, the mean of each part; none where it has no numbers."""
        if identifier in self._pictures:
            return self._pictures[identifier]
        scan = self._stream.scan(identifier)
        ended = scan.record().ended is not None
        found: dict[str, Any] = {"channel": "", "values": []}
        signals = scan.description.attributes.get("plot", {}).get("signals", [])
        for device in scan.description.devices:
            for channel in device.channels:
                if signals and channel.name == signals[0] and not channel.shape and channel.numpy_dtype.kind in NUMBERS:
                    extent = scan.extent(device.name)
                    end = min(extent.length, extent.first + MOST_READ)
                    values = np.asarray(scan.read(channel.name, extent.first, end), np.float64)
                    found = {"channel": channel.name, "values": smaller(values)}
        if ended:
            while len(self._pictures) >= KEPT:
                self._pictures.pop(next(iter(self._pictures)))
            self._pictures[identifier] = found
        return found

    def _logbook(self) -> dict[str, Any]:
        entries = self._stream.logbook().last(ENTRIES)
        return {"entries": [{key: asdict(one)[key] for key in SHOWN} for one in entries]}


SHOWN = ("identifier", "time", "kind", "text", "user", "session")
"""What is told of an entry of the logbook."""


def smaller(values: np.ndarray[Any, np.dtype[np.float64]]) -> list[float]:
    """At most `DOTS` numbers that look like the finite ones of `values`: the mean of each part."""
    good = values[np.isfinite(values)]
    if len(good) <= DOTS:
        return [float(one) for one in good]
    return [float(part.mean()) for part in np.array_split(good, DOTS)]
