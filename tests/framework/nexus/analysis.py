"""A user's analysis: runs on a scan in memory or on its file, in a Python that has neither Tango nor gevent.

Arguments: the address of Redis, then `last` or the path of a file. Prints what it finds as JSON.
"""

import json
import sys


class Forbid:
    """Lets an import fail as if the package were not installed."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tango", "gevent", "pydantic", "prompt_toolkit"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Forbid())

import numpy as np  # noqa: E402

from ronda.framework.nexus.opening import open_scan  # noqa: E402
from ronda.framework.stream import Stream  # noqa: E402


def analyse(entry):
    """What a user might write: it knows nothing of files and streams."""
    frames = entry["measurement/spectrum"]
    return {
        "sum": float(entry["measurement/i0"][:].sum()),
        "last": int(entry["measurement/diode"][-1]),
        "units": entry["measurement/samx"].attrs["units"],
        "every third": frames[::3, 2].tolist(),
        "by list": frames[[0, 4, 9], 1:3].tolist(),
        "each": [int(frame.sum()) for frame in frames],
        "type": frames.dtype.str,
        "mean": np.asarray(frames).mean(axis=0).tolist(),
        "title": entry["title"][()].decode(),
        "names": sorted(entry["measurement"].keys()),
        "default": entry[entry.attrs["default"]].attrs["signal"],
        "epoch": entry["instrument/ct1/epoch"][4],
    }


with Stream.connect(sys.argv[1]) as stream:
    print(json.dumps(analyse(open_scan(sys.argv[2], stream))))
