"""One supervised process: how it starts, is watched, fails, and is started again."""

import itertools
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ronda.framework.errors import ServiceFailed
from ronda.framework.host import health, managed
from ronda.framework.host.health import Ask
from ronda.framework.host.managed import Managed
from ronda.framework.host.process import Launch, identify
from ronda.framework.host.status import State

Stage = Any


@pytest.fixture
def story() -> Callable[[Managed], list[str]]:
    """What happened to a process, with its numbers as N."""
    return lambda process: [re.sub(r"process \d+", "process N", what) for _, what in process.status.story]


# -- the start


def test_a_process_runs_when_it_says_that_it_is_ready(stage: Stage) -> None:
    process = stage.add("motors")
    assert process.status.state == State.WAITING
    stage.until_state(process, State.STARTING)
    stage.until_state(process, State.RUNNING)
    assert process.status.pid == process.identity.pid
    assert process.status.since == pytest.approx(time.time(), abs=10)
    assert (process.status.note, process.status.restarts) == ("started", 0)


def test_a_program_that_is_not_ours_runs_when_its_output_says_so(stage: Stage) -> None:
    command = ["sh", "-c", "echo Ready; echo to; echo accept; exec sleep 60"]
    launch = Launch("redis", command, {}, reports=False, ready_line="accept")
    stage.until_state(stage.add("redis", launch=launch), State.RUNNING)


def test_the_words_of_an_earlier_run_do_not_make_it_ready(stage: Stage) -> None:
    (stage.folder / "logs" / "redis.log").write_text("Ready to accept\n")
    launch = Launch("redis", ["sleep", "60"], {}, reports=False, ready_line="accept")
    process = stage.add("redis", launch=launch, plan={"start_timeout": 0.3}, restart={"policy": "never"})
    stage.until_state(process, State.FAILED)
    assert process.failure == "not ready within 0.3 s; its last words: none"


def test_a_log_removed_meanwhile_is_no_obstacle(stage: Stage) -> None:
    launch = Launch("redis", ["sleep", "60"], {}, reports=False, ready_line="accept")
    process = stage.add("redis", launch=launch, plan={"start_timeout": 0.5}, restart={"policy": "never"})
    stage.until_state(process, State.STARTING)
    process.log.unlink()
    stage.until_state(process, State.FAILED)
    assert process.failure == "not ready within 0.5 s; its last words: none"


def test_the_reason_that_a_process_gives_for_its_failure_is_told(stage: Stage) -> None:
    process = stage.add("motors", says='{"error": "mc1: no such driver"}\n', restart={"policy": "never"})
    stage.until_state(process, State.FAILED)
    assert process.failure == process.status.note == "mc1: no such driver"


def test_a_reason_given_in_the_last_moment_is_heard(stage: Stage) -> None:
    says = '{"error": "mc1: no such driver"}\n'
    process = stage.add("motors", says=says, dies_after=1, restart={"policy": "never"})
    stage.until_state(process, State.FAILED)
    assert process.failure == "mc1: no such driver"


def test_a_process_that_ends_without_a_word_is_quoted_from_its_log(
    stage: Stage, story: Callable[[Managed], list[str]]
) -> None:
    process = stage.add("motors", prints="ImportError: no vendor library", dies=3, restart={"policy": "never"})
    stage.until_state(process, State.FAILED)
    assert story(process) == ["process N ended with status 3; its last words: ImportError: no vendor library"]


def test_a_process_that_closes_its_pipe_without_a_word_is_waited_for_no_longer_than_its_time(stage: Stage) -> None:
    process = stage.add("motors", says="", plan={"start_timeout": 0.4}, restart={"policy": "never"})
    stage.until_state(process, State.FAILED)
    assert process.failure == "not ready within 0.4 s; its last words: ready soon"


def test_nonsense_on_the_ready_pipe_is_a_failure_of_that_process_only(stage: Stage) -> None:
    nonsense = [
        "hello\n",
        "{\n",
        "[1, 2]\n",
        "17\n",
        "null\n",
        '"ready"\n',
        '{"ready": "yes"}\n',
        "\x00\xff\xfe\n",
        "[" * 20000 + "\n",
        "x" * 65536,
    ]
    good = stage.add("good")
    bad = [stage.add(f"bad{number}", says=says, restart={"policy": "never"}) for number, says in enumerate(nonsense)]
    stage.until(lambda: all(process.status.state == State.FAILED for process in bad))
    stage.until_state(good, State.RUNNING)
    for process in bad:
        assert process.failure.startswith("it said b'")
        assert process.failure.endswith("' instead of being ready")
        assert not stage.alive(process.plan.name)


def test_a_word_in_two_pieces_is_understood(stage: Stage) -> None:
    script = (
        "import os, time; pipe = int(os.environ['RONDA_READY_FD']);"
        "os.write(pipe, b'{\"ready\"'); time.sleep(0.2); os.write(pipe, b': true}\\n'); time.sleep(60)"
    )
    launch = Launch("motors", ["python3", "-SEc", script], {})
    stage.until_state(stage.add("motors", launch=launch), State.RUNNING)


def test_a_start_that_takes_too_long_is_ended(stage: Stage) -> None:
    process = stage.add("motors", says=None, plan={"start_timeout": 0.4}, restart={"policy": "never"})
    stage.until_state(process, State.FAILED)
    assert process.failure == "not ready within 0.4 s; its last words: ready soon"
    assert not stage.alive("motors")


def test_a_program_that_is_not_there_is_a_failure(stage: Stage) -> None:
    launch = Launch("motors", ["/no/such/program"], {})
    process = stage.add("motors", launch=launch, restart={"policy": "never"})
    stage.until_state(process, State.FAILED)
    assert process.failure == "motors cannot be started (/no/such/program: No such file or directory)"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ServiceFailed("port 20000 is in use"), "port 20000 is in use"),
        (OSError(28, "No space left on device"), "it cannot be started ([Errno 28] No space left on device)"),
    ],
)
def test_what_hinders_a_start_is_told_and_tried_again(stage: Stage, error: Exception, sentence: str) -> None:
    left = [error, error]

    def before() -> None:
        if left:
            raise left.pop()

    process = stage.add("motors", plan={"before": before})
    stage.until_state(process, State.RUNNING)
    assert process.failure == sentence
    assert process.status.restarts == 2
    assert process.status.note == f"started again after: {sentence}"


# -- failures and the way back


def test_a_process_that_was_killed_is_started_again_at_once(
    stage: Stage, story: Callable[[Managed], list[str]]
) -> None:
    process = stage.add("motors", restart={"backoff": 30.0, "backoff_limit": 60.0})
    stage.until_state(process, State.RUNNING)
    first = process.identity
    first.signal(signal.SIGKILL)
    stage.until(lambda: process.status.restarts == 1)
    stage.until_state(process, State.RUNNING)
    assert process.identity != first
    assert story(process) == [
        "started",
        "process N was killed by SIGKILL",
        "started again after: process N was killed by SIGKILL",
    ]
    assert "SECOND motors" not in stage.journal()


def test_a_signal_without_a_name_is_no_obstacle(stage: Stage, story: Callable[[Managed], list[str]]) -> None:
    process = stage.add("motors", restart={"policy": "never"})
    stage.until_state(process, State.RUNNING)
    os.kill(process.identity.pid, 40)
    stage.until_state(process, State.FAILED)
    assert story(process)[-1] == "process N was killed by signal 40"


def test_a_process_that_fails_again_and_again_waits_longer_each_time(stage: Stage) -> None:
    process = stage.add("motors", dies=1, restart={"backoff": 0.2, "backoff_limit": 0.5})
    starts: list[float] = []

    def count() -> bool:
        if len(stage.journal("start")) > len(starts):
            starts.append(time.monotonic())
        return len(starts) == 5

    stage.until(count)
    waits = [after - before for before, after in itertools.pairwise(starts)]
    for wait, least in zip(waits, [0.0, 0.2, 0.4, 0.5], strict=True):
        assert least - 0.05 <= wait < least + 1.0
    assert process.status.restarts >= 4


def test_a_process_that_failed_all_night_is_still_started_again(stage: Stage) -> None:
    process = stage.add("motors", dies=1, restart={"backoff": 0.1, "backoff_limit": 0.1})
    process._failures = 5000
    stage.until(lambda: len(stage.journal("start")) == 2)


def test_after_a_quiet_time_the_waiting_starts_anew(stage: Stage) -> None:
    process = stage.add("motors", restart={"backoff": 60.0, "backoff_limit": 60.0, "stable": 0.1})
    for restarts in (1, 2, 3):
        stage.until_state(process, State.RUNNING)
        running_since = process.status.since
        stage.until(lambda since=running_since: time.time() - since > 0.2)
        stage.until(lambda: process._failures == 0)
        process.identity.signal(signal.SIGKILL)
        stage.until(lambda restarts=restarts: process.status.restarts == restarts)


def test_a_process_that_should_not_come_back_stays_away(stage: Stage) -> None:
    process = stage.add("motors", restart={"policy": "never"})
    stage.until_state(process, State.RUNNING)
    process.identity.signal(signal.SIGKILL)
    stage.until_state(process, State.FAILED)
    assert process.status.restarts == 0
    process.want(True)
    stage.until_state(process, State.RUNNING)
    assert stage.journal("start", "SECOND") == ["start motors"] * 2


def test_a_halted_process_is_found_and_started_again(
    stage: Stage, story: Callable[[Managed], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managed, "HALTED_LIMIT", 0.2)
    process = stage.add("motors")
    stage.until_state(process, State.RUNNING)
    process.identity.signal(signal.SIGSTOP)
    stage.until(lambda: process.status.restarts == 1)
    stage.until_state(process, State.RUNNING)
    assert re.fullmatch(r"process N was halted \(SIGSTOP\) for \d+ s", story(process)[1])
    assert stage.journal() == ["start motors", "start motors"]
    assert len(stage.alive("motors")) == 1


def test_a_process_halted_for_a_moment_is_left_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed, "HALTED_LIMIT", 100.0)
    process = stage.add("motors")
    stage.until_state(process, State.RUNNING)
    for _ in range(5):
        process.identity.signal(signal.SIGSTOP)
        stage.until(lambda: process._halted_since > 0)
        process._halted_since -= 30.0  # so long ago; all five together are too long
        stage.supervisor.turn()
        process.identity.signal(signal.SIGCONT)
        stage.until(lambda: process._halted_since == 0)
    assert process.status.restarts == 0


def asks(address: str) -> Ask:
    """A question to such a child; it has half a second for its answer."""

    def ask() -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(0.5)
            client.connect(address)
            assert client.recv(10) == b"here"

    return ask


def test_a_process_that_does_not_answer_is_found_and_started_again(
    stage: Stage, story: Callable[[Managed], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PERIOD", 0.05)
    monkeypatch.setattr(managed, "SILENT_LIMIT", 0.7)
    hangs, address = stage.folder / "hangs", f"\0{stage.folder}"[:100]  # a socket without a file
    process = stage.add(
        "motors", listens=address, hangs=str(hangs), plan={"ask": lambda: asks(address)}, restart={"stable": 0.1}
    )
    stage.until_state(process, State.RUNNING)
    stage.until(lambda: process._pulse is not None and process._pulse._answered > 0)
    first = process.identity
    hangs.touch()
    stage.until(lambda: process.status.restarts == 1)
    hangs.unlink()
    stage.until_state(process, State.RUNNING)
    stage.until(lambda: process._pulse is not None and process._pulse._answered > 0)
    assert not first.alive()
    assert re.fullmatch(r"process N did not answer for \d+ s \(timed out\)", story(process)[1])
    assert stage.journal() == ["start motors", "start motors"]


def test_an_agent_that_was_halted_itself_does_not_blame_its_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the time since a question counts, not that since the last answer: nobody asked meanwhile."""
    monkeypatch.setattr(health, "PERIOD", 0.01)
    # asked and answered; after an hour that nobody knows of asked again, and looked at; asked to the end
    clock = itertools.chain([100.0, 100.1, 3700.0, 3702.5], itertools.repeat(3703.0))
    ours = {threading.current_thread().name, "pulse halted"}  # threads of other tests may still be asking

    def monotonic() -> float:
        return next(clock) if threading.current_thread().name in ours else time.monotonic()

    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=monotonic))
    questions = itertools.count(1)
    second, answer = threading.Event(), threading.Event()

    def ask() -> None:
        if next(questions) == 2:
            second.set()
            answer.wait(60)

    pulse = health.Pulse("halted", ask)
    assert second.wait(60)
    assert pulse.silent_for == 2.5
    pulse.stop()
    answer.set()


def test_a_question_that_fails_in_any_way_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PERIOD", 0.01)

    def ask() -> None:
        raise RuntimeError("what a question")

    pulse = health.Pulse("motors", ask)
    deadline = time.monotonic() + 60
    while pulse.silent_for < 0.1:
        assert time.monotonic() < deadline
    pulse.stop()
    assert pulse.problem == "what a question"


# -- what users ask for


def test_a_process_stops_in_order_and_starts_again(stage: Stage, story: Callable[[Managed], list[str]]) -> None:
    process = stage.add("motors")
    stage.until_state(process, State.RUNNING)
    process.want(False)
    stage.until_state(process, State.STOPPED)
    assert (process.status.pid, process.status.since) == (0, 0)
    process.want(True)
    stage.until_state(process, State.RUNNING)
    assert stage.journal() == ["start motors", "end motors", "start motors"]
    assert story(process) == ["started", "stopped", "started"]
    assert process.status.restarts == 0


def test_a_restart_is_no_failure(stage: Stage, story: Callable[[Managed], list[str]]) -> None:
    process = stage.add("motors")
    stage.until_state(process, State.RUNNING)
    process.restart("asked for")
    stage.until(lambda: len(stage.journal("start")) == 2)
    stage.until_state(process, State.RUNNING)
    assert stage.journal() == ["start motors", "end motors", "start motors"]
    assert process.status.restarts == 0
    assert story(process)[-1] == "started again after: asked for"


def test_a_restart_brings_a_failed_process_back_without_a_wait(stage: Stage) -> None:
    process = stage.add("motors", dies=1, restart={"backoff": 60.0, "backoff_limit": 60.0})
    stage.until(lambda: process.status.restarts == 2)
    starts = len(stage.journal("start"))
    process.restart("asked for")
    stage.until(lambda: len(stage.journal("start")) == starts + 1)


def test_a_restart_while_it_starts_makes_no_second_one(stage: Stage) -> None:
    waits_for = stage.folder / "slow"
    waits_for.touch()
    process = stage.add("motors", waits_for=str(waits_for))
    stage.until(lambda: stage.journal("start"))
    process.restart("asked for")
    waits_for.unlink()
    stage.until(lambda: len(stage.journal("start")) == 2)
    stage.until_state(process, State.RUNNING)
    assert stage.journal() == ["start motors", "end motors", "start motors"]


def test_a_process_told_to_stop_while_it_starts_does_so_at_once(stage: Stage) -> None:
    waits_for = stage.folder / "slow"
    waits_for.touch()
    process = stage.add("motors", waits_for=str(waits_for), plan={"start_timeout": 60.0})
    stage.until(lambda: stage.journal("start"))
    process.want(False)
    stage.until_state(process, State.STOPPED, 5)
    assert stage.journal() == ["start motors", "end motors"]


def test_a_process_that_ignores_the_request_is_killed_after_its_time(
    stage: Stage, story: Callable[[Managed], list[str]]
) -> None:
    process = stage.add("motors", stubborn=True, plan={"stop_timeout": 0.3})
    stage.until_state(process, State.RUNNING)
    process.want(False)
    stage.until_state(process, State.STOPPED)
    assert story(process) == ["started", "did not end within 0.3 s of SIGTERM, killed", "stopped"]
    assert not stage.alive("motors")


def test_a_halted_process_stops_when_told(stage: Stage) -> None:
    process = stage.add("motors")
    stage.until_state(process, State.RUNNING)
    process.identity.signal(signal.SIGSTOP)
    process.want(False)
    stage.until_state(process, State.STOPPED)
    assert stage.journal() == ["start motors", "end motors"]


def test_a_new_one_starts_only_after_the_end_of_the_old_one(stage: Stage) -> None:
    process = stage.add("motors", stubborn=True, plan={"stop_timeout": 0.2})
    stage.until_state(process, State.RUNNING)
    for again in (2, 3):
        process.restart("asked for")
        process.want(False)
        process.want(True)
        process.restart("asked for again")
        stage.until(lambda again=again: len(stage.journal("start")) == again)
        stage.until_state(process, State.RUNNING)
    assert stage.journal() == ["start motors"] * 3


def test_a_stop_asked_for_while_a_hung_process_is_killed_leaves_no_false_reason(stage: Stage) -> None:
    process = stage.add("motors")
    stage.until_state(process, State.RUNNING)
    process.fail("it was seen to do nothing")
    process.want(False)
    stage.until_state(process, State.STOPPED)
    process.want(True)
    stage.until_state(process, State.RUNNING)
    process.restart("asked for")
    stage.until(lambda: len(stage.journal("start")) == 3)
    stage.until_state(process, State.RUNNING)
    assert process.status.restarts == 0


def test_what_a_process_left_behind_ends_with_it(stage: Stage) -> None:
    """A helper that holds the hardware or the port would be in the way of the next one."""
    script = (
        "import os, signal, subprocess; subprocess.Popen(['sleep', '60']);"
        "os.write(int(os.environ['RONDA_READY_FD']), b'{\"ready\": true}\\n'); signal.pause()"
    )
    process = stage.add("motors", launch=Launch("motors", ["python3", "-SEc", script], {}))
    stage.until_state(process, State.RUNNING)
    stage.until(lambda: len(stage.alive("motors")) == 2)
    process.want(False)
    stage.until_state(process, State.STOPPED)
    stage.until(lambda: not stage.alive("motors"))


# -- after the return of an agent


def test_a_process_found_running_is_taken_over_with_its_story(
    stage: Stage, story: Callable[[Managed], list[str]]
) -> None:
    before = stage.add("motors")
    stage.until_state(before, State.RUNNING)
    identity = before.identity
    after = stage.add("motors")
    after.status = before.status
    after.adopt(identity)
    stage.until(lambda: after.status.state == State.RUNNING)
    assert after.status.pid == identity.pid
    identity.signal(signal.SIGKILL)
    stage.until(lambda: after.status.restarts == 1)
    stage.until_state(after, State.RUNNING)
    assert stage.journal() == ["start motors"] * 2
    assert story(after)[:1] == ["started"]


def test_a_process_found_running_that_nobody_told_of_is_taken_over(
    stage: Stage, story: Callable[[Managed], list[str]]
) -> None:
    before = stage.add("motors")
    stage.until_state(before, State.RUNNING)
    after = stage.add("motors")
    after.adopt(before.identity)
    assert story(after) == ["process N found running"]


def test_a_process_that_was_lost_with_its_agent_is_started_and_counted(
    stage: Stage, story: Callable[[Managed], list[str]]
) -> None:
    process = stage.add("motors")
    mine = identify(os.getpid())
    assert mine is not None
    process.status.pid = process.status.started = 1
    process.missing(counted=True)
    stage.until_state(process, State.RUNNING)
    assert process.status.restarts == 1
    assert story(process) == [
        "process N was gone when the agent came back",
        "started again after: process N was gone when the agent came back",
    ]
