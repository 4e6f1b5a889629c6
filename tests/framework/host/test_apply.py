"""Bringing what runs in line with a changed configuration: small processes for servers, a real Tango database."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ronda.framework.config.beamline import Beamline
from ronda.framework.config.kinds import TangoDevice
from ronda.framework.errors import ConfigurationError, ServiceFailed
from ronda.framework.host.apply import apply_configuration
from ronda.framework.host.entries import Registered
from ronda.framework.host.layout import Layout
from ronda.framework.host.registrar import register_server
from ronda.framework.host.registration import Registry
from ronda.framework.host.status import State

Axis = Callable[..., TangoDevice]
MakeBeamline = Callable[..., Beamline]
MakeLayout = Callable[..., Layout]
Stage = Any

DEVICE_SERVER = """
import os, sys
from tango.server import Device, command, run

class Axis(Device):
    @command
    def ApplyConfiguration(self):
        if os.path.exists(sys.argv[2] + ".refuse"):
            raise ValueError("the velocity is refused by the hardware")
        with open(sys.argv[2], "a") as journal:
            journal.write(self.get_name() + "\\n")

run([Axis], args=["Ronda", sys.argv[1], "-ORBendPoint", "giop:tcp:127.0.0.1:"], post_init_callback=lambda: print("up", flush=True))
"""


class Applied:
    """A beamline of small processes, and its registration."""

    def __init__(self, stage: Stage, before: Layout) -> None:
        self.stage = stage
        self.layout = before
        self.registry = Registry(before.tango_host, before.beamline.name)
        registered = self.registry.read()
        for server in before.servers():
            register_server(before, self.registry, registered, server.name)
        self.take(before)
        stage.until(stage.supervisor.all_running)

    def take(self, layout: Layout) -> None:
        """As the agent does, with small processes for servers and simulators."""
        self.layout = layout
        names = [server.name for server in layout.servers()]
        for name in [*names, *(["simulators"] if layout.simulator_plan() else [])]:
            if name not in self.stage.supervisor.processes:
                self.stage.add(name)

    def apply(self, after: Layout, *restart: str) -> list[str]:
        """Apply a configuration while the supervisor works."""
        results: list[Any] = []

        def work() -> None:
            try:
                results.append(apply_configuration(after, self.layout, self.stage.supervisor, {*restart}, self.take))
            except Exception as error:  # noqa: BLE001 whatever it is, it belongs to the test
                results.append(error)

        working = threading.Thread(target=work)
        working.start()
        self.stage.until(lambda: bool(results), 60)
        working.join()
        if isinstance(results[0], Exception):
            raise results[0]
        problems: list[str] = results[0]
        self.stage.until(self.stage.supervisor.all_running)
        return problems

    def pids(self) -> dict[str, int]:
        """Process numbers by name."""
        return {name: process.status.pid for name, process in self.stage.supervisor.processes.items()}

    def registered(self) -> dict[str, Registered]:
        """What the database holds, by name in YAML."""
        return {str(device.alias): device for device in self.registry.read().values()}


@pytest.fixture
def start(
    stage: Stage, layout: MakeLayout, beamline: MakeBeamline, database: str, request: pytest.FixtureRequest
) -> Iterator[Callable[..., tuple[Applied, Callable[..., Layout]]]]:
    """`start(servers, …)` runs a beamline of this test's own; it and a maker of changed configurations."""
    name = "apply" + str(abs(hash(request.node.name)) % 10**8)

    def see(servers: dict[str, list[TangoDevice]] | None = None, **more: Any) -> Layout:
        return layout(beamline(servers, **{"name": name, **more}), tango_host=database)

    yield lambda servers=None, **more: (Applied(stage, see(servers, **more)), see)
    registry = Registry(database, name)
    for device in registry.read().values():
        registry.remove(device)


Start = Callable[..., tuple[Applied, Callable[..., Layout]]]


def test_nothing_is_touched_where_nothing_differs(start: Start, axis: Axis) -> None:
    running, see = start({"motors": [axis("samx")]}, instruments={"motion": {"type": "x"}})
    before = running.pids()
    assert running.apply(see({"motors": [axis("samx")]}, instruments={"motion": {"type": "x"}}), "motors") == []
    assert running.pids() == before


def test_servers_that_come_and_go_leave_the_others_alone(start: Start, axis: Axis) -> None:
    running, see = start({"kept": [axis("samx")], "old": [axis("samy")]})
    before = running.pids()
    assert running.apply(see({"kept": [axis("samx")], "new": [axis("rot"), axis("tilt")]})) == []
    after = running.pids()
    assert set(after) == {"kept", "new"}
    assert after["kept"] == before["kept"]
    assert set(running.registered()) == {"samx", "rot", "tilt"}
    assert running.stage.journal("end") == ["end old"]


def test_a_server_restarts_only_if_it_may(start: Start, axis: Axis) -> None:
    running, see = start({"a": [axis("samx")], "b": [axis("samy")]})
    before = running.pids()
    changed = see({"a": [axis("samx", channel=2)], "b": [axis("samy", channel=2)]})
    assert running.apply(changed, "a") == []
    after = running.pids()
    assert after["a"] != before["a"]
    assert after["b"] == before["b"]
    held = running.registered()
    assert (held["samx"].configuration["channel"], held["samy"].configuration["channel"]) == (2, 1)
    assert running.stage.supervisor.processes["a"].status.restarts == 0


def test_a_device_moves_between_servers_with_its_settings(start: Start, axis: Axis) -> None:
    running, see = start({"a": [axis("samx"), axis("samy")], "b": [axis("rot")]})
    name = running.registered()["samy"].name
    running.registry.set_runtime_settings(name, {"offset": 1.25})
    assert running.apply(see({"a": [axis("samx")], "b": [axis("rot"), axis("samy")]}), "a", "b") == []
    held = running.registered()
    assert held["samy"].server.endswith("-b")
    assert held["samy"].runtime_settings == {"offset": 1.25}
    assert set(held) == {"samx", "samy", "rot"}


def test_a_device_of_a_vanished_server_moves_as_well(start: Start, axis: Axis) -> None:
    running, see = start({"a": [axis("samx")], "z": [axis("rot")]})
    running.registry.set_runtime_settings(running.registered()["samx"].name, {"offset": 1.25})
    assert running.apply(see({"z": [axis("rot"), axis("samx")]}), "z") == []
    assert set(running.pids()) == {"z"}
    assert running.registered()["samx"].runtime_settings == {"offset": 1.25}


def test_simulators_come_change_and_go(start: Start, axis: Axis) -> None:
    running, see = start({"motors": [axis("samx")]})
    motors = running.pids()["motors"]
    running.apply(see({"motors": [axis("samx")]}, instruments={"motion": {"type": "x"}}))
    first = running.pids()["simulators"]
    other = {"motion": {"type": "y"}}
    running.apply(see({"motors": [axis("samx")]}, instruments=other))
    assert running.pids()["simulators"] == first
    running.layout = see({"motors": [axis("samx")]}, instruments={"motion": {"type": "x"}})
    running.apply(see({"motors": [axis("samx")]}, instruments=other), "simulators")
    assert running.pids()["simulators"] != first
    running.apply(see({"motors": [axis("samx")]}))
    assert running.pids() == {"motors": motors}


def test_a_name_that_is_not_concerned_is_not_restarted(start: Start, axis: Axis) -> None:
    running, see = start({"motors": [axis("samx")], "others": [axis("rot")]})
    before = running.pids()
    running.apply(see({"motors": [axis("samx", channel=2)], "others": [axis("rot")]}), "others", "nonsense", "redis")
    assert running.pids() == before


def test_what_needs_all_to_go_down_changes_nothing(start: Start, axis: Axis) -> None:
    running, see = start({"motors": [axis("samx")]})
    before = running.pids()
    with pytest.raises(ConfigurationError, match="redis is configured otherwise: `ronda down` and `ronda up` are need"):
        running.apply(see({"new": [axis("samx")]}, services={"redis": {"memory": 2048}}), "motors")
    assert running.pids() == before
    assert running.registered()["samx"].server.endswith("-motors")


def test_an_alias_of_somebody_else_changes_nothing_that_runs(start: Start, axis: Axis) -> None:
    running, see = start({"motors": [axis("samx")]})
    running.registry._database.put_device_alias("sys/database/2", "occupied")
    before = running.pids()
    try:
        with pytest.raises(
            ConfigurationError, match="occupied: in this Tango database the name already belongs to sys/"
        ):
            running.apply(see({"motors": [axis("samx")], "new": [axis("occupied")]}))
    finally:
        running.registry._database.delete_device_alias("occupied")
    assert running.pids() == before
    # once it is free, the same works
    assert running.apply(see({"motors": [axis("samx")], "new": [axis("occupied")]})) == []
    assert set(running.pids()) == {"motors", "new"}


def test_a_database_that_does_not_answer_gives_a_sentence(start: Start, axis: Axis, layout: MakeLayout) -> None:
    running, see = start({"motors": [axis("samx")]})
    before = running.pids()
    running.layout.tango_host = "127.0.0.1:1"
    with pytest.raises(ServiceFailed, match=r"the Tango database at 127\.0\.0\.1:1 failed: "):
        running.apply(see({"new": [axis("samx")]}))
    assert running.pids() == before


def test_a_stopped_server_is_not_started_by_a_change_of_its_values(start: Start, axis: Axis) -> None:
    running, see = start({"motors": [axis("samx")]})
    motors = running.stage.supervisor.processes["motors"]
    motors.want(False)
    running.stage.until_state(motors, State.STOPPED)
    [problem] = running.apply(see({"motors": [axis("samx", velocity=3.0)]}))
    assert re.fullmatch(
        r"samx: it could not be told \(.*its server is not running.*\); it takes the change at its next start", problem
    )
    assert motors.status.state == State.STOPPED
    assert running.registered()["samx"].configuration["velocity"] == 3.0


def test_a_running_device_takes_live_keys_at_once_and_nothing_else(
    start: Start, axis: Axis, tmp_path: Path, database: str
) -> None:
    running, see = start({"motors": [axis("samx"), axis("samy")]})
    journal = tmp_path / "told"
    server = running.registered()["samx"].server.partition("/")[2]
    process = subprocess.Popen(
        [sys.executable, "-c", DEVICE_SERVER, server, str(journal)],
        env={**os.environ, "TANGO_HOST": database},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert any(line == "up\n" for line in process.stdout)
        before = running.pids()
        changed = see({"motors": [axis("samx", velocity=3.0, channel=2), axis("samy")]})
        assert running.apply(changed) == []
        held = running.registered()
        assert held["samx"].configuration == {**held["samx"].configuration, "velocity": 3.0, "channel": 1}
        assert journal.read_text() == f"{held['samx'].name}\n"
        assert running.pids() == before

        (tmp_path / "told.refuse").touch()
        [problem] = running.apply(see({"motors": [axis("samx", velocity=4.0), axis("samy")]}))
        assert problem.startswith("samx: it could not be told (")
        assert "the velocity is refused by the hardware" in problem
    finally:
        process.kill()
        process.communicate()
