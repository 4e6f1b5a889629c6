"""What is wrong gets one clear sentence and a non-zero exit, leaves no process behind, and loses nothing."""

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(600)


def refused(ronda: Any, folder: Path, *expected: str, **environment: str) -> str:
    """`ronda up` must fail with all these words, and leave nothing."""
    from ronda.framework.host.process import marked

    said = ronda("up", folder, "--detach", code=1, **environment).stdout
    for words in expected:
        assert words in " ".join(said.split()), said
    assert "Traceback" not in said
    assert list(marked(folder / ".ronda" / "local")) == []
    return str(said)


def ports(folder: Path) -> dict[str, int]:
    """The ports chosen for a beamline."""
    chosen: dict[str, int] = json.loads((folder / ".ronda" / "local" / "ports.json").read_text())
    return chosen


def append(folder: Path, name: str, text: str) -> None:
    """Add a file to a configuration."""
    (folder / name).write_text(text)


@pytest.fixture(scope="module")
def was_up(ronda: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's folder after it was up: its ports are chosen."""
    folder = tmp_path_factory.mktemp("was_up") / "demo"
    shutil.copytree(Path(__file__).parents[2] / "config" / "demo", folder, ignore=shutil.ignore_patterns(".ronda"))
    ronda("up", folder, "--detach")
    ronda("down", folder)
    return folder


@pytest.mark.parametrize("what", ["tango-database", "server motors", "agent", "simulators' control"])
def test_a_port_in_use_names_the_program_that_holds_it(ronda: Any, was_up: Path, what: str) -> None:
    port = ports(was_up)[what]
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        refused(ronda, was_up, f"port {port} on 127.0.0.1 is in use by", "stop that program")


def test_a_redis_that_is_not_there_is_named(ronda: Any, tmp_path: Path) -> None:
    append(
        tmp_path,
        "beamline.yml",
        "version: 1\nbeamline: {name: lost, services: {redis: {url: 'redis://127.0.0.1:1'}}}\n",
    )
    refused(ronda, tmp_path, "Redis at redis://127.0.0.1:1 does not answer", "an embedded one is started")


def test_a_tango_database_that_is_not_there_is_named(ronda: Any, tmp_path: Path) -> None:
    append(tmp_path, "beamline.yml", "version: 1\nbeamline: {name: lost, services: {tango: {host: '127.0.0.1:1'}}}\n")
    refused(ronda, tmp_path, "the Tango database at 127.0.0.1:1 does not answer")


def test_three_mistakes_are_told_at_once(ronda: Any, demo_folder: Path) -> None:
    append(
        demo_folder,
        "wrong.yml",
        "servers:\n"
        "  extra:\n"
        "    hots: nowhere\n"
        "    devices:\n"
        "      mc9:\n"
        "        kind: motor\n"
        "        driver: simulatd\n"
        "        address: simulator:motoin\n",
    )
    said = refused(ronda, demo_folder, "wrong.yml:3:5", "wrong.yml:7:", "did you mean 'simulated'")
    assert said.count("wrong.yml:") >= 2


def test_a_driver_that_does_not_import_is_told_with_its_place(ronda: Any, demo_folder: Path) -> None:
    append(
        demo_folder,
        "broken.yml",
        "servers:\n  extra:\n    devices:\n      mc9:\n        kind: motor\n        driver: no_such_package.drivers:Motor\n",
    )
    refused(ronda, demo_folder, "broken.yml:6:", "no_such_package")


def test_a_vendor_library_that_is_missing_does_not_matter_until_it_connects(
    ronda: Any, bring_up: Any, demo_folder: Path, tmp_path: Path, wait_for: Any
) -> None:
    package = tmp_path / "lab"
    package.mkdir()
    (package / "lab_driver.py").write_text(
        '"""A driver whose vendor library is not installed."""\n'
        "from ronda.devices.motor.drivers.simulated import SimulatedController\n\n\n"
        "class LabController(SimulatedController):\n"
        '    """Needs a library."""\n\n'
        "    def connect(self):\n"
        "        import a_vendor_library_that_nobody_has\n"
    )
    append(
        demo_folder,
        "lab.yml",
        "servers:\n  lab:\n    devices:\n      mc9:\n        kind: motor\n        driver: lab_driver:LabController\n"
        "        address: simulator:motion\n"
        "        axes: {lx: {channel: 1, unit: mm, steps_per_unit: 2000, velocity: 1.0, acceleration_time: 0.1, "
        "limits: [-1, 1]}}\n",
    )
    ronda.environment["PYTHONPATH"] = str(package)
    try:
        assert ronda("config", "check", demo_folder)
        beamline = bring_up(demo_folder)
        status = wait_for(
            lambda: text if "a_vendor_library" in (text := beamline.device("lx").Status()) else "",
            150,
            "lx says which library is missing",
        )
        assert "Traceback" not in status
        assert beamline.device("samx").Position is not None
    finally:
        del ronda.environment["PYTHONPATH"]


def test_a_driver_that_fails_in_the_server_only_is_told_by_its_devices(
    ronda: Any, bring_up: Any, demo_folder: Path, tmp_path: Path, wait_for: Any
) -> None:
    package = tmp_path / "lab"
    package.mkdir()
    (package / "lab_moody_driver.py").write_text(
        '"""A driver that imports when it is checked, and not in the server."""\n'
        "import os\n\n"
        "from ronda.devices.motor.drivers.simulated import SimulatedController\n\n"
        'if "RONDA_SERVER_PORT" in os.environ:\n'
        '    raise RuntimeError("the crate is not wired")\n\n\n'
        "class LabController(SimulatedController):\n"
        '    """Fails in the server."""\n'
    )
    append(
        demo_folder,
        "lab.yml",
        "servers:\n  lab:\n    devices:\n      mc9:\n        kind: motor\n        driver: lab_moody_driver:LabController\n"
        "        address: simulator:motion\n"
        "        axes: {lx: {channel: 1, unit: mm, steps_per_unit: 2000, velocity: 1.0, acceleration_time: 0.1}}\n",
    )
    ronda.environment["PYTHONPATH"] = str(package)
    try:
        beamline = bring_up(demo_folder)
        wait_for(lambda: "the crate is not wired" in beamline.device("lx").Status(), 150, "lx says why")
        assert str(beamline.device("lx").State()) == "FAULT"
        assert beamline.device("samx").Position is not None
    finally:
        del ronda.environment["PYTHONPATH"]


def test_a_simulator_that_is_not_there_is_told_with_the_nearest_name(ronda: Any, demo_folder: Path) -> None:
    append(
        demo_folder,
        "wrong.yml",
        "servers:\n  extra:\n    devices:\n      ct9:\n        kind: counter\n        driver: simulated\n"
        "        address: simulator:counter\n        channels: {c9: {channel: 1}}\n",
    )
    refused(ronda, demo_folder, "wrong.yml:7:18", "counter", "did you mean")


def test_a_state_folder_that_cannot_be_written_is_named(ronda: Any, tmp_path: Path) -> None:
    folder = tmp_path / "beamline"
    folder.mkdir()
    append(folder, "beamline.yml", "version: 1\nbeamline: {name: frozen, state: /proc/ronda}\n")
    refused(ronda, folder, "the state folder /proc/ronda/local cannot be written", "state:")


def test_a_configuration_of_a_newer_version_is_refused(ronda: Any, tmp_path: Path) -> None:
    append(tmp_path, "beamline.yml", "version: 99\nbeamline: {name: future, warp: 9}\n")
    said = refused(ronda, tmp_path, "99", "upgrade")
    assert "warp" not in said


def test_a_folder_without_yaml_is_refused(ronda: Any, tmp_path: Path) -> None:
    refused(ronda, tmp_path, str(tmp_path.name))


def test_a_folder_that_is_not_there_is_refused(ronda: Any, tmp_path: Path) -> None:
    refused(ronda, tmp_path / "nowhere", "nowhere")


def test_down_of_what_does_not_run_says_so(ronda: Any, tmp_path: Path) -> None:
    assert "no beamline" in ronda("down", tmp_path, code=1).stdout


def test_an_error_shows_no_traceback_unless_asked(ronda: Any, tmp_path: Path) -> None:
    assert "Traceback" not in ronda("down", tmp_path, code=1).stdout
    asked: subprocess.CompletedProcess[str] = ronda("down", tmp_path, code=1, RONDA_TRACEBACK="1")
    assert "Traceback" in asked.stdout
