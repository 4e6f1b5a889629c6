"""What a beamline needs on one host: its processes with their commands, and its devices as Tango should know them."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ronda.framework.config.beamline import (
    Beamline,
    HostParameters,
    RestartParameters,
    Server,
    SimulatorsParameters,
)
from ronda.framework.config.view import ViewParameters
from ronda.framework.errors import ConfigurationError
from ronda.framework.host.entries import Wanted, server_name
from ronda.framework.host.health import Ask, ask_line, ask_page, ask_redis, ask_tango, ask_tango_database
from ronda.framework.host.managed import ProcessPlan
from ronda.framework.host.names import AGENT, HOST_FAMILY, REDIS, SIMULATORS, TANGO_DATABASE, VIEW
from ronda.framework.host.process import Launch
from ronda.framework.services import redis as redis_service
from ronda.framework.services import tango_database
from ronda.framework.services.folders import Folders, folders_of
from ronda.framework.services.ports import Neighbours, Ports, require_free


@dataclass
class Layout:
    """A beamline seen from one host.

    Attributes:
        beamline: the checked configuration.
        host: this host's name in it.
        folders: where this host keeps its things.
        tango_host: `HOST:PORT` of the Tango database.
        redis: how to reach the stream's Redis.
        ports: this host's ports.
    """

    beamline: Beamline
    host: str
    folders: Folders
    tango_host: str
    redis: redis_service.RedisAccess
    ports: Ports = field(repr=False)

    @property
    def parameters(self) -> HostParameters:
        """This host's entry in the YAML."""
        return self.beamline.hosts[self.host]

    @property
    def owns_services(self) -> bool:
        """Whether the embedded services run here."""
        return len(self.beamline.hosts) == 1 or self.parameters.services

    @property
    def agent_device(self) -> str:
        """Tango name of this host's agent."""
        return self.agent_name(self.host)

    def agent_name(self, host: str) -> str:
        """Tango name of a host's agent."""
        return f"{self.beamline.name}/{HOST_FAMILY}/{host.lower()}"

    @property
    def agent_port(self) -> int:
        """Port of this host's agent."""
        return self.ports.port(AGENT)

    def servers(self) -> list[Server]:
        """The device servers of this host, those that others need first."""
        return list(servers_on(self.beamline, self.host).values())

    def environment(self) -> dict[str, str]:
        """What every process of the beamline, and any other client, needs to find it."""
        variables = {
            "TANGO_HOST": self.tango_host,
            "RONDA_REDIS_URL": self.redis.url,
            "RONDA_BEAMLINE": self.beamline.name,
        }
        if self.redis.user:
            variables["RONDA_REDIS_USER"] = self.redis.user
        if self.redis.password_name:
            variables["RONDA_REDIS_PASSWORD"] = os.environ.get(self.redis.password_name, "")
        return variables

    # -- processes

    def services(self) -> list[str]:
        """Names of the embedded services that run here."""
        if not self.owns_services:
            return []
        services = self.beamline.parameters.services
        return [REDIS] * (services.redis.url is None) + [TANGO_DATABASE] * (services.tango.host is None)

    def service_plans(self) -> list[ProcessPlan]:
        """The embedded services that run here."""
        return [self._redis_plan() if name == REDIS else self._tango_plan() for name in self.services()]

    def simulator_plan(self) -> ProcessPlan | None:
        """The simulators' process, if it runs here."""
        simulators = simulators_on(self.beamline, self.host)
        if simulators is None:
            return None
        address, file = self.parameters.address, self.folders.state / "simulators.json"
        ports = {name: self.ports.port(f"simulator {name}") for name in simulators.instruments}
        control = self.ports.port("simulators' control")

        def before() -> None:
            for name, port in {**ports, "control": control}.items():
                require_free(address, port, f"simulator {name}")
            file.write_text(json.dumps(self._simulators_file(ports, control), indent=1))

        return ProcessPlan(
            Launch(SIMULATORS, [sys.executable, "-m", "ronda.simulators", str(file)], {}, prompt=True),
            "simulators",
            needs=[],
            restart=RestartParameters(),
            ask=lambda: ask_line(address, control),
            before=before,
        )

    def server_plan(self, server: Server) -> ProcessPlan:
        """One device server of this host."""
        address, port = self.parameters.address, self.ports.port(f"server {server.name}")
        needs = [need for need in server.needs if need in servers_on(self.beamline, self.host)]
        needs += self.services()
        if server.simulated and simulators_on(self.beamline, self.host) is not None:
            needs.append(SIMULATORS)
        asked = self.beamline.tango_name(server.devices[0].tango_devices[0])
        return ProcessPlan(
            Launch(
                server.name,
                [sys.executable, "-m", "ronda.devices", server.name],
                {
                    **self.environment(),
                    "RONDA_CONFIG_FOLDER": str(self.folders.config),
                    "RONDA_STATE_FOLDER": str(self.folders.state),
                    "RONDA_SERVER_ADDRESS": address,
                    "RONDA_SERVER_PORT": str(port),
                },
            ),
            "server",
            needs=needs,
            restart=server.parameters.restart,
            start_timeout=server.parameters.start_timeout,
            ask=lambda: ask_tango(self.tango_host, asked),
            before=lambda: require_free(address, port, f"server {server.name}"),
        )

    def view_plan(self) -> ProcessPlan | None:
        """The live view, if it is served here. It needs no server: whatever there is, is shown."""
        view = view_on(self.beamline, self.host)
        if view is None:
            return None
        port = self.view_port()
        command = [sys.executable, "-m", "ronda.shell.view", str(self.folders.config), str(self.folders.state)]
        command += ["--address", view.address, "--port", str(port), *(f"--name={name}" for name in view.names)]
        if view.certificate is not None and view.key is not None:
            folder = self.folders.config
            command += ["--certificate", str(folder / view.certificate), "--key", str(folder / view.key)]
        if view.token:
            command += ["--token"]
        return ProcessPlan(
            Launch(VIEW, command, self.environment()),
            "view",
            needs=self.services(),
            restart=RestartParameters(),
            start_timeout=60.0,
            ask=lambda: ask_page(view.address, port, secure=view.certificate is not None),
        )

    def view_port(self) -> int:
        """Where the live view listens: as configured, or the port that is kept for it."""
        view = self.beamline.parameters.view
        return view.port if view is not None and view.port is not None else self.ports.port(VIEW)

    def view_address(self) -> str:
        """The address of the live view's page, without token, wherever it is served; empty if it is not."""
        view = self.beamline.parameters.view
        return "" if view is None else view.url(self.view_port())

    def _redis_plan(self) -> ProcessPlan:
        def ask() -> Ask:
            return ask_redis(self.redis.connect(os.environ))

        def before() -> None:
            self.folders.make_run()  # somebody may have cleaned up /tmp
            self.folders.redis_socket.unlink(missing_ok=True)

        command = redis_service.server_command(self.beamline.parameters.services.redis, self.folders)
        launch = Launch(REDIS, command, {}, reports=False, ready_line="eady to accept connections", prompt=True)
        # it reads its log first, which takes about a second for each 100 MB
        return ProcessPlan(launch, "service", [], RestartParameters(), start_timeout=120.0, ask=ask, before=before)

    def _tango_plan(self) -> ProcessPlan:
        address, _, port = self.tango_host.rpartition(":")

        def before() -> None:
            require_free(address, int(port), "the Tango database")

        launch = Launch(
            TANGO_DATABASE,
            tango_database.server_command(self.tango_host),
            tango_database.server_environment(self.folders, self.tango_host),
            reports=False,
            ready_line=tango_database.READY_LINE,
        )
        return ProcessPlan(
            launch,
            "service",
            needs=[],
            restart=RestartParameters(),
            ask=lambda: ask_tango_database(self.tango_host),
            before=before,
        )

    def _simulators_file(self, ports: dict[str, int], control: int) -> dict[str, Any]:
        simulators = self.beamline.simulators
        if simulators is None:
            return {}
        return {
            "address": self.parameters.address,
            "seed": simulators.seed,
            "speed": simulators.speed,
            "control_port": control,
            "instruments": {
                name: {**parameters, "port": ports[name]} for name, parameters in simulators.instruments.items()
            },
        }

    # -- devices

    def wanted(self, server: Server) -> list[Wanted]:
        """The devices of a server as they should stand in the Tango database."""
        return [
            Wanted(
                self.beamline.tango_name(device),
                device.name,
                device.tango_class,
                server_name(self.beamline.name, server.name),
                {**self._resolved(device.configuration), "implementation": device.implementation},
                device.attributes,
                device.live,
            )
            for entry in server.devices
            for device in entry.tango_devices
        ]

    def _resolved(self, value: Any) -> Any:
        """Addresses `simulator:NAME` replaced by where that simulator listens."""
        if isinstance(value, str) and value.startswith("simulator:"):
            return f"{self.parameters.address}:{self.ports.port(value.replace(':', ' '))}"
        if isinstance(value, dict):
            return {key: self._resolved(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._resolved(item) for item in value]
        return value


def servers_on(beamline: Beamline, host: str) -> dict[str, Server]:
    """The device servers of a host, by name, those that others need first; one without devices is not started."""
    return {name: server for name, server in beamline.servers.items() if server.host == host and server.devices}


def simulators_on(beamline: Beamline, host: str) -> SimulatorsParameters | None:
    """The simulators that run on a host; None if there are none."""
    simulators = beamline.simulators
    if simulators is None or not simulators.instruments or (simulators.host or host) != host:
        return None
    return simulators


def view_on(beamline: Beamline, host: str) -> ViewParameters | None:
    """The live view that a host serves; None if it serves none."""
    view = beamline.parameters.view
    return None if view is None or (view.host or host) != host else view


def choose_host(beamline: Beamline, wanted: str | None, names: list[str]) -> str:
    """Which host of the beamline this machine is.

    Args:
        beamline: the checked configuration.
        wanted: what the user said, or None.
        names: this machine's names and addresses.

    Raises:
        ConfigurationError: it cannot be told.
    """
    known = ", ".join(beamline.hosts)
    if wanted is not None:
        if wanted not in beamline.hosts:
            raise ConfigurationError(f"{wanted!r} is not a host of beamline {beamline.name}; its hosts are {known}")
        return wanted
    if len(beamline.hosts) == 1:
        return next(iter(beamline.hosts))
    mine = [name for name, host in beamline.hosts.items() if name in names or host.address in names]
    if len(mine) != 1:
        raise ConfigurationError(
            f"which host of beamline {beamline.name} is this machine? Say it with --host; its hosts are {known}"
        )
    return mine[0]


def make_layout(beamline: Beamline, host: str, config: Path | None = None) -> Layout:
    """See the beamline from one of its hosts; makes its folders and chooses its ports where that was never done.

    Args:
        beamline: the checked configuration.
        host: the host's name in it.
        config: the folder of YAML files, where `beamline` was read from a copy.

    Raises:
        ConfigurationError: the beamline has no such host.
        ServiceFailed: the state folder cannot be written.
    """
    if host not in beamline.hosts:
        raise ConfigurationError(
            f"this machine runs as host {host!r} of beamline {beamline.name}, whose hosts are now "
            f"{', '.join(beamline.hosts)}: `ronda down` and `ronda up` are needed"
        )
    folders = folders_of(config or beamline.folder, beamline.parameters, host)
    folders.make()
    address = beamline.hosts[host].address
    neighbours = Neighbours(folders.neighbours)
    ports = Ports(folders.ports, address, beamline.parameters.services.tango.port, neighbours)
    access = redis_service.configured_access(beamline.parameters.services.redis)
    if access is None:
        access = redis_service.RedisAccess(f"unix://{folders.redis_socket}")
    return Layout(beamline, host, folders, tango_database.tango_host(beamline, ports), access, ports)
