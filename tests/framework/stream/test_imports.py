"""What the stream needs: numpy and redis, and little time."""

import subprocess
import sys


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_needs_numpy_and_redis_alone():
    code = """
import sys
allowed = {"numpy", "redis", "hiredis", "ronda"}
class Forbid:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in ("tango", "gevent", "pydantic", "structlog", "h5py", "ruamel", "typer", "rich"):
            raise AssertionError(f"imports {name}")
sys.meta_path.insert(0, Forbid())
import ronda.framework.stream
import ronda.framework.stream.face
"""
    assert run(code) == ""


def test_importing_starts_no_thread():
    assert run("import threading, ronda.framework.stream; print(threading.active_count())").strip() == "1"
