"""The lease of a scan's owner: a key that lives only as long as the owner's process renews it, and hears its orders."""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque

import redis

from ronda.framework.stream import keys, scripts
from ronda.framework.stream.connection import Server
from ronda.framework.stream.greeting import facts
from ronda.framework.stream.orders import OVER, Order, Orders

RENEWALS = 3
"""How often a lease is renewed in its time."""

AGAIN = 0.5
"""Seconds until the next attempt while Redis is away, so as to be there when it is back."""


class Lease:
    """Says that the owner of a scan is alive, from a thread of its own, until the scan has ended, and hears orders.

    Attributes:
        token: what stands in the key.
        seconds: how long the key lives after the last renewal.
        orders: those that came in, the oldest first; whoever obeys takes them away.
    """

    def __init__(self, server: Server, seconds: float) -> None:
        self.token = secrets.token_hex(8)
        self.seconds = seconds
        self.orders: deque[Order] = deque()
        self._server = server
        self._scan = ""
        self._stop = threading.Event()
        self._lost = False
        self._ending = False
        self._thread: threading.Thread | None = None

    @property
    def milliseconds(self) -> int:
        """The time to live for Redis."""
        return max(int(self.seconds * 1000), 1)

    @property
    def alive(self) -> bool:
        """Whether it is being renewed."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def lost(self) -> bool:
        """Whether somebody else has taken or ended the scan in the meantime."""
        return self._lost

    def keep(self, scan: str) -> None:
        """Renew from now on."""
        self._scan = scan
        # A real thread: it renews while the greenlets of the main thread compute.
        self._thread = threading.Thread(target=self._run, name=f"ronda-lease-{scan}", daemon=True)
        self._thread.start()

    def expect_end(self) -> None:
        """The owner itself ends the scan, so that the end of the lease is no loss."""
        self._ending = True

    def stop(self) -> None:
        """Renew no longer; the key dies after its time."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        try:
            self._renew()
        finally:
            self._server.leave()

    def _renew(self) -> None:
        pause = self.seconds / RENEWALS
        orders = Orders(self._server, self._scan)
        due = time.monotonic() + pause
        while not self._stop.is_set():
            try:
                left = due - time.monotonic()
                if left > 0:
                    if self._hear(orders.wait(left)):
                        due = 0.0  # it has ended: by us?
                    continue
                answer = self._server.script_once(scripts.RENEW, self._scan, self.token, self.milliseconds)
            except (redis.RedisError, OSError):
                self._stop.wait(min(pause, AGAIN))
                due = 0.0
                continue
            due = time.monotonic() + pause
            if answer != b"held":
                self._lost = not self._ending
                return

    def _hear(self, orders: list[Order]) -> bool:
        """Keep orders; returns whether the scan has ended."""
        self.orders += [order for order in orders if order.word != OVER]
        return any(order.word == OVER for order in orders)


def orphans(server: Server) -> list[str]:
    """Ids of the running scans whose owner is gone: those with a lease that nobody renews.

    None in the first moments after a start of Redis, so that the owners can renew what ran out while it was away.

    Raises:
        CommunicationFailed: Redis does not answer.
    """
    scans = [identifier.decode() for identifier in server.call("ZRANGE", keys.SCANS, 0, -1)]
    if not scans:
        return []
    leases = server.calls([("HMGET", keys.scan(scan), "leased", "ended") for scan in scans])
    leased = {
        scan: int(lease) / 1000 for scan, (lease, ended) in zip(scans, leases, strict=True) if lease and not ended
    }
    if not leased:
        return []
    held = server.calls([("EXISTS", keys.owner(scan)) for scan in leased])
    uptime = facts(server).uptime
    return [scan for (scan, lease), here in zip(leased.items(), held, strict=True) if not here and uptime > 2 * lease]


def fail_orphan(server: Server, scan: str, sentence: str) -> bool:
    """Set an orphan FAILED, unless its owner has come back; returns whether this call did.

    Raises:
        CommunicationFailed: Redis does not answer.
    """
    return bool(server.script(scripts.FAIL_ORPHAN, scan, sentence) == b"failed")
