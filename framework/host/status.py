"""What the host agent says of its processes, in a file that can be read even when nothing else answers."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class State(StrEnum):
    """Where a process is in its life."""

    STOPPED = "STOPPED"
    """Not there, and not wanted."""
    WAITING = "WAITING"
    """Not there; it starts when what it needs is there, or when the wait after a failure is over."""
    STARTING = "STARTING"
    """There, not yet ready."""
    RUNNING = "RUNNING"
    """There and answering."""
    STOPPING = "STOPPING"
    """Told to end, still there."""
    FAILED = "FAILED"
    """Not there after a failure, and its policy says that it stays so."""


STORY_LENGTH = 20
"""Events kept for each process."""


@dataclass
class ProcessStatus:
    """One process.

    Attributes:
        name: `redis`, `tango-database`, `simulators`, `agent`, or a server's name.
        kind: `service`, `simulators`, `server` or `agent`.
        host: the host's name in YAML.
        pid: process number, 0 when there is none.
        started: its start in clock ticks after boot (see Identity), 0 when there is none.
        state: where it is in its life.
        since: when this process became ready, seconds since 1970; 0 when it is not.
        restarts: how often it was started again after a failure.
        note: the last thing that happened to it, a sentence.
        story: the last events, oldest first: (seconds since 1970, sentence).
    """

    name: str
    kind: str
    host: str
    pid: int = 0
    started: int = 0
    state: State = State.STOPPED
    since: float = 0.0
    restarts: int = 0
    note: str = ""
    story: list[tuple[float, str]] = field(default_factory=list)

    def tell(self, sentence: str) -> None:
        """Add an event to the story; one that was just told is not told twice."""
        if self.note == sentence:
            return
        self.note = sentence
        self.story = [*self.story, (time.time(), sentence)][-STORY_LENGTH:]


@dataclass
class HostStatus:
    """All that a client needs to find the beamline and its processes on one host.

    Attributes:
        beamline: its short name.
        host: this host's name in the YAML.
        config: the folder of YAML files.
        tango_host: `HOST:PORT` of the Tango database.
        redis_url: where the stream is, without user and password.
        redis_user: user name there, or empty.
        redis_password_name: environment variable that holds the password, or empty.
        agent_device: Tango name of this host's agent.
        ready: whether everything was brought up.
        processes: the agent and all that it supervises.
        other_agents: Tango names of the agents of the other hosts, by host.
        view: address of the live view's page, without token; empty if no host serves it.
        view_open: whether it can be looked at without a token.
    """

    beamline: str
    host: str
    config: str
    tango_host: str
    redis_url: str
    redis_user: str
    redis_password_name: str
    agent_device: str
    ready: bool
    processes: list[ProcessStatus]
    other_agents: dict[str, str] = field(default_factory=dict)
    view: str = ""
    view_open: bool = False

    def write(self, file: Path) -> None:
        """Replace the status file at once, so that a reader never sees half of it."""
        fresh = file.with_suffix(".new")
        fresh.write_text(self.to_json())
        fresh.replace(file)

    def to_json(self) -> str:
        """JSON text."""
        return json.dumps(asdict(self))


def read_status(file: Path) -> HostStatus | None:
    """What the agent last wrote; None when it never ran, or was of another release."""
    try:
        return status_from_json(file.read_text())
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def status_from_json(text: str) -> HostStatus:
    """The inverse of `HostStatus.to_json`."""
    data: dict[str, Any] = json.loads(text)
    processes = [
        ProcessStatus(
            **{**process, "state": State(process["state"]), "story": [(when, what) for when, what in process["story"]]}
        )
        for process in data.pop("processes")
    ]
    return HostStatus(processes=processes, **data)
