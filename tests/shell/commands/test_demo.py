"""`ronda demo -c`: up, the code, down."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from ronda.framework.host.process import marked
from ronda.shell.commands.demo import PACKAGED
from ronda.shell.commands.demo import demo_folder as folder_of_the_demo


def test_a_scan_is_saved_named_and_nothing_is_left_running(ronda_demo: Callable[..., Any], demo_folder: Path) -> None:
    process = ronda_demo("-c", "ascan(samy, 0, 0.2, 2, 0.02, diode)")
    printed, errors = process.communicate(timeout=180)

    assert process.returncode == 0, errors
    assert errors == ""
    assert "ascan(samy, 0, 0.2, 2, 0.02, diode)" in printed
    file = Path(printed.rpartition(" saved: ")[2].strip())
    assert file.is_relative_to(demo_folder)
    with h5py.File(file) as saved:
        assert [len(entry["measurement/diode"]) for entry in saved.values()] == [3]
    assert list(marked(demo_folder / ".ronda" / "local")) == []


def test_an_error_gives_an_exit_code_and_nothing_is_left_running(
    ronda_demo: Callable[..., Any], demo_folder: Path
) -> None:
    process = ronda_demo("-c", "mv(samx, 99)")
    printed, errors = process.communicate(timeout=180)

    assert (process.returncode, printed) == (1, "")
    assert errors == "samx: cannot move to 99.0 mm, outside limits [-10.0, 10.0] mm\n"
    assert list(marked(demo_folder / ".ronda" / "local")) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_whoever_ends_it_nothing_is_left_running(
    number: int, code: int, ronda_demo: Callable[..., Any], demo_folder: Path
) -> None:
    process = ronda_demo("-c", "print('begun', flush=True)\nimport time; time.sleep(300)")
    assert process.stdout.readline() == "begun\n"

    process.send_signal(number)
    process.communicate(timeout=180)

    assert process.returncode == code
    assert list(marked(demo_folder / ".ronda" / "local")) == []


def test_ending_it_while_it_comes_up_leaves_nothing_either(
    ronda_demo: Callable[..., Any], demo_folder: Path, wait_for: Callable[..., Any]
) -> None:
    state = demo_folder / ".ronda" / "local"
    process = ronda_demo("-c", "import time; time.sleep(300); print('never')")
    wait_for(lambda: "redis" in [name for _, name, _ in marked(state)], 150, "the beginning")

    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=180)

    assert (process.returncode, printed) == (130, "")
    assert list(marked(state)) == []


def test_a_demo_that_runs_already_is_used_and_stays_up(
    ronda_demo: Callable[..., Any], bring_up: Any, demo_folder: Path
) -> None:
    beamline = bring_up(demo_folder)

    process = ronda_demo("-c", "print(samx.name)")
    printed, errors = process.communicate(timeout=180)

    assert (process.returncode, printed) == (0, "samx\n")
    assert errors == "the demo beamline is running already; it stays up at the end\n"
    assert "motors" in beamline.marked()


def test_the_demo_is_part_of_the_package() -> None:
    assert (PACKAGED / "beamline.yml").exists()


def test_in_a_clone_the_demo_is_used_where_it_is() -> None:
    assert folder_of_the_demo(PACKAGED, {}) == PACKAGED.resolve()


def test_where_nobody_may_write_the_demo_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)

    folder = folder_of_the_demo(PACKAGED, {"XDG_STATE_HOME": str(tmp_path)})

    assert folder == tmp_path / "ronda" / "demo"
    assert (folder / "motors.yml").read_text() == (PACKAGED / "motors.yml").read_text()


def test_an_installed_package_is_left_alone(tmp_path: Path) -> None:
    installed = tmp_path / "site-packages" / "ronda" / "config" / "demo"
    installed.mkdir(parents=True)
    (installed / "beamline.yml").write_text("version: 1\n")

    folder = folder_of_the_demo(installed, {"XDG_STATE_HOME": str(tmp_path / "state")})

    assert [file.name for file in folder.iterdir()] == ["beamline.yml"]
    assert folder.is_relative_to(tmp_path / "state")
