"""What the devices of one server process share: the stored properties, and the links to their instruments."""

from __future__ import annotations

import threading
import time
from typing import Any, Protocol, TypeVar, runtime_checkable

import structlog
import tango

from ronda.devices.link import Link
from ronda.devices.stored import StoredProperties
from ronda.framework.errors import RondaError

T = TypeVar("T")

CHECK_PERIOD = 1.0
"""Seconds between two looks for driver calls that hang."""


@runtime_checkable
class Holding(Protocol):
    """A shared object that holds something of the host, such as memory, which outlives the process."""

    def let_go(self) -> None:
        """Give it back, for the server ends."""


class Cared(Protocol):
    """What a process takes care of beside links: it begins when the server is ready, and ends with it."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    def start(self) -> None:
        """The server is ready."""

    def check(self) -> None:
        """Called about every second: say so if something hangs."""

    def halt(self) -> None:
        """The server ends: begin to bring everything to rest; must not wait."""

    def at_rest(self) -> bool:
        """Whether everything is."""
        ...

    def close(self) -> None:
        """End."""


class Logging(Protocol):
    """A device whose clients may ask for more in the log."""

    def heed_log_level(self) -> None:
        """Called about every second: look whether they do."""


class Process:
    """Given to each device of a server when it starts. Links begin to connect when the server is ready."""

    def __init__(self, stored: StoredProperties) -> None:
        """Nothing runs yet."""
        self.stored = stored
        self._links: list[Link | Cared] = []
        self._logging: list[Logging] = []
        self._shared: dict[tuple[type, str], Any] = {}
        self._lock = threading.Lock()
        self._started = False

    def share(self, kind: type[T], name: str) -> T:
        """The one object of this class and name; `kind(name)` makes it when it is first asked for."""
        with self._lock:
            key = (kind, name.lower())
            if key not in self._shared:
                self._shared[key] = kind(name)  # type: ignore[call-arg]  # classes to be shared take their name
            found: T = self._shared[key]
            return found

    def open(self, link: Link | Cared) -> None:
        """Take a link into care."""
        with self._lock:
            self._links.append(link)
            started = self._started
        if started:
            link.start()

    def heed(self, device: Logging) -> None:
        """Look for the level of its log that clients want, from now on."""
        with self._lock:
            if device not in self._logging:
                self._logging.append(device)

    def close(self, link: Link | Cared) -> None:
        """Disconnect a link."""
        with self._lock:
            if link in self._links:
                self._links.remove(link)
        link.close()

    def start(self) -> None:
        """The server is ready: let all links connect."""
        with self._lock:
            self._started = True
            links = list(self._links)
        for link in links:
            link.start()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def halt(self, limit: float) -> None:
        """Stop whatever runs, for the server ends.

        Args:
            limit: longest wait until all is at rest, in s.
        """
        with self._lock:
            links = list(self._links)
        for link in links:
            link.halt()
        deadline = time.monotonic() + limit
        while not all(link.at_rest() for link in links) and time.monotonic() < deadline:
            time.sleep(0.01)
        for link in links:
            if not link.at_rest():
                structlog.get_logger().warning(f"did not come to rest within {limit:g} s", device=link.name)

    def let_go(self) -> None:
        """Let the shared objects give back what they hold of the host, for the server ends."""
        with self._lock:
            shared = list(self._shared.values())
        for one in shared:
            if isinstance(one, Holding):
                try:
                    one.let_go()
                except RondaError as error:
                    structlog.get_logger().warning(str(error))

    def _watch(self) -> None:
        with tango.EnsureOmniThread():
            while True:
                time.sleep(CHECK_PERIOD)
                with self._lock:
                    links, devices = list(self._links), list(self._logging)
                for link in links:
                    link.check()
                for device in devices:
                    device.heed_log_level()
