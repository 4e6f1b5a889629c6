"""Compiled code is loaded late, kept where it may be kept, and made before it is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ronda.framework.kernels import compiling
from ronda.framework.kernels.compiling import Kernel, kernel, private_folder

ONE = """
from ronda.framework.kernels.compiling import kernel

@kernel
def doubled(values):
    total = 0.0
    for each in values:
        total += 2 * each
    return total
"""

RUN = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np, one
assert "numba" not in sys.modules
print(one.doubled(np.arange(4.0)), sum(one.doubled.compiled.stats.cache_hits.values()))
"""


def run(folder: Path, **environment: str) -> str:
    """A program that uses the kernel of a folder; tells the result and how often it was found compiled."""
    told = subprocess.run(
        [sys.executable, "-c", RUN, folder],
        env={**os.environ, **environment},
        text=True,
        capture_output=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return told.stdout.strip()


def compiled_files(folder: Path) -> list[Path]:
    return list(folder.rglob("*.nbc"))


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with a kernel, as it was installed."""
    folder = tmp_path / "installed"
    folder.mkdir()
    (folder / "one.py").write_text(ONE)
    return folder


def read_only(folder: Path) -> None:
    """Make it impossible, for root too, to keep anything beside the source."""
    (folder / "__pycache__").write_text("")


def test_compiled_code_is_kept_beside_its_source(installed: Path) -> None:
    assert run(installed) == "12.0 0"
    assert compiled_files(installed)
    assert run(installed) == "12.0 1"


def test_of_a_read_only_installation_it_is_kept_in_the_users_folder_of_caches(installed: Path, tmp_path: Path) -> None:
    read_only(installed)
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    assert run(installed, **cache) == "12.0 0"
    assert compiled_files(tmp_path / "cache")
    assert run(installed, **cache) == "12.0 1"


def test_without_a_home_it_is_kept_in_a_private_temporary_folder(installed: Path, tmp_path: Path) -> None:
    read_only(installed)
    (tmp_path / "nohome").write_text("")
    where = {
        "XDG_CACHE_HOME": str(tmp_path / "nohome" / "cache"),
        "TMPDIR": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    assert run(installed, **where) == "12.0 0"
    (kept,) = tmp_path.glob("ronda-kernels-*")
    assert kept.stat().st_mode & 0o777 == 0o700
    assert compiled_files(kept)
    assert run(installed, **where) == "12.0 1"


def test_a_temporary_folder_that_others_may_write_to_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling.tempfile, "gettempdir", lambda: str(tmp_path))
    private_folder().chmod(0o777)
    with pytest.raises(RuntimeError, match="is open to others, so compiled code cannot be kept there; remove it"):
        private_folder()


def test_importing_all_of_the_framework_and_the_devices_does_not_load_numba() -> None:
    program = """
import importlib, pkgutil, sys, ronda.framework, ronda.devices
for package in (ronda.framework, ronda.devices):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if "__main__" not in module.name:
            importlib.import_module(module.name)
print({"numba", "scipy", "lmfit"} & set(sys.modules))
"""
    told = subprocess.run([sys.executable, "-c", program], text=True, capture_output=True, check=False)
    assert told.stdout.strip() == "set()", told.stderr


@kernel
def _inner(value: float) -> float:
    return value + 1


@kernel
def _outer(values: np.ndarray) -> float:
    total = 0.0
    for each in values:
        total += _inner(each)
    return total


def test_a_kernel_calls_kernels_of_its_file() -> None:
    assert _outer(np.arange(3.0)) == 6
    assert isinstance(_inner, Kernel)
    assert _outer.compilations == 1
    _outer(np.arange(4.0))
    assert _outer.compilations == 1
