"""Beamlines of services and simulators that come up, or do not, and go down."""

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ronda.framework.errors import ServiceFailed
from ronda.framework.host import control
from ronda.framework.host.keeper import start_keeper
from ronda.framework.host.names import HEARTBEAT
from ronda.framework.host.process import marked
from ronda.framework.services.redis import find_server

MakeUp = Callable[..., Any]
WaitFor = Callable[[Callable[[], Any], float, str], Any]
ALL = ("keeper", "agent", "redis", "tango-database", "simulators")


def test_two_that_bring_up_at_once_agree(up: MakeUp, wait_for: WaitFor) -> None:
    small = up()
    results: list[object] = []

    def bring_up() -> None:
        try:
            results.append(small.bring_up().ready)
        except ServiceFailed as error:
            results.append(str(error))

    both = [threading.Thread(target=bring_up) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert True in results
    [refusal] = [result for result in results if result is not True]
    assert re.match(r"beamline small is (being brought up on this host at this moment|running already)", str(refusal))
    wait_for(small.all_run, 150, "everything runs")
    assert len(list(marked(small.state))) == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_agent_that_ends_while_it_starts_leaves_nothing(
    up: MakeUp, wait_for: WaitFor, number: signal.Signals
) -> None:
    small = up()
    failures: list[str] = []

    def bring_up() -> None:
        try:
            small.bring_up()
        except ServiceFailed as error:
            failures.append(str(error))

    starting = threading.Thread(target=bring_up)
    starting.start()
    wait_for(lambda: {"agent", "redis", "tango-database"} <= set(small.identities()), 150, "it is starting")
    small.identities()["agent"].signal(number)
    starting.join()
    expected = "stopped (SIGTERM) before it was up" if number == signal.SIGTERM else "the host agent could not start: "
    assert failures[0].startswith(expected)
    small.leaves_nothing()


def test_down_while_it_comes_up_leaves_nothing(up: MakeUp, wait_for: WaitFor) -> None:
    for moment in ("keeper", "agent"):
        small = up(f"small-{moment}")

        def bring_up(small: Any = small) -> None:
            with pytest.raises(ServiceFailed):
                small.bring_up()

        starting = threading.Thread(target=bring_up)
        starting.start()
        wait_for(lambda small=small, moment=moment: moment in small.identities(), 150, f"there is a {moment}")
        small.take_down()
        starting.join()
        small.leaves_nothing()


def test_a_port_in_use_gives_a_sentence_and_leaves_nothing(up: MakeUp) -> None:
    small = up()
    port = small.layout.ports.port("simulator motion")
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(
            ServiceFailed, match=rf"simulators: simulator motion: port {port} on 127\.0\.0\.1 is in use by"
        ):
            small.bring_up()
        assert list(marked(small.state)) == []
    small.leaves_nothing()


def test_a_state_folder_removed_under_a_running_beamline_can_still_be_taken_down(up: MakeUp) -> None:
    small = up()
    small.bring_up()
    shutil.rmtree(small.state)
    found = control.select(str(small.layout.folders.config))
    assert set(found.processes) >= {"redis", "tango-database", "simulators"}
    control.take_down(found.state, small.said.append)
    assert list(marked(small.state)) == []
    assert not small.layout.folders.run.exists()


def test_a_password_stays_in_the_environment(
    up: MakeUp, monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor, tmp_path: Any
) -> None:
    monkeypatch.setenv("RONDA_TEST_PASSWORD", "correct-horse-battery")
    place = Path(f"/tmp/ronda-test-{os.getpid()}.sock")
    server = subprocess.Popen(
        [find_server(), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
    )
    assert server.stdin is not None
    server.stdin.write(f'port 0\nunixsocket {place}\nsave ""\nrequirepass correct-horse-battery\n')
    server.stdin.close()
    try:
        wait_for(place.exists, 150, "Redis listens")
        small = up(
            beamline=f", services: {{redis: {{url: 'unix://{place}', password: '${{RONDA_TEST_PASSWORD}}'}}}}",
        )
        status = small.bring_up()
        assert dict(control.exports(status))["RONDA_REDIS_PASSWORD"] == "$RONDA_TEST_PASSWORD"
        assert "redis" not in small.identities()
        for _, name, identity in marked(small.state):
            assert b"correct-horse" not in Path(f"/proc/{identity.pid}/cmdline").read_bytes(), name
        small.take_down()
        for file in small.layout.folders.config.rglob("*"):
            assert not file.is_file() or b"correct-horse" not in file.read_bytes(), file
        small.leaves_nothing()
    finally:
        server.kill()
        server.wait()
        place.unlink(missing_ok=True)


def test_a_keeper_told_to_stop_while_it_rests_starts_nobody(up: MakeUp, wait_for: WaitFor) -> None:
    small = up()  # nothing is applied: an agent finds no configuration
    keeper = start_keeper(small.state, small.layout.folders.config, "local")
    log = small.state / "logs" / "agent.log"
    # the rests grow: after this one comes one of 2 s
    wait_for(lambda: log.exists() and len(log.read_text().splitlines()) >= 4, 150, "some agents failed")
    wait_for(lambda: "agent" not in small.identities(), 150, "it rests")
    keeper.signal(signal.SIGTERM)
    wait_for(lambda: not keeper.alive(), 150, "the keeper ends")
    lines = len(log.read_text().splitlines())
    assert "agent" not in small.identities()
    assert len(log.read_text().splitlines()) == lines
    assert (small.state / HEARTBEAT).exists()


def test_a_second_keeper_ends_at_once(up: MakeUp, wait_for: WaitFor) -> None:
    small = up()
    first = start_keeper(small.state, small.layout.folders.config, "local")
    wait_for(lambda: "agent" in small.identities(), 150, "the first one works")
    second = start_keeper(small.state, small.layout.folders.config, "local")
    wait_for(lambda: not second.alive(), 150, "the second one ends")
    assert first.alive()
