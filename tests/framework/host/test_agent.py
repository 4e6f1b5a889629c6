"""The host agent and its keeper, with services and simulators: whatever is killed or halted comes back, once."""

import os
import random
import re
import resource
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from ronda.framework.errors import NotFound, ServiceFailed
from ronda.framework.host import control
from ronda.framework.host.process import Launch, marked, start
from ronda.framework.host.status import State

Up = Any
WaitFor = Callable[[Callable[[], Any], float, str], Any]

FOUND = 150.0
"""Seconds within which a fault must be found."""
BACK = 150.0
"""Seconds after which all must be well again; the machine of the tests may be busy."""
CHILDREN = ("redis", "tango-database", "simulators")
ALL = ("keeper", "agent", *CHILDREN)


def test_everything_runs_and_is_told(running: Up) -> None:
    status = running.status()
    assert list(status) == ["agent", "redis", "tango-database", "simulators"]
    assert {name: process.pid for name, process in status.items()} == running.pids(*status)
    assert all(process.restarts == 0 for process in status.values())
    assert len(list(marked(running.state))) == len(ALL)


def test_a_second_one_is_refused(running: Up) -> None:
    before = running.pids(*ALL)
    with pytest.raises(
        ServiceFailed, match=r"beamline patient is running already on this host \(.*\); see `ronda status`, or bring"
    ):
        running.bring_up()
    assert running.pids(*ALL) == before


@pytest.mark.usefixtures("never_twice")
def test_services_that_are_killed_come_back(running: Up, wait_for: WaitFor) -> None:
    before, status = running.pids(*CHILDREN), running.status()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_for(
        lambda: all(running.status()[name].restarts > status[name].restarts for name in CHILDREN),
        FOUND,
        "all are found",
    )
    wait_for(running.all_run, BACK, "everything runs again")
    assert not set(running.pids(*CHILDREN).values()) & set(before.values())
    for name in CHILDREN:
        # an agent that took a process over from another one cannot know what ended it
        assert re.match(
            rf"started again after: process {before[name]} (was killed by SIGKILL|ended)", running.status()[name].note
        )


@pytest.mark.usefixtures("never_twice")
def test_services_and_a_keeper_that_are_halted_are_found_and_come_back(running: Up, wait_for: WaitFor) -> None:
    before, status = running.identities(), running.status()
    for name in ("keeper", *CHILDREN):
        before[name].signal(signal.SIGSTOP)
    wait_for(
        lambda: all(running.status()[name].restarts > status[name].restarts for name in CHILDREN),
        FOUND,
        "all are found",
    )
    wait_for(lambda: not before["keeper"].alive(), FOUND, "the keeper is found")
    wait_for(lambda: running.replaced("keeper", before["keeper"].pid), BACK, "there is a new keeper")
    wait_for(running.all_run, BACK, "everything runs again")
    for name in CHILDREN:
        assert re.fullmatch(
            rf"started again after: process {before[name].pid} was halted \(SIGSTOP\) for \d+ s",
            running.status()[name].note,
        )
    gone = f"the keeper (process {before['keeper'].pid}) was gone, a new one started"
    wait_for(lambda: running.status()["agent"].note == gone, BACK, "it is told")


@pytest.mark.usefixtures("never_twice")
def test_an_agent_that_is_halted_is_found_and_comes_back(running: Up, wait_for: WaitFor) -> None:
    before = running.identities()
    before["agent"].signal(signal.SIGSTOP)
    wait_for(lambda: not before["agent"].alive(), FOUND, "it is found")
    comes_back(running, wait_for, before)
    assert running.status()["agent"].note == f"started again after: process {before['agent'].pid} was killed or hung"


def comes_back(running: Up, wait_for: WaitFor, before: Any) -> None:
    """There is a new agent, and nothing else changed."""
    wait_for(lambda: running.replaced("agent", before["agent"].pid), BACK, "there is a new agent")
    wait_for(lambda: running.status()["agent"].pid == running.pids("agent").get("agent"), BACK, "it tells")
    wait_for(running.all_run, BACK, "everything runs")
    after = running.identities()
    assert after.pop("agent") != before["agent"]
    assert after == {name: identity for name, identity in before.items() if name != "agent"}


def test_an_agent_that_is_killed_comes_back_to_what_runs_and_ends_what_should_not_be_there(
    running: Up, wait_for: WaitFor
) -> None:
    before = running.identities()
    log = running.state / "logs" / "strangers.log"
    strangers = [
        start(Launch(name, ["sleep", "600"], {}, reports=False), running.state, log).identity
        for name in ("redis", "a-server-of-before")
    ]
    # a process whose own child is left over when it dies
    parent = start(
        Launch("simulators", ["sh", "-c", "sleep 600 & exec sleep 601"], {}, reports=False), running.state, log
    )
    wait_for(lambda: len(list(marked(running.state))) == len(ALL) + 4, 150, "all are there")
    before["agent"].signal(signal.SIGKILL)
    parent.identity.signal(signal.SIGKILL)
    wait_for(lambda: len(list(marked(running.state))) == len(ALL), FOUND, "only what belongs there is left")
    comes_back(running, wait_for, before)
    assert not any(stranger.alive() for stranger in strangers)


def test_a_keeper_that_is_killed_is_replaced_by_one_that_works(running: Up, wait_for: WaitFor) -> None:
    before = running.identities()
    before["keeper"].signal(signal.SIGKILL)
    wait_for(lambda: running.replaced("keeper", before["keeper"].pid), FOUND, "there is a new keeper")
    before = running.identities()
    before["agent"].signal(signal.SIGKILL)
    comes_back(running, wait_for, before)


def ask(running: Up, command: str, argument: Any = None) -> Any:
    """Ask the agent over Tango, as `ronda` does."""
    [found] = [each for each in control.running() if each.state == running.state]
    return control.ask_agent(found.status, command, argument)


def answers(running: Up) -> bool:
    """Whether the agent's Tango device answers."""
    try:
        ask(running, "ListServers")
    except ServiceFailed:
        return False
    return True


@pytest.mark.usefixtures("never_twice")
def test_users_restart_and_stop_and_what_they_stopped_stays_so_when_the_agent_comes_back(
    running: Up, wait_for: WaitFor
) -> None:
    before = running.identities()
    wait_for(lambda: answers(running), BACK, "the agent answers")
    ask(running, "RestartServer", "simulators")
    wait_for(lambda: running.replaced("simulators", before["simulators"].pid), BACK, "the simulators are new")
    wait_for(running.all_run, BACK, "everything runs")
    ask(running, "StopServer", "simulators")
    wait_for(lambda: running.status()["simulators"].state == State.STOPPED, BACK, "the simulators are stopped")
    restarts = running.status()["agent"].restarts
    before["agent"].signal(signal.SIGKILL)
    wait_for(lambda: running.status()["agent"].restarts == restarts + 1, BACK, "there is a new agent")
    wait_for(lambda: answers(running), BACK, "it answers")
    assert running.status()["simulators"].state == State.STOPPED
    assert "simulators" not in running.identities()
    ask(running, "StartServer", "simulators")
    wait_for(running.all_run, BACK, "everything runs")


def test_names_that_are_not_configured_are_refused(running: Up, wait_for: WaitFor) -> None:
    wait_for(lambda: answers(running), BACK, "the agent answers")
    before = running.pids(*ALL)
    for command in ("StartServer", "StopServer", "RestartServer"):
        for name in ("", "nothing", "agent", "keeper", "../redis", "redis; true"):
            with pytest.raises(ServiceFailed) as refusal:
                ask(running, command, name)
            assert str(refusal.value) == (
                f"local: there is no process {name!r} on this host, only redis, tango-database, simulators"
            )
    assert running.pids(*ALL) == before


def test_logs_are_read_over_tango_by_name_only(running: Up, wait_for: WaitFor) -> None:
    wait_for(lambda: answers(running), BACK, "the agent answers")
    assert len(ask(running, "ReadLog", ["agent", "2"])) == 2
    assert ask(running, "ReadLog", ["redis", "-1"])
    with (running.state / "logs" / "simulators.log").open("a", encoding="utf-8") as log:
        log.write("moved by 3 µm → arrived\n")  # Tango carries Latin-1
    assert "moved by 3 µm ? arrived" in ask(running, "ReadLog", ["simulators", "20"])
    for which in (["../../secret", "5"], [""], ["x", "5"], []):
        with pytest.raises(ServiceFailed, match="local: there is no process"):
            ask(running, "ReadLog", which)


@pytest.mark.usefixtures("never_twice")
def test_without_agent_and_keeper_all_goes_on_and_can_be_taken_over(running: Up, wait_for: WaitFor) -> None:
    before = running.identities()
    for name in ("agent", "keeper"):  # halted first, so that neither can help the other
        before[name].signal(signal.SIGSTOP)
    wait_for(lambda: before["agent"].stopped() and before["keeper"].stopped(), FOUND, "both stand")
    [found] = [each for each in control.running() if each.state == running.state]
    assert not found.supervised
    for name in ("agent", "keeper"):
        before[name].signal(signal.SIGKILL)
    wait_for(lambda: not before["agent"].alive() and not before["keeper"].alive(), 150, "they are gone")

    status = running.bring_up()

    assert running.said[0] == (
        "found running without an agent: redis, simulators, tango-database; they are taken over as they are"
    )
    assert status.ready
    assert running.pids(*CHILDREN) == {name: before[name].pid for name in CHILDREN}
    [found] = [each for each in control.running() if each.state == running.state]
    assert found.supervised


@pytest.mark.usefixtures("never_twice")
def test_an_agent_killed_in_the_midst_of_starting_makes_no_second_child(running: Up, wait_for: WaitFor) -> None:
    generator = random.Random(1)
    for _ in range(2):
        wait_for(running.all_run, BACK, "everything runs")
        before = running.identities()
        before["redis"].signal(signal.SIGKILL)
        before["simulators"].signal(signal.SIGKILL)
        # somewhere between the end of the one and the readiness of the other
        time.sleep(generator.uniform(0.0, 0.1))
        before["agent"].signal(signal.SIGKILL)
        wait_for(lambda before=before: running.replaced("agent", before["agent"].pid), BACK, "there is a new agent")
    wait_for(running.all_run, BACK, "everything runs")


def test_halted_agent_and_keeper_are_replaced_by_up(running: Up, wait_for: WaitFor) -> None:
    before = running.identities()
    for name in ("agent", "keeper"):
        before[name].signal(signal.SIGSTOP)
    wait_for(lambda: before["agent"].stopped() and before["keeper"].stopped(), FOUND, "both stand")
    running.bring_up()
    assert sum("stood halted (SIGSTOP), it is killed" in line for line in running.said) == 2
    assert running.pids(*CHILDREN) == {name: before[name].pid for name in CHILDREN}


def test_a_full_disk_ends_nobody(running: Up, wait_for: WaitFor) -> None:
    """A process that may not make files grow meets what it meets on a full disk."""
    wait_for(lambda: answers(running), BACK, "the agent answers")
    before = running.identities()
    limits = {name: resource.prlimit(before[name].pid, resource.RLIMIT_FSIZE) for name in ("keeper", "agent")}
    for name, (_, hard) in limits.items():
        resource.prlimit(before[name].pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        before["simulators"].signal(signal.SIGKILL)
        hindered = "it cannot be started ([Errno 27] File too large)"
        wait_for(lambda: hindered in told_over_tango(running, "simulators"), FOUND, "the start fails")
        beat = heartbeat(running)
        wait_for(lambda: heartbeat(running) > beat, 150, "the agent's heart beats")
    finally:
        for name, limit in limits.items():
            resource.prlimit(before[name].pid, resource.RLIMIT_FSIZE, limit)
    wait_for(running.all_run, BACK, "everything runs")
    after = running.identities()
    assert after.pop("simulators") != before.pop("simulators")
    assert after == before


def told_over_tango(running: Up, name: str) -> list[str]:
    """What happened to a process, from the agent itself: its file may not be written now."""
    import tango

    [found] = [each for each in control.running() if each.state == running.state]
    proxy = tango.DeviceProxy(f"tango://{found.status.tango_host}/{found.status.agent_device}")
    status = control.status_from_json(proxy.read_attribute("Processes").value)
    return [what for process in status.processes if process.name == name for _, what in process.story]


def heartbeat(running: Up) -> int:
    """When the agent's heart beat last."""
    return int((running.state / "heartbeat").stat().st_mtime_ns)


def test_an_agent_that_cannot_return_yet_is_tried_again(running: Up, wait_for: WaitFor) -> None:
    before = running.identities()
    applied = running.layout.folders.applied / "beamline.yml"
    text = applied.read_text()
    applied.write_text("version: 1\nbeamline: {name: [}\n")
    log = running.state / "logs" / "agent.log"
    size = log.stat().st_size
    try:
        before["agent"].signal(signal.SIGKILL)
        wait_for(lambda: log.read_bytes()[size:].count(b"beamline.yml:2:") >= 1, BACK, "it said what is wrong")
        now = running.identities()
        assert {name: now.get(name) for name in ("keeper", *CHILDREN)} == {
            name: before[name] for name in ("keeper", *CHILDREN)
        }
    finally:
        applied.write_text(text)
    comes_back(running, wait_for, before)


def test_beamlines_side_by_side_do_not_touch_each_other(
    running: Up, up: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = up("other")
    other.bring_up()
    assert not set(other.ports()) & set(running.ports())
    monkeypatch.chdir("/usr")  # where no beamline is near
    with pytest.raises(NotFound, match=r"several beamlines are running; say which one, by name or folder: .*other \("):
        control.select(None)
    monkeypatch.chdir(other.layout.folders.config)
    assert control.select(None).state == other.state
    assert control.select("other").state == other.state
    assert control.select(str(running.layout.folders.config)).state == running.state
    with pytest.raises(NotFound, match=r"no beamline 'third' is running on this machine; running: .*other \("):
        control.select("third")
    before = running.pids(*ALL)
    other.take_down()
    other.leaves_nothing()
    assert running.pids(*ALL) == before


def test_down_leaves_nothing_but_what_it_needs_to_come_up_again(running: Up) -> None:
    ports = running.layout.ports.all()
    client = running.layout.redis.connect({})
    client.set("kept", "yes")
    running.take_down()
    running.leaves_nothing()
    status = running.status()
    assert {process.state for process in status.values()} == {State.STOPPED}
    assert {process.pid for process in status.values()} == {0}
    with pytest.raises(NotFound, match="no beamline 'patient' is running on this machine"):
        control.select("patient")

    running.bring_up()

    assert running.layout.ports.all() == ports
    assert client.get("kept") == b"yes"
    client.close()
    assert all(process.restarts == 0 for process in running.status().values())


def test_after_a_power_cut_all_is_new(running: Up, wait_for: WaitFor) -> None:
    for name in ("keeper", "agent"):  # halted first, so that neither can help the other
        running.identities()[name].signal(signal.SIGSTOP)
    for _, _, identity in marked(running.state):
        identity.signal(signal.SIGKILL)
    wait_for(lambda: not running.identities(), 150, "all are gone")
    running.bring_up()
    assert {process.restarts for process in running.status().values()} == {0}


def test_without_its_agent_it_is_taken_down_as_well(running: Up) -> None:
    for name in ("agent", "keeper", "redis"):
        running.identities()[name].signal(signal.SIGSTOP)
    running.take_down()
    running.leaves_nothing()
    assert running.said[0].startswith("ending what the agent did not: ")
    assert {process.state for process in running.status().values()} == {State.STOPPED}
