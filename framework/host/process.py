"""A process of ours: how it is started, and how it is found again by a later agent."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ronda.framework.errors import ServiceFailed
from ronda.framework.host.logs import rotate
from ronda.framework.turns import take_short_turns

MARK = "RONDA_PROCESS"
"""Environment variable that marks each process of ours, `<state folder>:<name>`. The kernel keeps it as long as the
process lives, so an agent that was killed finds its children whatever it had written down before."""

READY = "RONDA_READY_FD"
"""Environment variable: number of the pipe on which a process of ours says that it is ready, or why it cannot be."""

NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
"""Environment variable that processes of ours do not inherit: without kept bytecode each start compiles all of us."""

FORKED = 0x40
"""Flag that the kernel gives a forked process until it runs a program of its own (PF_FORKNOEXEC in linux/sched.h)."""

FOR_PYTHON = {"PYTHONUNBUFFERED": "1", "PYDANTIC_DISABLE_PLUGINS": "__all__"}
"""Logs come line by line; no search through all installed packages for plugins that nobody wants."""


@dataclass(frozen=True)
class Identity:
    """A process for certain: its number alone may have been given to another one since.

    Attributes:
        pid: process number.
        started: start time in clock ticks after boot, from the kernel.
    """

    pid: int
    started: int

    def alive(self) -> bool:
        """Whether it still exists, zombies excepted."""
        found = _stat(self.pid)
        return found is not None and found.started == self.started and found.state not in "ZX"

    def leader(self) -> int:
        """Number of the process started by `start` to which it belongs: its own, or that of the one that started it."""
        found = _stat(self.pid)
        return found.session if found is not None and found.started == self.started else 0

    def end_helpers(self) -> None:
        """Kill what it started itself and left behind; for use when it has ended."""
        found = _stat(self.pid)
        if found is None or found.started == self.started:
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)

    def stopped(self) -> bool:
        """Whether somebody halted it (SIGSTOP, a debugger)."""
        found = _stat(self.pid)
        return found is not None and found.started == self.started and found.state in "Tt"

    def is_copy(self) -> bool:
        """Whether it only is a copy of what forked it, whose environment it has: on its way to be another program."""
        found = _stat(self.pid)
        return found is not None and found.started == self.started and bool(found.flags & FORKED)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if it still exists."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


@dataclass(frozen=True)
class _Stat:
    state: str
    session: int
    flags: int
    started: int


def _stat(pid: int) -> _Stat | None:
    """State letter, session, flags and start time of a process (proc(5), `/proc/PID/stat` fields 3, 6, 9 and 22)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()  # the name in it may be anything
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    return _Stat(fields[0].decode(), int(fields[3]), int(fields[6]), int(fields[19]))


def identify(pid: int) -> Identity | None:
    """The identity of a living process."""
    found = _stat(pid)
    return Identity(pid, found.started) if found else None


def marked(state_folder: Path | None = None) -> Iterator[tuple[Path, str, Identity]]:
    """All living processes of ours: (state folder, name, identity); only those of one beamline's host if given."""
    mark = os.fsencode(f"{MARK}=")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if mark not in environment:
            continue
        for variable in environment.split(b"\0"):
            if not variable.startswith(mark):
                continue
            folder, _, name = os.fsdecode(variable.removeprefix(mark)).rpartition(":")
            identity = identify(int(entry.name))
            if state_folder in (None, Path(folder)) and identity is not None and identity.alive():
                yield Path(folder), name, identity


@dataclass(frozen=True)
class Launch:
    """What to start.

    Attributes:
        name: of the process: `redis`, `tango-database`, `simulators`, or a server's name.
        command: program and arguments; no secrets, everybody on the machine can read them.
        environment: added to ours.
        reports: whether the process says on the ready pipe when it is ready.
        ready_line: text in its output that says so, for programs that are not ours.
        prompt: whether others wait for each of its answers: it runs as soon as it wakes, see `take_short_turns`.
    """

    name: str
    command: list[str]
    environment: Mapping[str, str]
    reports: bool = True
    ready_line: str | None = None
    prompt: bool = False


@dataclass(frozen=True)
class Started:
    """A process just started.

    Attributes:
        identity: which process.
        ready_pipe: read end of its ready pipe, or None.
        log_offset: size in bytes of the log when it started: what follows is its own.
    """

    identity: Identity
    ready_pipe: int | None
    log_offset: int


def report(message: dict[str, Any]) -> None:
    """Tell who started us over the pipe that it gave us; without one, the log has it already."""
    descriptor = os.environ.get(READY)
    if descriptor is not None:
        with os.fdopen(int(descriptor), "w") as pipe:
            pipe.write(json.dumps(message) + "\n")


def start(launch: Launch, state_folder: Path, log: Path, keep: tuple[int, ...] = ()) -> Started:
    """Start a process in a session of its own, its output going to the end of `log`.

    Args:
        launch: what to start.
        state_folder: whose process it is.
        log: grows at its end.
        keep: file descriptors that it inherits.

    Raises:
        ServiceFailed: the program cannot be started.
    """
    inherited = {key: value for key, value in os.environ.items() if key not in (READY, NO_BYTECODE)}
    environment = {**inherited, **FOR_PYTHON, **launch.environment, MARK: f"{state_folder}:{launch.name}"}
    with contextlib.suppress(OSError):  # a full disk
        rotate(log)
    pipe: tuple[int, int] | None = None
    try:
        if launch.reports:
            pipe = os.pipe()
            environment[READY] = str(pipe[1])
        with log.open("ab") as output:
            offset = output.tell()
            child = subprocess.Popen(
                launch.command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
                pass_fds=(*keep, pipe[1]) if pipe else keep,
            )
    except OSError as error:
        if pipe:
            os.close(pipe[0])
        what = error.filename or launch.command[0]
        raise ServiceFailed(f"{launch.name} cannot be started ({what}: {error.strerror})") from error
    finally:
        if pipe:
            os.close(pipe[1])
    if launch.prompt:
        take_short_turns(child.pid)
    # the exit status is taken by the supervisor with waitpid; Popen would warn that nobody waited
    child.returncode = 0
    identity = identify(child.pid)
    if identity is None:  # it cannot be gone: nobody has waited for it
        raise ServiceFailed(f"{launch.name}: process {child.pid} vanished at its start")
    return Started(identity, pipe[0] if pipe else None, offset)
