"""A beamline as configured: the checked contents of its folder of YAML files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from ronda.framework.config.kinds import DeviceParameters, TangoDevice
from ronda.framework.config.parameters import Parameters, SecretString, parameter, reference
from ronda.framework.config.view import ViewParameters

FORMAT_VERSION = 1
"""Version of the YAML format that this release writes and understands."""

NAME_PATTERN = r"^[a-zA-Z][a-zA-Z0-9_]*$"
"""Names of devices, servers and simulators: they become Tango names and Python names."""


class RedisParameters(Parameters):
    """Where the stream lives. Without `url`, an embedded server is started on a private socket."""

    url: str | None = parameter(
        "A Redis or Valkey that is already there: redis://HOST:PORT, rediss://HOST:PORT (TLS) or unix:///PATH", None
    )
    user: str | None = parameter("User name of that server", None)
    password: SecretString | None = parameter("Password of that server, as ${NAME} of an environment variable", None)
    memory: int = parameter("Memory that the embedded server may use", 1024, unit="MB", ge=64)


class TangoParameters(Parameters):
    """The Tango database. Without `host`, an embedded one is started on a file in the state folder."""

    host: str | None = parameter(
        "A Tango database that is already there, HOST:PORT", None, pattern=r"^[^:\s]+:[0-9]+$", form="HOST:PORT"
    )
    port: int | None = parameter(
        "Port of the embedded database; chosen once and kept if absent", None, ge=1024, le=65535
    )


class ServicesParameters(Parameters):
    """The services that all parts of the beamline share."""

    redis: RedisParameters = parameter("The stream's server", default_factory=RedisParameters)
    tango: TangoParameters = parameter("The Tango database", default_factory=TangoParameters)


class HostParameters(Parameters):
    """A computer that runs device servers."""

    address: str = parameter("Address of the network interface on which its servers listen", "127.0.0.1")
    services: bool = parameter("Whether the embedded Redis and Tango database run here", False)
    description: str = parameter("Where it stands, what it is for", "")


class BeamlineParameters(Parameters):
    """The key `beamline`: who we are. It stands once, in one of the files."""

    name: str = parameter(
        "Short name; first part of each Tango device name",
        pattern=r"^[a-z][a-z0-9_-]*$",
        form="a text of at most 32 characters that begins with a small letter and holds small letters, digits, - and _",
        max_length=32,
    )
    description: str = parameter("What people call it", "")
    state: str | None = parameter(
        "Folder for what must survive a restart (database, logs, ports); `.ronda` beside the YAML files if absent", None
    )
    services: ServicesParameters = parameter("Redis and the Tango database", default_factory=ServicesParameters)
    hosts: dict[str, HostParameters] = parameter(
        "The computers of the beamline; without any, everything runs on the one where `ronda up` is typed",
        default_factory=dict,
    )
    view: ViewParameters | None = parameter("The live view, a web page that `ronda up` serves; none if absent", None)


class RestartParameters(Parameters):
    """What the host agent does when a process fails."""

    policy: Literal["always", "never"] = parameter("Whether a failed server is started again", "always", live=True)
    backoff: float = parameter(
        "Wait before the second start; doubled for each further one", 0.5, unit="s", ge=0.1, live=True
    )
    backoff_limit: float = parameter("Longest wait between two starts", 30.0, unit="s", ge=0.1, live=True)
    stable: float = parameter(
        "After this time without failure the waiting starts anew", 60.0, unit="s", gt=0, live=True
    )


class ServerParameters(Parameters):
    """A device server: one process that serves Tango devices."""

    description: str = parameter("What it is for, in words", "")
    host: Annotated[str, reference("host")] | None = parameter("Which host runs it; the only one if absent", None)
    needs: list[Annotated[str, reference("server")]] = parameter("Servers that must run before", default_factory=list)
    restart: RestartParameters = parameter("What happens when it fails", default_factory=RestartParameters)
    start_timeout: float = parameter("How long it may take until it is ready", 20.0, unit="s", gt=0, live=True)
    devices: dict[str, DeviceParameters] = parameter("Its devices, by name", default_factory=dict)


class SessionParameters(Parameters):
    """A session: the objects that people find at the prompt of `ronda shell SESSION`, and a script that runs first.

    The beamline has all others as before: scans record all positions, and `config.get("samz")` gives one at the prompt.
    """

    description: str = parameter("What it is for, in words", "")
    include: list[str] | None = parameter(
        "Its objects: names, patterns such as `s1*`, or `kind:axis`, `kind:counter`, `kind:shutter`; everything if "
        "neither this nor `sessions` is given",
        None,
    )
    exclude: list[str] = parameter("What of these is left out; names, patterns and kinds as well", default_factory=list)
    sessions: list[str] = parameter(
        "Sessions whose objects it has too, and whose scripts run before", default_factory=list
    )
    setup: str | None = parameter(
        "Script that runs when the session begins, relative to the beamline's folder; what it defines is there at the "
        "prompt",
        None,
    )


class SimulatorsParameters(Parameters):
    """The key `simulators`: simulated hardware, all in one process so that they share one physics."""

    host: Annotated[str, reference("host")] | None = parameter("Which host runs them; the only one if absent", None)
    seed: int = parameter("Makes the noise of a run repeatable", 1, ge=0)
    speed: float = parameter("How much faster than real time the simulated world runs", 1.0, gt=0, le=1000)
    instruments: dict[str, dict[str, Any]] = parameter("The simulated instruments, by name", default_factory=dict)


@dataclass(frozen=True, order=True)
class Location:
    """A place in a YAML file; line and column count from 1, and are 0 where a whole file or folder is meant."""

    file: Path
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else str(self.file)


@dataclass(frozen=True)
class Device:
    """One device entry of the YAML files."""

    name: str
    server: str
    entry: DeviceParameters
    tango_devices: list[TangoDevice]
    location: Location


@dataclass(frozen=True)
class Server:
    """One device server.

    Attributes:
        needs: names of all servers that must be ready before this one, given or following from references.
        simulated: whether it needs the simulators to run before.
    """

    name: str
    host: str
    parameters: ServerParameters
    devices: list[Device]
    needs: list[str]
    simulated: bool
    location: Location


@dataclass(frozen=True)
class Beamline:
    """A checked beamline; `framework.config.load.load_beamline` makes it.

    Attributes:
        folder: the folder of YAML files, absolute.
        files: the files read, in order.
        hosts: at least one; a beamline that names none has the host `local`.
        servers: by name, in an order that respects their needs.
        sessions: what people find at the prompt, by the name of the session.
        digests: fingerprint of each file as read, so that writing back notices changes made by others.
    """

    folder: Path
    files: list[Path]
    parameters: BeamlineParameters
    hosts: dict[str, HostParameters]
    simulators: SimulatorsParameters | None
    servers: dict[str, Server]
    sessions: dict[str, SessionParameters] = field(default_factory=dict)
    digests: dict[Path, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The beamline's short name."""
        return self.parameters.name

    def session_keys(self) -> dict[str, dict[str, Any]]:
        """The keys of each session that are given, by its name."""
        return {name: one.model_dump(exclude_defaults=True) for name, one in self.sessions.items()}

    def tango_name(self, device: TangoDevice) -> str:
        """Full Tango name of a device, e.g. `demo/axis/samx`."""
        return f"{self.name}/{device.family}/{device.name.lower()}"
