"""Threads that run as soon as they wake."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from ronda.framework.turns import TURN, take_short_turns, turn


@pytest.fixture
def process() -> Iterator[int]:
    """A process that waits."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        if not take_short_turns(child.pid):
            pytest.skip("this system gives threads no turns of their own length; Linux does from 6.12 on")
        yield child.pid
    finally:
        child.communicate(b"\n")


def test_a_process_takes_short_turns(process: int) -> None:
    assert turn(process) == TURN


def test_its_priority_stays(process: int) -> None:
    os.setpriority(os.PRIO_PROCESS, process, 3)
    assert take_short_turns(process)
    assert os.getpriority(os.PRIO_PROCESS, process) == 3


@pytest.mark.usefixtures("process")
def test_a_thread_takes_them_with_those_that_it_starts_and_the_others_do_not() -> None:
    turns: list[int] = []

    def inside() -> None:
        take_short_turns()
        child = threading.Thread(target=lambda: turns.append(turn()))
        child.start()
        child.join()

    before = turn()
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert turns == [TURN]
    assert turn() == before


def test_a_process_with_another_policy_is_left_alone(process: int) -> None:
    os.sched_setscheduler(process, os.SCHED_BATCH, os.sched_param(0))
    assert not take_short_turns(process)
    assert os.sched_getscheduler(process) == os.SCHED_BATCH


def test_a_process_that_is_gone_is_no_error() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert not take_short_turns(child.pid)
    assert turn(child.pid) == 0
