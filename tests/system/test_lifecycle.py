"""Bringing beamlines up and down: once, twice, side by side, in long paths; and what the commands say."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(600)


def sockets_in(folder: Path) -> list[Path]:
    """Unix sockets below a folder."""
    return [path for path in folder.rglob("*") if path.is_socket()]


def test_up_status_down_leaves_nothing(ronda: Any, bring_up: Any, demo_folder: Path) -> None:
    beamline = bring_up(demo_folder)
    servers = beamline.servers()
    assert {server["state"] for server in servers.values()} == {"RUNNING"}
    socket = Path(beamline.exports["RONDA_REDIS_URL"].removeprefix("unix://"))
    assert socket.is_socket()
    assert socket.parent.stat().st_mode & 0o777 == 0o700

    ronda("down", demo_folder)

    assert beamline.marked() == []
    assert not socket.parent.exists()
    assert sockets_in(demo_folder) == []


def test_a_second_up_says_that_it_is_running(ronda: Any, demo: Any) -> None:
    before = demo.marked()

    second = ronda("up", demo.folder, "--detach", code=1)

    assert "is running already" in second.stdout
    assert demo.marked() == before


def test_ports_and_settings_changed_at_run_time_survive_down_and_up(
    ronda: Any, demo_folder: Path, bring_up: Any
) -> None:
    beamline = bring_up(demo_folder)
    first = beamline.exports["TANGO_HOST"]
    beamline.device("samx").Velocity = 1.25

    ronda("down", demo_folder)
    beamline = bring_up(demo_folder)

    assert beamline.exports["TANGO_HOST"] == first
    assert beamline.device("samx").Velocity == pytest.approx(1.25)
    plan = ronda("config", "plan", demo_folder).stdout
    assert re.search(r"keep +samx\.velocity: 1\.25 \(file: 2\.0\)", plan)


def test_two_beamlines_run_side_by_side_in_long_paths_with_a_space(ronda: Any, bring_up: Any, tmp_path: Path) -> None:
    demo = Path(__file__).parents[2] / "config" / "demo"
    folders = []
    for name in ("first", "second"):
        folder = tmp_path / "a folder" / (name + "-" + "x" * 120) / "demo"
        shutil.copytree(demo, folder, ignore=shutil.ignore_patterns(".ronda"))
        folders.append(folder)

    first, second = (bring_up(folder) for folder in folders)

    assert first.exports["TANGO_HOST"] != second.exports["TANGO_HOST"]
    assert first.exports["RONDA_REDIS_URL"] != second.exports["RONDA_REDIS_URL"]
    first.device("samx").Velocity = 1.5
    second.device("samx").Velocity = 0.5
    assert first.device("samx").Velocity == pytest.approx(1.5)
    both = ronda("status", code=1).stdout
    assert "several beamlines are running" in both
    ronda("down", folders[0])
    assert {server["state"] for server in second.servers().values()} == {"RUNNING"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_up_in_the_foreground_ends_in_order_on_a_signal(
    ronda: Any, demo_folder: Path, wait_for: Any, number: signal.Signals
) -> None:
    with subprocess.Popen(
        [Path(sys.executable).parent / "ronda", "up", demo_folder],
        env={**ronda.environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        assert program.stdout is not None
        lines = []
        for line in program.stdout:
            lines.append(line)
            if "Ctrl-C stops everything" in line:
                break
        program.send_signal(number)
        rest = program.communicate(timeout=180)[0]
    assert "demo is down" in rest
    assert "ending what the agent did not" not in rest
    assert not marked_in(demo_folder)


def marked_in(folder: Path) -> list[str]:
    """Names of the processes of the beamline in a folder."""
    from ronda.framework.host.process import marked

    return [name for _, name, _ in marked(folder / ".ronda" / "local")]


def test_a_signal_during_the_start_leaves_nothing(ronda: Any, demo_folder: Path, wait_for: Any) -> None:
    with subprocess.Popen(
        [Path(sys.executable).parent / "ronda", "up", demo_folder],
        env=ronda.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    ) as program:
        wait_for(lambda: "tango-database" in marked_in(demo_folder), 150, "the database begins to start")
        program.send_signal(signal.SIGINT)
        program.wait(180)
    assert not marked_in(demo_folder)


def test_status_as_json_has_what_scripts_need(ronda: Any, demo: Any) -> None:
    status = json.loads(ronda("status", demo.folder, "--json").stdout)

    assert status["beamline"] == "demo"
    assert status["tango_host"] == demo.exports["TANGO_HOST"]
    assert status["redis_url"] == demo.exports["RONDA_REDIS_URL"]
    for server in status["servers"]:
        assert {"name", "host", "pid", "state", "since", "restarts", "cpu_percent", "memory_bytes"} <= server.keys()
        assert server["pid"] > 0


def test_status_fits_a_terminal_of_80_columns(ronda: Any, demo: Any) -> None:
    table = ronda("status", demo.folder, COLUMNS="80").stdout
    for name in ("tango-database", "simulators"):
        assert re.search(rf"{name} +\S+ +\d+ +RUNNING +\d\d:\d\d:\d\d", table), table


def test_restart_stop_and_start_of_one_server(ronda: Any, demo: Any, wait_for: Any) -> None:
    name = next(name for name, server in demo.servers().items() if server["kind"] == "server")
    others = {key: server["pid"] for key, server in demo.servers().items() if key != name}
    before = demo.servers()[name]["pid"]

    ronda("restart", name, "-b", demo.folder)
    wait_for(lambda: demo.servers()[name]["pid"] not in (0, before), 150, "the server runs again")
    ronda("stop", name, "-b", demo.folder)
    wait_for(lambda: demo.servers()[name]["state"] == "STOPPED", 150, "the server is stopped")
    ronda("start", name, "-b", demo.folder)
    wait_for(lambda: demo.servers()[name]["state"] == "RUNNING", 150, "the server runs")

    assert {key: server["pid"] for key, server in demo.servers().items() if key != name} == others


def test_an_unknown_server_is_refused_with_its_nearest_name(ronda: Any, demo: Any) -> None:
    refused = ronda("restart", "motor", "-b", demo.folder, code=1).stdout
    assert "has no process 'motor'" in refused
    assert "did you mean 'motors'?" in refused


def test_logs_shows_the_last_lines_of_a_server(ronda: Any, demo: Any) -> None:
    assert len(ronda("logs", "agent", "-n", "3", "-b", demo.folder).stdout.splitlines()) == 3


def test_doctor_finds_nothing_wrong_with_the_demo_but_another_tango_host(ronda: Any, demo: Any) -> None:
    found = ronda("doctor", demo.folder, code=None, TANGO_HOST="elsewhere:10000").stdout
    assert "TANGO_HOST is elsewhere:10000 in this terminal" in found
    assert "Redis answers" in found
    assert "the Tango database answers" in found


def test_the_agent_is_a_tango_device_that_takes_only_known_names(demo: Any) -> None:
    import tango

    agent = demo.device("demo/host/local")
    assert "motors" in agent.ListServers()
    assert json.loads(agent.Processes)["beamline"] == "demo"
    assert agent.ReadLog(["motors", "2"])
    with pytest.raises(tango.DevFailed) as refused:
        agent.StartServer("/bin/sh")
    assert "there is no process '/bin/sh' on this host" in refused.value.args[0].desc
    assert refused.value.args[0].reason == "RONDA_NOT_FOUND"


def test_no_secret_is_in_argv_logs_files_or_properties(ronda: Any, tmp_path: Path, wait_for: Any) -> None:
    secret = "correct-horse-battery"
    server = subprocess.Popen(
        [
            redis_binary(),
            "--port",
            "0",
            "--unixsocket",
            tmp_path / "r.sock",
            "--requirepass",
            secret,
            "--dir",
            tmp_path,
        ],
        stdout=subprocess.DEVNULL,
    )
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "beamline.yml").write_text(
        "version: 1\nbeamline:\n  name: locked\n  services:\n    redis:\n"
        f"      url: unix://{tmp_path}/r.sock\n      password: ${{STREAM_PASSWORD}}\n"
    )
    try:
        wait_for((tmp_path / "r.sock").exists, 150, "Redis listens")
        refused = ronda("up", folder, "--detach", code=1, STREAM_PASSWORD="wrong").stdout
        assert "refuses us" in refused
        ronda("up", folder, "--detach", STREAM_PASSWORD=secret)
        printed = ronda("env", folder).stdout + ronda("status", folder).stdout
        assert '"$STREAM_PASSWORD"' in printed
        written = "".join(path.read_bytes().decode(errors="replace") for path in folder.rglob("*") if path.is_file())
        ours = [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids_in(folder)]
        assert ours
        for text in (printed, written, *ours):
            assert secret not in text
    finally:
        ronda("down", folder, code=None)
        server.kill()
        server.wait()


def pids_in(folder: Path) -> list[int]:
    """Process numbers of the beamline in a folder."""
    from ronda.framework.host.process import marked

    return [identity.pid for _, _, identity in marked(folder / ".ronda" / "local")]


def redis_binary() -> Path:
    """The server that `ronda up` would take."""
    from ronda.framework.services.redis import find_server

    return find_server()
