"""Live spectra: samples of a scan binned by a channel that counts an encoder, one for each of its sweeps."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import HardwareFault, OutOfRange
from ronda.framework.stream.description import LARGEST_POINT

if TYPE_CHECKING:
    from ronda.devices.digitiser.contract import DigitiserParameters
    from ronda.devices.digitiser.sums import Whole
    from ronda.framework.kernels.encoder_spectra import EncoderSpectra, Spectrum
    from ronda.framework.stream.publisher import Publisher

SPECTRA, SPECTRUM = "spectra", "spectrum"

TURN = 0.02
"""Part of the range of the bins by which the encoder comes back before its sweep has ended."""

FEWEST = 4
"""Counts by which it comes back at least: more than its noise."""

PREPARED_LIMIT = 60.0
"""Seconds within which the kernel is compiled, if it is for the first time on this machine."""


@dataclass(frozen=True)
class Bins:
    """Bins of equal width; u is the unit of the channel that counts the encoder.

    Attributes:
        encoder: own name of that channel.
        start: lower edge of the first bin, in u.
        width: of each, in u, positive.
        count: how many.
    """

    encoder: str
    start: float
    width: float
    count: int

    def edges(self, scale: float, offset: float) -> npt.NDArray[np.float64]:
        """In counts, ascending; (count + 1,)."""
        return np.sort((self.start + self.width * np.arange(self.count + 1) - offset) / scale)


def source_name(label: str) -> str:
    """Name of the source of the spectra of a digitiser."""
    return f"{label}_{SPECTRA}"


def bins_of(parameters: DigitiserParameters, line: Mapping[str, Any] | None) -> Bins | None:
    """What a scan bins by: what the YAML says, else the points of a line if the encoder of its axis is here.

    Args:
        parameters: of the digitiser.
        line: axis, start, step and npoints of such a scan.
    """
    wanted = parameters.spectra
    if wanted is not None:
        return Bins(wanted.encoder, wanted.start, (wanted.stop - wanted.start) / wanted.bins, wanted.bins)
    if line is None:
        return None
    axis, start, step, count = str(line["axis"]), float(line["start"]), float(line["step"]), int(line["npoints"])
    encoder = next((name for name, one in parameters.channels.items() if one.axis == axis), None)
    return None if encoder is None else Bins(encoder, min(start, start + count * step), abs(step), count)


def binned(parameters: DigitiserParameters, bins: Bins) -> list[str]:
    """Own names of the channels that spectra have."""
    return [name for name, one in parameters.channels.items() if name != bins.encoder and not one.wraps]


def source(label: str, parameters: DigitiserParameters, bins: Bins) -> dict[str, Any]:
    """How the stream describes the source of the spectra.

    Raises:
        OutOfRange: a spectrum would be too large.
    """
    unit = parameters.channels[bins.encoder].unit
    names = binned(parameters, bins)
    size = 8 * bins.count * (len(names) + 1)
    if size > LARGEST_POINT // 2:
        raise OutOfRange(
            f"{label}: spectra of {bins.count} bins and {len(names)} channels have {size / 1e6:.3g} MB, and "
            f"{LARGEST_POINT / 2e6:.3g} MB is the most; take fewer points, or fewer channels"
        )
    middle = {"polynomial": [bins.start + bins.width / 2, bins.width], "length": bins.count, "unit": unit}
    shape, fields = [bins.count], {bins.encoder: middle}
    channels: list[dict[str, Any]] = [
        {
            "name": f"{label}_{SPECTRUM}_{name}",
            "shape": shape,
            "unit": parameters.channels[name].unit,
            "attributes": {"fields": fields, "description": f"mean of {name} in bins of {bins.encoder}, live"},
        }
        for name in names
    ]
    numbers = {
        "count": ("<i4", shape, "samples in each bin"),
        "first": ("<i8", [], "number of the first sample of the sweep"),
        "rising": ("|u1", [], f"whether {bins.encoder} went up"),
        "whole": ("|u1", [], "whether each bin has a sample"),
    }
    channels += [
        {"name": f"{label}_{SPECTRUM}_{what}", "dtype": dtype, "shape": size, "attributes": {"description": told}}
        for what, (dtype, size, told) in numbers.items()
    ]
    return {"name": source_name(label), "channels": channels, "attributes": {"bins": asdict(bins)}}


def compile_soon(label: str, parameters: DigitiserParameters) -> None:
    """Compile what sorts samples before a scan needs it, beside, if there may be spectra.

    Whether it fails the next scan tells, which tries again.
    """
    if parameters.spectra is None and not any(one.axis for one in parameters.channels.values()):
        return

    def work() -> None:
        with suppress(Exception):
            prepared(np.array([0.0, 1.0]), 1, 1.0)

    threading.Thread(target=work, name=f"kernel of {label}", daemon=True).start()


def prepared(edges: npt.NDArray[np.float64], channels: int, hysteresis: float) -> EncoderSpectra:
    """What sorts samples, compiled.

    Args:
        edges: of the bins, in counts, ascending.
        channels: of the digitiser.
        hysteresis: by how many counts the encoder comes back before its sweep has ended.
    """
    from ronda.framework.kernels.encoder_spectra import EncoderSpectra

    return EncoderSpectra(edges, channels, encoder=np.int64, hysteresis=hysteresis)


class SpectraRecorder:
    """Sorts the samples of one scan, and publishes each spectrum as soon as its sweep has ended; used in one thread.

    Its kernel is prepared meanwhile: loaded, or compiled if `compile_soon` has not done that; samples wait for it.

    Args:
        publisher: of that source.
        label: name of the digitiser.
        parameters: of the digitiser.
        bins: to sort into.
        place: of the channel of the encoder among the values.
        channels: how many the digitiser has.
    """

    def __init__(
        self,
        publisher: Publisher,
        label: str,
        parameters: DigitiserParameters,
        bins: Bins,
        place: int,
        channels: int,
    ) -> None:
        self._publisher = publisher
        self._label = label
        self._place = place
        encoder = parameters.channels[bins.encoder]
        self._falls = encoder.scale < 0
        self._columns = {
            f"{label}_{SPECTRUM}_{name}": (one.channel, one.scale, one.offset)
            for name, one in ((name, parameters.channels[name]) for name in binned(parameters, bins))
        }
        self._edges, self._channels = bins.edges(encoder.scale, encoder.offset), channels
        self._waiting: list[tuple[npt.NDArray[np.int16], Whole]] = []
        self._gaps: list[tuple[int, int]] = []
        self._sorted = self._published = 0
        self._spectra: EncoderSpectra | None = None
        self._failure: Exception | None = None
        self._preparing = threading.Thread(target=self._prepare, name=f"kernel of {label}", daemon=True)
        self._preparing.start()

    def begins(self, time: float) -> None:
        """Sample 0 is taken at this time, in s since 1970."""

    def take(self, samples: npt.NDArray[np.int16], values: Whole) -> None:
        """The next samples, and the values of the channels that are worked out.

        Raises:
            HardwareFault: the kernel could not be prepared.
            HeldBack, Replaced, ScanOver, ScanGone, CommunicationFailed: nothing can be published.
        """
        self._require_kernel()
        positions = np.ascontiguousarray(values[:, self._place])
        self._sorted += len(samples)
        spectra = self._spectra
        if spectra is None:
            self._waiting.append((samples.copy(), positions))
            return
        self._sort_waiting(spectra)
        self._publish(spectra.add(samples, positions))

    def miss(self, count: int) -> None:
        """So many samples were lost."""
        self._gaps.append((self._sorted, count))

    def finish(self) -> None:
        """Nothing more comes: publish the spectrum of the sweep in hand.

        Raises:
            HardwareFault: the kernel is not compiled in time.
            and as `take`.
        """
        self._preparing.join(PREPARED_LIMIT)
        self._require_kernel()
        spectra = self._spectra
        if spectra is None:
            raise HardwareFault(
                f"{self._label}: the kernel of its spectra is not compiled after {PREPARED_LIMIT:g} s; is the machine "
                "busy? Scan again"
            )
        self._sort_waiting(spectra)
        self._publish([spectra.flush()])
        self._publisher.seal()

    def _prepare(self) -> None:
        turn = max(TURN * (self._edges[-1] - self._edges[0]), FEWEST)
        try:
            self._spectra = prepared(self._edges, self._channels, turn)
        except Exception as error:  # noqa: BLE001 - the thread of the samples tells it
            self._failure = error

    def _require_kernel(self) -> None:
        if self._failure is not None:
            raise HardwareFault(
                f"{self._label}: the kernel of its spectra could not be prepared: {self._failure!r}; see that numba "
                "works and that NUMBA_CACHE_DIR, or the user's folder of caches, can be written"
            ) from self._failure

    def _sort_waiting(self, spectra: EncoderSpectra) -> None:
        waiting, self._waiting = self._waiting, []
        for samples, positions in waiting:
            self._publish(spectra.add(samples, positions))

    def _publish(self, found: list[Spectrum]) -> None:
        for spectrum in found:
            if not spectrum.count.any():
                continue  # the encoder stood, or moved elsewhere
            means, count = spectrum.mean, spectrum.count
            if self._falls:
                means, count = means[::-1], count[::-1]
            first = spectrum.first + sum(lost for at, lost in self._gaps if at <= spectrum.first)
            block: dict[str, Any] = {
                name: scale * means[:, channel] + offset for name, (channel, scale, offset) in self._columns.items()
            }
            block |= {
                f"{self._label}_{SPECTRUM}_count": count.astype("<i4"),
                f"{self._label}_{SPECTRUM}_first": first,
                f"{self._label}_{SPECTRUM}_rising": spectrum.rising != self._falls,
                f"{self._label}_{SPECTRUM}_whole": bool(count.all()),
            }
            self._publisher.publish(block, index=self._published)
            self._published += 1
