"""What `ronda doctor` says of beamlines that run on this machine."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ronda.framework.host.process import Launch, start
from ronda.shell.commands.doctor import look_at_running


def test_a_beamline_that_is_only_being_started_is_told_as_such(tmp_path: Path, wait_for: Callable[..., Any]) -> None:
    state = tmp_path / "hall" / ".ronda" / "local"
    state.mkdir(parents=True)
    waits = Launch("agent", [sys.executable, "-SE", "-c", "import signal; signal.pause()"], {}, reports=False)
    agent = start(waits, state, state / "agent.log").identity
    try:
        said = wait_for(
            lambda: [finding.what for finding in look_at_running() if str(state) in finding.what], 60, "it is seen"
        )
    finally:
        agent.signal(signal.SIGKILL)
        os.waitpid(agent.pid, 0)

    assert said == [f"beamline hall: its agent has not told anything yet in {state}"]
