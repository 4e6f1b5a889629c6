"""The process between a shell and its terminal."""

import os
import pty
import signal
import subprocess
import sys

RELAY = """
import os, pty, signal, sys
from pathlib import Path
from ronda.shell.doors.screen import Relay

child, master = pty.fork()
if child == 0:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may have it ignored
    os.execvp("yes", ["yes"])
sys.exit(Relay(child, master, os.pipe()[1], Path(sys.argv[1])).run())
"""


def test_the_shell_ends_with_its_terminal_and_nothing_else_goes_wrong(tmp_path):
    outside, terminal = pty.openpty()
    relay = subprocess.Popen(
        [sys.executable, "-c", RELAY, str(tmp_path / "screen")],
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        assert b"y" in os.read(outside, 1000)
        os.close(outside)
        _, errors = relay.communicate(timeout=150)
    finally:
        relay.kill()
        relay.communicate()
    assert errors == ""
    assert relay.returncode == 128 + signal.SIGHUP
    assert not (tmp_path / "screen").exists()
