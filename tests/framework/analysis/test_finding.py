"""Stages from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ronda.framework.analysis.finding import find_stage
from ronda.framework.errors import ConfigurationError


@pytest.mark.parametrize("place", ["../mine.py", "{}/mine.py"])
def test_a_file_outside_the_folder_is_not_imported(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (tmp_path / "mine.py").write_text("raise RuntimeError('was imported')\n")
    with pytest.raises(ConfigurationError, match="must be in the folder"):
        find_stage(f"{place.format(tmp_path)}:scale", folder)
