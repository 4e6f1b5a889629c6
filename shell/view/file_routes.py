"""Files over HTTP, as h5web asks for them (h5grove's addresses and answers), and the file of a scan."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import h5py
import numpy as np
from h5grove.content import DatasetContent, ResolvedEntityContent
from h5grove.encoders import Response as Encoded
from h5grove.encoders import encode
from h5grove.utils import QueryArgumentError, parse_slice
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ronda.framework.errors import BadValue, NotAllowed, NotFound, RondaError
from ronda.framework.nexus.words import CONSUMER
from ronda.framework.stream import Stream
from ronda.shell.view.access import Access, Role
from ronda.shell.view.files import DataFolders, LookedAt

LARGEST = 128_000_000
"""Bytes of data in one answer; of larger datasets a selection can be asked for."""

LARGEST_TEXT = 500_000
"""Values in one answer that is written as text."""

MOST_PATHS = 20_000
"""Paths of a file that can be searched."""

AT_ONCE = 2
"""Files that are read at the same time: those who read keep nobody from looking at scans."""

OURS = ("same-origin", "none")
"""What a browser says of requests that no other site has made."""

Ask = Mapping[str, str]


class FileRoutes:
    """The routes below `/files`.

    Args:
        access: who may look.
        folders: where the data are.
        stream: knows the files of scans.
    """

    def __init__(self, access: Access, folders: DataFolders, stream: Stream) -> None:
        self._access = access
        self._folders = folders
        self._stream = stream
        self._readers = ThreadPoolExecutor(AT_ONCE, "files")

    def routes(self) -> list[Route]:
        """All of them."""
        answers: dict[str, Callable[[Ask], Encoded]] = {
            "attr": self._attributes,
            "data": self._data,
            "meta": self._meta,
            "stats": self._stats,
            "paths": self._paths,
            "of": self._of_scan,
        }
        return [Route(f"/files/{name}", self._guarded(answer)) for name, answer in answers.items()]

    def close(self) -> None:
        """Begin nothing more."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    def _guarded(self, answer: Callable[[Ask], Encoded]) -> Callable[[Request], Any]:
        async def respond(request: Request) -> Response:
            if request.headers.get("sec-fetch-site", "none") not in OURS:
                return _refusal(403, "files are for pages that were opened from this address")
            kind, _, token = request.headers.get("authorization", "").partition(" ")
            if self._access.role(token if kind.lower() == "bearer" else "") < Role.VIEWER:
                return _refusal(401, "files need the token that the address of the page holds")
            try:
                loop = asyncio.get_running_loop()
                done = await loop.run_in_executor(self._readers, answer, dict(request.query_params))
            except NotFound as error:
                return _refusal(404, str(error))
            except NotAllowed as error:
                return _refusal(403, str(error))
            except (BadValue, QueryArgumentError) as error:
                return _refusal(422, str(error))
            except RondaError as error:
                return _refusal(503, str(error))
            except (OSError, RuntimeError, KeyError, TypeError, ValueError, IndexError, UnicodeError) as error:
                return _refusal(500, f"the file cannot be read so: {error}")  # whatever a file holds
            return Response(done.content, headers={**done.headers, "Cross-Origin-Resource-Policy": "same-origin"})

        return respond

    def _look(self, ask: Ask) -> LookedAt:
        return LookedAt(self._folders, self._folders.find(ask.get("file", "")))

    def _meta(self, ask: Ask) -> Encoded:
        with self._look(ask) as opened:
            return encode(opened.content(ask.get("path", "/")).metadata(), "json")

    def _attributes(self, ask: Ask) -> Encoded:
        with self._look(ask) as opened:
            content = opened.content(ask.get("path", "/"))
            return encode(content.attributes() if isinstance(content, ResolvedEntityContent) else {}, "json")

    def _data(self, ask: Ask) -> Encoded:
        with self._look(ask) as opened:
            dataset, selection = opened.dataset(ask.get("path", "/")), ask.get("selection")
            kind = ask.get("format", "json")
            _require_small(dataset, selection, as_text=kind in ("json", "csv"))
            flat = ask.get("flatten", "").lower() == "true"
            return encode(DatasetContent(dataset.name, dataset).data(selection, flat, ask.get("dtype", "origin")), kind)

    def _stats(self, ask: Ask) -> Encoded:
        with self._look(ask) as opened:
            dataset, selection = opened.dataset(ask.get("path", "/")), ask.get("selection")
            _require_small(dataset, selection, as_text=False)
            return encode(DatasetContent(dataset.name, dataset).data_stats(selection), "json")

    def _paths(self, ask: Ask) -> Encoded:
        found: list[str] = ["/"]

        def note(name: str) -> bool | None:
            found.append(f"/{name}")
            return len(found) >= MOST_PATHS or None

        with self._look(ask) as opened:
            opened.file.visit_links(note)
        return encode(found, "json")

    def _of_scan(self, ask: Ask) -> Encoded:
        """Where the file of a scan is; nowhere if it is not saved, or its file is not in the folders."""
        told = self._stream.scan(ask.get("scan", "")).note(CONSUMER)
        if not told:
            raise NotFound("this scan has no file, or not yet")
        return encode({"file": str(self._folders.find(told))}, "json")


def _require_small(dataset: h5py.Dataset, selection: str | None, *, as_text: bool) -> None:
    if dataset.shape is None:
        return
    asked = np.broadcast_to(np.zeros((), np.uint8), dataset.shape)
    if selection is not None:
        asked = asked[parse_slice(selection)]
    if asked.size * dataset.dtype.itemsize > LARGEST or (as_text and asked.size > LARGEST_TEXT):
        size = asked.size * dataset.dtype.itemsize / 1e6
        raise BadValue(
            f"{dataset.name}: {asked.size} values ({size:.0f} MB) are too many for one answer, which holds "
            f"{LARGEST / 1e6:.0f} MB, or {LARGEST_TEXT} values as text; look at a part of it"
        )


def _refusal(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"message": sentence}, status)
