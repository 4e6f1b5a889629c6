"""Bringing all samples of a scan into the stream, in blocks of equal length, with the lost ones in their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ronda.devices.digitiser.contract import NOTHING, Capabilities, DigitiserParameters

if TYPE_CHECKING:
    from ronda.devices.digitiser.sums import Whole
    from ronda.framework.stream.publisher import Publisher

SAMPLES, GOOD, LOST = "samples", "block_count", "block_lost"
"""Of each block: its samples, how many of them there are and were to be, how many of these were lost."""


def source_name(label: str) -> str:
    """Name of the source of all samples of a digitiser."""
    return f"{label}_{SAMPLES}"


def block_length(parameters: DigitiserParameters) -> int:
    """Samples of a block."""
    return max(round(parameters.sample_rate * parameters.block_time), 1)


def source(label: str, parameters: DigitiserParameters, known: Capabilities) -> dict[str, Any]:
    """How the stream describes that source."""
    names = [""] * known.channels
    units, scales, offsets = [""] * known.channels, [1.0] * known.channels, [0.0] * known.channels
    for name, one in parameters.channels.items():
        names[one.channel], units[one.channel] = name, one.unit
        scales[one.channel], offsets[one.channel] = one.scale, one.offset
    fields: dict[str, Any] = {
        "sample_rate": {"value": parameters.sample_rate, "unit": "1/s"},
        "channel_names": {"value": names},
        "channel_units": {"value": units},
        "scale": {"value": scales},
        "offset": {"value": offsets},
    }
    if known.model:
        fields["model"] = {"value": known.model}
    told = (
        "all samples (block, channel, sample); value = scale x sample + offset; "
        f"{NOTHING} where one was lost, and behind the last"
    )
    length = block_length(parameters)
    channels = [
        {
            "name": f"{label}_{SAMPLES}",
            "dtype": "<i2",
            "shape": [known.channels, length],  # noise packs three times better by channel
            "unit": "",
            "storage": "reference",
            "attributes": {"fields": fields, "description": told},
        },
        {"name": f"{label}_{GOOD}", "dtype": "<i4", "attributes": {"description": "samples of each block"}},
        {"name": f"{label}_{LOST}", "dtype": "<i4", "attributes": {"description": "those of them that were lost"}},
    ]
    channels += [
        {
            "name": f"{label}_block_{name}",
            "unit": one.unit,
            "attributes": {"description": f"{name} at the first sample of each block, counted on where it wraps"},
        }
        for name, one in parameters.channels.items()
        if one.wraps
    ]
    per_second = parameters.sample_rate / length
    return {"name": source_name(label), "channels": channels, "attributes": {"entries_per_second": per_second}}


class SampleRecorder:
    """Publishes the samples of one scan; used in one thread.

    Args:
        publisher: of that source.
        label: name of the digitiser.
        shape: of a block, (channels, samples).
        wrapping: by name of those channels that wrap: place among the values, scale and offset.
        rate: samples in a second.
    """

    def __init__(
        self,
        publisher: Publisher,
        label: str,
        shape: tuple[int, int],
        wrapping: Mapping[str, tuple[int, float, float]],
        rate: float,
    ) -> None:
        self._publisher = publisher
        self._label = label
        self._wrapping = wrapping
        self._began, self._rate = 0.0, rate
        self._block = np.full(shape, NOTHING, "<i2")
        self._length = shape[1]
        self._filled = self._lost = self._blocks = 0
        self._begins: Sequence[float] = [np.nan] * len(wrapping)

    def begins(self, time: float) -> None:
        """Sample 0 is taken at this time, in s since 1970; told before the first samples are given."""
        self._began = time

    def take(self, samples: npt.NDArray[np.int16], values: Whole) -> None:
        """The next samples, and the values of the channels that are worked out; publishes blocks that are full.

        Raises:
            HeldBack: those who save them do not keep up.
            Replaced, ScanOver, ScanGone, CommunicationFailed: nothing can be published.
        """
        done = 0
        while done < len(samples):
            if not self._filled:
                self._begins = [
                    scale * float(values[done, place]) + offset for place, scale, offset in self._wrapping.values()
                ]
            count = min(self._length - self._filled, len(samples) - done)
            self._block[:, self._filled : self._filled + count] = samples[done : done + count].T
            done += count
            self._advance(count)

    def miss(self, count: int) -> None:
        """So many samples were lost.

        Raises:
            as `take`.
        """
        while count:
            if not self._filled:
                self._begins = [np.nan] * len(self._wrapping)
            part = min(self._length - self._filled, count)
            self._block[:, self._filled : self._filled + part] = NOTHING
            self._lost += part
            count -= part
            self._advance(part)

    def finish(self) -> None:
        """Nothing more comes: publish what is there.

        Raises:
            as `take`.
        """
        if self._filled:
            self._block[:, self._filled :] = NOTHING
            self._publish()
        self._publisher.seal()

    def _advance(self, count: int) -> None:
        self._filled += count
        if self._filled == self._length:
            self._publish()

    def _publish(self) -> None:
        block: dict[str, Any] = {
            f"{self._label}_{SAMPLES}": self._block,
            f"{self._label}_{GOOD}": self._filled,
            f"{self._label}_{LOST}": self._lost,
        }
        for name, begin in zip(self._wrapping, self._begins, strict=True):
            block[f"{self._label}_block_{name}"] = begin
        when = self._began + self._blocks * self._length / self._rate
        self._publisher.publish(block, time=when, index=self._blocks)
        self._blocks += 1
        self._filled = self._lost = 0
