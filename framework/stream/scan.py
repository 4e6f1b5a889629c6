"""A scan in the stream: what its owner, its devices, its consumers and its readers do with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ronda.framework.errors import BadValue, NotAllowed
from ronda.framework.stream import keys, memory, orders, scripts
from ronda.framework.stream.answers import Behind, HeldBack, ScanGone, ScanOver
from ronda.framework.stream.blocks import Block
from ronda.framework.stream.catalogue import Record, make_record
from ronda.framework.stream.connection import Server
from ronda.framework.stream.cursor import Cursor, Start
from ronda.framework.stream.description import Description, State, read_description
from ronda.framework.stream.keeper import Keeper
from ronda.framework.stream.lease import Lease
from ronda.framework.stream.memory import Extent
from ronda.framework.stream.pointed import Pointed, Pointer
from ronda.framework.stream.publisher import Batch, Publisher
from ronda.framework.stream.retention import behind, positions
from ronda.framework.stream.trigger import Listener, TriggerLine

if TYPE_CHECKING:
    from ronda.framework.stream.face import Group
    from ronda.framework.stream.frames.reader import FrameReader
    from ronda.framework.stream.frames.ring import FrameRing
    from ronda.framework.stream.layout import Layout
    from ronda.framework.stream.source import SavedData


class Scan:
    """One scan; `Stream.open_scan` and `Stream.scan` make it.

    Attributes:
        identifier: its unique id.
        number: its number within session and dataset.
        lease: the owner's lease; None for everybody else.

    Every method raises ScanGone if Redis does not know the scan, and CommunicationFailed if it does not answer.
    """

    def __init__(
        self, server: Server, keeper: Keeper, identifier: str, *, number: int | None = None, lease: Lease | None = None
    ) -> None:
        self.identifier = identifier
        self.lease = lease
        self._server = server
        self._keeper = keeper
        self.number = self.record().number if number is None else number

    def __repr__(self) -> str:
        return f"<scan {self.number} {self.identifier}>"

    @cached_property
    def description(self) -> Description:
        """What was said when the scan was opened."""
        fields = self._server.call("HMGET", keys.scan(self.identifier), "heading", "devices", "consumers")
        if fields[0] is None:
            raise self._gone()
        return read_description(*fields)

    def forget(self) -> None:
        """Keep its description no longer; it is asked for again when it is needed."""
        self.__dict__.pop("description", None)

    def record(self) -> Record:
        """Its line in the catalogue, as it is now."""
        fields = ("heading", "number", "state", "sentence", "ended")
        answer = self._server.call("HMGET", keys.scan(self.identifier), *fields)
        if answer[0] is None:
            raise self._gone()
        return make_record(self.identifier, *answer)

    @property
    def state(self) -> str:
        """Its state now, as in `State`."""
        state = self._server.call("HGET", keys.scan(self.identifier), "state")
        if state is None:
            raise self._gone()
        text: str = state.decode()
        return text

    # What the owner does

    def set_state(self, state: str, sentence: str = "") -> None:
        """Go to another state; going to the present one again does nothing.

        At an end (COMPLETED, ABORTED, FAILED) devices that did not seal their stream are ended where they are.

        Raises:
            NotAllowed: no way leads there from the present state.
        """
        lease = self.lease if state in State.ENDED else None
        if lease is not None:
            lease.expect_end()
        answer, old = self._server.script(scripts.STATE, self.identifier, state, sentence)
        if answer == b"gone":
            raise self._gone()
        if answer == b"refused":
            raise NotAllowed(f"scan {self.number}: is {old.decode()} and cannot become {state}")
        if lease is not None:
            lease.stop()

    def trigger_line(self, subscan: int = 1) -> TriggerLine:
        """The end of the software trigger line at which to fire, of the scan itself or of one of its sub-scans."""
        return TriggerLine(self._server, self.identifier, subscan)

    def fail_device(self, device: str, sentence: str) -> None:
        """Publish in the name of a device, which cannot do it any more, that it has failed.

        Raises:
            BadValue: the scan has no such device.
        """
        self.description.device(device)
        answer = self._server.script(scripts.END, self.identifier, device, "", "failed", "", sentence)
        if answer == b"gone":
            raise self._gone()

    # What everybody may tell the owner

    def order(self, word: str, who: str = "") -> None:
        """Tell the owner to pause, resume, stop or abort the scan; it does so within moments, and its state says so.

        Args:
            word: `pause` after the point in hand, `resume`, `stop` after the point in hand, or `abort` at once.
            who: for people.

        Raises:
            BadValue: another word.
            ScanOver: the scan has ended.
        """
        if word not in orders.WORDS:
            raise BadValue(f"scan {self.number}: {word!r} is no order; give {', '.join(orders.WORDS)}")
        answer = self._server.script(scripts.ORDER, self.identifier, word, who)
        if answer == b"gone":
            raise self._gone()
        if answer == b"over":
            raise ScanOver(f"scan {self.number}: has ended, it cannot take the order {word}")

    # What a device does

    def publisher(
        self,
        device: str,
        *,
        batch: Batch | None = None,
        wait: float | None = 0.0,
        on_held: Callable[[HeldBack], None] | None = None,
        ring: FrameRing | None = None,
    ) -> Publisher:
        """Publish the points of a device, from the first that is missing on; an earlier publisher of it is shut out.

        Args:
            batch: None sends each point at once; a Batch gathers them.
            wait: seconds for which publishing waits when the buffer is full; None for as long as it takes.
            on_held: called about once a second during that wait.
            ring: where the device's large frames go, of a `FrameStore`.

        Raises:
            BadValue: the scan has no such device, or the ring is too small for its frames.
            ScanOver: the device's part in the scan has ended.
        """
        return Publisher(
            self._server,
            self._keeper,
            self.identifier,
            self.description.device(device),
            batch=batch,
            wait=wait,
            on_held=on_held,
            ring=ring,
        )

    def arm(self, device: str, *, first: int = 0) -> Listener:
        """Listen on the trigger line of a device's sub-scan from now on.

        Args:
            first: index of the first point to take.
        """
        subscan = next((one.subscan for one in self.description.devices if one.name == device), 1)
        return Listener(self._server, self.identifier, device, first=first, subscan=subscan)

    # What a consumer that must not lose does

    def acknowledge(self, consumer: str, positions: Mapping[str, int]) -> None:
        """Say that points are safe with a consumer; memory may let them go.

        Args:
            positions: by device, the index up to which (not including it) all points are safe.

        Raises:
            NotAllowed: the scan's description does not name the consumer.
            BadValue: the scan has no such device.
        """
        for device in positions:
            self.description.device(device)
        arguments = [part for device, position in positions.items() for part in (device, int(position))]
        self._check_consumer(consumer, self._server.script(scripts.ACKNOWLEDGE, self.identifier, consumer, *arguments))

    def done(self, consumer: str) -> None:
        """Say that a consumer needs nothing of this scan any more: the last thing it does.

        Raises:
            NotAllowed: the scan's description does not name the consumer.
        """
        self._check_consumer(
            consumer, self._server.script(scripts.NO_LONGER_WAITS, self.identifier, consumer, "done", "1")
        )

    def write_note(self, consumer: str, text: str) -> None:
        """Leave a note of a consumer for all readers: a writer says where the scan's file is.

        Raises:
            NotAllowed: the scan's description does not name the consumer.
        """
        self._check_consumer(consumer, self._server.script(scripts.NOTE, self.identifier, consumer, text))

    def note(self, consumer: str) -> str:
        """The note that a consumer left, empty if none."""
        found = self._server.call("HGET", keys.scan(self.identifier), f"note {consumer}")
        return "" if found is None else str(found.decode())

    def marks(self) -> list[Pointed]:
        """What people marked in it in the live view, the oldest first."""
        return Pointer(self._server).marks(self.identifier)

    def make_optional(self, consumer: str, who: str) -> None:
        """Wait for a consumer no longer, by the word of an operator: what it has not acknowledged may be lost for it.

        Args:
            who: name of the operator.

        Raises:
            NotAllowed: the scan's description does not name the consumer.
        """
        self._check_consumer(
            consumer, self._server.script(scripts.NO_LONGER_WAITS, self.identifier, consumer, "optional", who)
        )

    def acknowledged(self, consumer: str) -> dict[str, int]:
        """By device, the index up to which a consumer has acknowledged."""
        devices = [device.name for device in self.description.devices]
        return positions(self._server, self.identifier, consumer, devices)

    def behind(self) -> list[Behind]:
        """The consumers that keep data of this scan in memory, the one that keeps most first."""
        return behind(self._server, self.identifier)

    # What a reader does

    def follow(
        self,
        channels: Sequence[str] | str | None = None,
        *,
        start: Start | int | Mapping[str, int] = "start",
        every: int = 1,
        latest: bool = False,
    ) -> Cursor:
        """A cursor over some channels, of as many devices as they belong to.

        Args:
            channels: names; all if None.
            start: `start`, `oldest` in memory, `now`, an index, or an index by device.
            every: only each n-th point from the start.
            latest: only the newest point at each read.

        Raises:
            BadValue: a channel is unknown.
            NoLongerInMemory: the start has left memory.
        """
        names = [channels] if isinstance(channels, str) else channels
        return Cursor(self._server, self.identifier, self.description, names, start=start, every=every, latest=latest)

    def extent(self, device: str) -> Extent:
        """Which points of a device there are now.

        Raises:
            BadValue: the scan has no such device.
        """
        name = self.description.device(device).name
        return memory.extents(self._server, self.identifier, [name])[name]

    def read(self, channel: str, start: int, stop: int) -> Any:
        """The points of a channel with start ≤ index < stop, from memory.

        Returns:
            An array of shape (stop - start, *shape of a point), or a list of FrameReference.

        Raises:
            NotYet, NoLongerInMemory, NeverWillBe: for the three reasons why they are not there.
            BadValue: the scan has no such channel.
        """
        device, found = self.description.channel(channel)
        return memory.read(self._server, self.identifier, device, found, start, stop)

    def blocks(self, device: str, channels: Sequence[str], start: int, stop: int) -> list[Block]:
        """The points of a device with start ≤ index < stop, as the blocks they came in, from memory.

        Raises:
            as `read`.
        """
        found = self.description.device(device)
        wanted = [channel for channel in found.channels if channel.name in channels]
        return memory.read_blocks(self._server, self.identifier, found, wanted, start, stop)

    def abandoned_results(self) -> list[str]:
        """The devices of results that are not complete though nobody runs their pipeline."""
        open_ones = [one.name for one in self.description.devices if one.derived and self.extent(one.name).end is None]
        pipelines = {name: name.partition(".")[0] for name in open_ones}
        return [
            name for name, pipeline in pipelines.items() if not self._server.call("EXISTS", keys.analysing(pipeline))
        ]

    def end_derived(self, device: str, sentence: str) -> None:
        """Say that no more results will come of a pipeline that is gone, as failed; harmless if they have ended.

        Raises:
            NotAllowed: the device is not derived from others.
        """
        if not self.description.device(device).derived:
            raise NotAllowed(f"scan {self.number}: {device} measures itself, so that only its own program ends it")
        self._server.script(scripts.END, self.identifier, device, "", "failed", "", sentence)

    def tree(
        self, layout: Layout | None = None, saved: SavedData | None = None, frames: FrameReader | None = None
    ) -> Group:
        """The scan as a tree of groups and datasets that is used like an h5py file.

        Args:
            layout: makes the tree from the description; `layout.default_layout` if None.
            saved: where the points are that have left memory; nowhere if None.
            frames: reads large frames; one that knows the data roots of the environment if None.
        """
        # A device that publishes need not wait until these are imported.
        from ronda.framework.stream.face import Group
        from ronda.framework.stream.layout import default_layout
        from ronda.framework.stream.source import Source

        make_tree = default_layout if layout is None else layout
        source = Source(self._server, self.identifier, saved, frames, self.description.in_step)
        return Group.root(make_tree(self.identifier, self.number, self.description), source)

    def __getitem__(self, path: str) -> Any:
        return self.tree()[path]

    def _check_consumer(self, consumer: str, answer: bytes) -> None:
        if answer == b"gone":
            raise self._gone()
        if answer == b"unknown":
            raise NotAllowed(
                f"scan {self.number}: consumer {consumer} does not stand in its description "
                f"({', '.join(self.description.consumers) or 'none does'})"
            )

    def _gone(self) -> ScanGone:
        return ScanGone(f"scan {self.identifier}: is not in Redis; it left memory, or Redis has lost its data")
