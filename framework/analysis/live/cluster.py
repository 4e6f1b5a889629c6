"""The connection to a Dask cluster: made and kept in a thread of its own, so that nobody ever waits for it.

Dask is optional (`ronda[dask]`), and imported when a pipeline names a scheduler.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from ronda.framework.analysis.live.options import DaskPlace
from ronda.framework.analysis.pipeline import own_version

CONNECTING = 5.0
"""Seconds for one attempt to connect, and for an answer."""

PERIOD = 0.5
"""Seconds between two looks at the scheduler."""

HEARTBEATS = 2.5
"""Seconds in which a worker of a small cluster says a word several times."""

CLOSING = 2.0
"""Seconds in which a connection is ended."""

LONGEST_PERIOD = 60.0
"""Seconds between attempts at most, where something answers that is no scheduler of ours."""

PACKAGE = "ronda"


class Cluster:
    """A Dask scheduler and its workers.

    Args:
        name: of the pipeline, for the scheduler's own pages.
        place: where the scheduler is.
        patience: seconds after which a worker that says nothing counts as hanging.

    Attributes:
        client: of `distributed`, while the scheduler answers; another object after each loss.
        threads: of all these workers together.
        workers: addresses of those that have this version of this package; others would die of our tasks.
        silent: of those that hang.
        stuck: keys of the tasks that those have.
        well: when something could last be computed, by time.monotonic.
        problem: why nothing can be computed; empty if all is well, or not known yet.
    """

    def __init__(self, name: str, place: DaskPlace, patience: float) -> None:
        self.address = place.address
        self.client: Any = None
        self.threads = 0
        self.workers: frozenset[str] = frozenset()
        self.silent: frozenset[str] = frozenset()
        self.stuck: frozenset[str] = frozenset()
        self.well = time.monotonic()
        self.problem = ""
        self._name = name
        self._place = place
        self._patience = patience
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen: dict[str, tuple[float, float]] = {}
        self._versions: dict[str, str] = {}
        self._period = PERIOD

    def start(self) -> None:
        """Begin to connect; also again, after `close`."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stop,), name=f"dask-{self._name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the connection; what hangs longer than a moment is left to itself."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(CLOSING)

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                if self.client is None:
                    self.client = self._connected()
                self._look()
            except Exception as error:  # noqa: BLE001 - of another library, which raises much
                self._lost(error)
            stop.wait(self._period)
        self._leave()

    def _connected(self) -> Any:
        """A new client.

        Each that fails to connect keeps a thread and descriptors for good. So whether anybody is there is asked by
        other means first, and who answers but is no scheduler of ours is asked less and less often.
        """
        from distributed import Client
        from distributed.security import Security

        place = urlsplit(self.address)
        socket.create_connection((place.hostname or "", place.port or 0), CONNECTING).close()
        self._period = min(2 * self._period, LONGEST_PERIOD)

        security = None
        if self.address.startswith("tls://"):
            files = {
                "tls_ca_file": self._place.ca,
                "tls_client_cert": self._place.certificate,
                "tls_client_key": self._place.key,
            }
            given = {name: file for name, file in files.items() if file}
            security = Security(require_encryption=True, **given)
        client = Client(
            self.address, security=security, timeout=CONNECTING, set_as_default=False, name=f"ronda-{self._name}"
        )
        self._period = PERIOD
        told = client.sync(client.scheduler.versions, packages=[PACKAGE], callback_timeout=CONNECTING)
        self._versions = {"": told["packages"].get(PACKAGE) or ""}
        return client

    def _look(self) -> None:
        """Ask the scheduler who is there, which shows that it is."""
        client = self.client
        if client.status != "running":
            raise ConnectionError("the connection broke")
        told = client.sync(client.scheduler.identity, callback_timeout=CONNECTING)
        workers, now = told["workers"], time.monotonic()
        # by our clock alone: the scheduler's and the workers' may be others
        self._seen = {
            where: before
            if (before := self._seen.get(where)) and before[0] == one["last_seen"]
            else (one["last_seen"], now)
            for where, one in workers.items()
        }
        limit = max(self._patience, HEARTBEATS, len(workers) / 20)
        self._versions = {where: one for where, one in self._versions.items() if where in workers or not where}
        self._ask_versions(client, [where for where in workers if where not in self._versions])
        self.workers = frozenset(where for where in workers if self._versions.get(where) == own_version())
        self.silent = frozenset(where for where, (_, since) in self._seen.items() if now - since > limit)
        self.stuck = self._keys_of(client, sorted(self.silent)) if self.silent else frozenset()
        self.threads = sum(workers[where]["nthreads"] for where in self.workers - self.silent)
        self.problem = self._missing(there=bool(workers))
        if not self.problem:
            self.well = now

    def _ask_versions(self, client: Any, workers: list[str]) -> None:
        """Which version of this package workers have; those that do not answer are asked again."""
        if not workers:
            return
        with contextlib.suppress(TimeoutError):
            told = client.sync(
                client.scheduler.broadcast,
                msg={"op": "versions", "packages": [PACKAGE]},
                workers=workers,
                on_error="ignore",
                callback_timeout=CLOSING,
            )
            self._versions |= {where: one["packages"].get(PACKAGE) or "" for where, one in told.items()}

    def _missing(self, *, there: bool) -> str:
        """What the cluster needs before anything can be computed; empty if nothing."""
        wanted = f"{PACKAGE} {own_version()}"
        if self._versions[""] != own_version():
            return f"the Dask scheduler at {self.address} runs without {wanted}; install that version there"
        if self.threads:
            return ""
        if there and not self.workers:
            return f"no worker of the Dask scheduler at {self.address} has {wanted}; install that version there"
        return f"the Dask scheduler at {self.address} has no workers"

    def _keys_of(self, client: Any, workers: list[str]) -> frozenset[str]:
        """The tasks that workers have."""
        told = client.sync(client.scheduler.processing, workers=workers, callback_timeout=CONNECTING)
        return frozenset(key for keys in told.values() for key in keys)

    def _lost(self, error: Exception) -> None:
        told = "Dask is not installed here; install ronda[dask]" if isinstance(error, ImportError) else ""
        why = str(error) or type(error).__name__
        self.problem = told or f"the Dask scheduler at {self.address} does not answer ({why})"
        self.threads, self.silent, self.stuck = 0, frozenset(), frozenset()
        self._leave()

    def _leave(self) -> None:
        client, self.client = self.client, None
        if client is not None:
            with contextlib.suppress(Exception):  # it is left in any case
                client.close(timeout=CLOSING)
