"""Analysis of a file: what the writer never got has no results, wherever it is in the scan."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from ronda.framework.analysis.aligning import LOST
from ronda.framework.analysis.files import analyse
from ronda.framework.analysis.pipeline import Pipeline, Step

HERE = "tests.framework.analysis.example_stages"


def test_points_that_are_missing_in_a_file_have_no_results(tmp_path: Path) -> None:
    path = tmp_path / "scan_0001.h5"
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "1.1"
        file["1.1/scan_number"] = 1
        file["1.1/command"] = "test"
        file["1.1/measurement/epoch"] = np.arange(50.0)
        file["1.1/measurement/number"] = np.arange(50)
        file["1.1/measurement/other"] = np.arange(50)
        missing = file.create_dataset("1.1/writer/missing", data=[[1, 0, 5], [1, 20, 23], [0, 30, 40], [1, 48, 50]])
        missing.attrs["channels"] = ["other", "number"]
    steps = [
        Step(f"{HERE}:Picky", inputs={"value": "number"}),
        Step(f"{HERE}:RunningMean", inputs={"value": "number"}),
    ]
    found = analyse(Pipeline("p", steps), path)
    lost = np.isin(np.arange(50), [*range(5), 20, 21, 22, 48, 49])  # not where only the other channel is missing
    assert found.points == 50
    assert "point 20: is missing in the file" in found.problems
    with h5py.File(found.file) as made:
        good = ~lost & (np.arange(50) != 42)  # one that the first stage does not like
        assert np.array_equal(made["analysis/p/p_status"][()] == LOST, lost)
        assert np.array_equal(made["analysis/p/p_same"][good], np.arange(50)[good])
        seen = np.arange(50)[~lost]
        assert np.allclose(made["analysis/p/p_mean"][~lost], np.cumsum(seen) / np.arange(1, len(seen) + 1))
