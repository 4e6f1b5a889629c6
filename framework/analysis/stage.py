"""What a stage of analysis is: declared inputs, outputs and parameters, and what is computed from the points.

A stage that looks at each point alone::

    class ThresholdParameters(Parameters):
        \"\"\"When a pixel counts.\"\"\"

        threshold: float = parameter("Pixels above this count", 100.0, unit="count", live=True)

    class Threshold(PointStage):
        \"\"\"Counts the pixels above a threshold.\"\"\"

        parameters_model = ThresholdParameters
        inputs = (Input("frame", dimensions=2),)

        def prepare(self, setting: Setting) -> list[Output]:
            self.mask = np.zeros(setting.inputs["frame"].shape, bool)  # tables and kernels are made here
            return [Output("hits", "<i8", unit="pixel")]

        def point(self, frame: Any) -> dict[str, Any]:
            return {"hits": np.count_nonzero(frame > self.parameters.threshold)}

The life of a stage: it is made with its parameters; `prepare` is called before the first point of a scan; then
`process` for each block of points, between two of which `change` may come; `finish` after the last. All in one thread,
and each scan has stages of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ronda.framework.config.parameters import Parameters
from ronda.framework.errors import BadValue
from ronda.framework.stream.description import Channel, Description

ORDER = "order"
"""Attribute of an output that is a number for each point: where it is 1, the pipeline gives the scan this order, `stop`
or `pause`, as a user would. For decisions that end a scan; those that choose its next point are the scan's own."""


@dataclass(frozen=True)
class Input:
    """A quantity that a stage takes.

    Attributes:
        name: what the stage calls it. The pipeline says which channel it is; without that it is the output of an
            earlier stage, or else the channel of the scan, of this name.
        dimensions: number of dimensions of one point (0 for a number, 1 for a spectrum, 2 for a frame); None for any.
        many: whether a pattern may stand for it, such as `mca_*`. Then the stage gets a dict of arrays by the names of
            the channels, in the order of the scan, and `Setting.inputs` has each of them under its own name.
        optional: whether the stage does without it; then it is not among what the stage gets.
    """

    name: str
    dimensions: int | None = None
    many: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Output:
    """A quantity that a stage gives at each point; it becomes a channel of the scan.

    Attributes:
        name: unique in the pipeline. The channel has the name of the pipeline, `_`, and this one.
        dtype: numpy type of its elements, as `Channel.dtype`. Where there is no result stands NaN, the smallest signed
            or the largest unsigned integer.
        shape: of one point.
        unit: unit that pint can read; empty for none.
        internal: it is for the stages behind, and not published: a corrected frame, say.
        attributes: anything else for the channel, as JSON: `description`, `long_name`, `fields` (see the stream).
    """

    name: str
    dtype: str = "<f8"
    shape: tuple[int, ...] = ()
    unit: str = ""
    internal: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def channel(self, name: str = "") -> Channel:
        """The channel that it becomes, with its own name or another one.

        Raises:
            BadValue: it cannot be one.
        """
        return Channel(name or self.name, self.dtype, self.shape, self.unit, attributes=self.attributes)


@dataclass(frozen=True)
class Setting:
    """What a stage is prepared for.

    Attributes:
        inputs: the channel behind each input: its dtype, shape of a point, unit, and attributes.
        scan: all that is known about the scan: its command, devices, positions at the start (`attributes`).
        devices: the device of the stream from which each input comes, by the same names; that of an output of an
            earlier stage has the name of the pipeline.
        channels: by the name of each input, the channels that stand for it, by name; one if it is not `many`.
    """

    inputs: Mapping[str, Channel]
    scan: Description
    devices: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Points:
    """Consecutive points, as many as happened to come together: results must not depend on how many.

    Attributes:
        first: index of the first.
        data: by the name of the input, an array of shape (count, *shape of a point), not to be changed and not to be
            kept; a dict of them by channel for an input that is `many`.
        times: when each was measured, seconds since 1970, shape (count,).
        pulses: external pulse id of each, shape (count,); None if the source has none.
        source: the device of the stream they come from, for stages with `together = False`; else empty.
    """

    first: int
    data: Mapping[str, Any]
    times: npt.NDArray[np.float64]
    pulses: npt.NDArray[np.uint64] | None = None
    source: str = ""

    @property
    def count(self) -> int:
        """How many."""
        return len(self.times)


@dataclass(frozen=True)
class Results:
    """What a stage with `each_point = False` gives: any number of points of its own, also none.

    Attributes:
        data: by the name of the output an array of shape (count, *shape of a point), as `Points`.
        times: when each was measured, seconds since 1970.
        pulses: pulse id of each; for each of its results or for none.
    """

    data: Mapping[str, Any]
    times: npt.ArrayLike
    pulses: npt.ArrayLike | None = None


class Stage:
    """Takes blocks of points in order and gives results. For stages that look at one point alone see `PointStage`.

    Attributes:
        inputs: what it takes.
        parameters_model: the model of its parameters, made with `parameter("what it is", default, unit=…)`. Those
            declared with `live=True` may change during a scan, see `change`; others are taken by the next scan.
        point_wise: each result depends on its own point alone, so that several processes may share the points and
            each may begin anywhere. Otherwise one process sees all points in order.
        each_point: it gives exactly one result for each point, at the same index. Otherwise `process` and `finish`
            return `Results` at indices of their own, which become a source of their own (`PIPELINE.STAGE`).
        together: inputs come as points that have all of them, at the same index; they must be measured in step.
            Otherwise each block has the inputs of one device, as they come, and a join is the stage's own work.
        version: of the algorithm; stands in the file.
        parameters: as they are now.
    """

    inputs: ClassVar[Sequence[Input]] = ()
    parameters_model: ClassVar[type[Parameters]] = Parameters
    point_wise: ClassVar[bool] = False
    each_point: ClassVar[bool] = True
    together: ClassVar[bool] = True
    version: ClassVar[str] = "1"

    def __init__(self, parameters: Any = None) -> None:
        """Nothing is prepared yet.

        Args:
            parameters: an instance of `parameters_model`; its defaults if None.
        """
        self.parameters: Any = self.parameters_model() if parameters is None else parameters

    def prepare(self, setting: Setting) -> Sequence[Output]:
        """Make everything ready for a scan, before its first point, and tell what will be given.

        Kernels are made here, so that nothing is compiled during the scan. What an earlier scan left is forgotten.

        Raises:
            BadValue: the inputs are not such as it can take; the sentence says what is allowed.
        """
        raise NotImplementedError

    def process(self, points: Points) -> Mapping[str, Any] | Results:
        """Compute.

        Returns:
            By the name of the output an array of shape (count, *shape of a point), for each output; or `Results`.

        Raises:
            anything: the results of these points (of a `PointStage`: of this point) are marked as invalid with this
            reason, and the next block comes.
        """
        raise NotImplementedError

    def change(self, parameters: Any) -> None:
        """Take other values of parameters that are live, from the next point on; tables that depend on them are made
        anew by overriding this.

        Raises:
            BadValue: they do not go together; the old ones stay.
        """
        self.parameters = parameters

    def finish(self) -> Results | None:
        """After the last point: what is still to be given by a stage with `each_point = False`."""
        return None


class PointStage(Stage):
    """Looks at each point alone: its results do not depend on blocks, and several processes may share the points."""

    point_wise: ClassVar[bool] = True

    def point(self, **inputs: Any) -> Mapping[str, Any]:
        """The results of one point.

        Args:
            inputs: by name, the value: a number (of numpy) or an array; a dict of them by channel for one that is
                `many`.

        Returns:
            By the name of each output a number, or an array of its shape.
        """
        raise NotImplementedError

    def process(self, points: Points) -> Mapping[str, Any]:
        """Point by point."""
        results = [self.point(**values_at(points, index)) for index in range(points.count)]
        return {name: np.stack([np.asarray(one[name]) for one in results]) for name in results[0]} if results else {}


def values_at(points: Points, place: int) -> dict[str, Any]:
    """The inputs of one point of a block, by name.

    Args:
        place: among those of the block, from 0.
    """
    return {
        name: {channel: array[place] for channel, array in values.items()}
        if isinstance(values, Mapping)
        else values[place]
        for name, values in points.data.items()
    }


def require_inputs(who: str, stage: Stage, given: Mapping[str, Channel | Sequence[Channel]]) -> None:
    """See that a stage gets what it declares.

    Args:
        who: begins messages.
        given: by the name of the input, its channel or channels.

    Raises:
        BadValue: one is missing, or its points have another number of dimensions.
    """
    for each in stage.inputs:
        if each.name not in given:
            if each.optional:
                continue
            raise BadValue(f"{who}: needs {each.name}, and no channel stands for it; name one under inputs:")
        found = given[each.name]
        for channel in found if not isinstance(found, Channel) else [found]:
            if each.dimensions is not None and len(channel.shape) != each.dimensions:
                raise BadValue(
                    f"{who}: {each.name} takes points of {each.dimensions} dimensions, {channel.name} has points of "
                    f"shape {channel.shape}; name another channel under inputs:"
                )
