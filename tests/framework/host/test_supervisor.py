"""Many supervised processes: their order, requests from other threads, and their end."""

import threading
import time
from typing import Any

import pytest

from ronda.framework.host import supervisor
from ronda.framework.host.managed import Managed
from ronda.framework.host.status import State
from ronda.framework.host.supervisor import Supervisor

Stage = Any


def test_processes_start_in_the_order_of_their_needs(stage: Stage) -> None:
    stage.add("scans", ["counters", "motors"])
    stage.add("motors", ["redis"])
    stage.add("counters", ["redis", "motors"])
    stage.add("redis")
    stage.until(stage.supervisor.all_running)
    assert stage.journal() == ["start redis", "start motors", "start counters", "start scans"]


def test_what_does_not_need_each_other_starts_side_by_side(stage: Stage) -> None:
    waits_for = stage.folder / "slow"
    waits_for.touch()
    for name in ("motors", "counters"):
        stage.add(name, waits_for=str(waits_for))
    stage.until(lambda: len(stage.journal("start")) == 2)
    waits_for.unlink()
    stage.until(stage.supervisor.all_running)


def test_a_need_that_nobody_meets_here_is_not_waited_for(stage: Stage) -> None:
    stage.until_state(stage.add("motors", ["redis elsewhere"]), State.RUNNING)


def test_a_need_that_fails_is_waited_for(stage: Stage) -> None:
    stage.add("redis", dies=1, restart={"policy": "never"})
    motors = stage.add("motors", ["redis"])
    stage.until(lambda: stage.supervisor.processes["redis"].status.state == State.FAILED)
    assert motors.status.state == State.WAITING
    assert not stage.supervisor.all_running()
    [failure] = stage.supervisor.failures()
    assert failure.startswith("redis: process ")


def test_a_process_held_back_starts_when_it_is_released(stage: Stage) -> None:
    motors, counters = stage.add("motors"), stage.add("counters")
    motors.held = True
    stage.until_state(counters, State.RUNNING)
    assert motors.status.state == State.WAITING
    motors.held = False
    stage.until_state(motors, State.RUNNING)


def test_the_failure_of_one_leaves_the_others_alone(stage: Stage) -> None:
    motors = stage.add("motors")
    stage.until_state(motors, State.RUNNING)
    broken = stage.add("counters", says="rubbish\n")
    stage.until(lambda: broken.status.restarts >= 2)
    assert motors.status.state == State.RUNNING
    assert motors.status.restarts == 0


def test_groups_end_one_after_the_other(stage: Stage) -> None:
    for name in ("database", "redis", "simulators", "motors", "counters"):
        stage.add(name)
    stage.until(stage.supervisor.all_running)
    stage.supervisor.stop_all(20.0, [["motors", "counters"], ["simulators", "redis", "absent"], ["database"]])
    ends = stage.journal("end")
    assert {*ends[:2]} == {"end motors", "end counters"}
    assert {*ends[2:4]} == {"end simulators", "end redis"}
    assert ends[4:] == ["end database"]
    assert all(process.status.state == State.STOPPED for process in stage.supervisor.processes.values())


def test_what_others_still_need_is_kept_alive_while_they_end(stage: Stage) -> None:
    """A database that dies while the servers stop is started again: they tell it that they are gone."""
    database = stage.add("database")
    stubborn = stage.add("motors", stubborn=True, plan={"stop_timeout": 1.0})
    stage.until(stage.supervisor.all_running)
    threading.Timer(0.2, lambda: database.identity.signal(9)).start()
    stage.supervisor.stop_all(20.0, [["motors"]])
    assert stubborn.status.state == State.STOPPED
    stage.until(stage.supervisor.all_running)
    assert stage.journal("start").count("start database") == 2


def test_what_does_not_end_in_the_time_of_all_is_killed(stage: Stage) -> None:
    for name in ("motors", "counters"):
        stage.add(name, stubborn=True, plan={"stop_timeout": 300.0})
    stage.until(stage.supervisor.all_running)
    began = time.monotonic()
    stage.supervisor.stop_all(0.3, [["motors"], ["counters"]])
    stage.until(lambda: not stage.alive("motors") and not stage.alive("counters"))
    assert time.monotonic() - began < 200  # of 300


def test_starting_processes_end_at_once(stage: Stage) -> None:
    waits_for = stage.folder / "slow"
    waits_for.touch()
    stage.add("redis", waits_for=str(waits_for), plan={"start_timeout": 300.0})
    stage.add("motors", ["redis"])
    stage.until(lambda: stage.journal("start"))
    began = time.monotonic()
    stage.supervisor.stop_all(300.0, [["motors"], ["redis"]])
    assert time.monotonic() - began < 200
    assert stage.journal() == ["start redis", "end redis"]


def test_requests_of_other_threads_are_done_by_the_supervisors_thread(stage: Stage) -> None:
    threads: list[str] = []
    answers: list[object] = []

    def ask() -> None:
        answers.append(stage.supervisor.request(lambda: threads.append(threading.current_thread().name)).result(60))
        with pytest.raises(KeyError):
            stage.supervisor.request(lambda: {}["nothing"]).result(60)
        answers.append("refused")

    asking = threading.Thread(target=ask)
    asking.start()
    stage.until(lambda: len(answers) == 2)
    asking.join()
    assert threads == ["MainThread"]
    assert answers == [None, "refused"]


@pytest.fixture
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The supervisor waits for five minutes unless something ends its wait."""
    monkeypatch.setattr(supervisor, "LONGEST_WAIT", 300.0)
    monkeypatch.setattr(Managed, "next_step", lambda process, now: 300.0)


@pytest.mark.usefixtures("no_clock")
def test_a_request_ends_the_wait(stage: Stage) -> None:
    asked: list[float] = []
    done: list[float] = []

    def ask() -> None:
        asked.append(time.monotonic())
        stage.supervisor.request(lambda: done.append(time.monotonic()))

    asking = threading.Timer(0.05, ask)
    asking.start()
    stage.supervisor.run(lambda: bool(done))
    asking.join()
    assert done[0] - asked[0] < 200


def test_the_end_of_a_process_is_seen_at_once(stage: Stage, request: pytest.FixtureRequest) -> None:
    processes = [stage.add("motors"), stage.add("adopted")]
    stage.until(stage.supervisor.all_running)
    request.getfixturevalue("no_clock")
    for process in processes:
        process.identity.signal(9)
        began = time.monotonic()
        stage.supervisor.run(lambda process=process: process.identity is None)
        assert time.monotonic() - began < 200


def test_what_a_request_changes_is_told(stage: Stage) -> None:
    process = stage.add("motors", dies=1, restart={"policy": "never"})
    stage.until_state(process, State.FAILED)
    before = stage.changes
    stage.supervisor.request(lambda: process.want(False))
    stage.until_state(process, State.STOPPED)
    assert stage.changes > before


def test_a_flood_of_wakes_blocks_nobody(stage: Stage) -> None:
    for _ in range(100_000):
        stage.supervisor.wake()
    stage.until_state(stage.add("motors"), State.RUNNING)


def test_the_tick_comes_at_least_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[int] = []
    waits: list[float] = []
    idle = Supervisor(lambda: None, lambda: ticks.append(1))
    select = idle._selector.select

    def counted(wait: float) -> object:
        waits.append(wait)
        return select(wait)

    monkeypatch.setattr(idle._selector, "select", counted)
    idle.run(lambda: len(ticks) == 2)
    assert len(waits) == 2
    assert all(0 < wait <= 1.0 for wait in waits)


def test_many_turns_leak_no_descriptors(stage: Stage) -> None:
    from pathlib import Path

    process = stage.add("motors", dies=1, restart={"backoff": 0.1, "backoff_limit": 0.1})
    stage.until(lambda: process.status.restarts == 2)
    before = len(list(Path("/proc/self/fd").iterdir()))
    stage.until(lambda: process.status.restarts == 6)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
