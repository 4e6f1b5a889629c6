"""Bringing what came of each pulse of a scan's points into the stream, as a source of its own beside the points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ronda.devices.beam_synchronous.contract import BeamSynchronousParameters, Capabilities, Message

if TYPE_CHECKING:
    from ronda.framework.stream.publisher import Publisher

PULSES, FRAME, PULSE_ID, POINT, STATUS = "pulses", "frame", "pulse_id", "pulse_point", "pulse_status"

GOOD, LATE, NO_FRAME = 0, 1, 2
"""What became of a message: it is in order; it came so late that its place was past, or its point was told; its frame
is not there."""


def source_name(label: str) -> str:
    """Name of the source of all pulses."""
    return f"{label}_{PULSES}"


def number_name(label: str, own: str) -> str:
    """Name in scans of a number of each pulse."""
    return f"{label}_pulse_{own}"


def source(label: str, parameters: BeamSynchronousParameters, known: Capabilities, rate: float) -> dict[str, Any]:
    """How the stream describes that source.

    Args:
        rate: messages in a second.
    """
    of_pulse: dict[str, Any] = {"pulse_id": {"channel": f"{label}_{PULSE_ID}"}, "epoch": {"times": True}}
    channels: list[dict[str, Any]] = []
    if parameters.frame is not None and known.shape is not None:
        fields = {**of_pulse, "type": {"value": "pixel"}}
        if known.model:
            fields["model"] = {"value": known.model}
        channels.append(
            {
                "name": f"{label}_{FRAME}",
                "dtype": known.dtype,
                "shape": list(known.shape),
                "unit": "",
                "storage": "reference",
                "attributes": {"fields": fields, "description": f"frame of each pulse, channel {parameters.frame}"},
            }
        )
    for own in parameters.numbers:
        one = parameters.channels.get(own)
        told = f"sum of the pixels of the region {own}" if one is None else one.description or f"channel {one.channel}"
        channels.append(
            {
                "name": number_name(label, own),
                "unit": "" if one is None else one.unit,
                "attributes": {"fields": of_pulse, "description": f"{told}, of each pulse"},
            }
        )
    status = (
        f"{GOOD}: in order, {LATE}: came late, behind later pulses or when its point was told, "
        f"{NO_FRAME}: without a frame"
    )
    numbers = {
        PULSE_ID: ("<u8", "id of the pulse, of the machine's timing system"),
        POINT: ("<i8", "index of the point in whose time the pulse came"),
        STATUS: ("|u1", status),
    }
    channels += [
        {"name": f"{label}_{own}", "dtype": dtype, "attributes": {"fields": of_pulse, "description": told}}
        for own, (dtype, told) in numbers.items()
    ]
    return {"name": source_name(label), "channels": channels, "attributes": {"entries_per_second": rate}}


class PulseRecorder:
    """Publishes the pulses of one scan; used by one thread at a time.

    Args:
        publisher: of that source.
        label: name of the device.
        parameters, known: of the source.

    Attributes:
        recorded: pulses published.
    """

    def __init__(
        self, publisher: Publisher, label: str, parameters: BeamSynchronousParameters, known: Capabilities
    ) -> None:
        self.recorded = 0
        self._publisher, self._label = publisher, label
        self._numbers = {own: number_name(label, own) for own in parameters.numbers}
        self._blank = None
        if parameters.frame is not None and known.shape is not None:
            dtype = np.dtype(known.dtype)
            highest = np.iinfo(dtype).max if dtype.kind in "iu" else np.nan
            self._blank = np.full(known.shape, highest, dtype)

    def take(self, message: Message, values: Mapping[str, float], point: int, *, late: bool) -> None:
        """Publish a pulse.

        Args:
            values: its numbers by own name, those of regions among them.
            point: index of its point.
            late: whether later pulses were published before, or the point was told without it.

        Raises:
            HeldBack: those who save it do not keep up.
            Replaced, ScanOver, ScanGone, CommunicationFailed: nothing can be published.
        """
        label, status = self._label, LATE if late else GOOD
        block: dict[str, Any] = {name: values[own] for own, name in self._numbers.items()}
        if self._blank is not None:
            block[f"{label}_{FRAME}"] = self._blank if message.frame is None else message.frame
            status = NO_FRAME if message.frame is None else status
        block |= {f"{label}_{PULSE_ID}": message.pulse, f"{label}_{POINT}": point, f"{label}_{STATUS}": status}
        self._publisher.publish(block, time=message.time, pulse=message.pulse, index=self.recorded)
        self.recorded += 1

    def finish(self) -> None:
        """Nothing more comes.

        Raises:
            as `take`.
        """
        self._publisher.seal()
