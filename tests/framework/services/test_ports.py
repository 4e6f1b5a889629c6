"""TCP ports that are chosen once and kept."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ronda.framework.errors import ServiceFailed
from ronda.framework.services import ports as module
from ronda.framework.services.ports import Neighbours, Ports, is_free, require_free

HERE = "127.0.0.1"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ports.json"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((HERE, 0)) as server:
        yield server


def test_a_port_is_chosen_once_and_kept(file: Path) -> None:
    port = Ports(file, HERE).port("agent")
    assert Ports(file, HERE).port("agent") == port
    assert Ports(file, HERE).all() == {"agent": port}


def test_a_port_that_another_beamline_keeps_is_not_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST", 20000)
    monkeypatch.setattr(module, "LAST", 20002)
    monkeypatch.setattr(module, "is_free", lambda address, port: True)  # whoever else uses the machine
    neighbours = Neighbours(tmp_path / "neighbours")
    one, other = (Ports(tmp_path / name, HERE, neighbours=neighbours) for name in ("one.json", "other.json"))
    chosen = {one.port("agent"), other.port("agent")}
    assert chosen == {20000, 20001}

    with pytest.raises(ServiceFailed, match="no TCP port between 20000 and 20002 is free"):
        other.port("server")
    (tmp_path / "one.json").unlink()  # that beamline is gone
    assert {other.port("agent"), other.port("server")} == chosen


def test_without_a_place_for_neighbours_ports_are_chosen_all_the_same(file: Path, tmp_path: Path) -> None:
    (tmp_path / "no-folder").write_text("")
    assert Ports(file, HERE, neighbours=Neighbours(tmp_path / "no-folder" / "ports")).port("agent") > 0


def test_ports_lie_below_those_of_outgoing_connections(file: Path) -> None:
    ports = Ports(file, HERE)
    chosen = {ports.port(f"server {number}") for number in range(50)}
    assert len(chosen) == 50
    assert all(1024 < port < 32768 for port in chosen)


def test_two_programs_that_choose_at_once_lose_nothing(file: Path) -> None:
    first, second = Ports(file, HERE), Ports(file, HERE)
    one, two = first.port("server one"), second.port("server two")
    assert Ports(file, HERE).all() == {"server one": one, "server two": two}
    assert first.port("server two") == two


def test_many_programs_agree_on_one_port(file: Path) -> None:
    script = (
        "import sys, pathlib; from ronda.framework.services.ports import Ports;"
        "print(Ports(pathlib.Path(sys.argv[1]), '127.0.0.1').port('agent'))"
    )
    started = [subprocess.Popen([sys.executable, "-c", script, file], stdout=subprocess.PIPE) for _ in range(4)]
    assert len({process.communicate(timeout=60)[0] for process in started}) == 1


def test_a_port_in_use_is_not_chosen(file: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = listener.getsockname()[1]
    monkeypatch.setattr(module, "FIRST", taken)
    monkeypatch.setattr(module, "LAST", taken + 1)
    with pytest.raises(ServiceFailed, match=rf"no TCP port between {taken} and .* is free on 127\.0\.0\.1"):
        Ports(file, HERE).port("agent")


def test_the_configured_port_of_the_database_is_left_to_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST", 20000)
    monkeypatch.setattr(module, "LAST", 20001)
    with pytest.raises(ServiceFailed, match="no TCP port"):
        Ports(file, HERE, avoid=20000).port("agent")


def test_a_kept_port_that_another_program_uses_is_refused_by_its_name(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(
        ServiceFailed,
        match=rf"the host agent: port {port} on 127\.0\.0\.1 is in use by \S+ \(process {os.getpid()}\); stop that",
    ):
        require_free(HERE, port, "the host agent")


def test_a_port_that_was_just_left_is_free(listener: socket.socket) -> None:
    """Connections of a killed server may linger in the kernel; that hinders nobody."""
    port = listener.getsockname()[1]
    client = socket.create_connection((HERE, port))
    accepted, _ = listener.accept()
    accepted.close()
    listener.close()
    client.close()
    assert is_free(HERE, port)


@pytest.mark.parametrize("text", ["", "{", "[]", "17", '{"agent": "x"}', '{"agent": null}', '{"agent": true}'])
def test_a_damaged_file_of_ports_is_refused(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(ServiceFailed, match=r"ports\.json with the beamline's ports cannot be read \(.*\); repair it"):
        Ports(file, HERE)


def test_a_file_of_ports_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ports.new").mkdir()  # something in the way; a read-only folder would not stop the superuser
    ports = Ports(tmp_path / "ports.json", HERE)
    with pytest.raises(ServiceFailed, match=r"ports\.json with the beamline's ports cannot be written \(Is a dir"):
        ports.port("agent")
    assert ports.all() == {}
    with pytest.raises(ServiceFailed, match=r"the folder .*missing cannot be written \(No such file"):
        Ports(tmp_path / "missing" / "ports.json", HERE).port("agent")


def test_an_address_that_is_not_of_this_machine_is_refused(file: Path) -> None:
    with pytest.raises(ServiceFailed, match=r"no network interface of this machine has the address 192\.0\.2\.1;"):
        Ports(file, "192.0.2.1").port("agent")


def test_the_file_can_be_read_by_people(file: Path) -> None:
    port = Ports(file, HERE).port("agent")
    assert json.loads(file.read_text()) == {"agent": port}
    assert file.read_text().endswith("\n")
