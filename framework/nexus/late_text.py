"""Texts of a file that are known at its end: readers find nothing or the whole text, at any moment.

HDF5 keeps texts of variable length in a heap, and where they stand in the dataset. It would write the place before the
heap, and who reads between the two, or after a crash between the two, finds a place where nothing is. So the texts are
written into a dataset that nobody reads, flushed, and then their places, 16 bytes each, are copied into the datasets
that people read. (Texts of fixed length would need no such thing, but are no texts to some validators.)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import h5py

PLACE_BYTES = 16
"""Length, address and number in the heap: 4 + 8 + 4 bytes."""


def make_late_text(group: h5py.Group, name: str, text: str = "") -> h5py.Dataset:
    """A text that `write_late_texts` writes later; empty until then."""
    return group.create_dataset(name, data=text, dtype=h5py.string_dtype())


def make_draft(group: h5py.Group, name: str, count: int) -> None:
    """Where so many texts are written before readers may see them."""
    dataset = group.create_dataset(name, (count,), h5py.string_dtype())
    dataset[...] = [""] * count


def write_late_texts(file: h5py.File, path: Path, draft: h5py.Dataset, texts: Mapping[str, str]) -> None:
    """Let readers see texts.

    Args:
        path: of the file.
        draft: made by `make_draft` for at least so many texts.
        texts: by the absolute path of their dataset.

    Raises:
        OSError: the disk failed; write them again.
    """
    offsets = {name: file[name].id.get_offset() for name in texts}
    descriptor = os.open(path, os.O_RDWR)
    try:
        for offset in offsets.values():  # an earlier writer that died may have shown texts that give way now
            os.pwrite(descriptor, bytes(PLACE_BYTES), offset)
        for index, text in enumerate(texts.values()):
            draft[index] = text
        file.flush()
        start = draft.id.get_offset()
        for index, offset in enumerate(offsets.values()):
            os.pwrite(descriptor, os.pread(descriptor, PLACE_BYTES, start + index * PLACE_BYTES), offset)
    finally:
        os.close(descriptor)
