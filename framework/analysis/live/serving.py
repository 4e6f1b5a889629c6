"""The analysis of one scan in one process: following its points, computing, publishing."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from ronda.framework.analysis.aligning import LOST, SKIPPED, Load
from ronda.framework.analysis.live.options import Options
from ronda.framework.analysis.live.publishing import Publishing
from ronda.framework.analysis.ordering import Ordering
from ronda.framework.analysis.pipeline import Prepared
from ronda.framework.analysis.runner import Found, Runner
from ronda.framework.errors import CommunicationFailed, NotAllowed, NotReady, RondaError
from ronda.framework.stream.answers import HeldBack, NeverWillBe, NoLongerInMemory, Replaced, ScanGone, ScanOver
from ronda.framework.stream.blocks import Block
from ronda.framework.stream.cursor import Cursor
from ronda.framework.stream.description import Channel
from ronda.framework.stream.frames.reader import FrameReader
from ronda.framework.stream.scan import Scan

WAIT = 0.2
"""Longest wait for points in one read, in s: so soon a stop is noticed."""


@dataclass
class Progress:
    """What a pipeline has done of a scan.

    Attributes:
        scan: number of the scan.
        points: with results.
        measured: points of the inputs, when it was last looked.
        errors: points without results.
        seconds: that computing and publishing took.
        error: the latest sentence about what went wrong.
    """

    scan: int
    points: int = 0
    measured: int = 0
    errors: int = 0
    seconds: float = 0.0
    error: str = ""

    @property
    def lag(self) -> int:
        """Points that are measured and have no results yet."""
        return max(self.measured - self.points, 0)


def loader(reader: FrameReader) -> Load:
    """Reads frames by reference, for a runner."""

    def load(channel: Channel, references: Any) -> tuple[npt.NDArray[Any], Mapping[int, str]]:
        try:
            frames, lost = reader.read_some(references, channel)
        except (CommunicationFailed, NotReady, NotAllowed) as error:  # of a server or file: other frames may be there
            count = sum(one.count for one in references)
            return channel.empty(count), dict.fromkeys(range(count), str(error))
        return frames, {place: str(one.error) for one in lost for place in range(one.start, one.stop)}

    return load


class Serving:
    """Analyses one scan, in a thread of its own: `run`.

    Args:
        scan: in the stream.
        prepared: the pipeline, for this scan alone.
        options: of the pipeline.
    """

    def __init__(self, scan: Scan, prepared: Prepared, options: Options) -> None:
        self.progress = Progress(scan.number)
        self.stop = threading.Event()
        self._scan = scan
        self._prepared = prepared
        self._options = options
        self._changes: deque[tuple[str, Any, str]] = deque()
        self._reader = FrameReader()
        self._runner = Runner(prepared, loader(self._reader), every=options.step)
        self._ordering = Ordering(prepared)
        self._publishing: Publishing | None = None
        self._names = [channel.name for channels in prepared.sources.values() for channel in channels]

    def change(self, step: str, parameters: Any, told: str) -> None:
        """Let a stage take other parameters from the next point on; any thread.

        Args:
            told: what changes, for the file.
        """
        self._changes.append((step, parameters, told))

    def run(self) -> None:
        """Analyse the scan until its last point."""
        publishing = None
        try:
            publishing = self._publishing = Publishing(self._scan, self._prepared, self._held)
            self._work(publishing)
            if not self.stop.is_set():
                publishing.seal()
        except ScanOver as error:
            self._end_all(str(error))  # where some have ended, the others are wanted no more
        except (_Stopped, ScanGone, Replaced):
            pass  # who began again goes on, or nobody wants results any more
        except Exception as error:  # noqa: BLE001 - whatever it is, the pipeline tells it and takes other scans
            if self.stop.is_set():
                return  # the connection was closed before it came to its end; who begins again goes on
            known = isinstance(error, RondaError)
            self.progress.error = str(error) if known else f"a mistake of ours: {type(error).__name__}: {error}"
            if publishing is not None:
                publishing.fail(self.progress.error)
            if publishing is not None or not isinstance(error, CommunicationFailed):
                self._end_all(self.progress.error)
        finally:
            self._reader.close()

    def _end_all(self, sentence: str) -> None:
        for device in self._prepared.devices:
            with contextlib.suppress(RondaError):
                self._scan.end_derived(device.name, sentence)

    # -- the work

    def _work(self, publishing: Publishing) -> None:
        for blocks in self._read():
            for block in blocks:
                self._take_changes(publishing)
                self._publish(publishing, self._runner.feed(block))
        if not self.stop.is_set():
            self._publish(publishing, self._runner.finish())

    def _read(self) -> Iterator[Sequence[Block]]:
        """Blocks as they come; what left memory before is passed over."""
        cursor = self._cursor({})
        while not self.stop.is_set():
            try:
                blocks = cursor.read(timeout=WAIT)
                if self._options.mode == "latest":
                    blocks += self._rest(cursor)
            except NeverWillBe:
                return
            except NoLongerInMemory:
                cursor = self._cursor(cursor.positions)
                continue
            self._note_measured(cursor)
            yield self._newest(blocks, cursor) if self._options.mode == "latest" else blocks

    def _rest(self, cursor: Cursor) -> list[Block]:
        """All blocks that are there by now."""
        found: list[Block] = []
        while not cursor.exhausted and (more := cursor.read(timeout=0.0)):
            found += more
        return found

    def _cursor(self, positions: Mapping[str, int]) -> Cursor:
        """Go on reading; points that have left memory are marked as such."""
        start = {device: positions.get(device, 0) for device in self._prepared.sources}
        while True:
            for device in start:
                first = self._scan.extent(device).first
                if first > start[device] and self._publishing is not None:
                    why = "left memory before it was analysed; analyse the file"
                    self._publish(self._publishing, self._runner.skip(device, first, why, LOST))
                start[device] = max(start[device], first)
            with contextlib.suppress(NoLongerInMemory):  # more of them left in this moment
                return self._scan.follow(self._names, start=start)

    def _newest(self, blocks: Sequence[Block], cursor: Cursor) -> Sequence[Block]:
        """The blocks with the newest point alone; those before it are left out."""
        together = self._prepared.together
        target = min((cursor.positions[device] for device in together), default=0) - 1
        for device in together:
            if self._publishing is not None:
                self._publish(self._publishing, self._runner.skip(device, target, "", SKIPPED))
        return blocks

    def _publish(self, publishing: Publishing, results: Iterator[Found]) -> None:
        began = time.perf_counter()
        for found in results:
            publishing.publish(found)
            for order in self._ordering.of(found):
                told = f"told the scan to {order.word}: {order.who}"
                if publishing.ordered(told):
                    continue
                with contextlib.suppress(ScanOver, ScanGone):  # it has ended anyway
                    self._scan.order(order.word, order.who)
                    publishing.tell(found.first, told)
            if found.device == self._prepared.name:
                self.progress.points = found.first + len(found.times)
            if found.problems:
                self.progress.error = found.problems[-1].sentence
            self.progress.errors = publishing.errors
        self.progress.seconds += time.perf_counter() - began

    def _note_measured(self, cursor: Cursor) -> None:
        self.progress.measured = max((cursor.positions[device] for device in self._prepared.together), default=0)

    def _take_changes(self, publishing: Publishing) -> None:
        while self._changes:
            self._take_change(publishing, *self._changes.popleft())

    def _take_change(self, publishing: Publishing, step: str, parameters: Any, told: str) -> None:
        point = self.progress.points
        try:
            self._runner.change(step, parameters)
        except Exception as error:  # noqa: BLE001 - it is somebody's own code
            self.progress.error = f"{step}: cannot take {told}: {error}"
            publishing.tell(point, self.progress.error)
        else:
            publishing.tell(point, f"{step}: {told}")

    def _held(self, _: HeldBack) -> None:
        if self.stop.is_set():
            raise _Stopped


class _Stopped(Exception):
    """The server ends; results go on when it has begun again."""
