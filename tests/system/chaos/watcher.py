"""Opens the newest files with stock h5py as fast as it can while they are written, and checks all that it finds.

Usage: python watcher.py FOLDER END. A value that was there must never change, points below the position that the file
notes must be there, and what a free-running device published must stand at its index. It prints JSON at its end.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - images are compressed with what it brings
import numpy as np


class Watcher:
    """Looks at files again and again."""

    def __init__(self) -> None:
        self.opens = 0
        self.failures: list[str] = []
        self.wrong: list[str] = []
        self._seen: dict[str, dict[str, Any]] = {}

    def look(self, path: Path) -> None:
        """Open a file and check what is in it."""
        self.opens += 1
        try:
            with h5py.File(path) as file:
                entry = file[file.attrs["default"]]
                positions = entry["writer/positions"]
                reached = dict(zip(positions.attrs["devices"], map(int, positions[:]), strict=True))
                found = {name: entry[f"measurement/{name}"][:] for name in entry["measurement"]}
        except FileNotFoundError:
            return
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            self.failures.append(f"{path.name}: {type(error).__name__}: {error}")
            return
        before = self._seen.setdefault(str(path), {})
        for name, values in found.items():
            self._check_unchanged(path, name, before.get(name), values)
            before[name] = values
        for device, names in (("free", ("x", "n")), ("camera", ("image",)), ("ct1", ("i0", "diode"))):
            for name in names:
                if name in found and (
                    len(found[name]) < reached[device] or empty(found[name][: reached[device]]).any()
                ):
                    self.wrong.append(f"{path.name}: {name} has not all of the {reached[device]} points noted")
        if "x" in found:
            self._check_own(path, found["x"], found["n"])

    def _check_unchanged(self, path: Path, name: str, before: Any, now: Any) -> None:
        if before is None:
            return
        if len(now) < len(before):
            gone = before[len(now) :]
            if not empty(gone).all():
                self.wrong.append(f"{path.name}: {name} had {len(before)} points and has {len(now)}")
            before = before[: len(now)]
        there = ~empty(before)
        if not np.array_equal(before[there], now[: len(before)][there]):
            self.wrong.append(f"{path.name}: values of {name} have changed")

    def _check_own(self, path: Path, x: Any, n: Any) -> None:
        count = min(len(x), len(n))
        both = ~empty(x[:count]) & ~empty(n[:count])
        who, index = n[:count][both].T
        if not np.array_equal(index, np.flatnonzero(both)) or not np.array_equal(x[:count][both], who * 1e7 + index):
            self.wrong.append(f"{path.name}: x and n are not what was published")


def empty(values: Any) -> Any:
    """Which points hold the fill value."""
    filled = np.isnan(values) if values.dtype.kind == "f" else values == fill(values.dtype)
    return filled.all(axis=tuple(range(1, values.ndim)))


def fill(dtype: Any) -> int:
    """What stands where no integer was written."""
    return int(np.iinfo(dtype).min if dtype.kind == "i" else np.iinfo(dtype).max)


def main(folder: Path, end: Path) -> None:
    """Look until the file `end` is there."""
    watcher = Watcher()
    while not end.exists():
        newest = sorted(folder.glob("**/scan_*.h5"), key=lambda path: path.name)[-4:]
        for path in newest:
            watcher.look(path)
        if not newest:
            time.sleep(0.01)
    print(json.dumps({"opens": watcher.opens, "failures": watcher.failures, "wrong": watcher.wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
