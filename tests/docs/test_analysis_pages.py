"""The pages of live analysis: their examples run."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from ruamel.yaml import YAML

from ronda.devices.analysis_pipeline.parameters import AnalysisPipelineParameters
from ronda.devices.analysis_workers.parameters import AnalysisWorkersParameters
from ronda.framework.analysis.files import analyse
from ronda.framework.analysis.live.analysis import Analysis
from ronda.framework.analysis.live.options import DaskPlace, Options
from ronda.framework.analysis.pipeline import Pipeline, Step
from ronda.framework.errors import NotAllowed
from ronda.framework.stream import State, Stream
from tests.framework.analysis.conftest import redis_server, stream  # noqa: F401 - fixtures
from tests.framework.analysis.test_live import camera, opened, results, take
from tests.framework.stream.conftest import RedisServer

DOCS = Path(__file__).parents[2] / "docs"
HOW_TO = (DOCS / "how-to" / "write-your-own-analysis.md").read_text()
REFERENCE = (DOCS / "reference" / "analysis.md").read_text()


def blocks(page: str, language: str = "python") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def a_file(path: Path, frames: Any) -> Path:
    """A file of a scan as the writer makes it, as far as an analysis looks at it."""
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "4.1"
        entry = file.create_group("4.1")
        entry["scan_number"] = 4
        entry["command"] = "ascan(samy, -1, 1, 20, 0.1, cam)"
        entry["measurement/cam"] = frames
        entry["measurement/epoch"] = np.arange(len(frames)) + 1e9
    return path


class Shown:
    """What a notebook's `display` gives back, as far as ours use it."""

    def __init__(self) -> None:
        self.points = 0

    def __call__(self, figure: Any, *, display_id: bool) -> Shown:
        assert display_id
        self.update(figure)
        return self

    def update(self, figure: Any) -> None:
        self.points = sum(len(line.get_xdata()) for line in figure.axes[0].lines)


def run_notebook(path: Path, **names: Any) -> None:
    """Its code cells, in order."""
    told = json.loads(path.read_text())
    assert (told["nbformat"], told["metadata"]["language_info"]["name"]) == (4, "python")
    for cell in told["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"]
            exec("".join(cell["source"]), names)


def test_ten_lines_and_five_in_a_notebook(
    stream: Stream,  # noqa: F811 - the fixture
    redis_server: RedisServer,  # noqa: F811 - the fixture
    tmp_path: Path,
    capsys: Any,
) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    shown = Shown()
    stages, notebook = blocks(HOW_TO)
    assert len([line for line in stages.splitlines() if line]) <= 10
    (tmp_path / "contrast.py").write_text(stages)
    device = YAML(typ="safe").load(blocks(HOW_TO, "yaml")[0])["servers"]["analysis"]["devices"]["sharp"]
    steps = [Step(one["stage"], inputs={**one["inputs"], "frame": "image"}) for one in device["stages"]]
    pipeline = Pipeline("sharp", steps, tmp_path)
    source, frames = camera(30)
    plotted: dict[int, float] = {}

    def plot(indices: range, values: Any) -> None:
        plotted.update(zip(indices, values, strict=True))

    with_analysis = Analysis(lambda: Stream.connect(redis_server.url), pipeline, Options())
    with_analysis.start()
    try:
        scan = opened(stream, [with_analysis], [source])
        five = threading.Thread(target=exec, args=(notebook, {"url": redis_server.url, "plot": plot}))
        notebook_file = DOCS / "how-to" / "look-at-results.ipynb"
        whole = threading.Thread(target=run_notebook, args=(notebook_file,), kwargs={"display": shown})
        five.start()
        whole.start()
        take(stream, scan, frames, [4])
        live = results(scan, "sharp_contrast")
        for thread in (five, whole):
            thread.join(150)
            assert not thread.is_alive()
        assert shown.points == 30
        assert "30 of 30 points have a result" in capsys.readouterr().out
        assert scan.state == State.COMPLETED
    finally:
        with_analysis.close()
    inner = frames[:, 4:-4, 4:-4]
    assert live == pytest.approx(inner.std(axis=(1, 2)) / inner.mean(axis=(1, 2)))
    assert list(plotted.values()) == list(live)
    # and from a file: the same bits, into a file of its own, which is never written over
    offline = Pipeline("sharp", [Step(one.stage, inputs={"frame": "cam"}) for one in steps], tmp_path)
    file = a_file(tmp_path / "scan_0004.h5", frames)
    found = analyse(offline, file)
    assert (found.file.name, found.points, found.problems) == ("scan_0004_sharp.h5", 30, [])
    with h5py.File(found.file) as made:
        assert made["analysis/sharp/sharp_contrast"][()].tobytes() == live.tobytes()
        assert made["analysis/process_contrast"].attrs["NX_class"] == "NXprocess"
        assert made["analysis/scan/scan_number"][()] == 4
    with pytest.raises(NotAllowed, match=r"scan_0004_sharp.h5: is there already; move it away"):
        analyse(offline, file)


def test_the_class_and_the_call_on_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    lit, call = blocks(REFERENCE)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_stages.py").write_text(lit)
    frames = np.random.default_rng(2).integers(0, 200, (5, 16, 8)).astype("<u2")
    a_file(tmp_path / "scan_0004.h5", frames)
    exec(call, {})
    assert capsys.readouterr().out == "5\n"
    with h5py.File("scan_0004_lit.h5") as made:
        assert list(made["analysis/lit/lit_lit"][()]) == [np.count_nonzero(frame[1:] > 100) for frame in frames]


def test_the_entries_with_workers_elsewhere_are_what_they_should_be() -> None:
    beamline, entry = blocks(REFERENCE, "yaml")
    servers = YAML(typ="safe").load(beamline)["servers"]
    workers = AnalysisWorkersParameters.model_validate(servers["analysis_compute"]["devices"]["sharp_compute"])
    assert workers.pipeline in servers["analysis"]["devices"]
    AnalysisPipelineParameters.model_validate(servers["analysis"]["devices"]["sharp"])
    parameters = AnalysisPipelineParameters.model_validate(YAML(typ="safe").load(entry)["sharp"])
    assert parameters.dask_place(Path()) == DaskPlace("tcp://127.0.0.1:8786")
