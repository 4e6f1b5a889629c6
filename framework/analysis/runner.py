"""Running a pipeline over the blocks of a scan: the same code live and on files, so that the numbers are the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.analysis.aligning import LOST, RAISED, Aligner, Batch, Load
from ronda.framework.analysis.pipeline import STATUS, Line, Placed, Prepared
from ronda.framework.analysis.stage import Output, Points, Results
from ronda.framework.errors import BadValue, RondaError
from ronda.framework.stream.blocks import Block
from ronda.framework.stream.fill import fill_value


@dataclass(frozen=True)
class Problem:
    """Why a point has no results.

    Attributes:
        first, stop: first ≤ index < stop of the points.
        step: the stage that raised; empty if its inputs were not there.
        sentence: why.
    """

    first: int
    stop: int
    step: str
    sentence: str


@dataclass(frozen=True)
class Found:
    """Results of consecutive points, as they are published.

    Attributes:
        device: source of the results in the stream.
        first: index of the first point.
        data: by channel, an array of shape (count, *shape of a point).
        times: when the points were measured, seconds since 1970.
        pulses: their pulse ids.
        problems: of points without results.
    """

    device: str
    first: int
    data: Mapping[str, npt.NDArray[Any]]
    times: npt.NDArray[np.float64]
    pulses: npt.NDArray[np.uint64] | None = None
    problems: Sequence[Problem] = ()


@dataclass
class InHand:
    """A batch on its way through the stages.

    Attributes:
        batch: the points, with the outputs so far.
        bad: by name of a channel or output, for which points it is not there.
        problems: why.
        status: of each point.
    """

    batch: Batch
    bad: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    status: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, "u1"))

    @classmethod
    def of(cls, batch: Batch) -> InHand:
        """A batch that no stage has seen yet."""
        work = cls(batch, status=np.zeros(batch.count, "u1"))
        lost = np.zeros(batch.count, bool)
        for place, why in batch.lost.items():
            lost[place] = True
            work.status[place] = batch.status or LOST
            if why:
                work.problems.append(Problem(batch.first + place, batch.first + place + 1, "", why))
        work.bad = dict.fromkeys([*batch.data, ""], lost)
        return work


class Runner:
    """Runs a prepared pipeline once, in one thread.

    Args:
        prepared: the pipeline; it serves this runner alone.
        load: reads frames that are stored by reference.
        first: index of the first point; not 0 only where all stages are point-wise.
        every: only each n-th point is looked at.
    """

    def __init__(self, prepared: Prepared, load: Load, first: int = 0, every: int = 1) -> None:
        self._prepared = prepared
        sources = {device: prepared.sources[device] for device in prepared.together if device in prepared.sources}
        self._aligner = Aligner(sources, load, first, every)
        self._load = load
        self._lengths: dict[Line, int] = {}
        self._apart = {
            placed.step.label: {
                device
                for device, channels in prepared.sources.items()
                if {one.name for one in channels} & {name for names in placed.taken.values() for name in names}
            }
            for placed in prepared.placed
            if placed.line[0] == "apart"
        }

    @property
    def waits(self) -> int:
        """How many points some devices have published and others have not yet."""
        return self._aligner.waits

    def feed(self, block: Block) -> Iterator[Found]:
        """Take the next block of a device and give what results from it.

        Raises:
            what reading frames raises, other than that they are lost.
        """
        for placed in self._prepared.placed:
            if block.device in self._apart.get(placed.step.label, ()):
                yield from self._run_apart(placed, block)
        if block.device in self._prepared.together:
            self._aligner.add(block)
            yield from self._aligned()

    def skip(self, device: str, stop: int, why: str, status: int = LOST) -> Iterator[Found]:
        """Know that the points of a device up to `stop` will not come, and why."""
        if device in self._prepared.together:
            self._aligner.skip(device, stop, why, status)
            yield from self._aligned()

    def begin(self, blocks: Iterable[Block], missing: Mapping[str, tuple[int, str]], stages: int) -> Iterator[InHand]:
        """Take a range of points and let the first stages, which are point-wise, take what all devices have.

        Args:
            missing: by device, up to where its first points will not come, and why.
        """
        for device, (stop, why) in missing.items():
            self._aligner.skip(device, stop, why, LOST)
        for block in blocks:
            self._aligner.add(block)
        while (batch := self._aligner.batch()) is not None:
            work = InHand.of(batch)
            for placed in self._prepared.placed[:stages]:
                self._each_point(placed, work)
            yield work

    def go_on(self, work: InHand, stages: int) -> Iterator[Found]:
        """Let the other stages take what `begin` gave, somewhere; they see the points in order."""
        assert self._prepared.main is not None  # noqa: S101 - there are points of it
        yield from self._run(self._prepared.main, work, stages)

    def change(self, step: str, parameters: Any) -> None:
        """Let a stage take other parameters from the next point on.

        Raises:
            BadValue: they do not go together.
        """
        placed = next((one for one in self._prepared.placed if one.step.label == step), None)
        if placed is None:
            raise BadValue(f"{self._prepared.name}: has no stage {step}")
        placed.stage.change(parameters)

    def finish(self) -> Iterator[Found]:
        """After the last block: what stages still have to give."""
        for placed in self._prepared.placed:
            line = placed.gives
            try:
                results = placed.stage.finish()
            except Exception as error:  # noqa: BLE001 - it is somebody's own code
                yield self._nothing(line, self._lengths.get(line, 0), placed, error)
                continue
            if results is not None:
                yield from self._own(placed, results)

    # -- the stages

    def _aligned(self) -> Iterator[Found]:
        while (batch := self._aligner.batch()) is not None:
            assert self._prepared.main is not None  # noqa: S101 - there are batches of its points
            yield from self._run(self._prepared.main, InHand.of(batch))

    def _run(self, line: Line, work: InHand, after: int = 0) -> Iterator[Found]:
        """Let all stages of a line take a batch, but for the first ones."""
        beside: list[Found] = []
        for placed in self._prepared.placed[after:]:
            if placed.line != line:
                continue
            if placed.stage.each_point:
                self._each_point(placed, work)
            else:
                beside += self._some_points(placed, work)
        outputs = self._prepared.outputs_of(line)
        if outputs:
            yield self._found(line, work, outputs)
        yield from beside

    def _not_there(self, placed: Placed, work: InHand) -> npt.NDArray[np.bool_]:
        """For which points a stage lacks an input."""
        bad = work.bad[""].copy()
        for names in placed.taken.values():
            for name in names:
                if name in work.bad:
                    bad |= work.bad[name]
        return bad

    def _each_point(self, placed: Placed, work: InHand) -> None:
        bad = self._not_there(placed, work)
        count = work.batch.count
        into = {output.name: filled(output, count) for output in placed.outputs}
        failed = bad.copy()
        for start, stop in runs_of(~bad):
            for first, last, results in self._tried(placed, work, start, stop):
                if isinstance(results, Exception):
                    failed[first:last] = True
                    work.status[first:last] = RAISED
                    work.problems.append(self._problem(placed, work, first, last, results))
                    continue
                for output in placed.outputs:
                    into[output.name][first:last] = results[output.name]
        for output in placed.outputs:
            work.batch.data[output.name] = into[output.name]
            work.bad[output.name] = failed

    def _tried(
        self, placed: Placed, work: InHand, start: int, stop: int
    ) -> Iterator[tuple[int, int, dict[str, npt.NDArray[Any]] | Exception]]:
        """Results of points, or why there are none; of a point-wise stage for each point that has none alone."""
        try:
            yield start, stop, self._computed(placed, work, start, stop)
        except Exception as error:  # noqa: BLE001 - it is somebody's own code
            if not placed.stage.point_wise or stop - start == 1:
                yield start, stop, error
                return
            for place in range(start, stop):
                try:
                    yield place, place + 1, self._computed(placed, work, place, place + 1)
                except Exception as alone:  # noqa: BLE001 - as above
                    yield place, place + 1, alone

    def _computed(self, placed: Placed, work: InHand, start: int, stop: int) -> dict[str, npt.NDArray[Any]]:
        found = placed.stage.process(_points(placed, work.batch, start, stop))
        if isinstance(found, Results):
            raise BadValue(f"{placed.step.label}: gives Results, and says that it gives one result for each point")
        prefix = placed.step.prefix
        return {one.name: _checked(placed, one, found, stop - start, prefix) for one in placed.outputs}

    def _some_points(self, placed: Placed, work: InHand) -> list[Found]:
        found: list[Found] = []
        for start, stop in runs_of(~self._not_there(placed, work)):
            try:
                results = placed.stage.process(_points(placed, work.batch, start, stop))
            except Exception as error:  # noqa: BLE001 - as above
                work.problems.append(self._problem(placed, work, start, stop, error))
                work.status[start:stop] = RAISED
                continue
            found += self._own(placed, results)
        return found

    def _run_apart(self, placed: Placed, block: Block) -> Iterator[Found]:
        """Let a stage take the points of one device as they come."""
        data = {}
        for channel in self._prepared.sources[block.device]:
            values = block.data[channel.name]
            data[channel.name] = self._load(channel, values)[0] if isinstance(values, list) else values
        batch = Batch(block.first, data, block.times, block.pulses)
        try:
            results = placed.stage.process(_points(placed, batch, 0, batch.count, block.device))
        except Exception as error:  # noqa: BLE001 - as above
            yield self._nothing(placed.gives, self._lengths.get(placed.gives, 0), placed, error)
            return
        yield from self._own(placed, results)

    def _own(self, placed: Placed, results: Mapping[str, Any] | Results) -> Iterator[Found]:
        """Results at indices of their own, and what later stages make of them."""
        line = placed.gives
        first = self._lengths.get(line, 0)
        try:
            if not isinstance(results, Results):
                raise BadValue(f"{placed.step.label}: says that it gives Results (each_point = False), and does not")  # noqa: TRY301 - told as what the stage itself raises
            times = np.asarray(results.times, "<f8").reshape(-1)
            prefix = placed.step.prefix
            data = {one.name: _checked(placed, one, results.data, len(times), prefix) for one in placed.outputs}
            pulses = None if results.pulses is None else np.asarray(results.pulses, "<u8")
        except Exception as error:  # noqa: BLE001 - as above
            yield self._nothing(line, first, placed, error)
            return
        if len(times):
            self._lengths[line] = first + len(times)
            yield from self._run(line, InHand.of(Batch(first, data, times, pulses)))

    # -- what is given

    def _found(self, line: Line, work: InHand, outputs: Sequence[Output]) -> Found:
        prepared, batch = self._prepared, work.batch
        data = {prepared.channel_name(line, one.name): batch.data[one.name] for one in outputs}
        if line[0] != "stage":
            data[prepared.channel_name(line, STATUS)] = work.status
        return Found(prepared.device_of(line), batch.first, data, batch.times, batch.pulses, tuple(work.problems))

    def _nothing(self, line: Line, first: int, placed: Placed, error: Exception) -> Found:
        """No results, and why."""
        problem = Problem(first, first, placed.step.label, _sentence(error))
        return Found(self._prepared.device_of(line), first, {}, np.zeros(0), None, (problem,))

    def _problem(self, placed: Placed, work: InHand, start: int, stop: int, error: Exception) -> Problem:
        first = work.batch.first
        return Problem(first + start, first + stop, placed.step.label, _sentence(error))


def filled(output: Output, count: int) -> npt.NDArray[Any]:
    """An array of points without results."""
    dtype = output.channel().numpy_dtype
    nothing = fill_value(dtype)
    return np.full((count, *output.shape), np.zeros((), dtype) if nothing is None else nothing, dtype)


def runs_of(good: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where consecutive points are good: (first, index after the last) of each run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype("i1")))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _points(placed: Placed, batch: Batch, start: int, stop: int, source: str = "") -> Points:
    """What a stage gets of a batch."""
    data: dict[str, Any] = {}
    for name, taken in placed.taken.items():
        there = {each: batch.data[each][start:stop] for each in taken if each in batch.data}
        declared = placed.takes(name)
        if declared is not None and declared.many:
            data[name] = there
        elif there:
            data[name] = there[taken[0]]
    pulses = None if batch.pulses is None else batch.pulses[start:stop]
    return Points(batch.first + start, data, batch.times[start:stop], pulses, source)


def _checked(placed: Placed, output: Output, found: Any, count: int, prefix: str) -> npt.NDArray[Any]:
    """An output as it was declared."""
    name = output.name.removeprefix(prefix)
    if not isinstance(found, Mapping) or name not in found:
        raise BadValue(f"{placed.step.label}: did not give {name}")
    dtype = output.channel().numpy_dtype
    array = np.asarray(found[name])
    if array.dtype != dtype:
        if not np.can_cast(array.dtype, dtype, "same_kind"):
            raise BadValue(f"{placed.step.label}: gave {name} as {array.dtype}, it is declared as {dtype}")
        array = array.astype(dtype)
    if array.shape != (count, *output.shape):
        raise BadValue(
            f"{placed.step.label}: gave {name} with shape {array.shape} for {count} points, it is declared as "
            f"{(count, *output.shape)}"
        )
    return array


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, RondaError) else f"{type(error).__name__}: {error}"
