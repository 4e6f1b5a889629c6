"""A changed configuration: what `plan` shows, what `apply` does, and what it leaves alone."""

import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(600)


def replace(file: Path, old: str, new: str) -> None:
    """Change the text of a file; it must have been there."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.fixture
def beamline(bring_up: Any, tmp_path: Path) -> Any:
    """A small beamline of two servers."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "beamline.yml").write_text(
        "version: 1\n"
        "beamline: {name: small}\n"
        "simulators:\n"
        "  instruments:\n"
        "    motion: {type: motor_controller, axes: 4}\n"
        "    card: {type: counter_card, channels: {1: i0}}\n"
    )
    (folder / "motors.yml").write_text(
        "servers:\n"
        "  motors:\n"
        "    devices:\n"
        "      mc1:\n"
        "        kind: motor\n"
        "        driver: simulated\n"
        "        address: simulator:motion\n"
        "        axes:\n"
        "          ax: {channel: 1, unit: mm, steps_per_unit: 2000, velocity: 2.0, acceleration_time: 0.1, limits: [-5, 5]}\n"
        "          ay: {channel: 2, unit: mm, steps_per_unit: 2000, velocity: 2.0, acceleration_time: 0.1, limits: [-5, 5]}\n"
    )
    (folder / "counters.yml").write_text(
        "servers:\n"
        "  counters:\n"
        "    devices:\n"
        "      ct1: {kind: counter, driver: simulated, address: 'simulator:card', channels: {i0: {channel: 1}}}\n"
    )
    return bring_up(folder)


def pids(beamline: Any) -> dict[str, int]:
    """Process numbers by name."""
    return {name: server["pid"] for name, server in beamline.servers().items()}


def test_an_unchanged_configuration_changes_nothing(ronda: Any, beamline: Any) -> None:
    before = pids(beamline)
    assert "runs as configured" in ronda("config", "plan", beamline.folder).stdout
    assert "runs as configured" in ronda("config", "apply", beamline.folder).stdout
    assert pids(beamline) == before


def test_a_live_key_is_set_at_once_and_nothing_restarts(ronda: Any, beamline: Any) -> None:
    before = pids(beamline)
    replace(beamline.folder / "motors.yml", "velocity: 2.0", "velocity: 1.5")

    plan = ronda("config", "plan", beamline.folder).stdout
    assert re.search(r"set +ax\.velocity: 2\.0 → 1\.5", plan)
    assert "restart" not in plan
    assert beamline.device("ax").Velocity == pytest.approx(2.0)
    ronda("config", "apply", beamline.folder)

    assert beamline.device("ax").Velocity == pytest.approx(1.5)
    assert beamline.device("ay").Velocity == pytest.approx(2.0)
    assert pids(beamline) == before
    assert "runs as configured" in ronda("config", "plan", beamline.folder).stdout


def test_a_key_that_needs_a_restart_is_asked_for_and_touches_only_its_server(
    ronda: Any, beamline: Any, wait_for: Any
) -> None:
    before = pids(beamline)
    replace(beamline.folder / "motors.yml", "steps_per_unit: 2000", "steps_per_unit: 1000")

    declined = ronda("config", "apply", beamline.folder, "--no-restart").stdout
    assert "still to restart, running as before until then: motors" in declined
    assert pids(beamline) == before
    assert beamline.device("ax").StepsPerUnit == pytest.approx(2000)

    ronda("config", "apply", beamline.folder, "--yes")
    wait_for(lambda: pids(beamline)["motors"] not in (0, before["motors"]), 150, "motors restarts")
    wait_for(lambda: beamline.servers()["motors"]["state"] == "RUNNING", 150, "motors runs")
    after = pids(beamline)
    assert {**after, "motors": 0} == {**before, "motors": 0}
    assert beamline.device("ax").StepsPerUnit == pytest.approx(1000)
    assert beamline.servers()["motors"]["restarts"] == 0


def test_a_declined_restart_is_not_slipped_in_by_a_crash(ronda: Any, beamline: Any, wait_for: Any) -> None:
    import os
    import signal

    replace(beamline.folder / "motors.yml", "steps_per_unit: 2000", "steps_per_unit: 1000")
    ronda("config", "apply", beamline.folder, "--no-restart")
    before = pids(beamline)["motors"]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: pids(beamline)["motors"] not in (0, before), 150, "motors is back")
    wait_for(lambda: beamline.servers()["motors"]["state"] == "RUNNING", 150, "motors runs")
    assert beamline.device("ax").StepsPerUnit == pytest.approx(2000)
    assert "restart  motors" in ronda("config", "plan", beamline.folder).stdout


@pytest.mark.parametrize("commands", [["restart"], ["stop", "start"]])
def test_what_was_applied_without_a_restart_comes_in_when_somebody_restarts_the_server(
    ronda: Any, beamline: Any, wait_for: Any, commands: list[str]
) -> None:
    replace(beamline.folder / "motors.yml", "steps_per_unit: 2000", "steps_per_unit: 1000")
    ronda("config", "apply", beamline.folder, "--no-restart")
    before = pids(beamline)["motors"]
    for command in commands:
        ronda(command, "motors", "--beamline", beamline.folder)
        wait_for(lambda: pids(beamline)["motors"] != before, 150, "motors ends")
    wait_for(lambda: beamline.servers()["motors"]["state"] == "RUNNING", 150, "motors runs")
    assert beamline.device("ax").StepsPerUnit == pytest.approx(1000)
    assert "runs as configured" in ronda("config", "plan", beamline.folder).stdout


def test_a_new_server_starts_and_a_removed_one_stops_and_others_stay(ronda: Any, beamline: Any, wait_for: Any) -> None:
    import tango

    before = pids(beamline)
    (beamline.folder / "counters.yml").unlink()
    (beamline.folder / "more.yml").write_text(
        "servers:\n"
        "  more:\n"
        "    devices:\n"
        "      mc2:\n"
        "        kind: motor\n"
        "        driver: simulated\n"
        "        address: simulator:motion\n"
        "        axes:\n"
        "          az: {channel: 3, unit: mm, steps_per_unit: 2000, velocity: 2.0, acceleration_time: 0.1, limits: [-5, 5]}\n"
    )
    plan = ronda("config", "plan", beamline.folder).stdout
    assert re.search(r"start +more", plan)
    assert re.search(r"stop +counters", plan)

    ronda("config", "apply", beamline.folder, "--yes")

    wait_for(lambda: beamline.servers().get("more", {}).get("state") == "RUNNING", 150, "more runs")
    after = pids(beamline)
    assert "counters" not in after
    assert {name: after[name] for name in ("motors", "redis", "tango-database", "simulators")} == {
        name: before[name] for name in ("motors", "redis", "tango-database", "simulators")
    }
    assert beamline.device("az").StepsPerUnit == pytest.approx(2000)
    with pytest.raises(tango.DevFailed):
        beamline.device("ct1").State()


def test_a_run_time_setting_wins_over_the_file_until_reverted_or_saved(ronda: Any, beamline: Any) -> None:
    beamline.device("ax").Velocity = 1.25
    beamline.device("ay").Velocity = 0.75
    replace(beamline.folder / "motors.yml", "velocity: 2.0", "velocity: 1.0")
    ronda("config", "apply", beamline.folder)
    assert beamline.device("ax").Velocity == pytest.approx(1.25)

    assert re.search(r"keep +ax\.velocity: 1\.25 \(file: 1\.0\)", ronda("config", "plan", beamline.folder).stdout)
    ronda("config", "revert", "ax", "-b", beamline.folder)
    assert beamline.device("ax").Velocity == pytest.approx(1.0)

    ronda("config", "save", "ay", "-b", beamline.folder)
    assert "velocity: 0.75" in (beamline.folder / "motors.yml").read_text()
    assert beamline.device("ay").Velocity == pytest.approx(0.75)
    plan = ronda("config", "plan", beamline.folder).stdout
    assert "keep" not in plan
    assert "runs as configured" in plan


def test_a_wrong_file_is_not_applied(ronda: Any, beamline: Any) -> None:
    before = pids(beamline)
    replace(beamline.folder / "motors.yml", "velocity: 2.0", "velocity: -2.0")
    refused = ronda("config", "apply", beamline.folder, "--yes", code=1).stdout
    assert "motors.yml:9:" in refused
    assert pids(beamline) == before
    assert beamline.device("ax").Velocity == pytest.approx(2.0)
