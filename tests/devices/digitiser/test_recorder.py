"""All samples of a scan in blocks of equal length."""

from __future__ import annotations

from typing import Any

import numpy as np

from ronda.devices.digitiser.contract import NOTHING
from ronda.devices.digitiser.recorder import SampleRecorder


class Kept:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.blocks: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.sealed = False

    def publish(self, values: dict[str, Any], *, time: float, index: int) -> None:
        assert index == len(self.blocks)
        self.blocks.append({**values, "adc_samples": values["adc_samples"].copy()})
        self.times.append(time)

    def seal(self) -> None:
        self.sealed = True


def test_blocks_hold_each_sample_once_and_lost_ones_in_their_places() -> None:
    kept = Kept()
    recorder = SampleRecorder(kept, "adc", (2, 100), {"bragg": (0, 0.5, 1.0)}, 50.0)  # type: ignore[arg-type]
    recorder.begins(1000.0)
    all_samples = np.random.default_rng(2).integers(-32767, 32768, (330, 2)).astype("<i2")
    expected = all_samples.copy()
    place = 0
    for length, lost in ((70, False), (60, False), (90, True), (10, False), (100, False)):
        part = all_samples[place : place + length]
        if lost:
            recorder.miss(length)
            expected[place : place + length] = NOTHING
        else:
            recorder.take(part, part.astype(np.int64))
        place += length
    recorder.finish()

    whole = np.concatenate([block["adc_samples"] for block in kept.blocks], axis=1).T
    assert (whole[:330] == expected).all()
    assert (whole[330:] == NOTHING).all()
    assert [block["adc_block_count"] for block in kept.blocks] == [100, 100, 100, 30]
    assert [block["adc_block_lost"] for block in kept.blocks] == [0, 70, 20, 0]
    assert kept.times == [1000.0, 1002.0, 1004.0, 1006.0]
    begins = [block["adc_block_bragg"] for block in kept.blocks]
    assert begins[0] == 0.5 * all_samples[0, 0] + 1.0
    assert np.isnan(begins[2])  # its first sample was lost
    assert kept.sealed
