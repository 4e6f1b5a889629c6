"""The worker: one thread, urgent calls first, a poll at the rate that it asks for."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ronda.devices.worker import Worker


@pytest.fixture
def start():
    workers = []

    def begin(poll=lambda: 60.0) -> Worker:
        worker = Worker("mc1", poll)
        worker.start()
        workers.append(worker)
        return worker

    yield begin
    for worker in workers:
        worker.close(2.0)


@pytest.fixture
def blocked(start):
    """A worker that is inside a call until `release` is set."""
    worker = start()
    release, inside = threading.Event(), threading.Event()
    worker.submit(lambda: (inside.set(), release.wait(60)))
    assert inside.wait(60)
    yield worker, release
    release.set()


def test_a_call_returns_its_result(start):
    assert start().submit(lambda: 3 * 7).result(60) == 21


def test_an_error_reaches_the_one_who_asked(start):
    worker = start()
    with pytest.raises(ZeroDivisionError):
        worker.submit(lambda: 1 / 0).result(60)
    assert worker.submit(lambda: "alive").result(60) == "alive"


def test_urgent_calls_come_before_all_that_wait(blocked):
    worker, release = blocked
    order: list[str] = []
    calls = [worker.submit(lambda: order.append("move")) for _ in range(3)]
    stop = worker.submit(lambda: order.append("stop"), urgent=True)
    release.set()
    for call in [*calls, stop]:
        call.result(60)
    assert order == ["stop", "move", "move", "move"]


def test_a_cancelled_call_never_runs(blocked):
    worker, release = blocked
    ran: list[int] = []
    call = worker.submit(lambda: ran.append(1))
    assert call.cancel()
    release.set()
    worker.submit(lambda: None).result(60)
    assert ran == []


def test_the_duration_of_the_present_call_is_known(blocked):
    worker, release = blocked
    time.sleep(0.05)
    assert worker.busy_for() >= 0.05
    release.set()
    worker.submit(lambda: None).result(60)
    deadline = time.monotonic() + 60
    while worker.busy_for() and time.monotonic() < deadline:
        time.sleep(0.001)
    assert worker.busy_for() == 0.0


def test_the_poll_sets_its_own_pace(start):
    times: list[float] = []
    fast = threading.Event()

    def poll() -> float:
        times.append(time.monotonic())
        if len(times) == 10:
            fast.set()
        return 0.01 if len(times) < 10 else 60.0

    start(poll)
    assert fast.wait(60)
    time.sleep(0.05)
    assert len(times) == 10
    assert times[-1] - times[0] >= 0.08


def test_a_poll_can_be_asked_for_earlier(start):
    polled: list[float] = []
    worker = start(lambda: polled.append(time.monotonic()) or 60.0)
    worker.submit(lambda: None).result(60)
    worker.poll_within(0.0)
    deadline = time.monotonic() + 60
    while len(polled) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_poll_that_takes_longer_than_its_period_leaves_room_for_calls(start):
    worker = start(lambda: time.sleep(0.02) or 0.0001)
    for _ in range(3):
        assert worker.submit(lambda: "done").result(60) == "done"


def test_a_poll_that_raises_is_called_again(start, monkeypatch):
    monkeypatch.setattr("ronda.devices.worker.AFTER_A_BUG", 0.01)
    count: list[int] = []
    again = threading.Event()

    def poll() -> float:
        count.append(1)
        if len(count) > 1:
            again.set()
            return 60.0
        raise RuntimeError("a bug")

    start(poll)
    assert again.wait(60)


def test_closing_does_not_wait_for_a_call_that_hangs(blocked):
    worker, release = blocked
    waiting = worker.submit(lambda: None)
    begun = time.monotonic()
    assert not worker.close(0.1)
    assert time.monotonic() - begun < 150
    assert waiting.cancelled()
    release.set()
    assert worker.close(60.0)


def ready(worker: Worker) -> None:
    """Wait until the first poll is over, and nothing else is to be done."""
    deadline = time.monotonic() + 60
    while not worker.enter():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    worker.leave()


def test_who_enters_an_idle_worker_keeps_its_place_until_it_leaves(start):
    worker = start()
    ready(worker)
    assert worker.enter()
    ran = worker.submit(lambda: threading.current_thread())
    worker.poll_within(0.0)
    with pytest.raises(TimeoutError):
        ran.result(0.05)
    assert not worker.enter()
    assert worker.busy_for() > 0.0
    worker.leave()
    assert ran.result(60) is not threading.current_thread()


def test_nobody_enters_before_those_who_wait(blocked):
    worker, release = blocked
    assert not worker.enter()
    first = worker.submit(lambda: None)
    release.set()
    first.result(60)


def test_what_was_asked_for_meanwhile_is_done_in_its_order_when_the_place_is_left(start):
    polled = threading.Event()
    order: list[str] = []
    worker = start(lambda: order.append("poll") or polled.set() or 60.0)
    assert polled.wait(60)
    ready(worker)
    order.clear()
    polled.clear()
    assert worker.enter()
    move = worker.submit(lambda: order.append("move"))
    worker.poll_within(0.0)
    stop = worker.submit(lambda: order.append("stop"), urgent=True)
    worker.leave()
    stop.result(60)
    move.result(60)
    assert polled.wait(60)
    assert order == ["stop", "poll", "move"]


def test_a_poll_that_was_asked_for_inside_comes_in_time(start):
    polled: list[int] = []
    worker = start(lambda: polled.append(1) or 3600.0)
    ready(worker)
    seen = len(polled)
    assert worker.enter()
    worker.poll_within(0.01)
    worker.leave()
    deadline = time.monotonic() + 60
    while len(polled) == seen:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_nobody_enters_a_worker_whose_poll_is_due_or_that_is_closed(start):
    holding = threading.Event()
    worker = start(lambda: holding.wait(60) and 60.0)
    assert not worker.enter()
    holding.set()
    ready(worker)
    assert worker.close(60)
    assert not worker.enter()


def test_closing_waits_for_who_is_inside(start):
    worker = start()
    ready(worker)
    assert worker.enter()
    assert not worker.close(0.05)
    threading.Timer(0.05, worker.leave).start()
    assert worker.close(60)


def test_a_call_for_later_comes_after_its_delay_and_before_what_waits_for_the_poll(start):
    polled = threading.Event()
    order: list[str] = []
    worker = start(lambda: order.append("poll") or polled.set() or 60.0)
    assert polled.wait(60)
    ready(worker)
    order.clear()
    polled.clear()
    begun = time.monotonic()
    done: list[float] = []
    worker.submit_later(lambda: done.append(time.monotonic()), 0.03)
    worker.submit(lambda: order.append("now")).result(60)
    worker.submit_later(lambda: order.append("later"), 3600.0)
    while not done:
        assert time.monotonic() < begun + 60
        time.sleep(0.001)
    assert done[0] - begun >= 0.03
    worker.poll_within(0.0)
    assert polled.wait(60)
    assert order == ["now", "later", "poll"]


def test_a_call_for_later_waits_for_who_is_inside(start):
    worker = start()
    ready(worker)
    ran = threading.Event()
    assert worker.enter()
    worker.submit_later(ran.set, 0.0)
    assert not ran.wait(0.05)
    worker.leave()
    assert ran.wait(60)


def test_nobody_enters_before_a_call_for_later_that_is_due(start):
    worker = start()
    ready(worker)
    order: list[str] = []
    assert worker.enter()
    worker.submit_later(lambda: order.append("event"), 0.0)
    worker.leave()
    ready(worker)
    assert order == ["event"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["enter", "submit", "urgent", "poll"]), min_size=1, max_size=6),
        min_size=1,
        max_size=4,
    )
)
def test_however_they_come_calls_run_one_at_a_time_and_none_is_lost(clients):
    inside = threading.Lock()
    done: list[tuple[int, int]] = []

    def alone(call: tuple[int, int] | None = None) -> float:
        assert inside.acquire(blocking=False), "two calls at a time"
        time.sleep(0.0001)
        if call is not None:
            done.append(call)
        inside.release()
        return 60.0

    worker = Worker("mc1", alone)
    worker.start()
    failures: list[BaseException] = []

    def client(number: int, steps: list[str]) -> None:
        try:
            for place, step in enumerate(steps):
                call = (number, place)
                if step == "poll":
                    worker.poll_within(0.0)
                elif step == "enter" and worker.enter():
                    try:
                        alone(call)
                    finally:
                        worker.leave()
                else:
                    worker.submit(partial(alone, call), urgent=step == "urgent").result(60)
        except BaseException as error:  # noqa: BLE001 - the test tells
            failures.append(error)

    threads = [threading.Thread(target=client, args=each) for each in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert worker.close(60)
    assert not failures
    for number, steps in enumerate(clients):
        wanted = [(number, place) for place, step in enumerate(steps) if step != "poll"]
        assert [call for call in done if call[0] == number] == wanted
