"""Texts that are known at the end of a file: nothing or the whole is seen, whenever somebody looks or the writer dies."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import h5py
import pytest

from ronda.framework.nexus.late_text import make_draft, make_late_text, write_late_texts


@pytest.fixture
def file(tmp_path: Path):
    with h5py.File(tmp_path / "a.h5", "w", locking=False) as opened:
        for name in ("first", "second"):
            make_late_text(opened, name)
        make_draft(opened, "draft", 2)
        opened.flush()
        yield opened


def on_disk(file: h5py.File, tmp_path: Path) -> list[bytes]:
    """What a reader finds now; HDF5 would share the file that is open here."""
    with h5py.File(shutil.copy(file.filename, tmp_path / "copy.h5")) as copy:
        return [copy["first"][()], copy["second"][()]]


def write(file: h5py.File, first: str, second: str) -> None:
    write_late_texts(file, Path(file.filename), file["draft"], {"/first": first, "/second": second})


def test_they_are_empty_until_they_are_written(file, tmp_path):
    assert on_disk(file, tmp_path) == [b"", b""]
    write(file, "2026-01-01T00:00:00+01:00", "µ" * 500)
    assert on_disk(file, tmp_path) == [b"2026-01-01T00:00:00+01:00", ("µ" * 500).encode()]


def test_they_are_texts_of_variable_length_as_validators_want_them(file):
    assert h5py.check_string_dtype(file["first"].dtype).length is None


@pytest.mark.parametrize("writes", range(5))
def test_whenever_the_writer_dies_each_is_empty_or_whole(file, tmp_path, monkeypatch, writes):
    """It takes four writes: two that take away what is shown, two that show."""
    done = []
    pwrite = os.pwrite

    def dying(descriptor: int, data: bytes, offset: int) -> int:
        if len(done) == writes:
            raise OSError("killed")
        done.append(offset)
        return pwrite(descriptor, data, offset)

    write(file, "old", "older")
    monkeypatch.setattr(os, "pwrite", dying)
    if writes < 4:
        with pytest.raises(OSError, match="killed"):
            write(file, "new" * 30, "newer" * 30)
    else:
        write(file, "new" * 30, "newer" * 30)
    monkeypatch.undo()
    first, second = on_disk(file, tmp_path)
    assert first in (b"", b"old", b"new" * 30)
    assert second in (b"", b"older", b"newer" * 30)
    write(file, "end", "")
    assert on_disk(file, tmp_path) == [b"end", b""]
