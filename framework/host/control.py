"""What the command line does with a beamline on this machine: find it, bring it up, take it down, ask its agent."""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ronda.framework.errors import NotFound, ServiceFailed
from ronda.framework.host.keeper import start_keeper
from ronda.framework.host.logs import last_lines
from ronda.framework.host.names import AGENT, HEARTBEAT, KEEPER, TANGO_DATABASE
from ronda.framework.host.process import Identity, marked
from ronda.framework.host.status import HostStatus, ProcessStatus, State, read_status, status_from_json
from ronda.framework.services.folders import DEFAULT_STATE, remove_run_folder, replace_folder

if TYPE_CHECKING:
    from ronda.framework.config.beamline import Beamline
    from ronda.framework.host.layout import Layout

DOWN_TIME = 45.0
"""Seconds within which an agent must have taken everything down; then we do it."""

Tell = Callable[[str], None]
"""Takes a line about the progress."""


@dataclass(frozen=True)
class Running:
    """A beamline of which at least one process lives on this machine."""

    state: Path
    status: HostStatus
    processes: dict[str, list[Identity]]

    @property
    def supervised(self) -> bool:
        """Whether an agent, or the keeper that starts it again, lives and is not halted."""
        supervisors = [*self.processes.get(AGENT, []), *self.processes.get(KEEPER, [])]
        return any(not identity.stopped() for identity in supervisors)


def running() -> list[Running]:
    """All beamlines of which a process lives on this machine, ours to see."""
    found: dict[Path, dict[str, list[Identity]]] = {}
    for state, name, identity in marked():
        found.setdefault(state, {}).setdefault(name, []).append(identity)
    beamlines = []
    for state, processes in found.items():
        beamlines.append(Running(state, read_status(state / "status.json") or _unknown(state), processes))
    return sorted(beamlines, key=lambda beamline: beamline.status.beamline)


def _unknown(state: Path) -> HostStatus:
    """What is left to say of a beamline whose state folder was removed under its processes."""
    config = state.parent.parent if state.parent.name == DEFAULT_STATE else state
    return HostStatus(config.name, state.name, str(config), "", "", "", "", "", ready=False, processes=[])


def select(which: str | None) -> Running:
    """The running beamline that is meant.

    Args:
        which: its name or its folder of YAML files; None when there is only one, on this machine or near the folder
            where the user stands.

    Raises:
        NotFound: there is none, or more than one fits.
    """
    candidates = running()
    listed = ", ".join(f"{entry.status.beamline} ({entry.status.config})" for entry in candidates)
    if which is None:
        fitting = [entry for entry in candidates if _is_near(Path(entry.status.config))] or candidates
        if not fitting:
            raise NotFound("no beamline is running on this machine; start one with `ronda up DIR`")
    else:
        folder = str(Path(which).resolve())
        fitting = [entry for entry in candidates if folder == entry.status.config] or [
            entry for entry in candidates if which == entry.status.beamline
        ]
        if not fitting:
            raise NotFound(f"no beamline {which!r} is running on this machine; running: {listed or 'none'}")
    if len({entry.status.config for entry in fitting}) > 1:
        raise NotFound(f"several beamlines are running; say which one, by name or folder: {listed}")
    return fitting[0]


def _is_near(config: Path) -> bool:
    """Whether a beamline's folder is where the user stands, or above or below it."""
    here = Path.cwd()
    return config.is_relative_to(here) or here.is_relative_to(config)


def on_this_machine(beamline: Running) -> list[Running]:
    """All hosts of a beamline that this machine plays; one, but where somebody tries several hosts on one machine."""
    return [entry for entry in running() if entry.status.config == beamline.status.config]


# -- up


def bring_up(layout: Layout, tell: Tell) -> HostStatus:
    """Start the agent, and with it this host's part of the beamline; returns when everything runs.

    Raises:
        ServiceFailed: it runs already, or could not be started; nothing is left running then.
    """
    with _alone(layout):
        return _bring_up(layout, tell)


@contextlib.contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """Two that bring the same beamline up at once would take each other's processes down."""
    lock = os.open(layout.folders.state / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise ServiceFailed(
            f"beamline {layout.beamline.name} is being brought up on this host at this moment "
            f"({layout.folders.config}); see `ronda status`"
        ) from error
    finally:
        os.close(lock)


def _bring_up(layout: Layout, tell: Tell) -> HostStatus:
    folders = layout.folders
    alive = {name: identity for _, name, identity in marked(folders.state)}
    supervisors = [alive.pop(name) for name in (AGENT, KEEPER) if name in alive]
    if any(not identity.stopped() for identity in supervisors):
        raise ServiceFailed(
            f"beamline {layout.beamline.name} is running already on this host ({folders.config}); "
            "see `ronda status`, or bring changes in with `ronda config apply`"
        )
    for identity in supervisors:
        tell(f"process {identity.pid} of the agent stood halted (SIGSTOP), it is killed")
        identity.signal(signal.SIGKILL)
        _wait(lambda identity=identity: not identity.alive(), 5.0)  # type: ignore[misc]
    if alive:
        tell(f"found running without an agent: {', '.join(sorted(alive))}; they are taken over as they are")
    else:
        copy_configuration(layout.beamline, folders.applied)
    read_end, write_end = os.pipe()
    keeper = start_keeper(folders.state, folders.config, layout.host, write_end)
    os.close(write_end)
    problem = _follow_start(read_end, tell)
    if problem is None:
        status = read_status(folders.status)
        if status is not None:
            return status
        problem = "the agent left no status"
    if problem:  # it told us, and ends in order
        _wait(lambda: not keeper.alive(), 5.0)
    if not alive:
        end_processes(folders.state, tell)
        folders.remove_run()
    raise ServiceFailed(problem or _last_words(folders.logs))


def _follow_start(pipe: int, tell: Tell) -> str | None:
    """Read the agent's report; returns None when it is ready, else what went wrong (empty if it did not say)."""
    with os.fdopen(pipe) as report:
        for line in report:
            word: dict[str, Any] = json.loads(line)
            if word.get("ready"):
                return None
            if "error" in word:
                return str(word["error"])
            if word["state"] in (State.RUNNING, State.FAILED):
                tell(f"{word['process']}: {word['note'] or word['state']}")
    return ""


def _last_words(logs: Path) -> str:
    lines = last_lines(logs / f"{AGENT}.log", 1) or last_lines(logs / f"{KEEPER}.log", 1)
    return f"the host agent could not start: {lines[0] if lines else 'it left no word'}"


def copy_configuration(beamline: Beamline, target: Path) -> None:
    """Keep a copy of the YAML files in a folder that is replaced as a whole.

    Raises:
        ServiceFailed: it cannot be written, and is what it was.
    """
    fresh = target.with_name(f"{target.name}.new")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        for file in beamline.files:
            copy = fresh / file.relative_to(beamline.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        replace_folder(fresh, target)
    except OSError as error:
        raise ServiceFailed(f"the YAML files cannot be copied to {target} ({error}); make room there") from error


def configuration_differs(beamline: Beamline, applied: Path) -> bool:
    """Whether the YAML files are others than those last applied."""
    kept = {file.relative_to(applied): file.read_bytes() for file in applied.rglob("*") if file.is_file()}
    return kept != {file.relative_to(beamline.folder): file.read_bytes() for file in beamline.files}


# -- down


def take_down(state: Path, tell: Tell) -> None:
    """End every process of a beamline on this host, servers first, the Tango database last."""
    agents = [identity for _, name, identity in marked(state) if name == AGENT]
    if agents and not any(agent.stopped() for agent in agents):
        for agent in agents:
            agent.signal(signal.SIGTERM)
        _wait(lambda: not any(agent.alive() for agent in agents), DOWN_TIME)
        _wait(lambda: not list(marked(state)), 2.0)
    end_processes(state, tell)


def end_processes(state: Path, tell: Tell) -> None:
    """End what is left of a beamline without the help of its agent."""
    left = list(marked(state))
    if not left:
        return
    tell("ending what the agent did not: " + ", ".join(f"{name} ({identity.pid})" for _, name, identity in left))
    deadline = time.monotonic() + 20.0
    # each may just be starting the other
    while supervisors := [identity for _, name, identity in marked(state) if name in (KEEPER, AGENT)]:
        if time.monotonic() > deadline:
            break
        for identity in supervisors:
            identity.signal(signal.SIGKILL)
        _wait(lambda group=supervisors: not any(identity.alive() for identity in group), 5.0)  # type: ignore[misc]
    servers = [identity for _, name, identity in marked(state) if name not in (KEEPER, AGENT, TANGO_DATABASE)]
    for group in (servers, [identity for _, name, identity in marked(state) if name == TANGO_DATABASE]):
        for identity in group:
            identity.signal(signal.SIGTERM)
            identity.signal(signal.SIGCONT)
        _wait(lambda group=group: not any(identity.alive() for identity in group), 6.0)  # type: ignore[misc]
        for identity in group:
            identity.signal(signal.SIGKILL)
    _wait(lambda: not list(marked(state)), 2.0)
    (state / HEARTBEAT).unlink(missing_ok=True)
    remove_run_folder(state)
    status = read_status(state / "status.json")
    if status is None:
        return
    for process in status.processes:
        if process.state != State.STOPPED:
            process.state, process.pid, process.since = State.STOPPED, 0, 0.0
            process.tell("ended by `ronda down`; the agent could not")
    status.ready = False
    status.write(state / "status.json")


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


# -- the agent


def ask_agent(status: HostStatus, command: str, argument: Any = None, timeout: float = 5.0) -> Any:
    """Call a command of a host's agent.

    Raises:
        ServiceFailed: the agent does not answer, or refuses; with its sentence.
    """
    import tango

    from ronda.framework.tango.errors import from_dev_failed

    try:
        proxy = tango.DeviceProxy(f"tango://{status.tango_host}/{status.agent_device}")
        proxy.set_timeout_millis(int(timeout * 1000))
        return proxy.command_inout(command, argument)
    except tango.DevFailed as failed:
        said_by_agent = any(each.reason.startswith("RONDA_") for each in failed.args)
        error = from_dev_failed(failed, "" if said_by_agent else f"beamline {status.beamline}")
        if isinstance(failed, tango.ConnectionFailed | tango.CommunicationFailed) and not isinstance(
            error, ServiceFailed
        ):
            raise ServiceFailed(
                f"the agent of beamline {status.beamline} does not answer; see `ronda status` and `ronda logs agent`"
            ) from failed
        raise ServiceFailed(str(error)) from failed


def agent_of(beamline: Running, process: str) -> HostStatus:
    """The host on which a process runs.

    Raises:
        NotFound: no host has a process of that name.
    """
    hosts = all_hosts(beamline)
    for host in hosts:
        if process in [entry.name for entry in host.processes]:
            return host
    known = [entry.name for host in hosts for entry in host.processes]
    near = difflib.get_close_matches(process, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise NotFound(f"beamline {beamline.status.beamline} has no process {process!r}, only {', '.join(known)}{hint}")


def all_hosts(beamline: Running) -> list[HostStatus]:
    """The status of this host, and of the others as their agents tell it over Tango."""
    hosts = [_corrected(beamline)]
    for name, device in beamline.status.other_agents.items():
        hosts.append(_remote(beamline.status, name, device))
    return hosts


def _corrected(beamline: Running) -> HostStatus:
    """What the agent wrote, less what can no longer be true: processes that are gone since it was killed."""
    status = beamline.status
    for process in status.processes:
        if process.pid and not Identity(process.pid, process.started).alive():
            process.state, process.pid, process.since = State.FAILED, 0, 0.0
            process.note = "gone" + ("" if beamline.supervised else ", and nobody starts it again")
        elif process.pid and Identity(process.pid, process.started).stopped():
            process.state, process.note = State.FAILED, "halted (SIGSTOP)"
    return status


def _remote(status: HostStatus, name: str, device: str) -> HostStatus:
    import tango

    try:
        proxy = tango.DeviceProxy(f"tango://{status.tango_host}/{device}")
        return status_from_json(proxy.read_attribute("Processes").value)
    except tango.DevFailed:
        missing = ProcessStatus(AGENT, "agent", name, state=State.FAILED, note="the agent of this host does not answer")
        return replace(status, host=name, ready=False, processes=[missing], other_agents={})


def follow(state: Path, tell: Tell) -> None:
    """Tell what the agent writes, until it and its keeper are gone."""
    log = state / "logs" / f"{AGENT}.log"
    position = log.stat().st_size
    while any(name in (AGENT, KEEPER) for _, name, _ in marked(state)):
        size = log.stat().st_size
        if size < position:
            position = 0
        if size > position:
            with log.open("rb") as file:
                file.seek(position)
                lines = file.read().decode(errors="replace")
            position = size
            for line in lines.splitlines():
                tell(line)
        time.sleep(0.5)


def exports(status: HostStatus) -> Mapping[str, str]:
    """The environment variables by which any client finds the beamline; the values may name other variables."""
    variables = {
        "TANGO_HOST": status.tango_host,
        "RONDA_REDIS_URL": status.redis_url,
        "RONDA_BEAMLINE": status.beamline,
    }
    if status.redis_user:
        variables["RONDA_REDIS_USER"] = status.redis_user
    if status.redis_password_name:
        variables["RONDA_REDIS_PASSWORD"] = f"${status.redis_password_name}"
    return variables
