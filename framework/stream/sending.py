"""Blocks on their way to Redis: sent in order, kept for a few seconds, sent again when Redis has lost them."""

from __future__ import annotations

import json
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import redis

from ronda.framework.errors import BadValue
from ronda.framework.stream import keys, scripts
from ronda.framework.stream.answers import HeldBack, Hole, Replaced, ScanGone, ScanOver
from ronda.framework.stream.blocks import BEFORE, entry_cost, entry_id
from ronda.framework.stream.connection import Link, Server
from ronda.framework.stream.retention import held_back

KEEP_SECONDS = 5.0
"""How long a sent block is kept. Redis syncs its log each second, so more than it can lose in a crash."""

KEEP_BYTES = 64_000_000
"""Bound of what one publisher keeps: beyond it the oldest blocks that Redis has are let go."""

GRANTED_BLOCKS = 64
MOST_GRANTED = 4_000_000
"""Room is asked for so many further blocks at once, within so many bytes."""

REFUSALS = ("equal or smaller", "exhausted the last possible ID")
"""What Redis says to an entry that it has already, and to one after the end of a stream."""

SHORTEST_WAIT, LONGEST_WAIT = 0.005, 0.2
"""Seconds between two attempts while there is no room: a tenth of what it has lasted, within these bounds."""

T = TypeVar("T")


@dataclass(frozen=True)
class Sent:
    """A block that Redis has or should have."""

    first: int
    count: int
    fields: Sequence[bytes]
    cost: int
    time: float

    @property
    def end(self) -> int:
        """Index after its last point."""
        return self.first + self.count


class Sender:
    """Brings the blocks of one device to Redis, in order, each exactly once.

    Redis refuses a block that it has; that none is left out is seen to here: whatever Redis has lost it has lost
    together with the connection, so on each new one it is asked what it has.

    Attributes:
        length: number of points that Redis has, as far as we know.
        end: number of points given to us.

    Raises:
        ScanGone, ScanOver: the scan is not there, or the device's part in it has ended.
        BadValue: the scan has no such device.
        CommunicationFailed: Redis does not answer.
    """

    def __init__(self, server: Server, scan: str, device: str) -> None:
        self.length: int
        self.end: int
        self.ended: tuple[str, str] | None = None
        self._server = server
        self._scan = scan
        self._device = device
        self._key = keys.blocks(scan, device)
        self._token = secrets.token_hex(8)
        answer = server.script(scripts.ATTACH, scan, device, self._token)
        if answer == b"unknown":
            raise BadValue(f"{device}: is not among the devices of scan {scan}; its description must name it")
        if answer == b"gone":
            raise self._gone()
        _, self.length, self._bytes, self._granted, _, end, _ = answer
        if end is not None:
            raise self._over(end)
        self.end = self.length
        self._kept: deque[Sent] = deque()
        self._kept_bytes = 0
        self._doubtful = False  # whether Redis may have a block that it did not confirm

    @property
    def pending(self) -> bool:
        """Whether there are blocks that Redis does not have yet."""
        return self.length < self.end

    @property
    def keeps(self) -> bool:
        """Whether there are blocks that Redis could still lose."""
        return bool(self._kept)

    def add(self, count: int, fields: Sequence[bytes]) -> None:
        """Take over a block; `push` sends it."""
        sent = Sent(self.end, count, fields, entry_cost(fields), time.monotonic())
        self._kept.append(sent)
        self._kept_bytes += sent.cost
        self.end = sent.end

    def withdraw(self) -> None:
        """Give back the last block, which Redis does not have."""
        sent = self._kept.pop()
        self._kept_bytes -= sent.cost
        self.end = sent.first

    def forget(self) -> None:
        """Keep nothing: nothing more can be sent."""
        self.end = self.length
        self._kept.clear()
        self._kept_bytes = 0

    def push(
        self, *, wait: float | None = 0.0, on_held: Callable[[HeldBack], None] | None = None, patient: bool = True
    ) -> None:
        """Send what Redis does not have.

        Args:
            wait: seconds to wait for room in the buffer; None for as long as it takes.
            on_held: called about once a second while waiting for room, with the error that says who is behind.
            patient: False to raise the first error of the connection, and to leave pending what there is no room for.

        Raises:
            HeldBack: the buffer is full.
            Hole: Redis has lost more than is kept.
            Replaced, ScanOver, ScanGone: nothing can be published any more.
            CommunicationFailed: Redis does not answer.
        """
        waiting: Waiting | None = None
        while self.pending:
            held = self._try(self._push_until_held, patient=patient)
            if held is not None:
                if not patient:
                    return
                waiting = waiting or Waiting(wait, on_held)
                waiting.step(held)
        self._let_go()

    def confirm(self, *, patient: bool = True) -> None:
        """Ask Redis what it has and send again what it lost.

        Raises:
            as `push`.
        """
        end = self._try(self._learn, patient=patient)
        self.push(patient=patient)
        if self.ended and end is None and not self.pending:
            self.finish(*self.ended, patient=patient)

    def finish(self, kind: str, sentence: str, *, patient: bool = True) -> None:
        """Publish that nothing more comes; everything must have been pushed.

        Raises:
            as `push`.
        """
        while True:
            answer = self._end(kind, self.end, sentence, patient=patient)
            if isinstance(answer, int):
                self.ended = (kind, sentence)
                return
            self._meet(int(answer[1]))
            self.push(patient=patient)
            if self.pending:
                return  # only if not patient: the keeper comes again

    def give_up(self, sentence: str, *, patient: bool = True) -> None:
        """Publish that the device failed after what Redis has, whatever that is.

        Raises:
            as `push`.
        """
        self.length = self._end("failed", "", sentence, patient=patient)
        self.forget()

    def _push_until_held(self, link: Link) -> Callable[[], HeldBack] | None:
        """Send what is pending; returns what makes the error if there is no room."""
        if self not in link.informed:
            self._learn(link)
        while self.pending:
            sent = self._block_at(self.length)
            before = b"%d" % self._bytes
            cost = sent.cost + entry_cost((BEFORE, before)) - entry_cost(())
            if self._bytes + cost > self._granted:
                held = self._ask_for_room(link, cost)
                if held is not None:
                    return held
            command = ("XADD", self._key, "NOMKSTREAM", entry_id(sent.end), BEFORE, before, *sent.fields)
            try:
                answer = link.send(command)[0]
            except redis.exceptions.OutOfMemoryError:
                return self._ask_for_room(link, cost, full=True)
            except redis.ResponseError as error:
                if not any(words in str(error) for words in REFUSALS):
                    raise
                end = self._learn(link)
                if end is not None:
                    raise self._over(end) from error
                # We may have sent it ourselves, on a link that broke before the answer came.
                if not self._doubtful or self.length < sent.end:
                    raise self._replaced() from error
                continue
            if answer is None:
                raise self._gone()
            self._doubtful = False
            self.length = sent.end
            self._bytes += cost
        return None

    def _ask_for_room(self, link: Link, cost: int, *, full: bool = False) -> Callable[[], HeldBack] | None:
        """Ask for room for some blocks at once; if there is none for one, what makes the error.

        Args:
            full: Redis itself is full: all that may leave must leave.
        """
        needed = self._bytes + (1 << 50 if full else cost)
        wished = min(GRANTED_BLOCKS * cost, MOST_GRANTED)
        used, limit, self._granted = link.script(scripts.GRANT, self._scan, self._device, needed, wished)
        if self._granted >= needed:
            return None
        return lambda: held_back(self._server, self._device, used, limit, cost, full=full)

    def _learn(self, link: Link) -> bytes | None:
        """Ask what Redis has; returns the end of the device if it has one."""
        answer = link.script(scripts.EXTENT, self._scan, self._device)
        if answer == b"gone":
            raise self._gone()
        _, length, self._bytes, self._granted, _, end, publisher = answer[0]
        if publisher is None:  # lost in a crash of Redis
            link.script(scripts.ATTACH, self._scan, self._device, self._token)
        elif publisher != self._token.encode():
            raise self._replaced()
        self._meet(length)
        if end is not None and self.ended is None:
            raise self._over(end)
        link.informed.add(self)
        known: bytes | None = end
        return known

    def _meet(self, length: int) -> None:
        """Take note of how many points Redis has."""
        if length > self.end:
            raise self._replaced()
        if length < self.end and (not self._kept or self._kept[0].first > length):
            first = self._kept[0].first if self._kept else self.end
            raise Hole(
                f"{self._device}: Redis has lost the points {length} to {first - 1} of scan {self._scan} and they are "
                f"no longer kept here (the last {KEEP_SECONDS:g} s are); take the scan again"
            )
        self.length = length

    def _block_at(self, index: int) -> Sent:
        for sent in reversed(self._kept):
            if sent.first == index:
                return sent
        raise self._replaced()  # in the middle of a block: not ours

    def _end(self, kind: str, length: int | str, sentence: str, *, patient: bool) -> Any:
        def end(link: Link) -> Any:
            return link.script(scripts.END, self._scan, self._device, self._token, kind, length, sentence)

        answer = self._try(end, patient=patient)
        if answer == b"gone":
            raise self._gone()
        if answer == b"replaced":
            raise self._replaced()
        if isinstance(answer, list) and answer[0] == b"ended":
            raise self._over(answer[1])
        return answer

    def _try(self, action: Callable[[Link], T], *, patient: bool) -> T:
        def attempt() -> T:
            with self._server.link() as link:
                try:
                    return action(link)
                finally:
                    self._doubtful = self._doubtful or link.broken

        return self._server.insist(attempt) if patient else attempt()

    def _let_go(self) -> None:
        """Keep no longer what Redis has long had."""
        oldest = time.monotonic() - KEEP_SECONDS
        while self._kept and (self._kept[0].time < oldest or self._kept_bytes > KEEP_BYTES):
            self._kept_bytes -= self._kept.popleft().cost

    def _over(self, end: bytes) -> ScanOver:
        known = json.loads(end)
        return ScanOver(
            f"{self._device}: scan {self._scan} takes no more points of this device after {known['length']}: "
            f"{known['sentence'] or known['kind']}"
        )

    def _replaced(self) -> Replaced:
        return Replaced(f"{self._device}: scan {self._scan} gets its points from another publisher now; stop this one")

    def _gone(self) -> ScanGone:
        return ScanGone(
            f"{self._device}: scan {self._scan} is not in Redis; it left memory, or Redis has lost its data"
        )


class Waiting:
    """The wait of a publisher for room.

    Args:
        wait: seconds; None for as long as it takes.
        on_held: called about once a second with the error.
    """

    def __init__(self, wait: float | None, on_held: Callable[[HeldBack], None] | None) -> None:
        self._deadline = None if wait is None else time.monotonic() + wait
        self._on_held = on_held
        self._next_call = 0.0
        self._since = time.monotonic()

    def go_on(self) -> None:
        """There was room: the next wait begins with short steps again, within the same time."""
        self._since = time.monotonic()

    def step(self, error: Callable[[], HeldBack]) -> None:
        """Wait a little.

        Raises:
            HeldBack: the time is over; also what `on_held` raises.
        """
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline:
            raise error()
        if self._on_held is not None and now >= self._next_call:
            self._on_held(error())
            self._next_call = now + 1.0
        # What was full for a short time is free again in a short time: long sleeps would leave it empty.
        time.sleep(min(max((now - self._since) / 10, SHORTEST_WAIT), LONGEST_WAIT))
