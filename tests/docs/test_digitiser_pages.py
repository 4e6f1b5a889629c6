"""The pages on digitisers: what they tell to type works, and what they tell to read is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"


def snippets(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


def test_many_spectra_are_taken_read_and_binned_anew_as_the_page_says(demo: Any, ronda: Any) -> None:
    typed, *functions = snippets("how-to/take-many-spectra.md")
    typed = typed.replace("\nfscan(", "\ntaken = fscan(") + "umv(samy, 0, energy, 10)\n"
    told = ronda("shell", demo.folder, "-c", f"{typed}print('FILE', taken.wait_for_file().path)").stdout
    path = re.search(r"^FILE (.*)$", told, re.MULTILINE)
    assert path is not None, told
    known: dict[str, Any] = {}
    for text in functions:
        exec(text, known)
    exec(snippets("reference/detectors.md")[-1], known)
    with h5py.File(path[1]) as file:
        entry = file[file.attrs["default"]]
        assert entry["measurement/valid"][:].all()
        angles, absorption = known["spectra"](entry, 40)
        assert absorption.shape == (4, 40)
        assert angles == pytest.approx(12.7005 + 0.001 * np.arange(40), abs=2e-5)
        edge = absorption[:, :10].mean(axis=1) - absorption[:, -10:].mean(axis=1)
        assert edge == pytest.approx(np.full(4, edge.mean()), abs=0.05)  # the same in both directions
        assert edge.mean() > 0.8
        samples = known["all_samples"](entry)
        assert samples.shape == (8, entry["measurement/adc_block_count"][:].sum())
        assert np.isfinite(samples).all()
        where = known["positions"](entry)
        firsts = entry["measurement/adc_first"][:].astype(int)
        assert where[firsts] == pytest.approx(entry["measurement/bragg_start"][:], abs=2e-4)
        edges = 12.700 + 0.001 * np.arange(41)
        means, count = known["binned"](entry, edges, 1)
        assert (count > 1000).all()
        assert means == pytest.approx(entry["measurement/adc_i0"][:].reshape(4, 40).mean(), rel=0.05)
