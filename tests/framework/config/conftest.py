"""What the tests of the configuration share: two example kinds of device, and folders of YAML made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ronda.framework.config import kinds

HERE = Path(__file__).parent


@pytest.fixture
def example_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kinds of device be those of the folder example_kinds."""
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setattr(kinds, "KIND_PACKAGE", "example_kinds")


@pytest.fixture
def folder_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write YAML files into a folder that is the current one, so that messages show their bare names."""
    monkeypatch.chdir(tmp_path)

    def write(**files: str) -> Path:
        for name, text in files.items():
            (tmp_path / f"{name}.yml").write_text(text, encoding="utf-8")
        return tmp_path

    return write
