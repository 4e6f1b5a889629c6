"""Killing and halting each process of a beamline: found, back by policy, the story told, never two."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(600)

PATIENCE = 150.0
"""Seconds to wait for what takes up to 10 s when the machine is not busy with other tests."""


@pytest.fixture(scope="module")
def beamline(ronda: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A demo beamline of its own, for these tests to maltreat."""
    import shutil

    folder = tmp_path_factory.mktemp("faults") / "demo"
    shutil.copytree(Path(__file__).parents[2] / "config" / "demo", folder, ignore=shutil.ignore_patterns(".ronda"))

    class Maltreated:
        def __init__(self) -> None:
            ronda("up", folder, "--detach")
            self.folder = folder
            self.exports = ronda.exports(folder)

        def servers(self) -> dict[str, dict[str, Any]]:
            servers: dict[str, dict[str, Any]] = ronda.servers(folder)
            return servers

        def count(self) -> dict[str, int]:
            from ronda.framework.host.process import marked

            names = [name for _, name, process in marked(folder / ".ronda" / "local") if not process.is_copy()]
            return {name: names.count(name) for name in names}

    try:
        yield Maltreated()
    finally:
        ronda("down", folder, code=None)


def all_run(beamline: Any) -> bool:
    """Whether every process runs, each once."""
    return {server["state"] for server in beamline.servers().values()} == {"RUNNING"} and set(
        beamline.count().values()
    ) == {1}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "halted"])
@pytest.mark.parametrize("name", ["motors", "simulators", "redis", "tango-database", "agent"])
def test_a_process_is_found_and_comes_back(
    beamline: Any, wait_for: Callable[..., Any], name: str, number: signal.Signals
) -> None:
    wait_for(lambda: all_run(beamline), 150, "everything runs before")
    before = beamline.servers()
    twice: list[dict[str, int]] = []

    def changed() -> bool:
        count = beamline.count()
        if any(times > 1 for times in count.values()):
            twice.append(count)
        server = beamline.servers()[name]
        return bool(server["restarts"] > before[name]["restarts"])

    os.kill(before[name]["pid"], number)
    wait_for(changed, PATIENCE, f"{name} is found")
    wait_for(lambda: all_run(beamline), PATIENCE, f"{name} is back")

    after = beamline.servers()
    assert not twice
    assert after[name]["pid"] != before[name]["pid"]
    assert f"process {before[name]['pid']}" in after[name]["note"]
    # nobody else was touched
    for other in before.keys() - {name}:
        assert after[other]["pid"] == before[other]["pid"], other


def test_the_keeper_is_replaced_by_the_agent(beamline: Any, wait_for: Callable[..., Any]) -> None:
    from ronda.framework.host.process import marked

    def keepers() -> list[int]:
        return [identity.pid for _, name, identity in marked(beamline.folder / ".ronda" / "local") if name == "keeper"]

    def others() -> list[int]:
        return [pid for pid in keepers() if pid != before]

    [before] = keepers()
    os.kill(before, signal.SIGKILL)
    [new] = wait_for(others, 150, "there is a new keeper")  # what a reading found, for the next may differ
    wait_for(lambda: "a new one started" in beamline.servers()["agent"]["note"], 150, "the agent tells it")
    assert keepers() == [new]


def test_motors_move_after_their_database_came_back(beamline: Any, wait_for: Callable[..., Any]) -> None:
    import tango

    pid = beamline.servers()["tango-database"]["pid"]
    samx = tango.DeviceProxy(f"tango://{beamline.exports['TANGO_HOST']}/samx")
    os.kill(pid, signal.SIGKILL)
    samx.Position = 0.5 if samx.Position < 0.25 else 0.0
    wait_for(lambda: samx.State() == tango.DevState.ON, 150, "samx has arrived, whatever the database does")
    wait_for(lambda: beamline.servers()["tango-database"]["pid"] not in (0, pid), 150, "another database")
    wait_for(lambda: all_run(beamline), 150, "the database is back")
    again = tango.DeviceProxy(f"tango://{beamline.exports['TANGO_HOST']}/samx")
    assert again.State() == tango.DevState.ON


def test_without_agent_and_keeper_status_says_so_and_up_takes_over(
    beamline: Any, ronda: Any, wait_for: Callable[..., Any]
) -> None:
    from ronda.framework.host.process import marked

    before = {name: server["pid"] for name, server in beamline.servers().items() if name != "agent"}
    for _, name, identity in list(marked(beamline.folder / ".ronda" / "local")):
        if name in ("agent", "keeper"):
            os.kill(identity.pid, signal.SIGSTOP)  # first halted, so that neither can help the other
    for _, name, identity in list(marked(beamline.folder / ".ronda" / "local")):
        if name in ("agent", "keeper"):
            os.kill(identity.pid, signal.SIGKILL)
    wait_for(lambda: "nobody supervises it" in ronda("status", beamline.folder).stdout, 150, "status says so")

    taken = ronda("up", beamline.folder, "--detach").stdout

    assert "taken over as they are" in taken
    assert {name: server["pid"] for name, server in beamline.servers().items() if name != "agent"} == before
    wait_for(lambda: all_run(beamline), 150, "everything runs")


def test_a_server_whose_interpreter_is_stuck_is_found(
    ronda: Any, bring_up: Callable[..., Any], tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    """Such a process exists, runs and even answers `ping`, which is not Python; only its devices are mute."""
    lab = tmp_path / "lab"
    lab.mkdir()
    (lab / "sticky_driver.py").write_text(
        '"""A driver whose vendor library never gives the interpreter back."""\n'
        "import ctypes\n"
        "from pathlib import Path\n\n"
        "from ronda.devices.motor.drivers.simulated import SimulatedController\n\n\n"
        "class StickyController(SimulatedController):\n"
        '    """Gets stuck once, when told by a file."""\n\n'
        "    def read(self, channels):\n"
        f"        trap = Path({str(lab / 'trap')!r})\n"
        "        if trap.exists():\n"
        "            trap.unlink()\n"
        "            ctypes.PyDLL(None).sleep(600)  # PyDLL keeps the interpreter's lock\n"
        "        return super().read(channels)\n"
    )
    folder = tmp_path / "sticky"
    folder.mkdir()
    (folder / "beamline.yml").write_text(
        "version: 1\nbeamline: {name: sticky}\n"
        "simulators: {instruments: {motion: {type: motor_controller, axes: 1}}}\n"
        "servers:\n  motors:\n    devices:\n      mc1:\n        kind: motor\n        driver: sticky_driver:StickyController\n"
        "        address: simulator:motion\n"
        "        axes: {ax: {channel: 1, unit: mm, steps_per_unit: 2000, velocity: 1.0, acceleration_time: 0.1}}\n"
    )
    ronda.environment["PYTHONPATH"] = str(lab)
    try:
        beamline = bring_up(folder)
        before = beamline.servers()["motors"]["pid"]
        (lab / "trap").touch()
        wait_for(lambda: not (lab / "trap").exists(), 150, "the driver is stuck")
        wait_for(lambda: beamline.servers()["motors"]["restarts"] > 0, PATIENCE, "the stuck server is found")
        wait_for(lambda: beamline.servers()["motors"]["state"] == "RUNNING", PATIENCE, "it is back")
        after = beamline.servers()["motors"]
        assert after["pid"] != before
        assert f"process {before} did not answer" in after["note"]
    finally:
        del ronda.environment["PYTHONPATH"]
