"""Processes of ours: started so that they are found again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ronda.framework.errors import ServiceFailed
from ronda.framework.host import logs
from ronda.framework.host.process import MARK, READY, Identity, Launch, identify, marked, start

WaitFor = Callable[[Callable[[], Any], float, str], Any]
SLEEPER = [sys.executable, "-SE", "-c", "import signal; signal.pause()"]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state folder"
    folder.mkdir()
    yield folder
    for _, _, identity in marked(folder):
        identity.signal(signal.SIGKILL)
        os.waitpid(identity.pid, 0)


def found(state: Path, wait_for: WaitFor, count: int = 1) -> list[tuple[str, Identity]]:
    """The marked processes, once they run their own program."""

    def names() -> list[tuple[str, Identity]]:
        return [(name, identity) for _, name, identity in marked(state)]

    wait_for(lambda: len(names()) == count, 150, "the marked processes are seen")
    return names()


def test_a_process_is_found_by_its_mark(state: Path, wait_for: WaitFor) -> None:
    started = start(Launch("motors", SLEEPER, {}, reports=False), state, state / "motors.log")
    assert found(state, wait_for) == [("motors", started.identity)]
    assert started.ready_pipe is None


def test_a_process_is_found_after_its_starter_died(state: Path, wait_for: WaitFor) -> None:
    script = f"""
import os, pathlib
from ronda.framework.host.process import Launch, start
state = pathlib.Path({str(state)!r})
print(start(Launch("motors", {SLEEPER!r}, {{}}, reports=False), state, state / "motors.log").identity.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    starter = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    assert starter.returncode == -signal.SIGKILL
    [(name, identity)] = found(state, wait_for)
    assert (name, identity.pid) == ("motors", int(starter.stdout))
    identity.signal(signal.SIGKILL)
    wait_for(lambda: not list(marked(state)), 150, "it is gone")


def test_beamlines_with_similar_state_folders_are_told_apart(tmp_path: Path, wait_for: WaitFor) -> None:
    folders = [tmp_path / name for name in ("a", "a:b", "a:motors")]
    for folder in folders:
        folder.mkdir()
        start(Launch("motors", SLEEPER, {}, reports=False), folder, folder / "motors.log")
    for folder in folders:
        [(_, identity)] = found(folder, wait_for)
        identity.signal(signal.SIGKILL)
        os.waitpid(identity.pid, 0)


def test_a_path_that_is_no_text_is_no_obstacle(tmp_path: Path, wait_for: WaitFor) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    folder.mkdir()
    started = start(Launch("motors", SLEEPER, {}, reports=False), folder, folder / "motors.log")
    assert found(folder, wait_for) == [("motors", started.identity)]
    started.identity.signal(signal.SIGKILL)
    os.waitpid(started.identity.pid, 0)


def test_a_number_that_was_given_to_another_process_is_not_taken_for_ours() -> None:
    mine = identify(os.getpid())
    assert mine is not None
    assert mine.alive()
    other = Identity(mine.pid, mine.started + 1)
    assert not other.alive()
    assert not other.stopped()
    other.signal(signal.SIGKILL)  # we live to tell


def test_a_dead_process_that_nobody_buried_is_not_alive(state: Path, wait_for: WaitFor) -> None:
    started = start(Launch("short", ["true"], {}, reports=False), state, state / "short.log")
    wait_for(lambda: not started.identity.alive(), 150, "it ended")
    assert identify(started.identity.pid) == started.identity
    os.waitpid(started.identity.pid, 0)


def test_a_halted_process_is_seen(state: Path, wait_for: WaitFor) -> None:
    identity = start(Launch("motors", SLEEPER, {}, reports=False), state, state / "motors.log").identity
    assert not identity.stopped()
    identity.signal(signal.SIGSTOP)
    wait_for(identity.stopped, 150, "it is halted")
    assert identity.alive()
    identity.signal(signal.SIGCONT)
    wait_for(lambda: not identity.stopped(), 150, "it goes on")


def test_a_process_with_any_name_can_be_identified(state: Path, tmp_path: Path) -> None:
    program = tmp_path / os.fsdecode(b") R 1 \xff")
    program.write_text(f"#!{sys.executable} -SE\nimport signal; signal.pause()\n")
    program.chmod(0o755)
    identity = start(Launch("odd", [str(program)], {}, reports=False), state, state / "odd.log").identity
    assert identity.alive()
    assert identity.leader() == identity.pid


def test_what_a_process_of_ours_starts_itself_is_told_apart_and_ends_with_it(state: Path, wait_for: WaitFor) -> None:
    script = f"import subprocess, signal; subprocess.Popen({SLEEPER!r}); signal.pause()"
    launch = Launch("motors", [sys.executable, "-SE", "-c", script], {}, reports=False)
    leader = start(launch, state, state / "motors.log").identity
    identities = [identity for _, identity in found(state, wait_for, 2)]
    [helper] = [identity for identity in identities if identity != leader]
    assert leader.leader() == helper.leader() == leader.pid
    leader.signal(signal.SIGKILL)
    wait_for(lambda: not leader.alive(), 150, "it ended")
    assert helper.alive()
    leader.end_helpers()
    wait_for(lambda: not helper.alive(), 150, "its helper ended")
    os.waitpid(leader.pid, 0)


def test_a_copy_that_is_not_yet_a_program_of_its_own_is_told_apart(state: Path, wait_for: WaitFor) -> None:
    script = "import os, signal; os.fork(); signal.pause()"
    launch = Launch("agent", [sys.executable, "-SE", "-c", script], {}, reports=False)
    program = start(launch, state, state / "agent.log").identity
    identities = [identity for _, identity in found(state, wait_for, 2)]
    [copy] = [identity for identity in identities if identity != program]
    assert (program.is_copy(), copy.is_copy()) == (False, True)
    program.signal(signal.SIGKILL)
    os.waitpid(program.pid, 0)
    copy.signal(signal.SIGKILL)
    wait_for(lambda: not list(marked(state)), 150, "both are gone")


def test_helpers_of_a_process_with_a_number_used_again_are_left_alone(state: Path, wait_for: WaitFor) -> None:
    identity = start(Launch("motors", SLEEPER, {}, reports=False), state, state / "motors.log").identity
    Identity(identity.pid, identity.started - 1).end_helpers()
    time.sleep(0.05)
    assert identity.alive()


def test_a_process_gets_only_the_pipe_meant_for_it(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(READY, "17")
    script = f"import os; print(os.environ[{MARK!r}], os.environ.get({READY!r}), sorted(os.listdir('/proc/self/fd')))"
    launch = Launch("motors", [sys.executable, "-SE", "-c", script], {}, reports=False)
    os.waitpid(start(launch, state, state / "motors.log").identity.pid, 0)
    assert (state / "motors.log").read_text() == f"{state}:motors None ['0', '1', '2', '3']\n"


def test_a_program_that_is_not_there_gives_a_sentence_and_leaks_nothing(state: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(
        ServiceFailed, match=r"motors cannot be started \(/no/such/program: No such file or directory\)"
    ):
        start(Launch("motors", ["/no/such/program"], {}), state, state / "motors.log")
    with pytest.raises(ServiceFailed, match=r"motors cannot be started \(.*/gone/motors\.log: No such file"):
        start(Launch("motors", SLEEPER, {}), state, state / "gone" / "motors.log")
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_a_large_log_is_put_aside_at_a_start(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LARGEST", 10)
    log = state / "short.log"
    log.write_text("the words of an earlier one\n")
    started = start(Launch("short", ["echo", "new"], {}, reports=False), state, log)
    os.waitpid(started.identity.pid, 0)
    assert log.read_text() == "new\n"
    assert started.log_offset == 0
    assert (state / "short.log.1").read_text() == "the words of an earlier one\n"


def test_a_log_that_cannot_be_put_aside_hinders_no_start(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LARGEST", 10)
    log = state / "short.log"
    log.write_text("the words of an earlier one\n")
    (state / "short.log.1").mkdir()
    os.waitpid(start(Launch("short", ["echo", "new"], {}, reports=False), state, log).identity.pid, 0)
    assert log.read_text() == "the words of an earlier one\nnew\n"
