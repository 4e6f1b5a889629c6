"""One scan on its way from the stream into its file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ronda.framework.errors import CommunicationFailed, NotReady, RondaError
from ronda.framework.nexus import words
from ronda.framework.nexus.checksum import checksum_file, sync_folder, write_checksum
from ronda.framework.nexus.dataset import add_link
from ronda.framework.nexus.file import ScanFile, require_ours
from ronda.framework.nexus.layout import entry_names
from ronda.framework.nexus.ownership import Ownership
from ronda.framework.nexus.paths import Paths, clean
from ronda.framework.nexus.scan_frames import ScanFrames, describe_losses, sort_losses
from ronda.framework.nexus.slow import links as slow_links
from ronda.framework.nexus.structure import CLOSED
from ronda.framework.stream import Block, Cursor, NeverWillBe, NoLongerInMemory, Scan, ScanGone, State
from ronda.framework.stream.answers import Hole
from ronda.framework.stream.pointed import to_text

FLUSH_PERIOD = 1.0
"""Seconds between two flushes while data comes."""

GATHERED_BYTES = 8 << 20
"""Blocks are gathered up to so many bytes before they are written."""

RETRY_PERIOD = 0.5
"""Seconds before something that failed is tried again."""

READ_WAIT = 0.2
"""Longest wait for data, in seconds, after which the commands are looked at."""

ABANDONED = 60.0
"""Seconds after the end of a scan until results that nobody computes are given up: a dead server is back by then."""

STALLED = 600.0
"""Seconds after the end of the scan without a new result, until results are given up though their pipeline runs."""

END_WAIT = 0.005
"""Seconds between two looks whether the scan has ended, once all its devices have."""


@dataclass
class Progress:
    """How far the saving of a scan is; written by its thread, read by any.

    Attributes:
        state: `waiting`, `writing`, `paused`, `held` (the disk or Redis fails, see `error`), `closed`, `given up`.
        points: by device, how many are flushed to the file.
        error: what is wrong now.
        missing: by device, ranges of points that are lost.
        missing_frames: by channel, ranges of points whose frames are lost; their other values are there.
        coming: after the end of the scan, when all that was measured is flushed: pipelines whose results still come.
    """

    identifier: str
    number: int = 0
    file: str = ""
    state: str = "waiting"
    points: dict[str, int] = field(default_factory=dict)
    error: str = ""
    missing: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    missing_frames: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    coming: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether nothing more happens."""
        return self.state in ("closed", "given up")


@dataclass
class Orders:
    """What all savings of a writer are told; any thread.

    Attributes:
        paused: leave the data in the stream.
        flush: raised by one for each wish that everything be flushed.
        stop: end after a flush; the file can be resumed.
        minimum_free: bytes that must stay free on the disk.
        ownership: mode and group of the files.
        roots: the data roots below which detectors' own files lie.
        slow: whether files lead to what was archived during the scan.
    """

    paused: threading.Event = field(default_factory=threading.Event)
    flush: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    minimum_free: int = 0
    ownership: Ownership = field(default_factory=Ownership)
    roots: Sequence[Path] = ()
    slow: bool = False


class Saving:
    """Follows one scan and writes it, until its file is closed. `run` is for a thread of its own.

    Args:
        tell: called when a file was closed for good.
    """

    def __init__(
        self, scan: Scan, paths: Paths, orders: Orders, tell: Callable[[Progress], None] = lambda _: None
    ) -> None:
        self.progress = Progress(scan.identifier, scan.number)
        self.flushed = orders.flush
        self._scan = scan
        self._paths = paths
        self._orders = orders
        self._tell = tell
        self._file: ScanFile | None = None
        self._gathered: dict[str, list[Block]] = {}
        self._gathered_bytes = 0
        self._frames = ScanFrames(scan, orders.roots or [paths.root], self._give, self._ended)
        self._written: dict[str, int] = {}
        self._flushed_at = time.monotonic()
        self._acknowledged = False
        self._lost = ""
        self._derived = any(device.derived for device in scan.description.devices)
        self._look_at = 0.0
        self._abandoned_since: float | None = None
        self._grown: dict[str, tuple[int, float]] = {}

    def run(self) -> None:
        """Save the scan; what can be tried again is tried until it works or `stop` is ordered."""
        try:
            closed = self._insist(self._open)
            if closed is False:
                self._insist(self._announce)
                self._follow()
                self._insist(self._finish)
            if closed is not None:
                self._insist(self._seal)
        except _Stopped:
            if self._file is not None:
                with suppress(OSError, RuntimeError, RondaError):  # what is not flushed is still in memory
                    self._flush()
            self._leave()
        except Exception as error:  # noqa: BLE001 - whatever it is, the writer tells it and writes other scans
            known = isinstance(error, RondaError)
            self.progress.error = str(error) if known else f"a mistake of ours: {type(error).__name__}: {error}"
            self.progress.state = "given up"
            self._leave()
        finally:
            self._frames.close()

    # -- the steps

    def _open(self) -> bool:
        """Open or make the file; returns whether it was closed for good before."""
        description = self._scan.description
        path = self._paths.scan_file(self._scan.identifier, self._scan.number, description)
        if path.exists() and not self._is_ours(path):
            path = self._paths.unlike(path, self._scan.identifier)  # numbers began anew; never touch another scan
        self.progress.file = str(path)
        minimum = self._orders.minimum_free
        if path.exists():
            if require_ours(path, self._scan.identifier) == CLOSED:
                return True
            self._frames.open(path)
            self._file = ScanFile.resume(path, self._scan.number, description, minimum_free=minimum)
        else:
            self._orders.ownership.make_folder(path.parent, self._paths.root.resolve(), description)
            self._frames.open(path)
            self._file = ScanFile.create(
                path,
                self._scan.identifier,
                self._scan.number,
                description,
                minimum_free=minimum,
                give=self._give,
                links=slow_links(path, self._scan.number) if self._orders.slow else {},
            )
        self._written = dict(self._file.positions)
        self.progress.points = dict(self._file.positions)
        self._tell_missing()
        self.progress.state = "writing"
        return False

    def _announce(self) -> None:
        """Let people find the file; a step of its own, for a file that is open must not be opened again."""
        path = Path(self.progress.file)
        self._link(path)
        self._tell_readers(path)

    def _follow(self) -> None:
        """Write what comes until every device has ended and the scan too."""
        cursor = self._insist(self._cursor)
        while True:
            self._obey()
            try:
                blocks = cursor.read(timeout=self._patience())
            except NeverWillBe:
                break
            except NoLongerInMemory:
                self._insist(self._drain)
                cursor = self._insist(self._cursor)
            except Hole as error:
                self._give_up_rest(str(error))
                break
            except ScanGone:
                self._give_up_rest("the stream has lost the scan before it ended")
                return
            except CommunicationFailed as error:
                self._hold(error)
                continue
            for block in blocks:
                self._take(block)
            self._insist(self._end_abandoned)
            if self.progress.state == "held":
                self._work()
            if time.monotonic() - self._flushed_at >= FLUSH_PERIOD and self._dirty:
                self._insist(self._flush)
            if self._derived:
                self._note_coming(cursor)
        self._insist(self._flush)
        while not self._insist(self._ended):
            self._obey()
            self._orders.stop.wait(END_WAIT)

    def _finish(self) -> None:
        """Close the file."""
        if self._file is None:
            return
        self._frames.look_for_absent(self._file)
        self._flush()
        try:
            record = self._scan.record()
            reason, sentence = record.state, record.sentence
            ended = record.ended or datetime.now().astimezone()
            marks = to_text(self._scan.marks())
        except ScanGone:
            marks = ""
            reason, sentence, ended = State.FAILED, "the stream has lost the scan", datetime.now().astimezone()
        missing = describe_losses(self.progress.missing, self.progress.missing_frames, self._frames.why)
        if missing or self._lost or reason not in State.ENDED:
            reason = State.FAILED
            sentence = "; ".join(dict.fromkeys(filter(None, (missing, self._lost, sentence))))
        self._file.close(ended.isoformat(), reason, sentence, marks)
        self._file = None

    def _seal(self) -> None:
        """Make the closed file final, and let memory go."""
        path = Path(self.progress.file)
        if not checksum_file(path).exists():
            write_checksum(path, self._give)
            sync_folder(path.parent)
        self._link(path)
        self._tell_readers(path)
        with suppress(ScanGone):  # then nobody waits for us
            self.progress.points = self.progress.points or self._scan.acknowledged(words.CONSUMER)
            if words.CONSUMER in self._scan.description.consumers:
                self._scan.done(words.CONSUMER)
        self.progress.state = "closed"
        self._tell(self.progress)

    # -- parts of them

    def _cursor(self) -> Cursor:
        """Go on reading where the file ends; what memory has lost is noted."""
        start = dict(self._written)
        for device in start:
            first = self._scan.extent(device).first
            if first > start[device]:
                assert self._file is not None  # noqa: S101 - it is open while we follow
                channels = self._scan.description.device(device).channels
                for name in [None, *(channel.name for channel in channels)]:
                    self._file.lose(device, name, start[device], first)
                start[device] = self._written[device] = first
                self._tell_missing()
        return self._scan.follow(start=start)

    def _take(self, block: Block) -> None:
        """Gather a block, and write when that is much; a device that waits for room in its ring gets it early."""
        self._gather(block)
        if self._gathered_bytes >= GATHERED_BYTES or self._frames.many:
            self._insist(self._drain)
        if self._frames.ring_waits:
            self._insist(self._flush)

    def _gather(self, block: Block) -> None:
        self._gathered.setdefault(block.device, []).append(block)
        inline = (values for values in block.data.values() if not isinstance(values, list))
        self._gathered_bytes += block.times.nbytes + sum(values.nbytes for values in inline)
        self._frames.gather(block)

    def _drain(self) -> None:
        """Write what was gathered."""
        assert self._file is not None  # noqa: S101 - it is open while we follow
        for device in list(self._gathered):
            blocks = self._gathered[device]
            self._frames.save(self._file, blocks)
            data = {
                name: _joined([block.data[name] for block in blocks])
                for name, values in blocks[0].data.items()
                if not isinstance(values, list)
            }
            self._file.write(device, blocks[0].first, data, _joined([block.times for block in blocks]))
            self._written[device] = blocks[-1].first + blocks[-1].count
            del self._gathered[device]
        self._gathered_bytes = 0
        self._frames.saved()
        self._tell_missing()

    def _tell_missing(self) -> None:
        assert self._file is not None  # noqa: S101 - as above
        points, frames = sort_losses(self._file.missing, self._scan.description)
        self.progress.missing, self.progress.missing_frames = points, frames

    def _flush(self) -> None:
        """Write, flush, and only then acknowledge."""
        assert self._file is not None  # noqa: S101 - as above
        wished = self._orders.flush
        self._drain()
        self._frames.write_links()
        if self._written != self._file.positions or self._file.unnoted:
            self._file.flush(self._written)
        if self.progress.points != self._file.positions or not self._acknowledged:
            self._acknowledge(self._file.positions)
        self.progress.points = dict(self._file.positions)
        self.flushed = wished
        self._frames.flushed()
        self._flushed_at = time.monotonic()

    def _acknowledge(self, positions: Mapping[str, int]) -> None:
        if words.CONSUMER in self._scan.description.consumers:
            try:
                self._scan.acknowledge(words.CONSUMER, positions)
            except ScanGone:
                return  # the cursor finds that out
        self._acknowledged = True

    @property
    def _dirty(self) -> bool:
        return bool(self._gathered) or (self._file is not None and self._written != self._file.positions)

    def _patience(self) -> float:
        """How long to wait for data."""
        if not self._dirty:
            self._flushed_at = time.monotonic()
            return READ_WAIT
        return min(max(self._flushed_at + FLUSH_PERIOD - time.monotonic(), 0.0), READ_WAIT)

    def _ended(self) -> bool:
        try:
            return self._scan.state in State.ENDED
        except ScanGone:
            return True

    def _note_coming(self, cursor: Cursor) -> None:
        """Tell when nothing but results is missing: nobody needs to wait for those."""
        left = [one for one in self._scan.description.devices if one.name not in cursor.ends]
        if left and all(one.derived for one in left) and (self.progress.coming or self._ended()):
            if not self.progress.coming:
                self._insist(self._flush)
            self.progress.coming = sorted({one.name.partition(".")[0] for one in left})

    def _end_abandoned(self) -> None:
        """End results that nobody computes any more, so that the file can become final."""
        now = time.monotonic()
        if not self._derived or now < self._look_at:
            return
        self._look_at = now + ABANDONED / 10
        if not self._ended():
            return
        with suppress(ScanGone):  # the cursor finds that out
            self._end_stalled(now)
            abandoned = self._scan.abandoned_results()
            if not abandoned or self._abandoned_since is None:
                self._abandoned_since = now
            elif now - self._abandoned_since > ABANDONED:
                for device in abandoned:
                    self._scan.end_derived(device, f"its pipeline has not run for {ABANDONED:g} s; analyse the file")

    def _end_stalled(self, now: float) -> None:
        """End results of pipelines that run, but give none: a stage hangs."""
        waiting: dict[str, list[str]] = {}
        for device in self._scan.description.devices:
            if device.derived and self._scan.extent(device.name).end is None:
                waiting.setdefault(device.name.partition(".")[0], []).append(device.name)
        for pipeline, devices in waiting.items():
            points = sum(self._scan.extent(device).length for device in devices)
            before, since = self._grown.get(pipeline, (-1, now))
            if points != before:
                self._grown[pipeline] = (points, now)
            elif now - since > STALLED:
                for name in devices:
                    self._scan.end_derived(name, f"its pipeline gave none for {STALLED:g} s; analyse the file")

    def _give_up_rest(self, sentence: str) -> None:
        self._insist(self._flush)
        self._lost = sentence

    def _link(self, path: Path) -> None:
        """Let the files of the dataset and of the proposal lead to the scan's file."""
        about = (self._scan.identifier, self._scan.number, self._scan.description)
        entry, *others = entry_names(self._scan.number, self._scan.description)
        dataset, proposal = self._paths.dataset_file(*about), self._paths.proposal_file(*about)
        if dataset is not None:
            dataset = self._add_link(dataset, path, f"/{entry}", entry, {f"/{one}": one for one in others})
        if proposal is not None:
            described = self._scan.description
            parts = [
                clean(part) for part in (described.collection or described.sample, described.dataset) if clean(part)
            ]
            if dataset is not None:
                self._add_link(proposal, dataset, "/", "_".join(parts) or "scans")
            else:
                beside = {f"/{one}": "_".join([*parts, one]) for one in others}
                self._add_link(proposal, path, f"/{entry}", "_".join([*parts, entry]), beside)

    def _add_link(
        self, links_file: Path, target: Path, inside: str, name: str, beside: Mapping[str, str] = MappingProxyType({})
    ) -> Path:
        root = self._paths.root.resolve()
        self._orders.ownership.make_folder(links_file.parent, root, self._scan.description)
        lock = self._paths.lock("dataset-files")
        return add_link(links_file, target, inside, name, beside=beside, root=root, lock=lock, give=self._give)

    def _give(self, file: Path) -> None:
        self._orders.ownership.give(file, self._scan.description)

    def _tell_readers(self, path: Path) -> None:
        """Let readers of the stream know where the file is: what has left memory they find there."""
        if words.CONSUMER in self._scan.description.consumers:
            with suppress(ScanGone):
                self._scan.write_note(words.CONSUMER, str(path))

    def _is_ours(self, path: Path) -> bool:
        try:
            require_ours(path, self._scan.identifier)
        except RondaError:
            return False
        return True

    # -- orders and failures

    def _obey(self) -> None:
        """Stop, flush or pause as ordered."""
        if self._orders.stop.is_set():
            raise _Stopped
        if self._orders.flush != self.flushed:
            self._insist(self._flush)
        if self._orders.paused.is_set():
            self._insist(self._flush)
            self.progress.state = "paused"
            while self._orders.paused.is_set() and not self._orders.stop.wait(0.05):
                self.flushed = self._orders.flush
            self._work()

    def _insist(self, step: Callable[[], Any]) -> Any:
        """Do a step, again and again while the disk or Redis fails.

        Raises:
            _Stopped: stop was ordered before it worked.
            RondaError: it will not work.
        """
        while True:
            try:
                answer = step()
            except (OSError, RuntimeError, NotReady, CommunicationFailed) as error:
                self._hold(error)
                if self._orders.stop.wait(RETRY_PERIOD):
                    raise _Stopped from error
            else:
                self._work()
                return answer

    def _hold(self, error: Exception) -> None:
        said = isinstance(error, RondaError)
        self.progress.error = str(error) if said else f"{self.progress.file}: cannot be written ({error}); trying again"
        self.progress.state = "held"

    def _work(self) -> None:
        if self.progress.state in ("held", "paused"):
            self.progress.state = "writing"
            self.progress.error = ""

    def _leave(self) -> None:
        """Close the file as it is."""
        if self._file is None:
            return
        try:
            self._file.abandon()
        except (OSError, RuntimeError) as error:
            self.progress.error = f"{self.progress.file}: could not be closed ({error})"
        self._file = None


class _Stopped(Exception):
    """Stop was ordered."""


def _joined(pieces: list[Any]) -> Any:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
