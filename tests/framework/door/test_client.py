"""The client of a door is light: a notebook imports it without Tango, gevent, or anything else of weight."""

import subprocess
import sys

HEAVY = ("gevent", "tango", "numpy", "redis", "pydantic", "h5py", "ronda.shell")


def test_importing_it_brings_nothing_heavy():
    code = f"import sys, ronda.framework.door.client; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
