"""The analysis of one scan by several processes: handing out ranges of points, bringing results into order."""

from __future__ import annotations

import json
import secrets
from typing import Any

from ronda.framework.analysis.aligning import LOST, RAISED
from ronda.framework.analysis.live.options import Options
from ronda.framework.analysis.live.publishing import Publishing
from ronda.framework.analysis.live.serving import WAIT, Serving, loader
from ronda.framework.analysis.pipeline import Prepared
from ronda.framework.analysis.runner import InHand, Runner
from ronda.framework.analysis.sharing import FAILED, decode_all, shared_stages
from ronda.framework.stream.answers import NeverWillBe, NoLongerInMemory
from ronda.framework.stream.scan import Scan
from ronda.framework.stream.work import SharedWork

RANGE_BYTES = 16_000_000
MOST_POINTS = 256
"""A range of points that one worker takes has so many bytes, or points, at most."""

AHEAD = 3
"""Ranges that are handed out for each worker at a time: one in hand, and others, so that it need not wait."""

SHORT_WAIT = 0.005
"""Seconds to wait for results before new points are looked for, while there are results to come."""


class SharedServing(Serving):
    """As `Serving`; the first stages are computed by workers.

    Args:
        work: what workers take.
        parameters: by step, as they are at the begin.
    """

    def __init__(
        self, scan: Scan, prepared: Prepared, options: Options, work: SharedWork, parameters: dict[str, Any]
    ) -> None:
        super().__init__(scan, prepared, options)
        self._shared = work
        self._stages = shared_stages(prepared)
        self._token = secrets.token_hex(8)
        self._parameters = parameters
        self._told = json.dumps(parameters)
        point = sum(one.point_bytes for channels in prepared.sources.values() for one in channels)
        self._most = max(1, min(MOST_POINTS, RANGE_BYTES // max(point, 1)))
        self._next = 0
        self._ready: dict[int, tuple[int, list[InHand]]] = {}
        self._out: dict[int, int] = {}
        self._reached = 0
        self._after = "0-0"

    def _work(self, publishing: Publishing) -> None:
        sees_each_alone = self._stages == len(self._prepared.placed)
        self._next = self._reached = publishing.index if sees_each_alone else 0
        try:
            self._share(publishing)
            if not self.stop.is_set():
                self._publish(publishing, self._runner.finish())
        finally:
            self._shared.forget(self._scan.identifier)

    def _share(self, publishing: Publishing) -> None:
        start = {device: max(self._next, self._scan.extent(device).first) for device in self._prepared.sources}
        cursor = self._scan.follow(self._names, start=start)
        more = True
        while not self.stop.is_set() and (more or self._out):
            try:
                if more:
                    cursor.read(timeout=0.0 if self._out else WAIT)
            except NeverWillBe:
                more = False
            except NoLongerInMemory:  # workers see what is there
                start = {device: self._scan.extent(device).first for device in self._prepared.sources}
                cursor = self._scan.follow(self._names, start=start)
            self._note_measured(cursor)
            self._take_changes(publishing)
            there = min(cursor.positions[device] for device in self._prepared.together)
            self._hand_out(there)
            if self._out:
                self._collect(publishing, SHORT_WAIT if more else WAIT)
            more = more or self._next < there

    def _hand_out(self, there: int) -> None:
        while self._next < there and len(self._out) < AHEAD * self._options.workers:
            size = -(-(there - self._next) // self._options.workers)
            stop = min(self._next + min(size, self._most), there)
            self._shared.hand_out(
                {
                    "scan": self._scan.identifier,
                    "token": self._token,
                    "first": str(self._next),
                    "stop": str(stop),
                    "every": str(self._options.step),
                    "parameters": self._told,
                }
            )
            self._out[self._next] = stop
            self._next = stop

    def _collect(self, publishing: Publishing, wait: float) -> None:
        """Take results, and publish those whose turn it is."""
        for entry, fields in self._shared.results(self._scan.identifier, self._after, wait):
            self._after = entry
            if fields["token"].decode() == self._token:
                first, stop = int(fields["first"]), int(fields["stop"])
                failed = fields.get(FAILED)
                works = decode_all(fields) if failed is None else self._without(first, stop, failed.decode())
                self._ready[first] = (stop, works)
        while self._reached in self._ready:
            first = self._reached
            self._reached, works = self._ready.pop(first)
            del self._out[first]
            for work in works:
                self._publish(publishing, self._runner.go_on(work, self._stages))

    def _without(self, first: int, stop: int, sentence: str) -> list[InHand]:
        """A range for which no worker gave results."""
        runner = Runner(self._prepared, loader(self._reader), first, self._options.step)
        missing = dict.fromkeys(self._prepared.together, (stop, sentence))
        works = list(runner.begin([], missing, self._stages))
        for work in works:
            work.status[work.status == LOST] = RAISED
        return works

    def _take_change(self, publishing: Publishing, step: str, parameters: Any, told: str) -> None:
        """A change of a shared stage goes with the next range; one of another stage waits until its turn comes."""
        if step in [placed.step.label for placed in self._prepared.placed[: self._stages]]:
            self._parameters = {**self._parameters, step: parameters.model_dump(mode="json")}
            self._told = json.dumps(self._parameters)
            publishing.tell(self._next, f"{step}: {told}")
        else:
            super()._take_change(publishing, step, parameters, told)
