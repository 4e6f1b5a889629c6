"""A program that opens a file with stock h5py as fast as it can while it is written, and checks all that it finds.

Usage: python tight_reader.py FILE OPENS. It prints JSON: opens, failures, wrong values, points seen last.
"""

from __future__ import annotations

import json
import sys

import h5py
import numpy as np


def main(path: str, opens: int) -> None:
    """Open the file so often, and until there was data in it; waits for it to be there."""
    done = points = 0
    failures: list[str] = []
    wrong: list[str] = []
    while done < opens or not points:
        try:
            file = h5py.File(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            failures.append(str(error))
            done += 1
            continue
        done += 1
        try:
            with file:
                entry = file[file.attrs["default"]]
                reached = int(entry["writer/positions"][:].min())
                for name, value in (("i0", lambda index: index + 0.5), ("diode", lambda index: index * 2)):
                    found = entry[f"measurement/{name}"][:]
                    unwritten = np.isnan(found) if found.dtype.kind == "f" else found == np.iinfo(found.dtype).min
                    expected = value(np.arange(len(found)))
                    if not (unwritten | (found == expected)).all():
                        wrong.append(f"{name}: {found[~unwritten & (found != expected)][:5].tolist()}")
                    if len(found) < reached or unwritten[:reached].any():
                        wrong.append(f"{name}: not all of the {reached} points that the file says it has")
                points = reached
        except (OSError, RuntimeError, KeyError) as error:
            failures.append(str(error))
    print(json.dumps({"opens": done, "failures": failures, "wrong": wrong, "points": points}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
