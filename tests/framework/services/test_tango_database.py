"""The Tango database: the configured one, or one that we start."""

import os
import socket
import subprocess
from pathlib import Path

import pytest
import tango

from ronda.framework.config.beamline import Beamline, BeamlineParameters, HostParameters
from ronda.framework.errors import ServiceFailed
from ronda.framework.services import tango_database
from ronda.framework.services.folders import folders_of
from ronda.framework.services.ports import Ports


def beamline(tmp_path: Path, hosts: dict[str, HostParameters] | None = None, **tango_parameters: object) -> Beamline:
    parameters = BeamlineParameters.model_validate({"name": "demo", "services": {"tango": tango_parameters}})
    return Beamline(tmp_path, [], parameters, hosts or {"local": HostParameters()}, None, {})


def test_the_embedded_database_has_a_port_that_is_kept(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json", "127.0.0.1")
    host = tango_database.tango_host(beamline(tmp_path), ports)
    assert host == f"127.0.0.1:{ports.port('tango-database')}"
    assert tango_database.tango_host(beamline(tmp_path), Ports(tmp_path / "ports.json", "127.0.0.1")) == host


def test_a_port_given_in_the_yaml_is_taken_and_not_kept(tmp_path: Path) -> None:
    """Looking at a changed configuration must not change the address at which the running database is expected."""
    ports = Ports(tmp_path / "ports.json", "127.0.0.1")
    before = tango_database.tango_host(beamline(tmp_path), ports)
    assert tango_database.tango_host(beamline(tmp_path, port=20500), ports) == "127.0.0.1:20500"
    assert tango_database.tango_host(beamline(tmp_path), ports) == before


def test_the_facilitys_database_is_taken_where_given(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json", "127.0.0.1")
    assert tango_database.tango_host(beamline(tmp_path, host="tango:10000"), ports) == "tango:10000"
    assert ports.all() == {}


def test_the_embedded_database_is_where_the_services_are(tmp_path: Path) -> None:
    hosts = {"a": HostParameters(address="10.0.0.1"), "b": HostParameters(address="10.0.0.2", services=True)}
    ports = Ports(tmp_path / "ports.json", "127.0.0.1")
    assert tango_database.tango_host(beamline(tmp_path, hosts, port=20500), ports) == "10.0.0.2:20500"


def test_the_embedded_database_says_when_it_is_ready_and_keeps_what_it_is_told(tmp_path: Path) -> None:
    folders = folders_of(tmp_path, BeamlineParameters(name="demo"), "local")
    folders.state.mkdir(parents=True)
    host = tango_database.tango_host(beamline(tmp_path), Ports(folders.ports, "127.0.0.1"))
    address, _, port = host.rpartition(":")
    for first in (True, False):
        process = subprocess.Popen(
            tango_database.server_command(host),
            env={**os.environ, "PYTHONUNBUFFERED": "1", **tango_database.server_environment(folders, host)},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert any(tango_database.READY_LINE in line for line in process.stdout)
            database = tango.Database(address, int(port))
            if first:
                database.put_property("demo", {"kept": ["yes"]})
            assert list(database.get_property("demo", "kept")["kept"]) == ["yes"]
        finally:
            process.kill()
            process.communicate()


def test_a_configured_database_that_is_not_there_is_found_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        tango_database.require_listening(host)
    with pytest.raises(ServiceFailed, match=rf"the Tango database at {host} does not answer \(Connection refused\)"):
        tango_database.require_listening(host)
