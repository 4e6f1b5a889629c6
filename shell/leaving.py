"""Leaving a program that has talked to Tango, without the end of the interpreter."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import NoReturn


def leave(code: str | int | None) -> NoReturn:
    """Do what the interpreter does at its end, but let threads in the midst of a Tango call be.

    A call that Ctrl-C left goes on in its thread, for 3 s if a server hangs. When it comes back after the interpreter's
    end, Python ends the thread inside C++ code, which aborts the whole process: SIGABRT instead of the exit code.

    Args:
        code: what `sys.exit` was given: an exit code, None for 0, or a sentence for stderr, which gives 1.
    """
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.main_thread():
            thread.join()
    atexit._run_exitfuncs()  # noqa: SLF001 - what the interpreter itself calls at its end
    if isinstance(code, str):
        print(code, file=sys.stderr)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # a pipe whose reader has gone
            code = code or 1
    os._exit(code or 0)
