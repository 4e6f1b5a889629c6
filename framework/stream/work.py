"""Work on ranges of points that several processes share: a consumer group, with a fence against those who come late.

Who hands out the work adds entries to a stream. Each worker takes one at a time, and keeps it by renewing; an entry
that was not renewed for a while is claimed by another worker. Only who has an entry may hand in its result, which takes
the entry away in the same step: a worker that was stopped and comes back finds that it is late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import redis

from ronda.framework.stream import keys, scripts
from ronda.framework.stream.connection import Server

GROUP = "workers"

BLOCKING = 0.5
"""Longest wait for work in one command, in s."""

ALIVE = 10.0
"""Seconds for which a pipeline counts as running after it said so."""


class Work(NamedTuple):
    """A range of points.

    Attributes:
        entry: its id.
        fields: what is to be done.
    """

    entry: str
    fields: Mapping[str, str]


class SharedWork:
    """The work of one pipeline; `Stream.shared_work` makes it. All raise CommunicationFailed if Redis is away.

    Args:
        pipeline: its name.
    """

    def __init__(self, server: Server, pipeline: str) -> None:
        self._server = server
        self._pipeline = pipeline
        self._work = keys.work(pipeline)
        self._digest = ""

    # -- who hands it out

    def begin(self, digest: str) -> None:
        """Forget all earlier work.

        Args:
            digest: of the stages, by which workers know whether theirs are the same.
        """
        self._server.call("DEL", self._work)
        self._digest = digest
        self.restore()

    def restore(self) -> None:
        """Make again what `begin` made and Redis has lost; harmless if it has not."""
        self._server.call("HSET", keys.pipeline(self._pipeline), "digest", self._digest)
        try:
            self._server.call("XGROUP", "CREATE", self._work, GROUP, "0", "MKSTREAM")
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def hand_out(self, fields: Mapping[str, str]) -> str:
        """Add work; returns the id of its entry."""
        entry = self._server.call("XADD", self._work, "*", *(part for item in fields.items() for part in item))
        return str(entry.decode())

    def has(self, entry: str) -> bool:
        """Whether work is there that was not handed in yet."""
        return bool(self._server.call("XRANGE", self._work, entry, entry))

    def results(self, scan: str, after: str, wait: float) -> list[tuple[str, dict[str, bytes]]]:
        """What was handed in for a scan after an entry; waits for it (s). Those up to `after` are thrown away."""
        done = keys.done_work(self._pipeline, scan)
        if after != "0-0":
            self._server.call("XTRIM", done, "MINID", _next(after))
        blocking = ("BLOCK", max(int(1000 * wait), 1)) if wait > 0 else ()
        answer = self._server.call("XREAD", "COUNT", 100, *blocking, "STREAMS", done, after)
        return [(entry.decode(), _fields(fields)) for _, entries in answer or [] for entry, fields in entries]

    def forget(self, scan: str) -> None:
        """Throw away what was handed in for a scan."""
        self._server.call("DEL", keys.done_work(self._pipeline, scan))

    def present(self, within: float) -> int:
        """How many workers have asked for work, or renewed it, in the last `within` s."""
        try:
            told = self._server.call("XINFO", "CONSUMERS", self._work, GROUP)
        except redis.ResponseError:
            return 0  # nobody has begun
        return sum(int(_fields(one)["idle"]) < 1000 * within for one in told)

    def alive(self) -> None:
        """Say that the pipeline runs."""
        self._server.call("SET", keys.analysing(self._pipeline), "1", "PX", int(1000 * ALIVE))

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return bool(self._server.call("EXISTS", keys.analysing(self._pipeline)))

    # -- workers

    def digest(self) -> str:
        """Of the stages; empty if nobody has begun."""
        text = self._server.call("HGET", keys.pipeline(self._pipeline), "digest")
        return text.decode() if text else ""

    def take(self, worker: str, patience: float, wait: float = BLOCKING) -> Work | None:
        """The next piece of work: one that another worker has not renewed for `patience` s, else a new one.

        Args:
            worker: unique name of the one who asks.
            wait: for new work, in s.
        """
        try:
            claimed = self._server.call(
                "XAUTOCLAIM", self._work, GROUP, worker, int(1000 * patience), "0-0", "COUNT", 1
            )
            found = [one for one in claimed[1] if one is not None and one[1]]
            if not found:
                read = ("XREADGROUP", "GROUP", GROUP, worker, "COUNT", 1, "BLOCK", max(int(1000 * wait), 1))
                answer = self._server.call(*read, "STREAMS", self._work, ">")
                found = answer[0][1] if answer else []
        except redis.ResponseError as error:
            if "NOGROUP" in str(error):
                return None  # nobody has begun
            raise
        if not found:
            return None
        entry, fields = found[0]
        return Work(entry.decode(), {name: value.decode() for name, value in _fields(fields).items()})

    def deliveries(self, work: Work) -> int:
        """To how many workers a piece of work in hand was given so far."""
        pending = self._server.call("XPENDING", self._work, GROUP, work.entry, work.entry, 1)
        return int(pending[0][3]) if pending else 0

    def keep(self, worker: str, work: Work) -> bool:
        """Keep work from being claimed; returns whether the worker still has it."""
        try:
            return bool(self._server.script(scripts.KEEP_WORK, self._work, work.entry, worker) == b"held")
        except redis.ResponseError as error:
            if "NOGROUP" in str(error):
                return False
            raise

    def hand_in(self, worker: str, work: Work, scan: str, fields: Mapping[str, Any]) -> bool:
        """Give the result of work on a scan; returns False if another worker has it by now, or it is done."""
        told = [part for item in fields.items() for part in item]
        try:
            done = keys.done_work(self._pipeline, scan)
            answer = self._server.script(scripts.HAND_IN, self._work, done, work.entry, worker, *told)
        except redis.ResponseError as error:
            if "NOGROUP" in str(error):
                return False
            raise
        return bool(answer == b"done")


def _fields(flat: Sequence[bytes]) -> dict[str, bytes]:
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _next(entry: str) -> str:
    first, _, second = entry.partition("-")
    return f"{first}-{int(second) + 1}"
