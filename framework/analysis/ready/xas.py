"""XAS spectra from a digitiser that samples all the time: binned by energy with the encoder of the Bragg axis that it
reads too, a spectrum for each sweep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.analysis.stage import Input, Output, Points, Results, Setting, Stage
from ronda.framework.config.parameters import Parameters, parameter
from ronda.framework.errors import BadValue
from ronda.framework.kernels.encoder_spectra import EncoderSpectra, Spectrum

HC = 12.398419843320026
"""Planck's constant times the speed of light, in keV Å (exact in the SI)."""

LOST = -32768
"""What stands in the place of a sample that was lost."""

TURN = 65536
"""Counts after which a counter of 16 bit goes round."""


class XasParameters(Parameters):
    """Which channels of the digitiser are what, and the axis of energy."""

    encoder: str = parameter("Channel that counts the encoder of the Bragg angle; its unit must be deg", "bragg")
    incoming: str = parameter("Channel of the intensity before the sample", "i0")
    behind: str = parameter("Channel of the intensity behind the sample; empty for none", "diode")
    fluorescence: str = parameter("Channel of the fluorescence; empty for none", "")
    d_spacing: float = parameter("Distance of the crystal's planes; that of Si(111)", 3.135601, unit="angstrom", gt=0)
    first: float = parameter("Lowest energy", unit="keV", gt=0)
    last: float = parameter("Highest energy", unit="keV", gt=0)
    bins: int = parameter("How many equal steps of energy lie between them", 500, ge=1)
    turn: float | None = parameter(
        "A sweep has ended when the angle has come back by so much, more than its noise; null: the scan is one sweep",
        0.002,
        unit="deg",
        gt=0,
    )


class Xas(Stage):
    """Absorption by energy: ln(I₀ / I) behind the sample, I_f / I₀ of the fluorescence, with means of the samples of
    each bin.

    Bins without a sample are NaN. `samples` are blocks (channels, samples) as digitisers record them, `count` how many
    of each block there are, `begin` the encoder at its first sample, counted on where it goes round; without it the
    counter must not go round before the first sweep ends.
    """

    parameters_model = XasParameters
    each_point = False
    inputs = (
        Input("samples", dimensions=2),
        Input("count", dimensions=0),
        Input("begin", dimensions=0, optional=True),
    )

    def prepare(self, setting: Setting) -> Sequence[Output]:
        """Make the bins, and compile.

        Raises:
            BadValue: a channel is missing, or the energies are none.
        """
        told, channel = self.parameters, setting.inputs["samples"]
        if not told.first < told.last:
            raise BadValue(f"xas: energies go from {told.first:g} to {told.last:g} keV; give the lower one first")
        if HC / (2 * told.d_spacing * told.first) > 1:
            raise BadValue(f"xas: planes {told.d_spacing:g} Å apart reflect from {HC / 2 / told.d_spacing:.4g} keV on")
        if channel.numpy_dtype != np.dtype("<i2"):
            raise BadValue(f"xas: takes samples of 16 bit, {channel.name} has {channel.dtype}")
        fields = {name: field.get("value") for name, field in dict(channel.attributes.get("fields") or {}).items()}
        names = list(fields.get("channel_names") or [])
        wanted = [one for one in (told.incoming, told.behind, told.fluorescence) if one]
        for name in (told.encoder, *wanted):
            if name not in names:
                raise BadValue(f"xas: {channel.name} has no channel {name}; it has {', '.join(filter(None, names))}")
        if len(wanted) < 2:
            raise BadValue("xas: needs behind or fluorescence beside incoming; name a channel")
        units = list(fields.get("channel_units") or [""] * len(names))
        self._encoder = names.index(told.encoder)
        if units[self._encoder] != "deg":
            raise BadValue(
                f"xas: the angle {told.encoder} is in {units[self._encoder] or 'counts'}, it should be in deg"
            )
        scales, offsets = (np.array(fields[name], np.float64) for name in ("scale", "offset"))
        self._scale, self._offset = float(scales[self._encoder]), float(offsets[self._encoder])
        self._places = [names.index(name) for name in wanted]
        self._names = wanted
        self._values = scales[self._places], offsets[self._places]
        energies = np.linspace(told.first, told.last, told.bins + 1)
        angles = np.degrees(np.arcsin(HC / (2 * told.d_spacing * energies)))
        edges = (angles - self._offset) / self._scale
        self._falls = bool(edges[0] > edges[-1])
        turn = None if told.turn is None else told.turn / abs(self._scale)
        self._spectra = EncoderSpectra(
            edges[::-1] if self._falls else edges, len(wanted), encoder=np.int64, hysteresis=turn
        )
        self._last: int | None = None
        self._when = math.nan
        width = (told.last - told.first) / told.bins
        axis = {"energy": {"polynomial": [told.first + width / 2, width], "length": told.bins, "unit": "keV"}}
        shape, outputs = (told.bins,), []
        if told.behind:
            outputs.append(Output("absorption", shape=shape, attributes={"fields": axis, "description": "ln(I0/I)"}))
        if told.fluorescence:
            outputs.append(Output("yield", shape=shape, attributes={"fields": axis, "description": "If/I0"}))
        return [
            *outputs,
            Output("incoming", shape=shape, unit=str(units[self._places[0]])),
            Output("samples", "<i4", shape, attributes={"description": "samples in each bin"}),
            Output("rising", "|u1", attributes={"description": "1 if the energy went up, else 0"}),
            Output("first", "<i8", attributes={"description": "first sample, among those that were not lost"}),
        ]

    def process(self, points: Points) -> Results:
        """The spectra of sweeps that ended within these blocks."""
        found: list[Spectrum] = []
        times: list[float] = []
        begins = points.data.get("begin")
        for place in range(points.count):
            block = points.data["samples"][place][:, : int(points.data["count"][place])]
            self._when = float(points.times[place])
            positions, good = self._positions(block[self._encoder], None if begins is None else float(begins[place]))
            samples = np.ascontiguousarray(block[self._places][:, good].T, np.int16)
            ended = [one for one in self._spectra.add(samples, positions) if one.count.any()]
            found += ended
            times += [self._when] * len(ended)
        return self._results(found, times)

    def finish(self) -> Results | None:
        """The last sweep, which did not end by a turn."""
        found = self._spectra.flush()
        return self._results([found], [self._when]) if found.count.any() else None

    def _positions(
        self, counts: npt.NDArray[np.int16], begin: float | None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The encoder at each sample, counted on where it goes round, and which samples these are."""
        good = np.flatnonzero(counts != LOST)
        if not good.size:
            return np.empty(0, np.int64), good
        raw = counts[good].astype(np.int64)
        start = int(raw[0])
        if begin is not None and math.isfinite(begin) and good[0] == 0:
            start = round((begin - self._offset) / self._scale)
        elif self._last is not None:
            start = self._last + _shortest(start - self._last)
        elif begin is not None:  # nothing tells yet how often it has gone round
            return np.empty(0, np.int64), good[:0]
        positions = start + np.concatenate([[0], np.cumsum(_shortest(np.diff(raw)))]).astype(np.int64)
        self._last = int(positions[-1])
        return positions, good

    def _results(self, spectra: Sequence[Spectrum], times: Sequence[float]) -> Results:
        told, count = self.parameters, len(spectra)
        scale, offset = self._values
        means = np.empty((count, len(self._names), told.bins))
        numbers = np.empty((count, told.bins), np.int32)
        for place, one in enumerate(spectra):
            step = -1 if self._falls else 1
            means[place] = (scale * one.mean + offset)[::step].T
            numbers[place] = one.count[::step]
        by_name: Mapping[str, Any] = {name: means[:, place] for place, name in enumerate(self._names)}
        incoming = by_name[told.incoming]
        data: dict[str, Any] = {}
        with np.errstate(divide="ignore", invalid="ignore"):
            if told.behind:
                data["absorption"] = np.log(incoming / by_name[told.behind])
            if told.fluorescence:
                data["yield"] = by_name[told.fluorescence] / incoming
        data |= {
            "incoming": incoming,
            "samples": numbers,
            "rising": np.array([one.rising != self._falls for one in spectra], np.uint8),
            "first": np.array([one.first for one in spectra], np.int64),
        }
        return Results(data, times)


def _shortest(steps: Any) -> Any:
    """Steps of a counter that goes round, the shorter way."""
    return (steps + TURN // 2) % TURN - TURN // 2
