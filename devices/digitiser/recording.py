"""What becomes of the samples of a scan beside its points: all of them saved, and live spectra."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from ronda.devices.digitiser import spectra
from ronda.devices.digitiser.recorder import SampleRecorder, block_length, source_name

if TYPE_CHECKING:
    from ronda.devices.digitiser.contract import Capabilities, DigitiserParameters
    from ronda.devices.digitiser.flow import Recorder
    from ronda.framework.stream.frames.ring import FrameRing
    from ronda.framework.stream.scan import Scan

HELD_LIMIT = 3.0
"""Seconds for which samples wait for those who save them; after that the scan fails rather than to lose any more."""


class Recording:
    """Which sources the description of a scan has for the samples of a digitiser.

    Args:
        scan: in the stream.
        label: name of the digitiser.
        parameters, known: of the digitiser.
    """

    def __init__(self, scan: Scan, label: str, parameters: DigitiserParameters, known: Capabilities) -> None:
        self._scan = scan
        self._label = label
        self._parameters = parameters
        self._known = known
        described = {device.name: device for device in scan.description.devices}
        self._recorded = source_name(label) in described
        sorting = described.get(spectra.source_name(label))
        self._bins = None if sorting is None else spectra.Bins(**sorting.attributes["bins"])

    def summed(self, asked: Collection[str]) -> list[str]:
        """Own names of the channels to be worked out: those asked for, and those that sources need."""
        encoder = None if self._bins is None else self._bins.encoder
        return [
            name
            for name, one in self._parameters.channels.items()
            if name in asked or name == encoder or (self._recorded and one.wraps)
        ]

    def recorders(self, summed: Sequence[str], ring: Callable[[str, int], FrameRing]) -> list[Recorder]:
        """What the samples are given to; makes the ring of a source, from its name and the bytes of a frame."""
        found: list[Recorder] = []
        if self._recorded:
            found.append(self._samples(summed, ring))
        if self._bins is not None:
            publisher = self._scan.publisher(spectra.source_name(self._label), wait=HELD_LIMIT)
            place, channels = summed.index(self._bins.encoder), self._known.channels
            found.append(spectra.SpectraRecorder(publisher, self._label, self._parameters, self._bins, place, channels))
        return found

    def _samples(self, summed: Sequence[str], ring: Callable[[str, int], FrameRing]) -> SampleRecorder:
        channels = self._parameters.channels
        name, shape = source_name(self._label), (self._known.channels, block_length(self._parameters))
        publisher = self._scan.publisher(name, wait=HELD_LIMIT, ring=ring(name, 2 * shape[0] * shape[1]))
        wrapping = {
            own: (place, channels[own].scale, channels[own].offset)
            for place, own in enumerate(summed)
            if channels[own].wraps
        }
        return SampleRecorder(publisher, self._label, shape, wrapping, self._parameters.sample_rate)
