"""Live spectra of a digitiser: which bins a scan has, and what is published, however the samples come."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ronda.devices.digitiser.contract import DigitiserParameters
from ronda.devices.digitiser.spectra import Bins, SpectraRecorder, bins_of, source
from ronda.framework.errors import HardwareFault, OutOfRange

CHANNELS = {
    "angle": {"channel": 0, "unit": "deg", "scale": 0.001, "offset": 0.0005, "wraps": True, "axis": "bragg"},
    "i0": {"channel": 1, "scale": 0.5, "offset": 1.0},
    "diode": {"channel": 2},
}
LINE = {"axis": "bragg", "start": 12.0, "step": -0.01, "npoints": 40}


def parameters(**more: Any) -> DigitiserParameters:
    return DigitiserParameters.model_validate(
        {"kind": "digitiser", "driver": "simulated", "channels": CHANNELS, **more}
    )


def test_the_points_of_a_line_are_bins_if_the_encoder_of_its_axis_is_here() -> None:
    assert bins_of(parameters(), LINE) == Bins("angle", pytest.approx(11.6), 0.01, 40)
    assert bins_of(parameters(), {**LINE, "axis": "samy"}) is None
    assert bins_of(parameters(), None) is None


def test_what_the_yaml_says_goes_before() -> None:
    wanted = {"encoder": "angle", "start": 11, "stop": 12, "bins": 500}
    assert bins_of(parameters(spectra=wanted), LINE) == Bins("angle", 11.0, 0.002, 500)
    with pytest.raises(ValueError, match="binned by angel, which is none of the channels angle, i0, diode"):
        parameters(spectra={**wanted, "encoder": "angel"})
    with pytest.raises(ValueError, match="stop should be above start, which is 11, not 10"):
        parameters(spectra={**wanted, "stop": 10})


def test_spectra_that_are_too_large_for_the_stream_are_refused() -> None:
    with pytest.raises(
        OutOfRange, match=r"adc: spectra of 50000 bins and 2 channels have 1\.2 MB, and 0\.524 MB is the most"
    ):
        source("adc", parameters(), Bins("angle", 0.0, 1.0, 50_000))


def test_that_the_kernel_cannot_be_prepared_is_told_with_the_next_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepared(*_: object) -> None:
        raise RuntimeError("no folder")

    monkeypatch.setattr("ronda.devices.digitiser.spectra.prepared", prepared)
    recorder = SpectraRecorder(SimpleNamespace(), "adc", parameters(), Bins("angle", 0.0, 1.0, 5), 0, 3)  # type: ignore[arg-type]
    samples = np.zeros((4, 3), np.int16)
    with pytest.raises(
        HardwareFault, match=r"kernel of its spectra could not be prepared: RuntimeError\('no folder'\)"
    ):
        recorder.finish()
    with pytest.raises(HardwareFault, match="no folder"):
        recorder.take(samples, samples.astype(np.int64))


@pytest.mark.parametrize("scale", [0.001, -0.001])
def test_each_sweep_is_published_as_numpy_bins_it_and_lost_samples_count_in_first(scale: float) -> None:
    channels = {**CHANNELS, "angle": {**CHANNELS["angle"], "scale": scale}}
    told = parameters(channels=channels)
    # edges lie between two counts, so that no rounding decides
    bins = Bins("angle", 0.1 if scale > 0 else -0.3, 0.01, 20)
    counts = np.abs((np.arange(4000) % 800) - 400)  # down from 400 to 0 and up again, five times
    samples = np.random.default_rng(5).integers(-3000, 3000, (4000, 3)).astype(np.int16)
    values = np.stack([counts, samples[:, 1], samples[:, 2]], axis=1).astype(np.int64)
    published: list[dict[str, Any]] = []
    sealed: list[bool] = []
    publisher = SimpleNamespace(
        publish=lambda block, index: published.append({**block, "index": index}), seal=lambda: sealed.append(True)
    )
    recorder = SpectraRecorder(publisher, "adc", told, bins, 0, 3)  # type: ignore[arg-type]
    at = 0
    for size in (1, 700, 99, 1600):
        recorder.take(samples[at : at + size], values[at : at + size])
        at += size
    recorder.miss(7)
    recorder.take(samples[at:], values[at:])
    recorder.finish()

    assert sealed == [True]
    assert [one["index"] for one in published] == list(range(10))
    rising = [bool(one["adc_spectrum_rising"]) for one in published]
    assert rising == [(k % 2 == 1) == (scale > 0) for k in range(10)]
    assert all(one["adc_spectrum_whole"] for one in published)
    firsts = [int(one["adc_spectrum_first"]) for one in published]
    ends = [*firsts[1:], 4007]
    lost = [7 if first > 2400 else 0 for first in ends]
    position = scale * counts + 0.0005
    edges = bins.start + bins.width * np.arange(21)
    begin = 0
    for one, end, gone in zip(published, ends, lost, strict=True):
        part = slice(begin, end - gone)
        begin = end - gone
        inside = np.digitize(position[part], edges) - 1
        for name, column, factor, offset in (("i0", 1, 0.5, 1.0), ("diode", 2, 1.0, 0.0)):
            means = [factor * samples[part, column][inside == place].mean() + offset for place in range(20)]
            assert one[f"adc_spectrum_{name}"] == pytest.approx(means)
        assert one["adc_spectrum_count"].tolist() == [int((inside == place).sum()) for place in range(20)]
