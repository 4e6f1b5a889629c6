"""The datasets on disk: which are there, and beginning one that nobody has begun."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ronda.framework.errors import BadValue, ServiceFailed
from ronda.framework.nexus import words
from ronda.framework.nexus.ownership import Ownership
from ronda.framework.nexus.paths import Paths
from ronda.framework.stream.description import Description

KEYS = ("proposal", "proposal_session", "collection", "sample", "dataset", "session", "user", words.BEAMLINE)
"""What says which dataset is meant."""


class Datasets:
    """The folders of datasets below the data root. What one process claims, no other can, on whatever host.

    Args:
        paths: where files go.
        ownership: mode, group and owner of folders.
    """

    def __init__(self, paths: Paths, ownership: Ownership) -> None:
        self._paths = paths
        self._ownership = ownership

    def describe(self, which: str) -> dict[str, Any]:
        """Where a dataset is and what is there.

        Args:
            which: JSON with some of `KEYS`.

        Raises:
            BadValue: it is not.
            NotAllowed: it would lie outside the data root.
            ServiceFailed: the disk cannot be read.
        """
        about = _description(which)
        folder = self._paths.dataset_folder(about)
        try:
            return {
                "root": str(self._paths.root.resolve()),
                "folder": "" if folder is None else str(folder),
                "exists": folder is not None and folder.exists(),
                "last_number": self._paths.last_number(about),
            }
        except OSError as error:
            raise self._failed(folder, error) from error

    def claim(self, which: str) -> bool:
        """Make the folder of a dataset; whether it is new. One that has no folder of its own always is.

        Raises:
            as `describe`.
            ConfigurationError: the folder cannot be given to whom it belongs.
        """
        about = _description(which)
        folder = self._paths.dataset_folder(about)
        if folder is None:
            return True
        try:
            self._ownership.make_folder(folder.parent, self._paths.root.resolve(), about)
            folder.mkdir()  # fails if anybody else was quicker
            self._ownership.give_folder(folder, about)
        except FileExistsError:
            return False
        except OSError as error:
            raise self._failed(folder, error) from error
        return True

    def _failed(self, folder: Path | None, error: OSError) -> ServiceFailed:
        return ServiceFailed(
            f"{folder or self._paths.root}: cannot be used for data ({error.strerror or error}); make it writable for "
            "the writer, or name another data root in its configuration"
        )


def _description(which: str) -> Description:
    try:
        told = json.loads(which)
    except ValueError as error:
        raise BadValue(f"{which!r} is not JSON ({error}); give a dataset as {{{', '.join(KEYS)}}}") from error
    if not isinstance(told, dict) or not all(key in KEYS and isinstance(value, str) for key, value in told.items()):
        raise BadValue(f"{which!r} does not say which dataset; give texts for some of {', '.join(KEYS)}")
    beamline = told.pop(words.BEAMLINE, "")
    return Description("", [], attributes={words.BEAMLINE: beamline}, **told)
