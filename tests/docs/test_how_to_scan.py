"""What the pages on scans of one's own and on peaks say works at the prompt of the demo."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def home(demo):
    """Afterwards no scan of one's own is left, and the stages stand at 0 again."""
    yield
    for file in (demo.folder / "scans").glob("*.py"):
        file.unlink()
    demo.ronda("shell", demo.folder, "-c", "mv(samy, 0, samz, 0, s1l, 3)")


def run_page(demo, name: str, timeout: float = 300, code: int = 0) -> str:
    """Write the files of a page, and type what stands in it."""
    typed = []
    for language, text in BLOCK.findall((PAGES / name).read_text()):
        if language == "python":
            file = demo.folder / re.match(r"# file: (\S+)\n", text)[1]
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        elif language == "text":
            typed.append(text)
    assert typed
    return demo.ronda("shell", demo.folder, "-c", "".join(typed), timeout=timeout, code=code).stdout


def test_what_is_moved_in_a_cleanup_block_comes_back(demo, home) -> None:
    printed = run_page(demo, "leave-things-as-they-were.md")
    counted, shown = printed.partition("samy[mm]")[::2]

    assert "counted for 0.1 s" in counted
    assert "samy      0.0000 mm" in counted
    assert "0.0000" in shown


@pytest.mark.timeout(400)
def test_scans_of_ones_own_are_commands(demo, home) -> None:
    printed = run_page(demo, "write-your-own-scan.md")

    assert "my sample" in printed
    assert "circle(0.1, 4, 0.02, diode)" in printed
    assert "file: " not in printed


@pytest.mark.timeout(400)
def test_a_peak_is_found_and_gone_to(demo, home) -> None:
    printed = run_page(demo, "find-a-peak.md")

    assert re.search(r"scan \d+, diode: cen is at samy 0\.\d+ mm, moved there", printed)
    assert re.search(r"centre = +0\.\d+ ± 0\.\d+ +mm", printed)
    assert "samy stands at 0." in printed


@pytest.mark.timeout(1200)
def test_scans_choose_their_points(demo, home) -> None:
    try:
        printed = run_page(demo, "let-a-scan-choose-its-points.md", timeout=900)
    finally:
        demo.ronda(
            "shell", demo.folder, "-c", "mv(s1vg, 6, pitch2, 0, m1pitch, 3, camf, 0.35, energy, 10); mv(s1vo, 0)"
        )

    assert re.search(r"s1vo: the peak of diode is at 0\.1\d+ ± \S+ mm", printed)
    assert re.search(r"energy: the edge of diode is at 8\.98\d+ ±", printed)
    pitch2, m1pitch = map(float, re.search(r"pitch2 = (\S+) ± \S+ urad, m1pitch = (\S+) ± \S+ mrad", printed).groups())
    assert -10 < pitch2 < 25  # the best one drifts from 0 to 15 urad
    assert abs(m1pitch - 3) < 0.003  # known to 0.0003 mrad, and the spot drifts by 0.0006 mrad
    assert re.search(r"diode is highest, \d+ count, at pitch2 = \S+ ± \S+ urad; moved there", printed)
    assert re.search(r"cam_fwhm_y is lowest, \d+.* pixel, at camf = 0\.\d+ ±", printed)
    assert "climb(samy, 0.03, 0.05, diode)" in printed


@pytest.mark.timeout(600)
def test_results_of_analysis_are_part_of_scans(demo, home) -> None:
    try:
        printed = run_page(demo, "analyse-while-you-measure.md", timeout=500, code=1)  # the last scan is stopped
    finally:
        demo.ronda("shell", demo.folder, "-c", "curve.active = False; mv(camf, 0.35, energy, 10)")

    assert "computes nothing" not in printed
    assert re.search(r"beam_fwhm_y is lowest, \d+.* at camf = 0\.\d+ ±", printed)
    assert "(1, 340)" in printed
    first = printed[printed.index("cam_image)") :]  # the first scan; its results are columns of the table
    assert re.search(r"m1pitch\[mrad\] +time\[s\] +beam_x\[pixel\] +beam_y\[pixel\]", first)
    assert re.search(r"^0 +\d\.\d+ +0\.000 +\d+\.\d+ +\d+\.\d+", first, re.MULTILINE)
    ended, points = map(int, re.search(r"ABORTED after (\d+) of (\d+) points", printed).groups())
    assert ended < points
    saved = re.findall(r"^scan \d+ saved: (\S+)", printed, re.MULTILINE)
    files = [Path(one) for one in saved]
    assert len(files) == 5
    for file, results in zip(
        files, ("beam_y", "beam_fwhm_y", "elements_fe", "sweeps_absorption", "curve_centre"), strict=True
    ):
        number = int(re.search(r"(\d+)\.h5", file.name)[1])
        with h5py.File(file) as saved_scan:
            measured = saved_scan[f"{number}.2/measurement/{results}"][()]
            assert np.isfinite(measured).any(), results
    again = demo.ronda("analyse", "elements", files[2], "--beamline", demo.folder).stdout
    assert "points" in again
    with h5py.File(files[2]) as live, h5py.File(files[2].with_name(f"{files[2].stem}_elements.h5")) as offline:
        number = int(re.search(r"(\d+)\.h5", files[2].name)[1])
        computed = live[f"{number}.2/measurement/elements_fe"][()]
        assert offline["analysis/elements/elements_fe"][()].tobytes() == computed.tobytes()


@pytest.mark.timeout(400)
def test_user_scripts_do_what_the_page_says(demo, home, tmp_path) -> None:
    languages = dict(BLOCK.findall((PAGES / "use-your-own-scripts.md").read_text()))
    (tmp_path / "align.py").write_text(languages["python"])
    code = f"user_script_homedir({str(tmp_path)!r})\n{languages['text']}"

    printed = demo.ronda("shell", demo.folder, "-c", code, XDG_STATE_HOME=str(tmp_path / "state")).stdout

    assert "user.STEPS, user.centre" in printed
    assert "dscan(samy, -0.2, 0.2, 10, 0.05, diode)" in printed
