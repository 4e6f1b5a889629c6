"""Checking a beamline's folder: everything that is wrong at once, or the checked beamline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from ronda.framework.config.beamline import (
    Beamline,
    BeamlineParameters,
    Device,
    HostParameters,
    Server,
    ServerParameters,
    SessionParameters,
    SimulatorsParameters,
)
from ronda.framework.config.calculations import check_calculations
from ronda.framework.config.entries import Entry, Models, check_entry
from ronda.framework.config.folder import Folder, read_folder
from ronda.framework.config.names import check_beamline_name, check_names
from ronda.framework.config.problems import ConfigurationErrors, Problem, listed
from ronda.framework.config.references import Edge, Names, check_device_circles, check_references, order_servers
from ronda.framework.config.sentences import validate
from ronda.framework.config.services import check_services, hosts_of
from ronda.framework.config.sessions import check_sessions
from ronda.framework.config.simulated import check_instrument
from ronda.framework.config.source import Section
from ronda.framework.config.variables import expand_section
from ronda.framework.config.words import show


def load_beamline(folder: Path, environment: Mapping[str, str]) -> Beamline:
    """Read and check a beamline.

    Args:
        folder: its folder of YAML files.
        environment: the variables that `${NAME}` stands for.

    Raises:
        ConfigurationErrors: something is wrong; it carries all problems of all files.
    """
    checking = _Checking(read_folder(folder.resolve()), environment)
    beamline = checking.run()
    if beamline is None:
        raise ConfigurationErrors(checking.all_problems())
    return beamline


def check(folder: Path, environment: Mapping[str, str]) -> list[Problem]:
    """All that is wrong in a beamline's folder, in the order of the files; arguments as for `load_beamline`."""
    checking = _Checking(read_folder(folder.resolve()), environment)
    checking.run()
    return checking.all_problems()


@dataclass
class _Checking:
    """One check of one folder, with what it found so far."""

    folder: Folder
    environment: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    unknown_variables: list[Problem] = field(default_factory=list)

    def all_problems(self) -> list[Problem]:
        """What is wrong, in the order of the files; one unknown variable or mistake of form is told once."""
        first = [*self.folder.problems, *self.unknown_variables]
        told = {problem.location for problem in first}
        others = (each for each in self.problems if each.location not in told)
        return sorted(dict.fromkeys([*first, *others]), key=lambda each: each.location)

    def run(self) -> Beamline | None:
        """Check everything; the beamline, if nothing is wrong."""
        folder = self.folder
        if folder.newer:
            return None
        parameters = self._check_beamline()
        servers = self._check_servers()
        simulators = self._check_simulators()
        entries = self._check_entries()
        hosts = hosts_of(parameters) if parameters else {}
        names = self._names(entries, hosts)
        edges = self._check_references(names, entries, servers)
        circles, in_circle = check_device_circles(entries, edges)
        owner = {device.name: entry.server for entry in entries for device in entry.tango_devices}
        order, needs, server_circles = order_servers(list(folder.servers), _server_edges(edges, owner, in_circle))
        simulated = {owner.get(edge.source, edge.source) for edge in edges if edge.sort == "simulator"}
        self.problems += check_calculations(names, entries)
        sessions = self._check_sessions()
        self.problems += check_sessions(folder.sessions, sessions, names, folder.path)
        self.problems += [*circles, *server_circles, *self._check_simulators_host(simulators, servers, simulated)]
        if parameters is None or self.all_problems():
            return None
        return Beamline(
            folder=folder.path,
            files=[document.file for document in folder.documents],
            parameters=parameters,
            hosts=hosts,
            simulators=simulators,
            servers={
                name: self._server(name, servers[name], entries, next(iter(hosts)), needs[name], name in simulated)
                for name in order
            },
            sessions=sessions,
            digests={document.file: document.digest for document in folder.documents},
        )

    def _expand(self, section: Section, model: type[BaseModel], who: str, *leave: str) -> None:
        self.unknown_variables += expand_section(section, model, who, self.environment, leave=leave)

    def _check_beamline(self) -> BeamlineParameters | None:
        section = self.folder.beamline
        if section is None:
            return None
        self._expand(section, BeamlineParameters, "beamline")
        parameters, problems = validate(BeamlineParameters, section, "beamline")
        self.problems += [*problems, *check_beamline_name(section), *check_services(section, parameters)]
        return parameters

    def _check_servers(self) -> dict[str, ServerParameters]:
        """Check what is said about each server, its devices left aside."""
        checked = {}
        hosts = self._raw_hosts()
        for name, section in self.folder.servers.items():
            if not isinstance(section.data, dict):
                allowed = "must be a mapping with 'devices' and further keys"
                self.problems.append(Problem(section.location(), name, f"is {show(section.data)}", allowed))
                continue
            self._expand(section, ServerParameters, name, "devices")
            parameters, problems = validate(ServerParameters, section, name, _without(section.data, "devices"))
            self.problems += problems
            if parameters is not None:
                checked[name] = parameters
                if len(hosts) > 1 and parameters.host is None:
                    allowed = f"must be {listed(map(repr, hosts), 'or')}"
                    what = "the key 'host' is missing where there are several hosts"
                    self.problems.append(Problem(section.location(key=True), name, what, allowed))
        return checked

    def _check_entries(self) -> list[Entry]:
        entries = []
        models = Models()
        for server, section in self.folder.servers.items():
            devices = section.data.get("devices") if isinstance(section.data, dict) else None
            for name in devices if isinstance(devices, dict) else ():
                place = section.below("devices", name)
                entry, problems, unknown = check_entry(name, server, place, models, self.environment)
                entries.append(entry)
                self.problems += problems
                self.unknown_variables += unknown
        return entries

    def _check_sessions(self) -> dict[str, SessionParameters]:
        """Check the keys of each session; what they name is checked later."""
        checked = {}
        for name, section in self.folder.sessions.items():
            if not isinstance(section.data, dict):
                what = f"is {show(section.data)}"
                self.problems.append(Problem(section.location(), name, what, "must be a mapping"))
                continue
            self._expand(section, SessionParameters, name)
            parameters, problems = validate(SessionParameters, section, name)
            self.problems += problems
            if parameters is not None:
                checked[name] = parameters
        return checked

    def _check_simulators(self) -> SimulatorsParameters | None:
        """Check what is said about the simulators in all files together."""
        for name, section in self.folder.instruments.items():
            problems, unknown = check_instrument(name, section, self.environment)
            self.problems += problems
            self.unknown_variables += unknown
        merged: dict[str, object] = {}
        right = True
        for section in self.folder.simulators:
            self._expand(section, SimulatorsParameters, "simulators", "instruments")
            own = _without(section.data, "instruments")
            for key in merged.keys() & own.keys():
                what = f"the key {key!r} is given in two files"
                self.problems.append(Problem(section.location((key,), key=True), "simulators", what, "remove one"))
            merged.update(own)
            parameters, problems = validate(SimulatorsParameters, section, "simulators", own)
            self.problems += problems
            right = right and parameters is not None
        if not self.folder.simulators or not right:
            return None
        instruments = {name: section.data for name, section in self.folder.instruments.items()}
        if not all(isinstance(instrument, dict) for instrument in instruments.values()):
            return None
        return SimulatorsParameters.model_validate({**merged, "instruments": instruments})

    def _check_simulators_host(
        self, simulators: SimulatorsParameters | None, servers: Mapping[str, ServerParameters], simulated: set[str]
    ) -> Iterator[Problem]:
        """Simulators listen on one host, for the servers of that host."""
        hosts = self._raw_hosts()
        if len(hosts) < 2 or simulators is None or not simulators.instruments:
            return
        if simulators.host is None:
            allowed = f"must be {listed(map(repr, hosts), 'or')}"
            what = "the key 'host' is missing where there are several hosts"
            where = [*self.folder.simulators, *self.folder.instruments.values()][0]
            yield Problem(where.location(key=True), "simulators", what, allowed)
            return
        for name in sorted(simulated & servers.keys()):
            if servers[name].host not in (None, simulators.host):
                what = f"host is {servers[name].host!r}, but the simulators of its devices run on {simulators.host!r}"
                yield Problem(self.folder.servers[name].location(("host",)), name, what, "both must be on one host")

    def _raw_hosts(self) -> dict[str, object]:
        hosts = self.folder.beamline.data.get("hosts") if self.folder.beamline else None
        return hosts if isinstance(hosts, dict) else {}

    def _names(self, entries: list[Entry], hosts: Mapping[str, HostParameters]) -> Names:
        folder = self.folder
        self.problems += check_names(folder.servers, entries, [*folder.instruments.items(), *folder.sessions.items()])
        names = Names(servers=set(folder.servers), simulators=set(folder.instruments), complete=folder.complete)
        names.hosts = {*hosts, *self._raw_hosts()}
        for entry in entries:
            if entry.parameters is None:
                names.devices.update(dict.fromkeys(entry.possible_names()))
        for entry in entries:
            names.devices.update({device.name: device.family for device in entry.tango_devices})
            names.trigger_outputs.update(device.name for device in entry.tango_devices if device.trigger_output)
            for device in entry.tango_devices:
                # where another thing has that name, the counter has the device's name before its own
                names.counters.update(device.counters, (f"{device.name}_{counter}" for counter in device.counters))
        return names

    def _check_references(
        self, names: Names, entries: list[Entry], servers: Mapping[str, ServerParameters]
    ) -> list[Edge]:
        sections = [(section, SimulatorsParameters, section.data, "simulators") for section in self.folder.simulators]
        edges: list[Edge] = []
        todo: list[tuple[Section, type[BaseModel], object, str]] = [*sections]
        todo += [(self.folder.servers[name], ServerParameters, each, name) for name, each in servers.items()]
        todo += [
            (each.section, each.model, each.parameters or each.section.data, each.name)
            for each in entries
            if each.model
        ]
        for section, model, data, who in todo:
            found, problems = check_references(names, section, model, data, who)
            edges += found
            self.problems += problems
        return edges

    def _server(
        self,
        name: str,
        parameters: ServerParameters,
        entries: list[Entry],
        first_host: str,
        needs: list[str],
        simulated: bool,
    ) -> Server:
        section = self.folder.servers[name]
        own = [entry for entry in entries if entry.server == name]
        devices = [
            Device(entry.name, name, entry.parameters, entry.tango_devices, entry.section.location(key=True))
            for entry in own
            if entry.parameters is not None
        ]
        complete = parameters.model_copy(update={"devices": {device.name: device.entry for device in devices}})
        location = section.location(key=True)
        return Server(name, parameters.host or first_host, complete, devices, needs, simulated, location)


def _without(data: dict[str, object], key: str) -> dict[str, object]:
    """The keys without one that is checked elsewhere, if that one is a mapping."""
    if isinstance(data.get(key, {}), dict) or data[key] is None:
        return {name: value for name, value in data.items() if name != key}
    return data


def _server_edges(edges: list[Edge], owner: Mapping[str, str], left_out: set[Edge]) -> list[Edge]:
    """Which server needs which: as given, and because a device refers to a device of another server."""
    found = []
    for edge in edges:
        if edge.sort == "server":
            found.append(Edge(owner.get(edge.source, edge.source), edge.target, "server", edge.location, edge.key))
        elif edge.sort == "device" and edge not in left_out and edge.target in owner:
            source, target = owner.get(edge.source), owner[edge.target]
            if source is not None and source != target:
                key = f"{edge.key} of {edge.source} is {edge.target}"
                found.append(Edge(source, target, "server", edge.location, key))
    return found
