"""The analysis of one scan by several processes: handing out ranges of points, bringing results into order."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ronda.framework.analysis.aligning import LOST, RAISED, SKIPPED
from ronda.framework.analysis.live.options import Options
from ronda.framework.analysis.live.publishing import Publishing
from ronda.framework.analysis.live.serving import WAIT, Serving, loader
from ronda.framework.analysis.pipeline import Prepared
from ronda.framework.analysis.runner import InHand, Runner
from ronda.framework.analysis.sharing import FAILED, SECONDS, decode_all, shared_stages
from ronda.framework.stream.answers import NeverWillBe, NoLongerInMemory
from ronda.framework.stream.cursor import Cursor
from ronda.framework.stream.scan import Scan
from ronda.framework.stream.work import SharedWork

RANGE_BYTES = 16_000_000
MOST_POINTS = 256
"""A range of points that one worker takes has so many bytes, or points, at most."""

RANGE_SECONDS = 5.0
"""How long a worker takes for a range, about: a stage may need seconds for a point, and what takes minutes hangs."""

FIRST_POINTS = 8
"""Points of a range at most until it is known how long a point takes."""

AHEAD = 3
"""Ranges that are handed out for each worker at a time: one in hand, and others, so that it need not wait."""

SHORT_WAIT = 0.005
"""Seconds to wait for results before new points are looked for, while there are results to come."""

LOOK_AFTER = 1.0
"""Seconds, and twice the patience, without any result after which it is looked whether Redis has lost work."""


COUNT_PERIOD = 2.0
"""Seconds between two looks how many workers there are, here and on other hosts."""


class SharedServing(Serving):
    """As `Serving`; the first stages are computed elsewhere, by those whom a class derived from this one asks.

    Args:
        parameters: by step, as they are at the begin.
    """

    def __init__(self, scan: Scan, prepared: Prepared, options: Options, parameters: dict[str, Any]) -> None:
        super().__init__(scan, prepared, options)
        self._stages = shared_stages(prepared)
        self._parameters = parameters
        self._told = json.dumps(parameters)
        point = sum(one.point_bytes for channels in prepared.sources.values() for one in channels)
        self._largest = max(1, min(MOST_POINTS, RANGE_BYTES // max(point, 1)))
        self._most = min(self._largest, FIRST_POINTS)
        self._next = 0
        self._ready: dict[int, tuple[int, list[InHand]]] = {}
        self._out: dict[int, int] = {}
        self._reached = 0

    def _work(self, publishing: Publishing) -> None:
        sees_each_alone = self._stages == len(self._prepared.placed)
        self._next = self._reached = publishing.index if sees_each_alone else 0
        try:
            self._share(publishing)
            if not self.stop.is_set():
                self._publish(publishing, self._runner.finish())
        finally:
            self._leave()

    def _share(self, publishing: Publishing) -> None:
        cursor = self._cursor_from_memory()
        more = True
        while not self.stop.is_set() and (more or self._out):
            try:
                if more:
                    cursor.read(timeout=0.0 if self._out else WAIT)
                    while self._options.mode == "latest" and not cursor.exhausted and cursor.read(timeout=0.0):
                        pass
            except NeverWillBe:
                more = False
            except NoLongerInMemory:  # workers see what is there
                cursor = self._cursor_from_memory()
            self._note_measured(cursor)
            self._take_changes(publishing)
            there = min(cursor.positions[device] for device in self._prepared.together)
            self._hand_out(there)
            if self._out:
                self._collect(publishing, SHORT_WAIT if more else WAIT)
            else:
                self._idle()
            more = more or self._next < there

    def _cursor_from_memory(self) -> Cursor:
        while True:
            start = {device: max(self._next, self._scan.extent(device).first) for device in self._prepared.sources}
            with contextlib.suppress(NoLongerInMemory):  # they left in this moment
                return self._scan.follow(self._names, start=start)

    def _hand_out(self, there: int) -> None:
        """Give away ranges of points that are measured; of `latest` the newest alone, when somebody has time for it."""
        latest = self._options.mode == "latest"
        while self._next < there and len(self._out) < self._at_once * (1 if latest else AHEAD):
            if latest:
                if self._next < there - 1:
                    self._ready[self._next] = (there - 1, self._without(self._next, there - 1, "", SKIPPED))
                self._next = there - 1
            size = -(-(there - self._next) // self._at_once)
            stop = min(self._next + min(size, self._most), there)
            self._out[self._next] = stop
            self._give(self._next, stop)
            self._next = stop

    def _collect(self, publishing: Publishing, wait: float) -> None:
        """Take results, and publish those whose turn it is; a range that comes twice counts once."""
        for first, found in self._taken(wait):
            if first in self._out and first not in self._ready:
                stop = self._out[first]
                works = self._without(first, stop, found, RAISED) if isinstance(found, str) else found
                self._ready[first] = (stop, works)
        while self._reached in self._ready:
            first = self._reached
            self._reached, works = self._ready.pop(first)
            self._out.pop(first, None)
            for work in works:
                self._publish(publishing, self._runner.go_on(work, self._stages))

    def _learn(self, points: int, fields: Mapping[str, bytes]) -> None:
        """Make ranges as large as their time allows, by what a worker says of one."""
        seconds = float(fields.get(SECONDS, b"0"))
        self._most = max(1, min(self._largest, int(RANGE_SECONDS * points / max(seconds, 1e-6))))

    # -- who computes

    @property
    def _at_once(self) -> int:
        """How many ranges are computed at the same time."""
        raise NotImplementedError

    def _give(self, first: int, stop: int) -> None:
        """Let somebody compute a range, with the parameters that are told now."""
        raise NotImplementedError

    def _taken(self, wait: float) -> Iterator[tuple[int, list[InHand] | str]]:
        """Ranges that have come back, by their first point; a sentence instead of results where there are none.

        Args:
            wait: for the first of them, in s.
        """
        raise NotImplementedError

    def _idle(self) -> None:
        """Nothing is to be computed now."""

    def _leave(self) -> None:
        """The scan has ended, or is left."""

    def _without(self, first: int, stop: int, sentence: str, status: int) -> list[InHand]:
        """A range without results, and why."""
        runner = Runner(self._prepared, loader(self._reader), first, self._options.step)
        missing = dict.fromkeys(self._prepared.together, (stop, sentence))
        works = list(runner.begin([], missing, self._stages))
        for work in works:
            work.status[work.status == LOST] = status
        return works

    def _take_change(self, publishing: Publishing, step: str, parameters: Any, told: str) -> None:
        """A change of a shared stage goes with the next range; one of another stage waits until its turn comes."""
        if step in [placed.step.label for placed in self._prepared.placed[: self._stages]]:
            self._parameters = {**self._parameters, step: parameters.model_dump(mode="json")}
            self._told = json.dumps(self._parameters)
            publishing.tell(self._next, f"{step}: {told}")
        else:
            super()._take_change(publishing, step, parameters, told)


class RedisServing(SharedServing):
    """As `SharedServing`; those who compute take ranges from Redis, processes of ours on any host.

    Args:
        work: what they take.
    """

    def __init__(
        self, scan: Scan, prepared: Prepared, options: Options, work: SharedWork, parameters: dict[str, Any]
    ) -> None:
        super().__init__(scan, prepared, options, parameters)
        self._shared = work
        self._token = secrets.token_hex(8)
        self._after = "0-0"
        self._given: dict[int, tuple[str, str]] = {}
        self._heard = time.monotonic()
        self._present = max(options.workers, 1)
        self._counted = 0.0

    @property
    def _at_once(self) -> int:
        now = time.monotonic()
        if now - self._counted > COUNT_PERIOD:
            self._counted = now
            elsewhere = self._shared.present(max(self._options.patience, COUNT_PERIOD))
            self._present = max(elsewhere, self._options.workers, 1)
        return self._present

    def _give(self, first: int, stop: int) -> None:
        self._hand(first, stop, self._told)

    def _hand(self, first: int, stop: int, parameters: str) -> None:
        fields = {
            "scan": self._scan.identifier,
            "token": self._token,
            "first": str(first),
            "stop": str(stop),
            "every": str(self._options.step),
            "parameters": parameters,
        }
        self._given[first] = (self._shared.hand_out(fields), parameters)

    def _taken(self, wait: float) -> Iterator[tuple[int, list[InHand] | str]]:
        for entry, fields in self._shared.results(self._scan.identifier, self._after, wait):
            self._after = entry
            if fields["token"].decode() == self._token:
                failed = fields.get(FAILED)
                first = int(fields["first"])
                self._heard = time.monotonic()
                self._given.pop(first, None)
                if failed is None:
                    self._learn(int(fields["stop"]) - first, fields)
                yield first, decode_all(fields) if failed is None else failed.decode()
        if self._given and time.monotonic() - self._heard > LOOK_AFTER + 2 * self._options.patience:
            self._heard = time.monotonic()
            self._hand_again()

    def _hand_again(self) -> None:
        """Hand out again what Redis has lost: there is neither the work nor a result of it."""
        self._shared.restore()
        lost = [first for first, (entry, _) in self._given.items() if not self._shared.has(entry)]
        if lost and not self._shared.results(self._scan.identifier, "0-0", 0.0):
            self._after = "0-0"  # its entries may be counted anew
            for first in lost:
                self._hand(first, self._out[first], self._given[first][1])

    def _leave(self) -> None:
        self._shared.forget(self._scan.identifier)
