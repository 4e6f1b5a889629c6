"""How a program that has talked to Tango ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

IN_A_CALL = """
import atexit, sys
from gevent.threadpool import ThreadPool
from ronda.shell.leaving import leave

atexit.register(print, "cleaned up")
ThreadPool(1).spawn(sys.stdin.read)
print("begun")
leave({code!r})
"""
"""Leaves while a thread is in a call that does not come back."""


@pytest.mark.parametrize(("code", "seen", "said"), [(7, 7, ""), (None, 0, ""), ("no beamline", 1, "no beamline\n")])
def test_a_call_that_goes_on_in_a_thread_does_not_change_the_exit_code(
    code: str | int | None, seen: int, said: str
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", IN_A_CALL.format(code=code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        printed, errors = process.stdout.read(), process.stderr.read()
        assert process.wait(timeout=60) == seen
    assert (printed, errors) == ("begun\ncleaned up\n", said)
