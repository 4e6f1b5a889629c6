"""One viewer: what its page asked for, and what it is sent.

Nothing is queued for a viewer. Twenty times a second at most it is sent what is new since the last message that it has
taken; one that takes them slowly gets fewer and larger ones. What a message says is made once for all, see `live`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import numpy as np
import numpy.typing as npt
from starlette.websockets import WebSocket, WebSocketDisconnect

from ronda.framework.errors import BadValue, NotAllowed, NotFound, RondaError
from ronda.shell.view.access import Access, Role
from ronda.shell.view.asked import figures, overlaid
from ronda.shell.view.asked_for import AskedFor
from ronda.shell.view.axes import Axes
from ronda.shell.view.devices import Devices
from ronda.shell.view.following import told
from ronda.shell.view.live import Live
from ronda.shell.view.messages import encode
from ronda.shell.view.panels import PanelFile
from ronda.shell.view.pointing import Pointing
from ronda.shell.view.shown_scan import ShownScan

LARGEST_ORDER = 10_000
"""Characters of a message of a page; none needs more."""

STOP = "stop"
"""What waits for no other order."""

ORDERS = (
    *("move", "click", "mark", "region", "write", "command", "save_panels"),
    *("figures", "overlay", "device", "panels"),
)
"""What may wait for a device, for Redis, a file or a computation."""

KNOWN = ("enter", "show", "arrays", "waterfalls", "devices", *ORDERS, STOP)
"""All orders."""

MOST_ORDERS = 16
"""Such orders that are followed at once for a page."""

MOST_WAITING = 2000
"""Orders of a page that may wait for that; of more than these not one is taken from it."""

MOST_ARRAYS = 4
"""Images and spectra that a page shows at once."""

WATERFALL_PERIOD = 1.0
"""Seconds between two images of all spectra, which are sent whole."""

NEWEST = "newest"
"""What a page shows that goes to each new scan by itself."""


class Viewer:
    """A page that looks.

    Args:
        socket: its WebSocket, accepted.
    """

    def __init__(
        self,
        socket: WebSocket,
        access: Access,
        live: Live,
        axes: Axes,
        pointing: Pointing,
        devices: Devices,
        panels: PanelFile,
        asked_for: AskedFor,
    ) -> None:
        self._socket = socket
        self._access = access
        self._live = live
        self._axes = axes
        self._pointing = pointing
        self._devices = devices
        self._panels = panels
        self._asked_for = asked_for
        self._role = Role.NOBODY  # until it has said who it is: then it wants everything from the start
        self._wanted = NEWEST
        self._scan: ShownScan | None = None
        self._sent: dict[str, int] = {}
        self._told = {"list": -1, "axes": -1, "scan": -1, "asked for": 0}
        self._heading = b""
        self._arrays: dict[str, int] = {}
        self._waterfalls: dict[str, int] = {}
        self._next_waterfall = 0.0
        self._answers: asyncio.Queue[bytes] = asyncio.Queue(100)
        self._orders: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(MOST_ORDERS)

    async def serve(self) -> None:
        """Send and take messages until the page goes away."""
        sending = asyncio.create_task(self._send())
        taking = asyncio.create_task(self._take())
        _, pending = await asyncio.wait({sending, taking}, return_when=asyncio.FIRST_COMPLETED)
        for task in (*pending, *self._orders):  # a move that was ordered is begun all the same, in its thread
            task.cancel()
        for task in (sending, taking):
            try:
                await task
            except (asyncio.CancelledError, WebSocketDisconnect, RuntimeError, KeyError):
                continue  # the page is gone, or sent what is no text: nothing is left to do

    # What it is sent

    async def _send(self) -> None:
        while True:
            while not self._answers.empty():
                await self._socket.send_bytes(self._answers.get_nowait())
            if self._role >= Role.VIEWER:
                for message in await self._news():
                    await self._socket.send_bytes(message)
            await self._live.next_moment()

    async def _news(self) -> list[bytes]:
        """Messages with what is new for this page."""
        found = []
        message, self._told["list"] = self._live.scans(self._told["list"])
        if message is not None:
            found.append(message)
        message, self._told["axes"] = self._live.axes(self._told["axes"])
        if message is not None:
            found.append(message)
        found += await self._of_scan()
        if self._asked_for.version != self._told["asked for"]:  # behind the scan that it may be about
            messages, self._told["asked for"] = self._asked_for.since(self._told["asked for"])
            found += messages
        return found

    async def _of_scan(self) -> list[bytes]:
        wanted = self._live.following.newest() if self._wanted == NEWEST else self._wanted
        if not wanted:
            return []
        found = []
        if self._scan is None or self._scan.record.identifier != wanted:
            try:
                scan = await self._live.scan(wanted)
            except RondaError:
                return []  # the list tells that Redis is away
            if scan is None:
                return []
            self._scan, self._sent, self._told["scan"] = scan, {}, -1
            self._arrays = dict.fromkeys(self._arrays, -1)
            self._waterfalls = dict.fromkeys(self._waterfalls, -1)
            self._heading = scan.heading_message(whole=False)
            found.append(self._heading)
        scan, version = self._scan, self._scan.version
        if version != self._told["scan"]:
            message, self._sent = await self._live.points(scan, self._sent)
            if message is not None:
                found.append(message)
            whole = self._sent == scan.lengths()
            if whole:
                self._told["scan"] = version
            heading = scan.heading_message(whole=whole)
            if heading != self._heading:  # behind the points: who reads `over` has all of them
                self._heading = heading
                found.append(heading)
        for channel, beyond in list(self._arrays.items()):
            try:
                message, self._arrays[channel] = self._live.latest(scan, channel, beyond)
            except RondaError:
                continue  # overwritten while it was read, a newer one comes; or in the file alone
            if message is not None:
                found.append(message)
        if self._waterfalls and time.monotonic() >= self._next_waterfall:
            self._next_waterfall = time.monotonic() + WATERFALL_PERIOD
            for channel, beyond in list(self._waterfalls.items()):
                message, self._waterfalls[channel] = await self._live.waterfall(scan, channel, beyond)
                if message is not None:
                    found.append(message)
        return found

    # What it says

    async def _take(self) -> None:
        while True:
            text = await self._socket.receive_text()
            try:
                order = _understood(text)
            except BadValue as error:
                await self._answers.put(encode({"type": "answer", "number": None, "error": str(error)}))
                continue
            if order.get("do") not in (*ORDERS, STOP):
                await self._answer(order)
                continue
            # a stop must be seen, and followed, whatever a server that hangs has not answered
            task = asyncio.create_task(self._answer(order) if order["do"] == STOP else self._answer_in_turn(order))
            self._orders.add(task)
            task.add_done_callback(self._orders.discard)
            while len(self._orders) >= MOST_WAITING:
                await asyncio.wait(self._orders, return_when=asyncio.FIRST_COMPLETED)

    async def _answer_in_turn(self, order: Mapping[str, Any]) -> None:
        async with self._turn:
            await self._answer(order)

    async def _answer(self, order: Mapping[str, Any]) -> None:
        number = order.get("number")
        answer: dict[str, Any] = {"type": "answer", "number": number if isinstance(number, int | str) else None}
        arrays: list[tuple[str, npt.NDArray[np.float64]]] = []
        try:
            if order.get("do") in ("overlay", "device"):
                found, arrays = await (self._overlay(order) if order["do"] == "overlay" else self._device(order))
            else:
                found = await self._obey(order)
            message = encode({**answer, **found}, arrays)
        except Exception as error:  # noqa: BLE001 - a page that gets no answer waits for ever
            message = encode({**answer, "error": told(error)})
        await self._answers.put(message)

    async def _obey(self, order: Mapping[str, Any]) -> dict[str, Any]:
        match order.get("do"):
            case "enter":
                self._role = self._access.role(str(order.get("token", "")))
                return {"role": self._role.name.lower()}
            case "show":
                self._require(Role.VIEWER)
                self._wanted = str(order.get("scan", NEWEST))
            case "arrays":
                self._require(Role.VIEWER)
                self._arrays = {name: self._arrays.get(name, -1) for name in _names(order.get("channels"))}
            case "waterfalls":
                self._require(Role.VIEWER)
                self._waterfalls = {name: self._waterfalls.get(name, -1) for name in _names(order.get("channels"))}
                self._next_waterfall = 0.0
            case "figures":
                self._require(Role.VIEWER)
                return await asyncio.to_thread(figures, self._looked_at(), order)
            case "click":
                self._require(Role.OPERATOR)
                return await asyncio.to_thread(self._pointing.click, self._looked_at(), order)
            case "mark":
                self._require(Role.OPERATOR)
                return await asyncio.to_thread(self._pointing.mark, self._looked_at(), order)
            case "region":
                self._require(Role.OPERATOR)
                return await asyncio.to_thread(self._pointing.region, order)
            case "devices":
                self._require(Role.VIEWER)
                return {"devices": self._devices.names()}
            case "panels":
                self._require(Role.VIEWER)
                return (await asyncio.to_thread(self._panels.read)).model_dump()
            case "save_panels":
                self._require(Role.OPERATOR)
                await asyncio.to_thread(self._panels.write, order.get("panels"))
            case "write":
                self._require(Role.OPERATOR)
                await _done(self._devices.write(order))
            case "command":
                self._require(Role.OPERATOR)
                await _done(self._devices.command(order))
            case "move":
                self._require(Role.OPERATOR)
                await _done(self._axes.move(str(order.get("axis", "")), order.get("to")))  # type: ignore[arg-type]
            case "stop":
                self._require(Role.OPERATOR)
                await _done(self._axes.halt(str(order.get("axis", ""))))
            case other:
                raise BadValue(f"live view: {other!r} is no order; there are {', '.join(KNOWN)}")
        return {}

    async def _device(
        self, order: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[tuple[str, npt.NDArray[np.float64]]]]:
        """What a device shows."""
        self._require(Role.VIEWER)
        return await asyncio.to_thread(self._devices.look, order)

    def _looked_at(self) -> ShownScan:
        if self._scan is None:
            raise BadValue("live view: no scan is looked at")
        return self._scan

    async def _overlay(
        self, order: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[tuple[str, npt.NDArray[np.float64]]]]:
        """The points of another scan."""
        self._require(Role.VIEWER)
        scan = await self._live.scan(str(order.get("scan", "")))
        if scan is None:
            raise NotFound("live view: this scan is no longer in memory; see its file")
        return await asyncio.to_thread(overlaid, scan, order)

    def _require(self, role: Role) -> None:
        if self._role < role:
            raise NotAllowed(
                f"live view: this page may {'only look' if self._role == Role.VIEWER else 'not even look'}; open it "
                f"with the address that `ronda view` shows for {'operators' if role == Role.OPERATOR else 'viewers'}"
            )


def _understood(text: str) -> dict[str, Any]:
    if len(text) > LARGEST_ORDER:
        raise BadValue(f"live view: a message of {len(text)} characters is too long, {LARGEST_ORDER} are allowed")
    try:
        order = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise BadValue(f"live view: a message is no JSON ({error})") from error
    if not isinstance(order, dict):
        raise BadValue("live view: a message must be a JSON object")
    return order


def _refused(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def _names(given: object) -> list[str]:
    if not isinstance(given, list) or len(given) > MOST_ARRAYS or not all(isinstance(one, str) for one in given):
        raise BadValue(f"live view: give the names of at most {MOST_ARRAYS} channels")
    return given


async def _done(future: Future[Any]) -> None:
    await asyncio.wrap_future(future)
